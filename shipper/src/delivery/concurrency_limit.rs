//! How many requests may be under way to a destination at once.
//!
//! Additive increase, multiplicative decrease: as long as the service keeps up, one more for
//! every round of answers; half as many once it throttles or fails; a little fewer when answers
//! take much longer than the quickest have.
//!
//! <https://www.rfc-editor.org/rfc/rfc5681#record_group-3.1>

use std::time::{Duration, SystemTime};

/// How many at the beginning.
const FIRST: f64 = 2.0;

/// An answer that takes so many times as long as the quickest says that requests queue up there.
const SLOW: u32 = 3;

/// Responses quicker than this say nothing about a queue.
const QUICK: Duration = Duration::from_millis(50);

/// What is left of the concurrency where answers are slow.
const SLOWED: f64 = 0.9;

/// How many requests may be under way, learned from how they end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConcurrencyLimit {
    size: f64,
    quickest: Option<Duration>,
    /// What was sent before says nothing about the concurrency as it is now.
    shrunk_at: Option<SystemTime>,
}

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self { size: FIRST, quickest: None, shrunk_at: None }
    }
}

impl ConcurrencyLimit {
    /// How many requests may be under way, at least one and at most `most`.
    pub fn size(&self, most: usize) -> usize {
        // At least 1, and truncated: half a request is none.
        (self.size as usize).clamp(1, most.max(1))
    }

    /// A request sent at `sent` was answered well at `now`; at most `most` may be under way.
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

    /// A request sent at `sent` ended at `now` because the service was throttling or failing.
    pub fn failed(&mut self, sent: SystemTime, now: SystemTime) {
        self.shrink(sent, now, 0.5);
    }

    /// Requests that were under way together count once.
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
    fn it_grows_by_one_for_every_round_of_answers_up_to_the_most() {
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
    fn requests_that_fail_together_halve_it_once() {
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
    fn answers_that_get_slower_shrink_it_and_quick_ones_never_do() {
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
        fn it_stays_between_one_and_the_most(
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
