//! The rate of the calls of one execution.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Spaces calls.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits until the next call may begin. Whether there was time for that.
    pub(crate) async fn wait(&self, apart: Duration, until: Instant) -> bool {
        let Some(begin) = self.take(Instant::now(), apart, until) else {
            return false;
        };
        tokio::time::sleep_until(begin.into()).await;
        true
    }

    /// When the next call may begin, which reserves it; `None` if that is too late.
    fn take(&self, now: Instant, apart: Duration, until: Instant) -> Option<Instant> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = next.map_or(now, |next| next.max(now));
        if begin > until {
            return None;
        }
        *next = Some(begin + apart);
        Some(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spaced_and_one_that_is_too_late_is_not_reserved() {
        let (pace, now, apart) = (Pace::default(), Instant::now(), Duration::from_secs(10));
        assert_eq!(pace.take(now, apart, now + apart), Some(now));
        assert_eq!(pace.take(now, apart, now + apart / 2), None);
        assert_eq!(pace.take(now, apart, now + apart), Some(now + apart));
        let later = now + 5 * apart;
        assert_eq!(pace.take(later, apart, later), Some(later));
    }
}
