//! What an operation is given beside its values.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// What an operation is given beside its values: the configured client, whether it is to stop, and
/// a place for what the user is to be told.
pub struct Context<C> {
    client: Arc<C>,
    stopped: CancellationToken,
    diagnostics: Mutex<Diagnostics>,
}

impl<C> Context<C> {
    /// A context, as an operation gets one from Terraform; for tests of resources.
    pub fn new(client: Arc<C>, stopped: CancellationToken) -> Self {
        Self { client, stopped, diagnostics: Mutex::default() }
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

    /// Tells the user something. With an error the operation has failed.
    pub fn report(&self, diagnostic: Diagnostic) {
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
        // What was reported before a panic is told all the same.
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
