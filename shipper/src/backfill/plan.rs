//! Plans slices: pure.

use std::time::{Duration, SystemTime};

use crate::event::Slice;

/// The size of a slice, in stored bytes. Two minutes at two pages a second.
const SLICE_BYTES: u64 = 256 * 1024 * 1024;

/// The maximum number of slices of a log group.
const MOST_SLICES: u64 = 1_000;

/// A slice is not shorter than this.
const SHORTEST: Duration = Duration::from_secs(60);

/// The limits of a page of FilterLogEvents.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
const PAGE_BYTES: f64 = 1024.0 * 1024.0;
const PAGE_EVENTS: f64 = 10_000.0;

/// The age up to which log events are accepted, so that a log group can contain log events from
/// before its creation.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const OLDEST_ACCEPTED: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What DescribeLogGroups says about a log group.
#[derive(Clone, Debug, PartialEq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: SystemTime,
    /// How long log events are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// The size of its log events.
    pub stored_bytes: u64,
    /// Its class.
    pub class: String,
}

/// A window of time, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first millisecond.
    pub from: SystemTime,
    /// The millisecond after its last one.
    pub to: SystemTime,
}

impl Window {
    /// The part that a log group can have log events in; `None` if there is none.
    fn of(self, group: &LogGroup) -> Option<Self> {
        let oldest = group.created.checked_sub(OLDEST_ACCEPTED).unwrap_or(SystemTime::UNIX_EPOCH);
        let from = self.from.max(oldest);
        (from < self.to).then_some(Self { from, to: self.to })
    }

    fn length(self) -> Duration {
        self.to.duration_since(self.from).unwrap_or_default()
    }
}

/// The slices of a log group, and the bytes that they are estimated to contain.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The slices, oldest first.
    pub slices: Vec<Slice>,
    /// The estimated bytes of all of them.
    pub bytes: u64,
}

impl Planned {
    /// The slices of a log group in a window. `now` is when its size was read.
    pub fn of(
        group: &LogGroup,
        window: Window,
        destinations: &[String],
        now: SystemTime,
    ) -> Option<Self> {
        let window = window.of(group)?;
        let bytes = estimated_bytes(group, window, now);
        let length = window.length();
        let most = (length.as_secs() / SHORTEST.as_secs()).clamp(1, MOST_SLICES);
        let count = bytes.div_ceil(SLICE_BYTES).clamp(1, most);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // In whole milliseconds, so that no slice begins within one.
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let border = |index: u32| match index == count {
            true => window.to,
            false => {
                window.from + Duration::from_millis(millis / u64::from(count) * u64::from(index))
            }
        };
        let slices = (0..count)
            .map(|index| Slice::new(&group.name, border(index), border(index + 1), destinations));
        Some(Self { slices: slices.collect(), bytes })
    }
}

/// The share of a log group's bytes in a window, if they are spread evenly.
fn estimated_bytes(group: &LogGroup, window: Window, now: SystemTime) -> u64 {
    let kept_since = group
        .retention
        .and_then(|retention| now.checked_sub(retention))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let oldest = group.created.max(kept_since);
    let life = now.duration_since(oldest).unwrap_or_default();
    let shared = Window { from: window.from.max(oldest), to: window.to.min(now) }.length();
    if life.is_zero() {
        return group.stored_bytes;
    }
    let share = (shared.as_secs_f64() / life.as_secs_f64()).min(1.0);
    (group.stored_bytes as f64 * share) as u64
}

/// What a backfill is estimated to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Calls of FilterLogEvents.
    pub calls: u64,
    /// The time for these at the quota.
    pub time: Duration,
    /// Log events, if their size is known.
    pub log_events: Option<u64>,
}

impl Estimate {
    /// The estimate for slices with this many bytes, of log events of this size if it is known.
    pub fn of(
        slices: usize,
        bytes: u64,
        bytes_per_event: Option<f64>,
        requests_per_second: f64,
    ) -> Self {
        let log_events = bytes_per_event.map(|size| bytes as f64 / size.max(1.0));
        let pages = (bytes as f64 / PAGE_BYTES).max(log_events.unwrap_or(0.0) / PAGE_EVENTS);
        // The last page of a slice is not full.
        let calls = pages.ceil() as u64 + slices as u64;
        Self {
            calls,
            time: Duration::from_secs_f64(calls as f64 / requests_per_second),
            log_events: log_events.map(|log_events| log_events as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn day(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY + days * DAY
    }

    fn group(created: u32, stored_bytes: u64) -> LogGroup {
        LogGroup {
            name: "/a".to_owned(),
            created: day(created),
            retention: None,
            stored_bytes,
            class: "STANDARD".to_owned(),
        }
    }

    #[test]
    fn slices_have_the_size_that_is_read_in_minutes() {
        let window = Window { from: day(70), to: day(100) };
        // 100 GiB in 100 days: 30 GiB in the window.
        let planned = Planned::of(&group(0, 100 << 30), window, &[], day(100)).unwrap();
        assert_eq!(planned.bytes, 30 << 30);
        assert_eq!(planned.slices.len(), 30 * 4);
        assert_eq!(planned.slices[0].to, day(70) + DAY / 4);
    }

    #[test]
    fn a_log_group_has_its_bytes_within_its_retention() {
        let window = Window { from: day(0), to: day(100) };
        let kept = LogGroup { retention: Some(7 * DAY), ..group(0, 1 << 30) };
        assert_eq!(Planned::of(&kept, window, &[], day(100)).unwrap().bytes, 1 << 30);
        let window = Window { from: day(93), to: day(100) };
        assert_eq!(Planned::of(&kept, window, &[], day(100)).unwrap().bytes, 1 << 30);
    }

    #[test]
    fn a_log_group_can_have_log_events_from_before_its_creation() {
        let window = Window { from: day(0), to: day(50) };
        let planned = Planned::of(&group(40, 1), window, &[], day(100)).unwrap();
        assert_eq!(planned.slices[0].from, day(26));
        assert_eq!(Planned::of(&group(64, 1), window, &[], day(100)), None);
        assert!(Planned::of(&group(63, 1), window, &[], day(100)).is_some());
    }

    #[test]
    fn an_estimate_has_the_calls_of_pages_that_are_full_of_bytes_or_events() {
        let estimate = Estimate::of(4, 100 << 20, Some(1_024.0), 4.0);
        assert_eq!(estimate.log_events, Some(102_400));
        assert_eq!((estimate.calls, estimate.time), (104, Duration::from_secs(26)));
        assert_eq!(Estimate::of(0, 10_000_000, Some(10.0), 4.0).calls, 100);
        assert_eq!(Estimate::of(1_000, 0, None, 4.0).calls, 1_000);
    }

    proptest! {
        #[test]
        fn slices_cover_the_window_without_overlap(
            length in 1..400_000_000_000_u64,
            bytes in any::<u64>(),
            created in 0..200_u32,
        ) {
            let window = Window { from: day(0), to: day(0) + Duration::from_millis(length) };
            let group = group(created, bytes);
            let Some(planned) = Planned::of(&group, window, &[], day(5_000)) else {
                prop_assert!(window.to <= group.created - OLDEST_ACCEPTED);
                return Ok(());
            };
            let mut end = window.from.max(group.created - OLDEST_ACCEPTED);
            for slice in &planned.slices {
                prop_assert_eq!(slice.from, end);
                prop_assert!(slice.from < slice.to);
                end = slice.to;
            }
            prop_assert_eq!(end, window.to);
        }
    }
}
