//! Lambda's information about an invocation.

use std::time::{Duration, Instant, SystemTime};

/// Lambda's information about an invocation.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// Its request id.
    pub request_id: &'a str,
    /// When Lambda will end it.
    pub deadline: SystemTime,
    /// The ARN by which the function was invoked, if it is known.
    pub function_arn: Option<&'a str>,
}

/// A time less the reserve, as an [`Instant`].
pub(super) fn instant_before(time: SystemTime, reserve: Duration) -> Instant {
    let left = time.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(reserve)
}
