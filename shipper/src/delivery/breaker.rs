//! The circuit breaker of a destination.
//!
//! A destination that is down would occupy every invocation until its deadline, and with it the
//! account's concurrency. After several consecutive failures only one probe is sent per interval,
//! and everything else is stored at once. The state is kept per instance and not shared.

use std::time::{Duration, SystemTime};

/// The number of consecutive failures that open the circuit. Concurrent requests count once.
const FAILURES: u32 = 5;

/// The time without a success that opens the circuit, after more than one attempt.
const FAILING_FOR: Duration = Duration::from_secs(10);

/// The first interval of the open circuit.
const INTERVAL: Duration = Duration::from_secs(10);

/// The longest interval, after several failed probes.
const LONGEST_INTERVAL: Duration = Duration::from_secs(120);

/// The state of the circuit, learned from the results of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Breaker(State);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// Requests are sent.
    #[default]
    Closed,
    /// Requests are sent, but the last ones failed.
    Failing { failures: u32, since: SystemTime, last: SystemTime },
    /// Nothing is sent until the interval is over.
    Open { since: SystemTime, interval: Duration },
    /// One probe is in flight.
    Probing { interval: Duration },
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Any number of requests.
    Send,
    /// One probe.
    Probe,
    /// Nothing.
    Nothing,
}

impl Breaker {
    /// What may be sent at `now`. A probe is granted once per interval, until it ends.
    pub fn admits(&mut self, now: SystemTime) -> Admission {
        match self.0 {
            State::Closed | State::Failing { .. } => Admission::Send,
            State::Open { since, interval } => {
                // A clock that was set back counts as an elapsed interval.
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

    /// A request has succeeded.
    pub fn succeeded(&mut self) {
        self.0 = State::Closed;
    }

    /// A request sent at `sent` has failed at `now`.
    pub fn failed(&mut self, sent: SystemTime, now: SystemTime) {
        self.0 = match self.0 {
            State::Closed => State::Failing { failures: 1, since: now, last: now },
            // It was in flight when another failed.
            State::Failing { failures, since, last } if sent < last => {
                Self::failing(failures, since, last, now)
            }
            State::Failing { failures, since, .. } => {
                Self::failing(failures.saturating_add(1), since, now, now)
            }
            State::Probing { interval } => {
                State::Open { since: now, interval: (interval * 2).min(LONGEST_INTERVAL) }
            }
            // A request sent before the circuit opened.
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

    /// A granted probe was not sent, or its result is unknown.
    pub fn probe_unused(&mut self, now: SystemTime) {
        if let State::Probing { interval } = self.0 {
            // The next caller is granted the probe.
            let since = now.checked_sub(interval).unwrap_or(SystemTime::UNIX_EPOCH);
            self.0 = State::Open { since, interval };
        }
    }

    /// Whether the last request succeeded.
    pub fn is_closed(&self) -> bool {
        self.0 == State::Closed
    }

    /// Whether nothing is sent, and no probe is in flight.
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
    fn consecutive_failures_open_the_circuit_and_a_success_resets_them() {
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
    fn concurrent_failures_count_once() {
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
    fn hanging_requests_open_the_circuit_by_time() {
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
    fn a_successful_probe_closes_the_circuit() {
        let mut breaker = opened();
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
        breaker.succeeded();
        assert_eq!(breaker.admits(at(10)), Admission::Send);
        breaker.failed(at(10), at(10));
        assert_eq!(breaker.admits(at(10)), Admission::Send);
    }

    #[test]
    fn an_unused_probe_is_granted_again() {
        let mut breaker = opened();
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
        breaker.probe_unused(at(10));
        assert!(breaker.is_shut());
        assert_eq!(breaker.admits(at(10)), Admission::Probe);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_the_circuit_open() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.failed(at(1_000_000), at(1_000_000));
        }
        assert_eq!(breaker.admits(at(5)), Admission::Probe);
    }

    proptest! {
        /// A probe is granted within the longest interval, whatever happens.
        #[test]
        fn the_circuit_never_stays_open(ends in prop::collection::vec((any::<bool>(), 0..300_u64), 0..50)) {
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
