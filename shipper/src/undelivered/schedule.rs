//! The retry schedule of pointers whose event could not be delivered.

use std::time::Duration;

/// The maximum delay until the next attempt.
pub const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// The visibility timeout of a pointer by its receive count: 1, 2, 4, 8 and then 15 minutes.
pub fn delay(receive_count: u32) -> Duration {
    let doublings = receive_count.saturating_sub(1).min(10);
    Duration::from_secs(60 << doublings).min(LONGEST_DELAY)
}

/// How long an outage may last before its first pointer is moved to the dead-letter queue, if the
/// queue delivers a message this many times, delays new messages by `first_delay` and retains them
/// for `retention`. After a failed, killed or throttled invocation the queue's visibility timeout
/// applies, if it is shorter.
pub fn longest_outage(
    max_receive_count: u32,
    first_delay: Duration,
    retention: Duration,
) -> Duration {
    let delays: Duration = (1..=max_receive_count).map(delay).sum();
    (first_delay + delays).min(retention)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_from_one_to_fifteen_minutes() {
        let minutes = |count| delay(count).as_secs() / 60;
        let found: Vec<u64> = [0, 1, 2, 3, 4, 5, 6, 300, u32::MAX].map(minutes).to_vec();
        assert_eq!(found, [1, 1, 2, 4, 8, 15, 15, 15, 15]);
    }

    #[test]
    fn the_longest_outage_is_the_sum_of_all_delays_within_the_retention() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let minutes = |count| longest_outage(count, Duration::ZERO, 14 * DAY).as_secs() / 60;
        assert_eq!((minutes(1), minutes(4), minutes(6)), (1, 15, 45));
        assert!(longest_outage(400, Duration::ZERO, 14 * DAY) > 4 * DAY);
        assert_eq!(longest_outage(1_000, Duration::ZERO, DAY), DAY);
    }
}
