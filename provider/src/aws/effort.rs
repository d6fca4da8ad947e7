//! How much is done to get a response.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much is done to get a response.
#[derive(Clone, Debug, Default)]
pub(super) enum Effort {
    /// Nothing goes on without the answer.
    #[default]
    Needed,
    /// The answer only improves what goes on without it.
    Optional(Arc<Allowance>),
}

/// The time that optional calls may waste together.
#[derive(Debug)]
pub(super) struct Allowance(Mutex<Duration>);

/// For all optional calls of an operation.
pub(super) const ALLOWANCE: Duration = Duration::from_secs(3);

/// An optional call is made twice at most.
const OPTIONAL_RETRIES: u32 = 1;

impl Effort {
    pub(super) fn optional() -> Self {
        Self::Optional(Arc::new(Allowance(Mutex::new(ALLOWANCE))))
    }

    pub(super) fn is_optional(&self) -> bool {
        matches!(self, Self::Optional(_))
    }

    /// Of so many retries, those that are made.
    pub(super) fn retries(&self, max_retries: u32) -> u32 {
        match self {
            Self::Needed => max_retries,
            Self::Optional(_) => max_retries.min(OPTIONAL_RETRIES),
        }
    }

    /// How long may be waited from now on, where that has an end.
    pub(super) fn time_left(&self) -> Option<Duration> {
        match self {
            Self::Needed => None,
            Self::Optional(allowance) => Some(*allowance.left()),
        }
    }

    /// Time went by for nothing.
    pub(super) fn wasted(&self, time: Duration) {
        if let Self::Optional(allowance) = self {
            let mut left = allowance.left();
            *left = left.saturating_sub(time);
        }
    }
}

impl Allowance {
    fn left(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
