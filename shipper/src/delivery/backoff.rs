//! Backoff between retries.

use std::time::{Duration, SystemTime};

/// The upper bound of the first backoff.
const BASE: Duration = Duration::from_millis(200);

/// The upper bound of any backoff, unless the destination asks for a longer one.
const CEILING: Duration = Duration::from_secs(20);

/// The lower bound if the destination specifies the wait, so that `Retry-After: 0` cannot cause a
/// busy loop.
const SHORTEST_ASKED: Duration = Duration::from_millis(100);

/// Exponential backoff with full jitter, so that many instances that fail together do not retry
/// together.
///
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
pub(crate) fn backoff(attempts: u32, rng: &mut fastrand::Rng) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let ceiling = BASE.saturating_mul(1 << doublings).min(CEILING);
    ceiling.mul_f64(rng.f64())
}

/// The wait before the next acknowledgement request. Without jitter, because these requests do not
/// compete.
pub(super) fn acknowledgement_wait(acknowledgement_requests: u32) -> Duration {
    /// The first wait.
    const FIRST: Duration = Duration::from_millis(250);
    /// The longest wait.
    const LONGEST: Duration = Duration::from_secs(4);
    FIRST.saturating_mul(1 << acknowledgement_requests.saturating_sub(1).min(16)).min(LONGEST)
}

/// The wait of a `Retry-After` header, in seconds or as a date; `None` if it is invalid.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
pub(super) fn asked_for(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let wait = if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(header.parse().ok()?)
    } else {
        let until = httpdate::parse_http_date(header).ok()?;
        until.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.max(SHORTEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_has_full_jitter_below_an_exponential_ceiling() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (attempts, ceiling) in
            [(1, BASE), (2, BASE * 2), (3, BASE * 4), (20, CEILING), (u32::MAX, CEILING)]
        {
            let waits: Vec<Duration> = (0..1_000).map(|_| backoff(attempts, &mut rng)).collect();
            assert!(waits.iter().all(|wait| *wait <= ceiling), "{attempts}");
            assert!(waits.iter().any(|wait| *wait > ceiling / 2), "{attempts}");
            assert!(waits.iter().any(|wait| *wait < ceiling / 2), "{attempts}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Mon, 06 Nov 2023 10:00:00 GMT").unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(asked_for("7", now), seconds(7));
        assert_eq!(asked_for(" 7 ", now), seconds(7));
        assert_eq!(asked_for("Mon, 06 Nov 2023 10:00:09 GMT", now), seconds(9));
    }

    #[test]
    fn a_retry_after_in_the_past_has_a_minimum_wait() {
        let now = httpdate::parse_http_date("Mon, 06 Nov 2023 10:00:00 GMT").unwrap();
        assert_eq!(asked_for("0", now), Some(SHORTEST_ASKED));
        assert_eq!(asked_for("Mon, 06 Nov 2023 09:00:00 GMT", now), Some(SHORTEST_ASKED));
    }

    #[test]
    fn an_invalid_retry_after_is_ignored() {
        let now = SystemTime::UNIX_EPOCH;
        for header in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(asked_for(header, now), None, "{header}");
        }
    }
}
