use std::time::{Duration, SystemTime};

use logagg_policy::{LogGroup, Retention};

const DAY: Duration = Duration::from_hours(24);

/// The stored bytes that are older than a retention, which it would delete: an estimate.
///
/// AWS does not report the age of stored bytes. The group is assumed to have started empty, with a
/// daily volume that grew steadily, so the old part is small: the square of its share of the time.
pub(crate) fn deleted_bytes(group: &LogGroup, desired: Retention, now: SystemTime) -> u64 {
    let (Some(age), Retention::Days(desired)) = (age_in_days(group, now), desired) else {
        return 0;
    };
    let held = match group.retention {
        Retention::Days(days) => age.min(f64::from(days)),
        Retention::Never => age,
    };
    let old = (held - f64::from(desired)).max(0.0);
    if old == 0.0 {
        return 0;
    }
    (group.stored_bytes as f64 * (old / held).powi(2)) as u64
}

/// None where AWS did not report the creation time, or a clock is wrong.
fn age_in_days(group: &LogGroup, now: SystemTime) -> Option<f64> {
    let created = u64::try_from(group.created_ms).ok().filter(|created| *created > 0)?;
    let age = now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_millis(created)).ok()?;
    Some(age.as_secs_f64() / DAY.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::LogGroupClass;

    const NOW: Duration = Duration::from_hours(24 * 20_000);

    fn deleted(age_days: u64, current: i64, desired: i64) -> u64 {
        let created = NOW - Duration::from_hours(24 * age_days);
        let group = LogGroup {
            name: "/a".to_owned(),
            class: LogGroupClass::Standard,
            retention: Retention::parse(current).unwrap(),
            governed_by: None,
            is_protected: false,
            arn: String::new(),
            stored_bytes: 1_000,
            created_ms: i64::try_from(created.as_millis()).unwrap(),
        };
        let desired = Retention::parse(desired).unwrap();
        deleted_bytes(&group, desired, SystemTime::UNIX_EPOCH + NOW)
    }

    #[test]
    fn bytes_older_than_the_retention_are_deleted() {
        assert_eq!(deleted(60, 0, 30), 250);
        assert_eq!(deleted(300, 0, 30), 810);
        assert_eq!(deleted(3_000, 60, 30), 250);
    }

    #[test]
    fn a_young_group_and_a_longer_retention_save_nothing() {
        assert_eq!(deleted(30, 0, 30), 0);
        assert_eq!(deleted(7, 0, 30), 0);
        assert_eq!(deleted(3_000, 7, 30), 0);
        assert_eq!(deleted(3_000, 30, 30), 0);
        assert_eq!(deleted(3_000, 30, 0), 0);
    }

    #[test]
    fn a_group_of_unknown_age_saves_nothing() {
        assert_eq!(deleted(20_000, 0, 30), 0);
    }
}
