//! What all tests of a process share.

use std::sync::OnceLock;

/// Made by the first test that needs it. When that fails it fails for all of them, without a retry;
/// the first one reports the whole error.
#[derive(Debug)]
pub(crate) struct Shared<T>(OnceLock<Result<T, String>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// # Panics
    /// When it could not be made, with the reason.
    pub(crate) fn get(&self, make: impl FnOnce() -> anyhow::Result<T>) -> &T {
        let mut story = None;
        let made = self.0.get_or_init(|| {
            make().map_err(|error| {
                let whole = format!("{error:#}");
                let headline = whole.lines().next().unwrap_or_default().to_owned();
                story = Some(whole);
                headline
            })
        });
        match (made, story) {
            (Ok(value), _) => value,
            (Err(_), Some(story)) => panic!("{story}"),
            (Err(headline), None) => {
                panic!("{headline} (reported in full by the first test that needed it)")
            }
        }
    }
}
