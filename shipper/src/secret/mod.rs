//! Text that must not be shown, and where it is kept at AWS.

mod arn;
mod fetch;

use std::fmt;

pub use arn::{NoArn, SecretArn};
pub(crate) use fetch::parameter;
pub use fetch::{FetchError, Secrets, fetch};

/// A token, key or password. Whoever needs the text asks for it by name.
#[derive(Clone, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Guards `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be put into a request and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::new("t0ken")), "Secret(***)");
    }
}
