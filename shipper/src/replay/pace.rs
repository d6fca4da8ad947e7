//! The rate at which what is parked is sent: a service that has only just come back should not be
//! pushed over again, and what is parked is older than what comes meanwhile.

use std::time::{Duration, SystemTime};

/// A bound on how much is begun a second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bytes_per_second: u64,
    free_at: SystemTime,
}

impl Pace {
    /// Starts at `now`.
    pub fn new(bytes_per_second: u64, now: SystemTime) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: now }
    }

    /// How long to wait at `now` before anything more is sent.
    pub fn wait(&self, now: SystemTime) -> Duration {
        self.free_at.duration_since(now).unwrap_or_default()
    }

    /// So many bytes are being sent from `now` on. Time that was not used is not saved up.
    pub fn sent(&mut self, bytes: usize, now: SystemTime) {
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        self.free_at = self.free_at.max(now) + takes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_takes_its_time_and_idle_time_is_not_saved_up() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut pace = Pace::new(1_000, at(100));
        assert_eq!(pace.wait(at(100)), Duration::ZERO);
        pace.sent(3_000, at(100));
        assert_eq!(pace.wait(at(101)), Duration::from_secs(2));
        assert_eq!(pace.wait(at(200)), Duration::ZERO);
        pace.sent(1_000, at(200));
        assert_eq!(pace.wait(at(200)), Duration::from_secs(1));
        pace.sent(1_000, at(200));
        assert_eq!(pace.wait(at(200)), Duration::from_secs(2));
    }
}
