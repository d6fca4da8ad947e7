//! The circuit breaker: whether a destination is worth trying at all.
//!
//! A service that is down would hold every invocation until its time is over, and so take the
//! account's concurrency with it. After some failures in a row nothing is sent but one request an
//! interval, and everything else is stored at once. Each instance of the function finds that out
//! for itself, so there is nothing to share.

use std::time::{Duration, SystemTime};

/// So many requests in a row must fail, of which those that were under way together count once.
const FAILURES: u32 = 5;

/// Or so long must nothing have succeeded, with more than one try.
const FAILING_FOR: Duration = Duration::from_secs(10);

/// How long nothing is sent at first.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long nothing is sent at most, after several probes have failed.
const LONGEST_INTERVAL: Duration = Duration::from_secs(120);

/// Whether requests to a destination are worth it, learned from how they end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Breaker(State);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// Requests are sent.
    #[default]
    Closed,
    /// Requests are sent, but the last ones have failed.
    Failing { failures: u32, since: SystemTime, last: SystemTime },
    /// Nothing is sent for a time.
    Open { since: SystemTime, interval: Duration },
    /// One request is on its way to find out.
    Probing { interval: Duration },
}

/// Whether something may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As much as one likes.
    Send,
    /// One request, to find out.
    Probe,
    /// Nothing.
    Nothing,
}

impl Breaker {
    /// What may be sent at `now`. A probe is granted once, until it ends or an interval is over.
    pub fn admits(&mut self, now: SystemTime) -> Admission {
        match self.0 {
            State::Closed | State::Failing { .. } => Admission::Send,
            State::Open { since, interval } => {
                // A clock that was set back counts as time that has passed.
                let waited = now.duration_since(since).unwrap_or(interval);
                if waited < interval {
                    return Admission::Nothing;
                }
                self.0 = State::Probing { interval };
                Admission::Probe
            }
            State::Probing { .. } => Admission::Nothing,
        }
    }

    /// A request has shown that the service works.
    pub fn succeeded(&mut self) {
        self.0 = State::Closed;
    }

    /// A request sent at `sent` has shown at `now` that it does not.
    pub fn failed(&mut self, sent: SystemTime, now: SystemTime) {
        self.0 = match self.0 {
            State::Closed => State::Failing { failures: 1, since: now, last: now },
            // It was under way when another failed.
            State::Failing { failures, since, last } if sent < last => {
                Self::failing(failures, since, last, now)
            }
            State::Failing { failures, since, .. } => {
                Self::failing(failures.saturating_add(1), since, now, now)
            }
            State::Probing { interval } => {
                State::Open { since: now, interval: (interval * 2).min(LONGEST_INTERVAL) }
            }
            // The end of a request that was sent before.
            open @ State::Open { .. } => open,
        };
    }

    fn failing(failures: u32, since: SystemTime, last: SystemTime, now: SystemTime) -> State {
        let failing_for = now.duration_since(since).unwrap_or_default();
        if failures >= FAILURES || failing_for >= FAILING_FOR {
            State::Open { since: now, interval: INTERVAL }
        } else {
            State::Failing { failures, since, last }
        }
    }

    /// A probe was granted that nobody has used, or whose end nobody has seen.
    pub fn probe_unused(&mut self, now: SystemTime) {
        if let State::Probing { interval } = self.0 {
            // So that the next one who asks is granted it.
            let since = now.checked_sub(interval).unwrap_or(SystemTime::UNIX_EPOCH);
            self.0 = State::Open { since, interval };
        }
    }

    /// Whether the last request has shown that the service works.
    pub fn is_closed(&self) -> bool {
        self.0 == State::Closed
    }

    /// Whether nothing is sent, and no probe is under way that could change that.
    pub fn is_shut(&self) -> bool {
        matches!(self.0, State::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        START + Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admits(START), Admission::Send);
            breaker.failed(START, START);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES - 1 {
            breaker.failed(START, START);
        }
        breaker.succeeded();
        for _ in 0..FAILURES - 1 {
            breaker.failed(START, START);
        }
        assert_eq!(breaker.admits(START), Admission::Send);
        breaker.failed(START, START);
        assert_eq!(breaker.admits(START), Admission::Nothing);
    }

    #[test]
    fn requests_that_were_under_way_together_count_once() {
        let mut breaker = Breaker::default();
        for _ in 0..8 {
            breaker.failed(at(0), at(1));
        }
        assert_eq!(breaker.admits(at(1)), Admission::Send);
        for second in 1..5 {
            breaker.failed(at(second), at(second));
        }
        assert_eq!(breaker.admits(at(5)), Admission::Nothing);
    }

    #[test]
    fn requests_that_hang_open_it_sooner_than_by_their_number() {
        let mut breaker = Breaker::default();
        breaker.failed(at(0), at(0));
        breaker.failed(at(9), at(9));
        assert_eq!(breaker.admits(at(9)), Admission::Send);
        breaker.failed(at(10), at(10));
        assert_eq!(breaker.admits(at(10)), Admission::Nothing);
    }

    #[test]
    fn one_probe_an_interval_is_granted_and_a_failed_one_doubles_it() {
        let mut breaker = opened();
        assert_eq!(breaker.admits(at(9)), Admission::Nothing);
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
        assert_eq!(breaker.admits(at(10)), Admission::Nothing);
        breaker.failed(at(11), at(11));
        assert_eq!(breaker.admits(at(30)), Admission::Nothing);
        assert_eq!(breaker.admits(at(31)), Admission::Probe);
        let mut now = at(31);
        for _ in 0..20 {
            breaker.failed(now, now);
            now += LONGEST_INTERVAL;
            assert_eq!(breaker.admits(now), Admission::Probe);
        }
    }

    #[test]
    fn a_probe_that_succeeds_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
        breaker.succeeded();
        assert_eq!(breaker.admits(at(10)), Admission::Send);
        breaker.failed(at(10), at(10));
        assert_eq!(breaker.admits(at(10)), Admission::Send);
    }

    #[test]
    fn a_probe_that_was_not_used_is_granted_again() {
        let mut breaker = opened();
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
        breaker.probe_unused(at(10));
        assert!(breaker.is_shut());
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.failed(at(1_000_000), at(1_000_000));
        }
        assert_eq!(breaker.admits(at(5)), Admission::Probe);
    }

    proptest! {
        /// Whatever happens, somebody is let through within the longest interval.
        #[test]
        fn it_never_stays_shut(ends in prop::collection::vec((any::<bool>(), 0..300_u64), 0..50)) {
            let mut breaker = Breaker::default();
            let mut now = START;
            for (succeeds, seconds) in ends {
                now += Duration::from_secs(seconds);
                if breaker.admits(now) == Admission::Nothing {
                    continue;
                }
                if succeeds { breaker.succeeded() } else { breaker.failed(now, now) }
            }
            prop_assert_ne!(breaker.admits(now + LONGEST_INTERVAL), Admission::Nothing);
        }
    }
}
