use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A token bucket that keeps a rate, and lets most of a second's worth go at once: after a pause,
/// and then again and again. Calls that go together cost less than half of what the same calls
/// cost one by one, since whatever they need is still at hand.
#[derive(Debug)]
pub(super) struct Bucket {
    opened: Instant,
    interval: Duration,
    /// Calls that have to wait go when so much time is over, all together.
    lot: Duration,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

/// What may go at once. It is less than the second's worth that AWS lets pass, because of two
/// calls the later may get there faster.
const BURST: Duration = Duration::from_millis(800);

impl Bucket {
    pub(super) fn new(requests_per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / requests_per_second);
        let calls = BURST.as_nanos() / interval.as_nanos();
        let lot = interval * u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        Self { opened: Instant::now(), interval, lot, full_at: Mutex::new(None) }
    }

    /// Takes a token and waits until it is there.
    pub(super) async fn take(&self) {
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = full_at.map_or(now, |full_at| full_at.max(now));
        *full_at = Some(start + self.interval);
        let burst = BURST.max(self.interval) - self.interval;
        let ready = start.checked_sub(burst).filter(|ready| *ready > now);
        ready.map_or(now, |ready| self.with_its_lot(ready))
    }

    /// When the calls go that are ready at about the same time. A lot is over when the last of
    /// its calls is ready, so what AWS counts is never ahead of what it lets pass.
    fn with_its_lot(&self, ready: Instant) -> Instant {
        if self.lot == self.interval {
            return ready;
        }
        let lot = self.lot.as_nanos();
        let lots = (ready - self.opened).as_nanos().div_ceil(lot);
        let end = Duration::from_nanos(u64::try_from(lots * lot).unwrap_or(u64::MAX));
        self.opened + end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lets_most_of_a_seconds_worth_go_again_and_again_and_keeps_the_rate() {
        let bucket = Bucket::new(5.0);
        let start = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..15 {
            bucket.take().await;
            taken.push(start.elapsed().as_millis());
        }
        assert_eq!(taken[..4], [0, 0, 0, 0]);
        assert_eq!(taken[4..], [800, 800, 800, 800, 1600, 1600, 1600, 1600, 2400, 2400, 2400]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_up_no_more_than_goes_at_once() {
        let bucket = Bucket::new(2.0);
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
        let bucket = Bucket::new(0.5);
        let start = Instant::now();
        for _ in 0..3 {
            bucket.take().await;
        }
        assert_eq!(start.elapsed().as_secs(), 4);
    }
}
