//! What all tests of a process share.

use std::sync::OnceLock;

/// Made by the first test that needs it. When that fails, it fails for all of them, with the same
/// words and without trying again.
#[derive(Debug)]
pub(crate) struct Shared<T>(OnceLock<Result<T, String>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// # Panics
    /// When it could not be made, with the reason.
    pub(crate) fn get(&self, make: impl FnOnce() -> anyhow::Result<T>) -> &T {
        match self.0.get_or_init(|| make().map_err(|error| format!("{error:#}"))) {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}
