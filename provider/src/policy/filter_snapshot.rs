use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use logagg_policy::{Distribution, LogGroup, SubscriptionFilter};
use serde::{Deserialize, Serialize};

use super::reconciled::Reconciled;
use crate::aws::Timestamp;

/// The subscription filters of log groups as they were when AWS was last asked for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FilterSnapshot {
    /// When the last refresh began.
    pub(super) at: Timestamp,
    /// When the last one began that asked every log group.
    pub(super) full_at: Timestamp,
    /// Every filter that some log group has, once: most have the same.
    filters: Vec<Filter>,
    groups: BTreeMap<String, Group>,
    /// A write of the policy itself that CloudTrail has not delivered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own_write: Option<OwnWrite>,
}

/// A write of the policy itself, which shows whether CloudTrail delivers events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OwnWrite {
    pub(super) log_group: String,
    /// It was written after this.
    pub(super) after: Timestamp,
    /// The deadline for CloudTrail; set by the first refresh after the write.
    pub(super) deadline: Option<Timestamp>,
}

/// A log group that was asked. One letter a field: there may be thousands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Group {
    #[serde(rename = "t")]
    created_ms: i64,
    /// When the refresh began that asked it, in seconds after the full one.
    #[serde(rename = "a", default, skip_serializing_if = "is_zero")]
    asked_after: i64,
    /// Its filters, by their place among all.
    #[serde(rename = "f")]
    filters: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Filter {
    name: String,
    destination_arn: String,
    pattern: String,
    role_arn: Option<String>,
    distribution: String,
    apply_on_transformed_logs: bool,
    field_selection_criteria: Option<String>,
    emit_system_fields: BTreeSet<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl FilterSnapshot {
    pub(super) fn new(at: Timestamp, full_at: Timestamp) -> Self {
        Self { at, full_at, filters: Vec::new(), groups: BTreeMap::new(), own_write: None }
    }

    /// Whether a refresh may go by it.
    pub(super) fn is_good(&self, now: Timestamp, full_after: Duration) -> bool {
        let young = now.since(self.full_at).is_some_and(|age| age < full_after);
        young && now.since(self.at).is_some()
    }

    /// How many log groups there are in it.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The filters of a log group, and when it was asked for them.
    pub(super) fn filters_of(
        &self,
        group: &LogGroup,
    ) -> Option<(Vec<SubscriptionFilter>, Timestamp)> {
        let known = self.groups.get(&group.name)?;
        let filters = known.filters.iter().map(|place| self.filters.get(*place).map(Filter::read));
        let filters = filters.collect::<Option<Vec<_>>>()?;
        let asked_at = Timestamp(self.full_at.0 + known.asked_after);
        (known.created_ms == group.created_ms).then_some((filters, asked_at))
    }

    /// Keeps in mind what a log group answered.
    pub(super) fn keep(
        &mut self,
        group: &LogGroup,
        filters: &[SubscriptionFilter],
        asked_at: Timestamp,
    ) {
        let filters = self.places(filters);
        let asked_after = asked_at.0 - self.full_at.0;
        let group_now = Group { created_ms: group.created_ms, asked_after, filters };
        self.groups.insert(group.name.clone(), group_now);
    }

    /// Takes over what was written since; what is not certain is asked again. A log group counts
    /// as asked when it was asked by a refresh: what others wrote just before us, we may have
    /// missed.
    pub(super) fn follow(&mut self, reconciled: &[Reconciled]) {
        for reconciled in reconciled {
            if reconciled.gone || !reconciled.failures.is_empty() {
                self.groups.remove(&reconciled.log_group);
            } else if let Some(filters) = &reconciled.filters {
                let filters = self.places(filters);
                let Some(group) = self.groups.get_mut(&reconciled.log_group) else { continue };
                let wrote = group.filters != filters && reconciled.writes > 0;
                if wrote && self.own_write.is_none() {
                    let log_group = reconciled.log_group.clone();
                    self.own_write = Some(OwnWrite { log_group, after: self.at, deadline: None });
                }
                group.filters = filters;
            }
        }
    }

    fn places(&mut self, filters: &[SubscriptionFilter]) -> Vec<usize> {
        let places = filters.iter().map(|filter| {
            let place = self.filters.iter().position(|known| known.matches(filter));
            place.unwrap_or_else(|| {
                self.filters.push(Filter::of(filter));
                self.filters.len() - 1
            })
        });
        places.collect()
    }
}

impl Filter {
    fn of(filter: &SubscriptionFilter) -> Self {
        Self {
            name: filter.name.clone(),
            destination_arn: filter.destination_arn.clone(),
            pattern: filter.pattern.clone(),
            role_arn: filter.role_arn.clone(),
            distribution: filter.distribution.to_string(),
            apply_on_transformed_logs: filter.apply_on_transformed_logs,
            field_selection_criteria: filter.field_selection_criteria.clone(),
            emit_system_fields: filter.emit_system_fields.clone(),
        }
    }

    fn matches(&self, filter: &SubscriptionFilter) -> bool {
        self.name == filter.name
            && self.destination_arn == filter.destination_arn
            && self.read() == *filter
    }

    fn read(&self) -> SubscriptionFilter {
        SubscriptionFilter {
            name: self.name.clone(),
            destination_arn: self.destination_arn.clone(),
            pattern: self.pattern.clone(),
            role_arn: self.role_arn.clone(),
            distribution: Distribution::reported(Some(&self.distribution)),
            apply_on_transformed_logs: self.apply_on_transformed_logs,
            field_selection_criteria: self.field_selection_criteria.clone(),
            emit_system_fields: self.emit_system_fields.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::{GroupState, LogGroupClass, Retention};

    fn group(name: &str) -> LogGroup {
        LogGroup {
            name: name.to_owned(),
            class: LogGroupClass::Standard,
            retention: Retention::Never,
            governed_by: None,
            is_protected: false,
            arn: String::new(),
            stored_bytes: 0,
            created_ms: 1,
        }
    }

    fn reconciled(name: &str, filters: Option<Vec<SubscriptionFilter>>) -> Reconciled {
        let current = GroupState {
            subscription: None,
            retention: Retention::Never,
            deletion_protection: None,
        };
        Reconciled { filters, writes: 1, ..Reconciled::untouched(name.to_owned(), current) }
    }

    #[test]
    fn every_argument_of_a_filter_is_recorded() {
        let mut filter = SubscriptionFilter::new("logs", "arn:aws:kinesis:eu-west-1:1:stream/s");
        filter.pattern = "ERROR".to_owned();
        filter.role_arn = Some("arn:aws:iam::1:role/r".to_owned());
        filter.distribution = Distribution::Random;
        filter.apply_on_transformed_logs = true;
        filter.field_selection_criteria = Some("@aws.region = \"eu-west-1\"".to_owned());
        filter.emit_system_fields = BTreeSet::from(["@aws.account".to_owned()]);
        let mut last = FilterSnapshot::new(Timestamp(20), Timestamp(10));
        let filters = [SubscriptionFilter::new("other", "elsewhere"), filter];
        last.keep(&group("/a"), &filters, Timestamp(20));
        last.keep(&group("/b"), &filters[1..], Timestamp(10));
        let read: FilterSnapshot =
            serde_json::from_str(&serde_json::to_string(&last).unwrap()).unwrap();
        assert_eq!(read, last);
        assert_eq!(read.filters_of(&group("/a")), Some((filters.to_vec(), Timestamp(20))));
        assert_eq!(read.filters_of(&group("/b")), Some((filters[1..].to_vec(), Timestamp(10))));
        assert_eq!(read.filters.len(), 2, "the same filter is kept once");
    }

    #[test]
    fn own_writes_are_recorded_without_a_new_read_time() {
        let mut last = FilterSnapshot::new(Timestamp(10), Timestamp(10));
        for name in ["/put", "/kept", "/failed", "/gone"] {
            last.keep(&group(name), &[], Timestamp(10));
        }
        let filters = vec![SubscriptionFilter::new("logs", "arn")];
        let why = "a test".to_owned();
        let failures = vec![super::super::findings::Failure::Loop { why }];
        last.follow(&[
            reconciled("/put", Some(filters.clone())),
            reconciled("/kept", None),
            Reconciled { failures, ..reconciled("/failed", Some(filters.clone())) },
            Reconciled { gone: true, ..reconciled("/gone", None) },
        ]);
        assert_eq!(last.filters_of(&group("/put")), Some((filters, Timestamp(10))));
        assert_eq!(last.filters_of(&group("/kept")), Some((Vec::new(), Timestamp(10))));
        assert_eq!(last.filters_of(&group("/failed")), None);
        assert_eq!(last.filters_of(&group("/gone")), None);
    }
}
