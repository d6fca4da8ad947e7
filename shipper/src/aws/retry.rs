//! Tries again what may pass by itself.

use std::time::{Duration, Instant};

use super::error::AwsError;
use crate::delivery::backoff;

/// A try with less time than this is not begun.
const SHORTEST_TRY: Duration = Duration::from_millis(100);

/// Calls `attempt` with the time that it may take, at most `longest_try`, until it succeeds, fails
/// for good, or `until` does not allow another try. A thousand instances that start at once, all
/// asking for the same parameter, get over the throttling that follows.
pub async fn retry_until<T>(
    until: Instant,
    longest_try: Duration,
    mut attempt: impl AsyncFnMut(Duration) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let mut tries = 0;
    loop {
        let time_left = until.saturating_duration_since(Instant::now());
        let error = match attempt(time_left.min(longest_try)).await {
            Err(error) if error.is_retryable() => error,
            settled => return settled,
        };
        tries += 1;
        let wait = backoff(tries, &mut fastrand::Rng::new());
        let time_left = until.saturating_duration_since(Instant::now());
        if wait + SHORTEST_TRY > time_left {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}
