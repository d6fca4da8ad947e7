use std::collections::BTreeSet;

use crate::{Argument, Desired, Provenance, Retention, SubscriptionFilter, WrittenRetention};

/// What a policy claims: the log groups it ships and those whose retention it sets, and how.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// The policy's name.
    pub name: String,
    /// The filter that the groups in `shipped` are to have.
    pub wanted: Option<SubscriptionFilter>,
    /// The destinations whose filters it takes over.
    pub replaced: BTreeSet<String>,
    /// What every group is to be like.
    pub desired: Desired,
    /// The groups it ships.
    pub shipped: BTreeSet<String>,
    /// The groups whose retention it sets.
    pub retained: BTreeSet<String>,
    /// The groups whose deletion protection it sets.
    pub protected: BTreeSet<String>,
}

/// Why two policies cannot both hold in one account and region, or had better not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// What one sets as retention does not satisfy the other, and the other way round.
    Retention,
    /// One protects from deletion what the other does not.
    DeletionProtection,
    /// Both use the same filter name, by which a policy identifies its filters. The arguments are
    /// those in which the filters differ.
    FilterName(Vec<Argument>),
    /// One takes over what the other ships to its destination.
    Replaced,
    /// Each ships the same events to the same destination, under a name of its own.
    Twice,
}

/// What a retention that one policy wrote, and would restore, is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// Its own from now on, with what was there before.
    Inherited,
    /// One that it finds and leaves as it is, where what was there before it would change.
    Found,
    /// Nothing that it keeps: what was there before suits it.
    Nothing,
}

impl Claim {
    /// The conflicts of this policy with another, each with the log groups that both claim. Two
    /// filters of one name are a conflict on any log groups: neither policy could identify its own
    /// filters when a log group moves between them or one of them is destroyed.
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> Vec<(Conflict, BTreeSet<String>)> {
        let mut conflicts = Vec::new();
        let retained: BTreeSet<_> = self.retained.intersection(&other.retained).cloned().collect();
        if !retained.is_empty() && self.desired.contradicts(&other.desired) {
            conflicts.push((Conflict::Retention, retained));
        }
        let protected: BTreeSet<_> =
            self.protected.intersection(&other.protected).cloned().collect();
        let differ = self.desired.deletion_protection != other.desired.deletion_protection;
        if !protected.is_empty() && differ {
            conflicts.push((Conflict::DeletionProtection, protected));
        }
        let shipped: BTreeSet<_> = self.shipped.intersection(&other.shipped).cloned().collect();
        let conflict = self.conflict_over_filters(other);
        let conflict = conflict
            .filter(|found| matches!(found, Conflict::FilterName(_)) || !shipped.is_empty());
        conflicts.extend(conflict.map(|conflict| (conflict, shipped)));
        conflicts
    }

    /// The same without the log groups.
    #[must_use]
    pub fn terms(&self) -> Self {
        Self {
            name: self.name.clone(),
            wanted: self.wanted.clone(),
            replaced: self.replaced.clone(),
            desired: self.desired.clone(),
            shipped: BTreeSet::new(),
            retained: BTreeSet::new(),
            protected: BTreeSet::new(),
        }
    }

    /// Whether a log group is to have this filter, whatever its arguments.
    #[must_use]
    pub fn needs_filter(&self, log_group: &str, filter: &SubscriptionFilter) -> bool {
        let same = |wanted: &SubscriptionFilter| {
            wanted.name == filter.name && wanted.destination_arn == filter.destination_arn
        };
        self.wanted.as_ref().is_some_and(same) && self.shipped.contains(log_group)
    }

    /// What a retention that another policy lets go on a log group is to this one. `if_unset` sets
    /// none where there is one, so it would change as its own what it plans to leave as it is.
    #[must_use]
    pub fn succession(&self, log_group: &str, written: WrittenRetention) -> Succession {
        let says = self.desired.retention.filter(|_| self.retained.contains(log_group));
        let Some(says) = says else { return Succession::Nothing };
        let desired = |current, whose| self.desired.desired_retention(says, current, whose);
        let WrittenRetention { before, wrote, .. } = written;
        if desired(wrote, Provenance::Ours) == desired(wrote, Provenance::Unknown) {
            Succession::Inherited
        } else if desired(before, Provenance::Unknown) == before {
            Succession::Nothing
        } else {
            Succession::Found
        }
    }

    fn conflict_over_filters(&self, other: &Self) -> Option<Conflict> {
        let (ours, theirs) = (self.wanted.as_ref()?, other.wanted.as_ref()?);
        if ours.name == theirs.name {
            return Some(Conflict::FilterName(ours.differences(theirs)));
        }
        let replaced = self.replaced.contains(&theirs.destination_arn)
            || other.replaced.contains(&ours.destination_arn);
        if replaced {
            return Some(Conflict::Replaced);
        }
        let twice = ours.destination_arn == theirs.destination_arn && ours.overlaps(theirs);
        twice.then_some(Conflict::Twice)
    }
}

