//! Simulated time: it runs as fast as a test likes, stands still, or jumps.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock everything in a simulator goes by.
#[derive(Debug)]
pub(super) struct Clock(Mutex<Anchor>);

/// A moment at which simulated and real time are both known.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    real: Instant,
    simulated: SystemTime,
    speed: f64,
}

impl Anchor {
    fn now(&self) -> SystemTime {
        self.simulated + self.real.elapsed().mul_f64(self.speed)
    }
}

impl Clock {
    pub(super) fn new(simulated: SystemTime, speed: f64) -> Self {
        Self(Mutex::new(Anchor { real: Instant::now(), simulated, speed }))
    }

    pub(super) fn now(&self) -> SystemTime {
        self.anchor().now()
    }

    pub(super) fn set_speed(&self, speed: f64) {
        let mut anchor = self.anchor();
        let simulated = anchor.now();
        *anchor = Anchor { real: Instant::now(), simulated, speed };
    }

    pub(super) fn advance(&self, by: Duration) {
        self.anchor().simulated += by;
    }

    /// How long this much simulated time takes; nothing while the clock is stopped, because waiting
    /// would never end.
    pub(super) fn real(&self, simulated: Duration) -> Duration {
        let speed = self.anchor().speed;
        if speed > 0.0 { simulated.div_f64(speed) } else { Duration::ZERO }
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.0.lock().expect("nothing panics while it holds the clock")
    }
}

/// Milliseconds since 1970, as CloudWatch Logs counts.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since 1970 with a fraction, as CloudTrail and Kinesis count.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// As in `2026-01-31T23:59:59Z`.
pub(super) fn iso(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date that is so many days after 1970-01-01, in years that begin in March, so that the
/// leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days + DAYS_FROM_MARCH_OF_YEAR_0;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_advanced() {
        let clock = Clock::new(UNIX_EPOCH, 0.0);
        assert_eq!(clock.now(), UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(90));
        assert_eq!(clock.real(Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn a_fast_clock_makes_a_second_short() {
        let clock = Clock::new(UNIX_EPOCH, 100.0);
        assert_eq!(clock.real(Duration::from_secs(1)), Duration::from_millis(10));
    }

    #[test]
    fn dates_are_written_as_aws_writes_them() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
