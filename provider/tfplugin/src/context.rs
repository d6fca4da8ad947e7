//! What an operation is given beside its values.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::deferral::Deferral;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

/// The context of an operation: the configured client, its cancellation, and its diagnostics.
pub struct Context<C> {
    client: Arc<C>,
    stopped: CancellationToken,
    diagnostics: Mutex<Diagnostics>,
    subject: OnceLock<String>,
    may_defer: bool,
    deferral: OnceLock<Deferral>,
}

impl<C> Context<C> {
    /// A context, as an operation gets one from Terraform; for tests of resources.
    pub fn new(client: Arc<C>, stopped: CancellationToken) -> Self {
        Self {
            client,
            stopped,
            diagnostics: Mutex::default(),
            subject: OnceLock::new(),
            may_defer: false,
            deferral: OnceLock::new(),
        }
    }

    /// The same where Terraform allows to put objects off.
    #[must_use]
    pub fn deferring(self) -> Self {
        Self { may_defer: true, ..self }
    }

    /// What [`Provider::configure`](crate::Provider::configure) made.
    pub fn client(&self) -> &C {
        &self.client
    }

    /// Cancelled when the user presses Ctrl-C: the operation is to return quickly, with an error
    /// and the state reached so far.
    pub fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Names what the operation is about. Terraform folds warnings of one summary into one, of which
    /// it shows a single address, so the summaries of warnings carry this.
    pub fn about(&self, subject: impl Into<String>) {
        // The first name stays.
        let _ = self.subject.set(subject.into());
    }

    /// Puts the object off to a later run, for the first reason that is given. Returns whether
    /// Terraform allows that: it does in a read, a plan and an import of Terraform's that takes
    /// deferred changes, and elsewhere nothing happens. What the operation returns beside it is
    /// shown and not applied; a data source and an import may return nothing.
    pub fn defer(&self, reason: Deferral) -> bool {
        if self.may_defer {
            let _ = self.deferral.set(reason);
        }
        self.may_defer
    }

    /// Why the object is put off, if it is.
    pub fn deferral(&self) -> Option<Deferral> {
        self.deferral.get().copied()
    }

    /// Adds a diagnostic. With an error the operation has failed.
    pub fn report(&self, mut diagnostic: Diagnostic) {
        if let (Severity::Warning, Some(subject)) = (diagnostic.severity, self.subject.get()) {
            diagnostic.summary = format!("{} ({subject})", diagnostic.summary);
        }
        self.lock().push(diagnostic);
    }

    /// Whether an error was reported.
    pub fn has_errors(&self) -> bool {
        self.lock().has_errors()
    }

    /// Everything that was reported so far.
    pub fn diagnostics(&self) -> Diagnostics {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Diagnostics> {
        // Diagnostics from before a panic are returned too.
        self.diagnostics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> fmt::Debug for Context<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("stopped", &self.stopped.is_cancelled())
            .field("diagnostics", &*self.lock())
            .finish_non_exhaustive()
    }
}