impl Desired {
    /// Whether no retention satisfies both this and another.
    fn contradicts(&self, other: &Self) -> bool {
        let satisfied = |desired: &Self, by: Retention| {
            desired.retention.is_none_or(|says| desired.mode.desired(says, by) == by)
        };
        match (self.retention, other.retention) {
            (Some(ours), Some(theirs)) => !satisfied(self, theirs) && !satisfied(other, ours),
            _ => false,
        }
    }
}

impl SubscriptionFilter {
    /// Whether some event certainly passes both: two patterns that differ may share none.
    fn overlaps(&self, other: &Self) -> bool {
        let passes =
            |filter: &Self| (filter.pattern.clone(), filter.field_selection_criteria.clone());
        let everything = (String::new(), None);
        let (ours, theirs) = (passes(self), passes(other));
        ours == everything || theirs == everything || ours == theirs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeping(days: i64, mode: &str) -> Desired {
        Desired {
            retention: Some(Retention::parse(days).unwrap()),
            mode: mode.parse().unwrap(),
            ..Desired::default()
        }
    }

    fn claim(wanted: Option<SubscriptionFilter>, groups: &[&str]) -> Claim {
        let groups: BTreeSet<_> = groups.iter().map(|name| (*name).to_owned()).collect();
        Claim { wanted, shipped: groups.clone(), retained: groups, ..Claim::default() }
    }

    fn conflicts(one: &Claim, other: &Claim) -> Vec<Conflict> {
        let found = |(conflict, _)| conflict;
        let conflicts: Vec<_> = one.conflicts(other).into_iter().map(found).collect();
        let other_way: Vec<_> = other.conflicts(one).into_iter().map(found).collect();
        assert_eq!(conflicts.len(), other_way.len());
        conflicts
    }

    #[test]
    fn retentions_conflict_only_if_each_reverts_the_other() {
        let check = |one: (i64, &str), other: (i64, &str), expected: bool| {
            let (ours, theirs) = (keeping(one.0, one.1), keeping(other.0, other.1));
            assert_eq!(ours.contradicts(&theirs), expected, "{one:?} {other:?}");
            assert_eq!(theirs.contradicts(&ours), expected, "{other:?} {one:?}");
        };
        check((30, "exact"), (14, "exact"), true);
        check((30, "exact"), (30, "exact"), false);
        check((30, "at_least"), (14, "at_least"), false);
        check((30, "at_most"), (14, "at_most"), false);
        check((30, "at_least"), (14, "at_most"), true);
        check((14, "at_least"), (30, "at_most"), false);
        check((30, "exact"), (14, "at_least"), false);
        check((14, "exact"), (30, "at_least"), true);
        check((30, "if_unset"), (14, "exact"), false);
        check((30, "if_unset"), (14, "if_unset"), false);
        check((30, "if_unset"), (0, "exact"), true);
        check((0, "at_least"), (3653, "at_most"), true);
    }

    #[test]
    fn only_log_groups_that_both_select_conflict() {
        let keeping = |days, groups: &[&str]| Claim {
            desired: keeping(days, "exact"),
            ..claim(None, groups)
        };
        let conflicts = keeping(30, &["/a", "/b"]).conflicts(&keeping(14, &["/b", "/c"]));
        assert_eq!(conflicts, [(Conflict::Retention, BTreeSet::from(["/b".to_owned()]))]);
        assert_eq!(keeping(30, &["/a"]).conflicts(&keeping(14, &["/c"])), []);
    }

    #[test]
    fn deletion_protections_conflict_only_if_they_differ() {
        let protecting = |protection: bool, groups: &[&str]| Claim {
            desired: Desired { deletion_protection: Some(protection), ..Desired::default() },
            protected: groups.iter().map(|name| (*name).to_owned()).collect(),
            ..Claim::default()
        };
        let found = protecting(true, &["/a", "/b"]).conflicts(&protecting(false, &["/b", "/c"]));
        assert_eq!(found, [(Conflict::DeletionProtection, BTreeSet::from(["/b".to_owned()]))]);
        assert_eq!(conflicts(&protecting(true, &["/a"]), &protecting(true, &["/a"])), []);
        assert_eq!(conflicts(&protecting(true, &["/a"]), &protecting(false, &["/b"])), []);
    }

    #[test]
    fn retentions_conflict_unless_one_satisfies_both() {
        // Whatever it was, two policies that do not contradict each other come to rest.
        let retentions = [0, 1, 14, 30, 3653].map(|days| Retention::parse(days).unwrap());
        let modes = ["exact", "at_least", "at_most", "if_unset"];
        let all = || {
            let pairs = retentions.iter().flat_map(|says| modes.map(|mode| (*says, mode)));
            pairs.map(|(says, mode)| keeping(says.in_days(), mode))
        };
        for (ours, theirs) in all().flat_map(|ours| all().map(move |theirs| (ours.clone(), theirs)))
        {
            for mut current in retentions {
                let desired = |desired: &Desired, current| {
                    desired.mode.desired(desired.retention.unwrap(), current)
                };
                for _ in 0..3 {
                    current = desired(&theirs, desired(&ours, current));
                }
                let rests = desired(&ours, current) == current;
                assert_eq!(rests, !ours.contradicts(&theirs), "{ours:?} {theirs:?} {current}");
            }
        }
    }

    #[test]
    fn a_retention_of_one_policy_is_inherited_unless_the_other_keeps_it() {
        let days = |days| Retention::parse(days).unwrap();
        let check = |heir: (i64, &str), before, wrote, expected| {
            let written =
                WrittenRetention { before: days(before), wrote: days(wrote), created_ms: 1 };
            let claim = Claim { desired: keeping(heir.0, heir.1), ..claim(None, &["/a"]) };
            assert_eq!(claim.succession("/a", written), expected, "{heir:?} {written:?}");
            assert_eq!(claim.succession("/b", written), Succession::Nothing, "not its own");
        };
        for mode in ["exact", "at_least", "at_most"] {
            check((60, mode), 7, 30, Succession::Inherited);
            check((14, mode), 0, 30, Succession::Inherited);
        }
        check((30, "if_unset"), 7, 30, Succession::Inherited);
        check((30, "if_unset"), 0, 30, Succession::Inherited);
        // It would change it in any case.
        check((60, "if_unset"), 7, 0, Succession::Inherited);
        check((60, "if_unset"), 7, 30, Succession::Nothing);
        check((60, "if_unset"), 0, 30, Succession::Found);
        check((0, "if_unset"), 0, 30, Succession::Nothing);
        let nothing = Claim { desired: Desired::default(), ..claim(None, &["/a"]) };
        let written = WrittenRetention { before: days(7), wrote: days(30), created_ms: 1 };
        assert_eq!(nothing.succession("/a", written), Succession::Nothing);
    }

    #[test]
    fn a_filter_name_belongs_to_one_policy() {
        let ship = |to: &str| claim(Some(SubscriptionFilter::new("ship", to)), &["/a"]);
        let elsewhere = Conflict::FilterName(vec![Argument::DestinationArn]);
        assert_eq!(conflicts(&ship("here"), &ship("there")), [elsewhere]);
        assert_eq!(conflicts(&ship("here"), &ship("here")), [Conflict::FilterName(Vec::new())]);
        let mut errors = ship("here");
        errors.wanted.as_mut().unwrap().pattern = "ERROR".to_owned();
        let pattern = Conflict::FilterName(vec![Argument::FilterPattern]);
        assert_eq!(conflicts(&errors, &ship("here")), [pattern]);
        let other_groups = claim(Some(SubscriptionFilter::new("ship", "here")), &["/b"]);
        let found = ship("here").conflicts(&other_groups);
        assert_eq!(found, [(Conflict::FilterName(Vec::new()), BTreeSet::new())]);
    }

    #[test]
    fn a_filter_is_needed_where_it_is_to_be_whatever_its_arguments() {
        let mut filter = SubscriptionFilter::new("ship", "here");
        let ships = claim(Some(filter.clone()), &["/a"]);
        filter.pattern = "ERROR".to_owned();
        assert!(ships.needs_filter("/a", &filter));
        assert!(!ships.needs_filter("/b", &filter));
        assert!(!ships.needs_filter("/a", &SubscriptionFilter::new("ship", "there")));
        assert!(!ships.needs_filter("/a", &SubscriptionFilter::new("other", "here")));
    }

    #[test]
    fn events_arrive_twice_only_where_both_filters_let_them_through() {
        let filter = |name: &str, pattern: &str| {
            let mut filter = SubscriptionFilter::new(name, "here");
            filter.pattern = pattern.to_owned();
            claim(Some(filter), &["/a"])
        };
        assert_eq!(conflicts(&filter("a", ""), &filter("b", "")), [Conflict::Twice]);
        assert_eq!(conflicts(&filter("a", "ERROR"), &filter("b", "")), [Conflict::Twice]);
        assert_eq!(conflicts(&filter("a", "ERROR"), &filter("b", "ERROR")), [Conflict::Twice]);
        assert_eq!(conflicts(&filter("a", "ERROR"), &filter("b", "WARN")), []);
        let there = claim(Some(SubscriptionFilter::new("b", "there")), &["/a"]);
        assert_eq!(conflicts(&filter("a", ""), &there), []);
    }

    #[test]
    fn replacing_the_others_destination_conflicts() {
        let mut new = claim(Some(SubscriptionFilter::new("new", "new")), &["/a"]);
        let old = claim(Some(SubscriptionFilter::new("old", "old")), &["/a"]);
        assert_eq!(conflicts(&new, &old), []);
        new.replaced.insert("old".to_owned());
        assert_eq!(conflicts(&new, &old), [Conflict::Replaced]);
    }
}
