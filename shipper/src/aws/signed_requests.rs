//! Signatures of requests that are sent without [`Aws`](super::Aws).

use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode};

use super::environment::Environment;
use super::error::{self, Problem};
use super::sign::{self, Clock, Skew};

/// The clock that [`sign`] uses.
static CLOCK: Clock = Clock::new();

/// Signs a request for the service with this signing name, like [`Aws::sign`](super::Aws::sign),
/// with the credentials of an environment.
pub fn sign(
    environment: &Environment,
    service: &str,
    region: Option<&str>,
    request: &mut Request,
) -> Result<(), Problem> {
    let region = environment.region(region)?;
    sign::sign(service, region, environment.credentials()?, CLOCK.now(), request)
}

/// Whether a signature was rejected because of a wrong clock. If so, [`sign`] uses the service's
/// clock from then on.
pub fn has_corrected_clock(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let skew = skew(&CLOCK, status, headers, body);
    if let Some(skew) = skew {
        CLOCK.correct(skew);
    }
    skew.is_some()
}

/// Whether the response to a rejected request says that its credentials have expired.
pub(crate) fn reports_expired_credentials(body: &[u8]) -> bool {
    error::is_expired(&error::code(&HeaderMap::new(), body))
}

/// The clock skew, if it is the reason for a rejected signature.
pub(super) fn skew(
    clock: &Clock,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Skew> {
    let may_be_skew = !status.is_success() && error::may_be_skew(&error::code(headers, body));
    may_be_skew.then(|| clock.skew(headers)).flatten()
}
