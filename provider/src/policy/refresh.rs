use std::collections::BTreeMap;
use std::time::Duration;

use logagg_policy::{LogGroup, SubscriptionFilter};

use super::filter_snapshot::{FilterSnapshot, OwnWrite};
use super::findings::Unverified;
use crate::aws::{Operation, Reader, Timestamp};

/// Which log groups a refresh asks for their subscription filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// All of them.
    Full,
    /// Those that can have changed, as long as the last full refresh is not older than this.
    Incremental { full_after: Duration },
}

/// CloudTrail usually delivers an event within 15 minutes; this is the allowed maximum.
pub(super) const LATEST: Duration = Duration::from_hours(1);

/// By so much AWS's clocks may differ, and so long a write may take to be seen everywhere.
const BLUR: Duration = Duration::from_mins(1);

/// Looking further back than this takes longer than asking every log group: CloudTrail takes 2
/// calls a second, and CloudWatch Logs 5.
const GROUPS_PER_PAGE: usize = 5;
const FEWEST_PAGES: usize = 10;

/// The calls that change the subscription filters of a log group; all else that does makes
/// another log group of it.
const CHANGES: [Operation; 2] =
    [Operation::PutSubscriptionFilter, Operation::DeleteSubscriptionFilter];

/// What is known before any log group is asked for its filters.
#[derive(Debug, Default)]
pub(super) struct Basis {
    /// When this began; nothing where it is not known, or of no use.
    pub(super) began: Option<Timestamp>,
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    filter_snapshot: FilterSnapshot,
    /// When the filters of a log group were last changed, according to CloudTrail.
    changed: BTreeMap<String, Timestamp>,
}

impl Refresh {
    /// Finds out what can have changed since the last refresh.
    ///
    /// # Errors
    /// When CloudTrail cannot be used. The filters of every log group have to be read then.
    pub(super) async fn basis(
        self,
        reader: &Reader,
        filter_snapshot: Option<&FilterSnapshot>,
    ) -> Result<Basis, Unverified> {
        let Self::Incremental { full_after } = self else {
            return Ok(Basis::default());
        };
        let began = reader.aws_time().await.map_err(Unverified::Failed)?;
        let mut basis = Basis { began: Some(began), known: None };
        let Some(filter_snapshot) = filter_snapshot.filter(|last| last.is_good(began, full_after))
        else {
            tracing::info!("this refresh is full, the next one can be incremental");
            return Ok(basis);
        };
        let since = filter_snapshot.changed_since();
        let most_pages = FEWEST_PAGES.max(filter_snapshot.len() / GROUPS_PER_PAGE);
        let mut changed = BTreeMap::new();
        for call in CHANGES {
            let events = reader.events(call, since, most_pages).await;
            let Some(events) = events.map_err(Unverified::Failed)? else {
                tracing::info!("many filters have changed, so a full refresh is faster");
                return Ok(basis);
            };
            for event in events {
                let last = changed.entry(event.log_group).or_insert(event.at);
                *last = event.at.max(*last);
            }
        }
        let mut filter_snapshot = filter_snapshot.clone();
        filter_snapshot.question(&changed, began)?;
        basis.known = Some(Known { filter_snapshot, changed });
        Ok(basis)
    }
}

impl FilterSnapshot {
    /// The time since which events are new: events before the last read of every log group are not.
    fn changed_since(&self) -> Timestamp {
        let since = self.at.before(LATEST).max(self.full_at.before(BLUR));
        self.own_write.as_ref().map_or(since, |own_write| since.min(own_write.after.before(BLUR)))
    }

    /// Whether CloudTrail delivers the policy's own write, if there was one.
    fn question(
        &mut self,
        changed: &BTreeMap<String, Timestamp>,
        now: Timestamp,
    ) -> Result<(), Unverified> {
        let Some(OwnWrite { log_group, after, deadline }) = &mut self.own_write else {
            return Ok(());
        };
        if changed.get(log_group).is_some_and(|changed_at| *changed_at >= after.before(BLUR)) {
            self.own_write = None;
        } else if now > *deadline.get_or_insert(now.after(LATEST)) {
            return Err(Unverified::Behind { log_group: log_group.clone() });
        }
        Ok(())
    }
}

impl Basis {
    /// The filters of a log group that cannot have changed since it was asked for them, and when
    /// that was.
    pub(super) fn filters_of(
        &self,
        group: &LogGroup,
    ) -> Option<(Vec<SubscriptionFilter>, Timestamp)> {
        let known = self.known.as_ref()?;
        let (filters, asked_at) = known.filter_snapshot.filters_of(group)?;
        let changed = known.changed.get(&group.name);
        let certain = changed.is_none_or(|changed| *changed < asked_at.before(BLUR));
        certain.then_some((filters, asked_at))
    }

