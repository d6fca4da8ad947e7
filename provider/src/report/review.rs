use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use logagg_policy::{Document, LogGroup, Retention};
use tfplugin::Diagnostics;

use super::ask::Answers;
use super::estimate::{Price, deleted_bytes};
use super::group::{GroupReview, State};
use super::target::Target;

/// All that a report shows.
#[derive(Debug)]
pub(super) struct Review {
    pub(super) at: SystemTime,
    pub(super) price: Price,
    pub(super) policies: Vec<PolicyReview>,
    /// The log groups that no policy selects, the largest first.
    pub(super) uncovered: BTreeMap<Target, Vec<LogGroup>>,
    pub(super) totals: Totals,
}

/// What one policy found.
#[derive(Debug)]
pub(super) struct PolicyReview {
    pub(super) document: Document,
    /// What needs a look first, and of that the largest.
    pub(super) groups: Vec<GroupReview>,
    pub(super) diagnostics: Diagnostics,
}

/// Numbers over all log groups, each counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) groups: usize,
    pub(super) bytes: u64,
    pub(super) covered: usize,
    pub(super) differing: usize,
    pub(super) never_expiring: usize,
    pub(super) bytes_never_expiring: u64,
    /// What the policies' retention would delete.
    pub(super) deleted_bytes: u64,
    /// Where a policy would have events kept longer, which costs more.
    pub(super) lengthened: usize,
}

/// What a report comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    AsItShouldBe,
    /// Apply has something to do, or cannot do what the policies say.
    Differs,
}

impl Review {
    /// Builds the report from AWS's responses.
    pub(super) fn of(at: SystemTime, price: Price, answers: Answers) -> Self {
        let Answers { surveys, listings } = answers;
        let mut uncovered = BTreeMap::new();
        for (target, listed) in &listings {
            let here = surveys.iter().filter(|(document, _)| Target::of(document) == *target);
            let mut left: Vec<_> = listed
                .values()
                .filter(|group| {
                    !here.clone().any(|(document, survey)| {
                        survey.groups.contains_key(&group.name)
                            || is_selected_meanwhile(document, group)
                    })
                })
                .cloned()
                .collect();
            left.sort_by_key(|group| (Reverse(group.stored_bytes), group.name.clone()));
            uncovered.insert(target.clone(), left);
        }
        let policies: Vec<_> = surveys
            .into_iter()
            .map(|(document, survey)| {
                // What is in no listing is gone meanwhile.
                let listed = listings.get(&Target::of(&document));
                let groups = survey.groups.iter().filter_map(|(name, surveyed)| {
                    let group = listed?.get(name)?.clone();
                    let deleted = deleted_bytes(&group, surveyed.desired.retention, at);
                    Some(GroupReview::of(group, surveyed, deleted))
                });
                let mut groups: Vec<_> = groups.collect();
                groups.sort_by_key(|it| {
                    (it.state, Reverse(it.group.stored_bytes), it.group.name.clone())
                });
                PolicyReview { document, groups, diagnostics: survey.diagnostics }
            })
            .collect();
        let totals = Totals::of(&listings, &policies);
        Self { at, price, policies, uncovered, totals }
    }

    /// What it comes to.
    pub(super) fn outcome(&self) -> Outcome {
        let refused = self.policies.iter().any(|policy| policy.diagnostics.has_errors());
        if refused || self.totals.differing > 0 { Outcome::Differs } else { Outcome::AsItShouldBe }
    }

    /// The log groups that several policies select, each with these policies' places among all.
    pub(super) fn shared(&self) -> BTreeMap<(Target, &str), Vec<usize>> {
        let mut selecting: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, policy) in self.policies.iter().enumerate() {
            for it in &policy.groups {
                let key = (Target::of(&policy.document), it.group.name.as_str());
                selecting.entry(key).or_default().push(index);
            }
        }
        selecting.retain(|_, policies| policies.len() > 1);
        selecting
    }
}

impl PolicyReview {
    /// The number of log groups in a state.
    pub(super) fn count(&self, state: State) -> usize {
        self.groups.iter().filter(|it| it.state == state).count()
    }

    /// What they hold together.
    pub(super) fn bytes(&self) -> u64 {
        self.groups.iter().map(|it| it.group.stored_bytes).sum()
    }

    /// What its retention would delete.
    pub(super) fn deleted_bytes(&self) -> u64 {
        self.groups.iter().map(|it| it.deleted_bytes).sum()
    }
}

/// A policy that had been asked later would have found it.
fn is_selected_meanwhile(document: &Document, group: &LogGroup) -> bool {
    document.selection.judge(&group.name, &group.class, |_| None) == Some(true)
}

impl Totals {
    fn of(
        listings: &BTreeMap<Target, BTreeMap<String, LogGroup>>,
        policies: &[PolicyReview],
    ) -> Self {
        let mut totals = Self::default();
        for group in listings.values().flat_map(BTreeMap::values) {
            totals.groups += 1;
            totals.bytes += group.stored_bytes;
            if group.retention == Retention::Never {
                totals.never_expiring += 1;
                totals.bytes_never_expiring += group.stored_bytes;
            }
        }
        // Of a log group that several policies select, the least that one of them would delete.
        let mut deleted = BTreeMap::new();
        let (mut differing, mut lengthened) = (BTreeSet::new(), BTreeSet::new());
        for policy in policies {
            for it in &policy.groups {
                let key = (Target::of(&policy.document), it.group.name.clone());
                if it.state.differs() {
                    differing.insert(key.clone());
                }
                if it.desired.retention > it.current.retention {
                    lengthened.insert(key.clone());
                }
                let least = deleted.entry(key).or_insert(it.deleted_bytes);
                *least = it.deleted_bytes.min(*least);
            }
        }
        totals.covered = deleted.len();
        totals.deleted_bytes = deleted.values().sum();
        totals.differing = differing.len();
        totals.lengthened = lengthened.len();
        totals
    }
}
