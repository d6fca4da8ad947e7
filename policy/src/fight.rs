use std::collections::BTreeSet;

use crate::{Argument, Demand, OnConflict, Retention, SubscriptionFilter};

/// What a policy has to say about log groups, and about which of them.
#[derive(Clone, Debug, Default)]
pub struct Stake {
    /// The policy's name.
    pub name: String,
    /// What the groups in `shipped` are to have.
    pub wanted: Option<SubscriptionFilter>,
    /// The destinations whose filters it takes over.
    pub replaced: BTreeSet<String>,
    /// What every group is to be like.
    pub demand: Demand,
    /// The groups it ships.
    pub shipped: BTreeSet<String>,
    /// The groups whose retention it sets.
    pub kept: BTreeSet<String>,
}

/// Why two policies cannot both hold on the same log groups, or had better not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fight {
    /// What one sets as retention does not satisfy the other, and the other way round.
    Retention,
    /// Each wants a filter of the same name, and wants it to be different: in these arguments.
    Filter(Vec<Argument>),
    /// One takes over what the other ships to its destination.
    Replaced,
    /// Each ships the same events to the same destination, under a name of its own.
    Twice,
}

impl Stake {
    /// What this policy and another fight about, and on which log groups.
    #[must_use]
    pub fn fights(&self, other: &Self) -> Vec<(Fight, BTreeSet<String>)> {
        let mut fights = Vec::new();
        let kept: BTreeSet<_> = self.kept.intersection(&other.kept).cloned().collect();
        if !kept.is_empty() && self.demand.contradicts(&other.demand) {
            fights.push((Fight::Retention, kept));
        }
        let shipped: BTreeSet<_> = self.shipped.intersection(&other.shipped).cloned().collect();
        let fight = self.fight_over_filters(other).filter(|_| !shipped.is_empty());
        fights.extend(fight.map(|fight| (fight, shipped)));
        fights
    }

    /// The same without the log groups.
    #[must_use]
    pub fn terms(&self) -> Self {
        Self {
            name: self.name.clone(),
            wanted: self.wanted.clone(),
            replaced: self.replaced.clone(),
            demand: self.demand.clone(),
            shipped: BTreeSet::new(),
            kept: BTreeSet::new(),
        }
    }

    fn fight_over_filters(&self, other: &Self) -> Option<Fight> {
        let (ours, theirs) = (self.wanted.as_ref()?, other.wanted.as_ref()?);
        if ours == theirs {
            return None;
        }
        let replaced = self.replaced.contains(&theirs.destination_arn)
            || other.replaced.contains(&ours.destination_arn);
        if replaced {
            return Some(Fight::Replaced);
        }
        if ours.name == theirs.name {
            // Who comes second gives way, and says so.
            let skip = |stake: &Self| stake.demand.on_conflict == OnConflict::Skip;
            let elsewhere = ours.destination_arn != theirs.destination_arn;
            let peaceful = elsewhere && skip(self) && skip(other);
            return (!peaceful).then(|| Fight::Filter(ours.differences(theirs)));
        }
        let twice = ours.destination_arn == theirs.destination_arn && ours.overlaps(theirs);
        twice.then_some(Fight::Twice)
    }
}

