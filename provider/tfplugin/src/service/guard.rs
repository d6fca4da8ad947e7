//! Panics as answers.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

use crate::diagnostic::Diagnostic;

// The state that could be left behind half changed is the provider's own, behind its own locks;
// nothing in this crate is changed while the provider's code runs.

/// Runs the provider's code; a panic is an error.
pub(super) async fn future<T>(
    work: impl Future<Output = Result<T, Diagnostic>>,
) -> Result<T, Diagnostic> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|payload| Err(panicked(&*payload)))
}

/// Runs the provider's code; a panic is an error.
pub(super) fn call<T>(work: impl FnOnce() -> Result<T, Diagnostic>) -> Result<T, Diagnostic> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panicked(&*payload)))
}

fn panicked(payload: &(dyn Any + Send)) -> Diagnostic {
    let detail = format!(
        "The provider panicked: {}\n\nThis is a bug in the provider, and its changes up to then \
         are unknown. Please report it with the lines that start with \"panic:\".",
        crate::panic::text(payload)
    );
    Diagnostic::error("Provider panicked", detail)
}
