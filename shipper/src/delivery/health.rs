//! What an instance of the function has learned about a destination, kept between invocations.

use std::time::SystemTime;

use super::breaker::Breaker;
use super::window::Window;
use crate::destination::{Outcome, Verdict};

/// How a destination is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// Whether it is worth a request.
    pub breaker: Breaker,
    /// How many requests at once it keeps up with.
    pub window: Window,
}

impl Health {
    /// Learns from what became of a request. To refuse something is no sign of bad health.
    pub(super) fn learn(
        &mut self,
        verdict: &Verdict,
        sent: SystemTime,
        now: SystemTime,
        max_in_flight: usize,
    ) {
        let (is_throttled, is_failing) = match verdict {
            Verdict::Each(outcomes) => {
                let again = |outcome: &Outcome| matches!(outcome, Outcome::TryAgain(..));
                (outcomes.iter().any(again), !outcomes.is_empty() && outcomes.iter().all(again))
            }
            Verdict::TryAgain(..) => (true, true),
            Verdict::Counted { .. }
            | Verdict::Receipt(_)
            | Verdict::TooLarge
            | Verdict::Divide(_)
            | Verdict::Stop(_) => (false, false),
        };
        if is_throttled {
            self.window.failed(sent, now);
        } else {
            self.window.succeeded(sent, now, max_in_flight);
        }
        if is_failing {
            self.breaker.failed(sent, now);
        } else {
            self.breaker.succeeded();
        }
    }
}