impl Demand {
    /// Whether no retention satisfies both this and another.
    fn contradicts(&self, other: &Self) -> bool {
        let satisfied = |demand: &Self, by: Retention| {
            demand.retention.is_none_or(|says| demand.mode.due(says, by) == by)
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

    fn keeping(days: i64, mode: &str) -> Demand {
        Demand {
            retention: Some(Retention::parse(days).unwrap()),
            mode: mode.parse().unwrap(),
            ..Demand::default()
        }
    }

    fn stake(wanted: Option<SubscriptionFilter>, groups: &[&str]) -> Stake {
        let groups: BTreeSet<_> = groups.iter().map(|name| (*name).to_owned()).collect();
        Stake { wanted, shipped: groups.clone(), kept: groups, ..Stake::default() }
    }

    fn fights(one: &Stake, other: &Stake) -> Vec<Fight> {
        let found = |(fight, _)| fight;
        let fights: Vec<_> = one.fights(other).into_iter().map(found).collect();
        let other_way: Vec<_> = other.fights(one).into_iter().map(found).collect();
        assert_eq!(fights.len(), other_way.len());
        fights
    }

    #[test]
    fn retentions_fight_only_where_each_undoes_the_other() {
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
    fn only_log_groups_that_both_govern_are_fought_over() {
        let keeping =
            |days, groups: &[&str]| Stake { demand: keeping(days, "exact"), ..stake(None, groups) };
        let fights = keeping(30, &["/a", "/b"]).fights(&keeping(14, &["/b", "/c"]));
        assert_eq!(fights, [(Fight::Retention, BTreeSet::from(["/b".to_owned()]))]);
        assert_eq!(keeping(30, &["/a"]).fights(&keeping(14, &["/c"])), []);
    }

    #[test]
    fn a_retention_is_fought_over_until_one_satisfies_both() {
        // Whatever it was, two policies that do not contradict each other come to rest.
        let retentions = [0, 1, 14, 30, 3653].map(|days| Retention::parse(days).unwrap());
        let modes = ["exact", "at_least", "at_most", "if_unset"];
        let all = || {
            let pairs = retentions.iter().flat_map(|says| modes.map(|mode| (*says, mode)));
            pairs.map(|(says, mode)| keeping(says.in_days(), mode))
        };
        for (ours, theirs) in all().flat_map(|ours| all().map(move |theirs| (ours.clone(), theirs)))
        {
            for mut is in retentions {
                let due = |demand: &Demand, is| demand.mode.due(demand.retention.unwrap(), is);
                for _ in 0..3 {
                    is = due(&theirs, due(&ours, is));
                }
                let rests = due(&ours, is) == is;
                assert_eq!(rests, !ours.contradicts(&theirs), "{ours:?} {theirs:?} {is}");
            }
        }
    }

    #[test]
    fn a_filter_of_one_name_can_be_only_one() {
        let ship = |to: &str| stake(Some(SubscriptionFilter::new("ship", to)), &["/a"]);
        let elsewhere = Fight::Filter(vec![Argument::DestinationArn]);
        assert_eq!(fights(&ship("here"), &ship("there")), std::slice::from_ref(&elsewhere));
        assert_eq!(fights(&ship("here"), &ship("here")), []);
        let mut errors = ship("here");
        errors.wanted.as_mut().unwrap().pattern = "ERROR".to_owned();
        assert_eq!(fights(&errors, &ship("here")), [Fight::Filter(vec![Argument::FilterPattern])]);
        let skipping = |to: &str| Stake {
            demand: Demand { on_conflict: OnConflict::Skip, ..Demand::default() },
            ..ship(to)
        };
        assert_eq!(fights(&skipping("here"), &skipping("there")), []);
        assert_eq!(fights(&skipping("here"), &ship("there")), [elsewhere]);
    }

    #[test]
    fn events_arrive_twice_only_where_both_filters_let_them_through() {
        let filter = |name: &str, pattern: &str| {
            let mut filter = SubscriptionFilter::new(name, "here");
            filter.pattern = pattern.to_owned();
            stake(Some(filter), &["/a"])
        };
        assert_eq!(fights(&filter("a", ""), &filter("b", "")), [Fight::Twice]);
        assert_eq!(fights(&filter("a", "ERROR"), &filter("b", "")), [Fight::Twice]);
        assert_eq!(fights(&filter("a", "ERROR"), &filter("b", "ERROR")), [Fight::Twice]);
        assert_eq!(fights(&filter("a", "ERROR"), &filter("b", "WARN")), []);
        let there = stake(Some(SubscriptionFilter::new("b", "there")), &["/a"]);
        assert_eq!(fights(&filter("a", ""), &there), []);
    }

    #[test]
    fn one_that_replaces_the_others_destination_takes_its_filters_away() {
        let mut new = stake(Some(SubscriptionFilter::new("new", "new")), &["/a"]);
        let old = stake(Some(SubscriptionFilter::new("old", "old")), &["/a"]);
        assert_eq!(fights(&new, &old), []);
        new.replaced.insert("old".to_owned());
        assert_eq!(fights(&new, &old), [Fight::Replaced]);
    }
}