    /// The record of this refresh, without its log groups yet.
    pub(super) fn filter_snapshot(&self) -> Option<FilterSnapshot> {
        let began = self.began?;
        let Some(Known { filter_snapshot: last, .. }) = &self.known else {
            return Some(FilterSnapshot::new(began, began));
        };
        let mut next = FilterSnapshot::new(began, last.full_at);
        next.own_write.clone_from(&last.own_write);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::{LogGroupClass, Retention};

    fn group(name: &str, created_ms: i64) -> LogGroup {
        LogGroup {
            name: name.to_owned(),
            class: LogGroupClass::Standard,
            retention: Retention::Never,
            governed_by: None,
            is_protected: false,
            arn: String::new(),
            stored_bytes: 0,
            created_ms,
        }
    }

    /// The result at some time after `/a` was read, with these changes from CloudTrail.
    fn basis(asked_at: Timestamp, changed: Option<(&str, Timestamp)>) -> Basis {
        let mut filter_snapshot = FilterSnapshot::new(asked_at, asked_at);
        filter_snapshot.keep(&group("/a", 1), &[SubscriptionFilter::new("logs", "arn")], asked_at);
        let changed = changed.map(|(name, at)| (name.to_owned(), at)).into_iter().collect();
        Basis { began: Some(Timestamp(9_000)), known: Some(Known { filter_snapshot, changed }) }
    }

    #[test]
    fn a_log_group_is_read_again_after_its_filters_changed() {
        let asked_at = Timestamp(5_000);
        let knows = |changed| basis(asked_at, changed).filters_of(&group("/a", 1)).is_some();
        assert!(knows(None));
        assert!(knows(Some(("/b", Timestamp(6_000)))));
        assert!(!knows(Some(("/a", Timestamp(6_000)))));
        assert!(!knows(Some(("/a", asked_at))));
        // AWS's clocks are not one.
        assert!(!knows(Some(("/a", asked_at.before(BLUR)))));
        assert!(knows(Some(("/a", asked_at.before(BLUR + Duration::from_secs(1))))));
    }

    #[test]
    fn events_are_read_from_an_hour_before_and_not_beyond_the_last_full_refresh() {
        let (day, minute) = (Timestamp(86_400), Duration::from_mins(1));
        assert_eq!(FilterSnapshot::new(day, day).changed_since(), day.before(BLUR));
        let later = |time| FilterSnapshot::new(day.after(time), day).changed_since();
        assert_eq!(later(30 * minute), day.before(BLUR));
        assert_eq!(later(90 * minute), day.after(30 * minute));
    }

    #[test]
    fn cloudtrail_must_have_the_policys_own_write_within_an_hour() {
        let day = Timestamp(86_400);
        let question = |changed_at: &[(&str, Timestamp)], own_write: &mut Option<OwnWrite>, now| {
            let mut last = FilterSnapshot::new(day, day);
            last.own_write = own_write.take();
            let changed_at =
                changed_at.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect();
            let answer = last.question(&changed_at, now).is_ok();
            *own_write = last.own_write;
            answer
        };
        let wrote = OwnWrite { log_group: "/a".to_owned(), after: day, deadline: None };
        let (mut own_write, hour) = (Some(wrote), Duration::from_hours(1));
        let earlier = ("/a", day.before(BLUR * 2));
        // The first refresh after the write does not know how long ago that was.
        let first = day.after(hour * 5);
        assert!(question(&[earlier, ("/b", first)], &mut own_write, first));
        assert!(question(&[earlier], &mut own_write, first.after(hour)));
        let late = first.after(hour + Duration::from_secs(1));
        assert!(!question(&[earlier], &mut own_write.clone(), late));
        assert!(question(&[("/a", day)], &mut own_write, late));
        assert_eq!(own_write, None);
    }

    #[test]
    fn a_recreated_log_group_is_read() {
        let basis = basis(Timestamp(5_000), None);
        assert_eq!(basis.filters_of(&group("/a", 2)), None);
        assert_eq!(basis.filters_of(&group("/new", 1)), None);
        assert_eq!(Basis::default().filters_of(&group("/a", 1)), None);
    }

    #[test]
    fn a_full_refresh_is_one_until_it_is_too_old_or_from_the_future() {
        let day = Duration::from_hours(24);
        let last = FilterSnapshot::new(Timestamp(50_000), Timestamp(40_000));
        assert!(last.is_good(Timestamp(50_000), day));
        assert!(last.is_good(Timestamp(126_399), day));
        assert!(!last.is_good(Timestamp(126_400), day));
        assert!(!last.is_good(Timestamp(49_999), day));
    }
}
