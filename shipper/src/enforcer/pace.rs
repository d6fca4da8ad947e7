//! How fast calls may follow one another.
//!
//! CloudWatch Logs' quotas are those of the account: what the enforcer takes, a plan that is being
//! applied does not have.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Keeps the calls of each operation a time apart.
pub(super) struct Pace {
    apart: Duration,
    next: Mutex<BTreeMap<&'static str, Instant>>,
}

impl Pace {
    pub(super) fn of(requests_per_second: f64) -> Self {
        let apart = Duration::from_secs_f64(1.0 / requests_per_second);
        Self { apart, next: Mutex::new(BTreeMap::new()) }
    }

    /// Waits until an operation may be called again.
    pub(super) async fn wait(&self, operation: &'static str) {
        let wait = self.reserve(operation, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait from `now`; the turn is taken.
    fn reserve(&self, operation: &'static str, now: Instant) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let turn = next.get(operation).map_or(now, |turn| (*turn).max(now));
        next.insert(operation, turn + self.apart);
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_one_operation_are_kept_apart_and_others_are_not_kept_waiting() {
        let pace = Pace::of(2.0);
        let now = Instant::now();
        assert_eq!(pace.reserve("A", now), Duration::ZERO);
        assert_eq!(pace.reserve("A", now), Duration::from_millis(500));
        assert_eq!(pace.reserve("B", now), Duration::ZERO);
        assert_eq!(pace.reserve("A", now + Duration::from_secs(9)), Duration::ZERO);
    }
}
