//! Rate limits for calls.
//!
//! CloudWatch Logs' quotas are per account: calls of the enforcer are not available to a running
//! apply.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::io::Io;

/// No call begins with less time than this.
pub(super) const SHORTEST_TRY: Duration = Duration::from_millis(100);

/// Spaces the calls of each operation.
pub(super) struct RateLimiter(Mutex<Turns>);

struct Turns {
    apart: Duration,
    next: BTreeMap<&'static str, Instant>,
}

/// The call would have to wait too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLate;

impl RateLimiter {
    pub(super) fn new(requests_per_second: f64) -> Self {
        Self(Mutex::new(Turns { apart: apart(requests_per_second), next: BTreeMap::new() }))
    }

    /// Sets the rate of later calls.
    pub(super) fn set(&self, requests_per_second: f64) {
        let mut turns = self.turns();
        let apart = apart(requests_per_second);
        if turns.apart != apart {
            *turns = Turns { apart, next: BTreeMap::new() };
        }
    }

    /// Waits until an operation may be called, and reserves the call. A wait that is too long is
    /// neither waited for nor reserved.
    pub(super) async fn take(
        &self,
        io: &dyn Io,
        operation: &'static str,
        until: Instant,
    ) -> Result<(), TooLate> {
        self.ready(io, operation, until).await?;
        self.take_at(operation, io.now());
        Ok(())
    }

    /// Waits until an operation may be called, without reserving the call. What is read then is
    /// read directly before the call.
    pub(super) async fn ready(
        &self,
        io: &dyn Io,
        operation: &'static str,
        until: Instant,
    ) -> Result<(), TooLate> {
        let now = io.now();
        let wait = self.wait_from(operation, now);
        if now + wait + SHORTEST_TRY > until {
            return Err(TooLate);
        }
        if !wait.is_zero() {
            io.sleep(wait).await;
        }
        Ok(())
    }

    fn wait_from(&self, operation: &'static str, now: Instant) -> Duration {
        let turns = self.turns();
        turns.next.get(operation).map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    fn take_at(&self, operation: &'static str, now: Instant) {
        let mut turns = self.turns();
        let next = now + turns.apart;
        turns.next.insert(operation, next);
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apart(requests_per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / requests_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_one_operation_are_spaced_and_others_are_not_delayed() {
        let (limiter, now) = (RateLimiter::new(2.0), Instant::now());
        limiter.take_at("A", now);
        assert_eq!(limiter.wait_from("A", now), Duration::from_millis(500));
        assert_eq!(limiter.wait_from("B", now), Duration::ZERO);
        assert_eq!(limiter.wait_from("A", now + Duration::from_secs(9)), Duration::ZERO);
    }

    #[test]
    fn a_changed_rate_applies_at_once() {
        let (limiter, now) = (RateLimiter::new(0.1), Instant::now());
        limiter.take_at("A", now);
        limiter.set(50.0);
        limiter.take_at("A", now);
        assert_eq!(limiter.wait_from("A", now), Duration::from_millis(20));
    }
}
