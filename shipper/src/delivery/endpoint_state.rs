//! What an instance of the function has learned about a destination, kept between invocations.

use std::time::{Duration, SystemTime};

use super::breaker::Breaker;
use super::concurrency_limit::ConcurrencyLimit;
use crate::destination::{BatchOutcome, RecordOutcome};

/// How a destination is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EndpointState {
    /// Whether it is worth a request.
    pub breaker: Breaker,
    /// How many requests at once it keeps up with.
    pub concurrency: ConcurrencyLimit,
    /// When it has asked not to be sent anything, and until when.
    pub busy: Option<(SystemTime, SystemTime)>,
    /// How long making a request takes.
    pub making: Duration,
    /// Whether it has shown that it pays no attention to keys.
    pub ignores_ids: bool,
    /// Whether it is known to give receipts.
    pub gives_receipts: bool,
}

/// For how long a service is left alone at most because it has asked for that: it may be better sooner than
/// it thought, and what waits here may be lost meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

impl EndpointState {
    /// The service asks not to be sent anything for so long.
    pub(super) fn asked_to_wait(&mut self, now: SystemTime, wait: Duration) {
        self.busy = Some((now, now + wait.min(LONGEST_PAUSE)));
    }

    /// The service has taken what was sent at `sent`. If that was before it asked to wait, it still wants to.
    pub(super) fn took(&mut self, sent: SystemTime) {
        self.busy = self.busy.filter(|(since, _)| sent < *since);
    }

    /// How long it still is to be left alone. A clock that was set back does not make that longer.
    pub fn pause(&self, now: SystemTime) -> Option<Duration> {
        let (_, until) = self.busy?;
        let left = until.duration_since(now).ok()?;
        (!left.is_zero() && left <= LONGEST_PAUSE).then_some(left)
    }

    /// Learns from what became of a request. To reject something is no sign of bad endpoint_state.
    pub(super) fn learn(
        &mut self,
        batch_outcome: &BatchOutcome,
        sent: SystemTime,
        now: SystemTime,
        max_in_flight: usize,
    ) {
        let (is_throttled, is_failing) = match batch_outcome {
            BatchOutcome::Each(outcomes) => {
                let again =
                    |outcome: &RecordOutcome| matches!(outcome, RecordOutcome::TryAgain(..));
                (outcomes.iter().any(again), !outcomes.is_empty() && outcomes.iter().all(again))
            }
            BatchOutcome::TryAgain(..) => (true, true),
            BatchOutcome::Counted { .. }
            | BatchOutcome::Receipt(_)
            | BatchOutcome::TooLarge
            | BatchOutcome::Split(..)
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
