//! Retries of transient errors.

use std::time::{Duration, Instant};

use super::error::AwsError;
use crate::delivery::backoff;

/// No attempt begins with less time than this.
const SHORTEST_TRY: Duration = Duration::from_millis(100);

/// Calls `attempt` with its timeout, at most `longest_try`, until it succeeds, fails with an error
/// that is not retryable, or `until` leaves no time for a retry. This outlasts the throttling that
/// follows when a thousand instances start at once and read the same parameter.
pub async fn retry_until<T>(
    until: Instant,
    longest_try: Duration,
    mut attempt: impl AsyncFnMut(Duration) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let mut attempts = 0;
    loop {
        let time_left = until.saturating_duration_since(Instant::now());
        let error = match attempt(time_left.min(longest_try)).await {
            Err(error) if error.is_retryable() => error,
            settled => return settled,
        };
        attempts += 1;
        let wait = backoff(attempts, &mut fastrand::Rng::new());
        let time_left = until.saturating_duration_since(Instant::now());
        if wait + SHORTEST_TRY > time_left {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}
