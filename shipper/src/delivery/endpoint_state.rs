//! The state of a destination's endpoint, kept by an instance across invocations.

use std::time::{Duration, SystemTime};

use super::breaker::Breaker;
use super::concurrency_limit::ConcurrencyLimit;
use crate::destination::{BatchOutcome, RecordOutcome};

/// The state of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EndpointState {
    /// The circuit breaker.
    pub breaker: Breaker,
    /// The concurrency limit.
    pub concurrency: ConcurrencyLimit,
    /// When the destination asked to wait, and until when.
    pub busy: Option<(SystemTime, SystemTime)>,
    /// The time for building a request.
    pub build_time: Duration,
    /// Whether it has ignored document ids.
    pub ignores_ids: bool,
    /// Whether it is known to support acknowledgement.
    pub supports_acknowledgement: bool,
}

/// The longest wait that a destination can ask for: it may recover sooner, and log events that wait
/// may be lost.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

impl EndpointState {
    /// The destination asks to wait.
    pub(super) fn asked_to_wait(&mut self, now: SystemTime, wait: Duration) {
        self.busy = Some((now, now + wait.min(LONGEST_PAUSE)));
    }

    /// The destination accepted what was sent at `sent`. If that was before it asked to wait, the
    /// wait still applies.
    pub(super) fn took(&mut self, sent: SystemTime) {
        self.busy = self.busy.filter(|(since, _)| sent < *since);
    }

    /// The remaining wait. A clock that was set back does not extend it.
    pub fn pause(&self, now: SystemTime) -> Option<Duration> {
        let (_, until) = self.busy?;
        let left = until.duration_since(now).ok()?;
        (!left.is_zero() && left <= LONGEST_PAUSE).then_some(left)
    }

    /// Updates the state with the result of a request. A rejection does not indicate a failing
    /// endpoint.
    pub(super) fn learn(
        &mut self,
        batch_outcome: &BatchOutcome,
        sent: SystemTime,
        now: SystemTime,
        max_in_flight: usize,
    ) {
        let (is_throttled, is_failing) = match batch_outcome {
            BatchOutcome::Each(outcomes) => {
                let again = |outcome: &RecordOutcome| matches!(outcome, RecordOutcome::Retry(..));
                (outcomes.iter().any(again), !outcomes.is_empty() && outcomes.iter().all(again))
            }
            BatchOutcome::Retry(..) => (true, true),
            BatchOutcome::Counted { .. }
            | BatchOutcome::Accepted(_)
            | BatchOutcome::TooLarge
            | BatchOutcome::Split(_)
            | BatchOutcome::SplitAt { .. }
            | BatchOutcome::Stop(_)
            | BatchOutcome::StopUnclear(_) => (false, false),
        };
        if is_throttled {
            self.concurrency.failed(sent, now);
        } else {
            self.concurrency.succeeded(sent, now, max_in_flight);
        }
        if is_failing {
            self.breaker.failed(sent, now);
        } else {
            self.breaker.succeeded();
        }
    }
}
