//! Why there are no credentials.

use std::io;

/// The variable with the path of the authorization token.
pub(super) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Why there are no credentials. Contains the origin only: the path may be a secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("cannot fetch credentials from {origin} ({variable}): {reason}")]
pub struct NotFetched {
    pub(super) origin: String,
    pub(super) variable: &'static str,
    pub(super) reason: Reason,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum Reason {
    #[error("the file in {TOKEN_FILE} cannot be read: {0}")]
    TokenFile(io::ErrorKind),
    #[error("the authorization token cannot be sent in a header")]
    Token,
    #[error("TLS cannot be set up")]
    Tls,
    #[error("the connection was refused")]
    ConnectionRefused,
    #[error("no connection")]
    NotConnected,
    #[error("the connection broke")]
    Broken,
    #[error("no response in time")]
    Timeout,
    #[error("status {0}")]
    Status(u16),
    #[error("the response cannot be read")]
    Unreadable,
}

impl NotFetched {
    /// Whether a retry may succeed.
    pub(super) fn is_retryable(&self) -> bool {
        match self.reason {
            Reason::ConnectionRefused
            | Reason::NotConnected
            | Reason::Broken
            | Reason::Timeout
            | Reason::Unreadable => true,
            Reason::Status(status) => status == 429 || status >= 500,
            Reason::TokenFile(_) | Reason::Token | Reason::Tls => false,
        }
    }
}
