use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A token bucket that keeps a rate, and lets most of a second's worth go at once after a pause.
#[derive(Debug)]
pub(super) struct TokenBucket {
    interval: Duration,
    /// How far ahead of the rate calls may go.
    ahead: Duration,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

/// What may go at once. It is less than the second's worth that AWS lets pass, because of two
/// calls the later may get there faster.
const BURST: Duration = Duration::from_millis(800);

impl TokenBucket {
    pub(super) fn new(requests_per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / requests_per_second);
        Self { interval, ahead: BURST.saturating_sub(interval), full_at: Mutex::default() }
    }

    /// Takes a token and waits until it is there.
    pub(super) async fn take(&self) {
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = full_at.map_or(now, |full_at| full_at.max(now));
        *full_at = Some(start + self.interval);
        start.checked_sub(self.ahead).map_or(now, |ready| ready.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lets_most_of_a_seconds_worth_go_at_once_and_keeps_the_rate() {
        let bucket = TokenBucket::new(5.0);
        let start = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..8 {
            bucket.take().await;
            taken.push(start.elapsed().as_millis());
        }
        assert_eq!(taken, [0, 0, 0, 0, 200, 400, 600, 800]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_up_no_more_than_goes_at_once() {
        let bucket = TokenBucket::new(2.0);
        for _ in 0..4 {
            bucket.take().await;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..3 {
            bucket.take().await;
        }
        assert_eq!(start.elapsed().as_millis(), 700);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_below_one_a_second_works() {
        let bucket = TokenBucket::new(0.5);
        let start = Instant::now();
        for _ in 0..3 {
            bucket.take().await;
        }
        assert_eq!(start.elapsed().as_secs(), 4);
    }
}
