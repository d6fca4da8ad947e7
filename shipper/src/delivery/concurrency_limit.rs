//! The number of concurrent requests to a destination.
//!
//! Additive increase, multiplicative decrease: one more per round of successful responses, half as
//! many after throttling or a failure, and slightly fewer if responses take much longer than the
//! fastest.
//!
//! <https://www.rfc-editor.org/rfc/rfc5681#section-3.1>

use std::time::{Duration, SystemTime};

/// The initial limit.
const FIRST: f64 = 2.0;

/// A response that takes this many times as long as the fastest indicates queueing at the
/// destination.
const SLOW: u32 = 3;

/// Faster responses do not indicate queueing.
const QUICK: Duration = Duration::from_millis(50);

/// The factor for slow responses.
const SLOWED: f64 = 0.9;

/// The concurrency limit, learned from the results of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConcurrencyLimit {
    size: f64,
    quickest: Option<Duration>,
    /// Requests sent before this time do not reflect the current limit.
    shrunk_at: Option<SystemTime>,
}

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self { size: FIRST, quickest: None, shrunk_at: None }
    }
}

impl ConcurrencyLimit {
    /// The number of concurrent requests, between one and `most`.
    pub fn size(&self, most: usize) -> usize {
        // At least 1, rounded down.
        (self.size as usize).clamp(1, most.max(1))
    }

    /// A request sent at `sent` succeeded at `now`; the limit is at most `most`.
    pub fn succeeded(&mut self, sent: SystemTime, now: SystemTime, most: usize) {
        let took = now.duration_since(sent).unwrap_or_default();
        let quickest = self.quickest.map_or(took, |quickest| quickest.min(took));
        self.quickest = Some(quickest);
        if took > quickest.max(QUICK) * SLOW {
            self.shrink(sent, now, SLOWED);
        } else {
            self.size = (self.size + 1.0 / self.size).min(most.max(1) as f64);
        }
    }

    /// A request sent at `sent` was throttled or failed at `now`.
    pub fn failed(&mut self, sent: SystemTime, now: SystemTime) {
        self.shrink(sent, now, 0.5);
    }

    /// Requests that were in flight together count once.
    fn shrink(&mut self, sent: SystemTime, now: SystemTime, factor: f64) {
        if self.shrunk_at.is_none_or(|shrunk_at| sent > shrunk_at) {
            self.size = (self.size * factor).max(1.0);
            self.shrunk_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 8;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    #[test]
    fn the_limit_grows_by_one_per_round_of_responses_up_to_the_maximum() {
        let mut concurrency = ConcurrencyLimit::default();
        let mut now = 0;
        for expected in [2, 3, 4, 5, 6, 7, 8, 8] {
            assert_eq!(concurrency.size(MOST), expected);
            for _ in 0..expected + 1 {
                concurrency.succeeded(at(now), at(now + 20), MOST);
            }
            now += 20;
        }
    }

    #[test]
    fn concurrent_failures_halve_the_limit_once() {
        let mut concurrency = ConcurrencyLimit::default();
        for _ in 0..100 {
            concurrency.succeeded(at(0), at(20), MOST);
        }
        for _ in 0..8 {
            concurrency.failed(at(100), at(120));
        }
        assert_eq!(concurrency.size(MOST), 4);
        concurrency.failed(at(121), at(140));
        assert_eq!(concurrency.size(MOST), 2);
        for now in 0..10 {
            concurrency.failed(at(1_000 + 2 * now), at(1_001 + 2 * now));
        }
        assert_eq!(concurrency.size(MOST), 1);
    }

    #[test]
    fn slow_responses_shrink_the_limit_and_fast_ones_never_do() {
        let mut concurrency = ConcurrencyLimit::default();
        for _ in 0..100 {
            concurrency.succeeded(at(0), at(100), MOST);
        }
        for round in 1..10 {
            concurrency.succeeded(at(round * 1_000), at(round * 1_000 + 500), MOST);
        }
        assert!(concurrency.size(MOST) < 5, "{concurrency:?}");

        let mut concurrency = ConcurrencyLimit::default();
        for round in 0..100 {
            concurrency.succeeded(
                at(round * 1_000),
                at(round * 1_000 + 1 + 100 * (round % 2)),
                MOST,
            );
        }
        assert_eq!(concurrency.size(MOST), MOST);
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_the_maximum(
            ends in prop::collection::vec((any::<bool>(), 0..1_000_u64, 0..1_000_u64), 0..200),
            most in 1..20_usize,
        ) {
            let mut concurrency = ConcurrencyLimit::default();
            let mut now = 0;
            for (succeeds, wait, took) in ends {
                now += wait;
                if succeeds {
                    concurrency.succeeded(at(now), at(now + took), most);
                } else {
                    concurrency.failed(at(now), at(now + took));
                }
                prop_assert!((1..=most).contains(&concurrency.size(most)));
            }
        }
    }
}
