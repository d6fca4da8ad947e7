//! How AWS says no: the exceptions the simulated services share.

use std::fmt;

pub use crate::aws::Refusal;

impl Refusal {
    /// An exception with its status and message.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The exception AWS answers most wrong requests with: status 400.
    pub(super) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// Something is wrong with a parameter.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterException", message)
    }

    /// Something the call names is not there.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::bad("ResourceNotFoundException", message)
    }

    /// Too many calls.
    pub fn throttled() -> Self {
        Self::bad("ThrottlingException", "Rate exceeded")
    }

    /// Another change of the same resource is under way.
    pub fn operation_aborted() -> Self {
        let message = "A conflicting operation is currently in progress against this resource. \
                       Please try again.";
        Self::bad("OperationAbortedException", message)
    }

    /// The service is ill, and says so.
    pub fn unavailable() -> Self {
        let message = "The service cannot complete the request.";
        Self::new(500, "ServiceUnavailableException", message)
    }

    /// The service is ill, and does not know how.
    pub fn internal_failure() -> Self {
        Self::new(500, "InternalFailure", "")
    }

    /// The caller may not do this.
    pub(super) fn access_denied(who: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: {who} is not authorized to perform: {action} on resource: {resource} because \
             no identity-based policy allows the {action} action"
        );
        Self::bad("AccessDeniedException", message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message } = self;
        write!(f, "{status} {code}: {message}")
    }
}

impl std::error::Error for Refusal {}
