use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use logagg_policy::{Document, LogGroup, LogGroupClass, Retention};
use terraform_provider_logagg::engine::{Survey, counted, plural};
use tfplugin::Diagnostics;

use crate::console;
use crate::group::{GroupReview, State, Usage};
use crate::ingestion::Ingestion;
use crate::prices::{Dollars, RegionPrices};
use crate::read::{Found, TargetFound};
use crate::savings::deleted_bytes;
use crate::target::Target;

/// All that a report shows.
#[derive(Debug)]
pub(crate) struct Review {
    pub(crate) at: SystemTime,
    pub(crate) targets: Vec<TargetReview>,
    /// The addresses of policies whose document is known after apply.
    pub(crate) unknown: Vec<String>,
    pub(crate) totals: Totals,
}

/// A region of an account.
#[derive(Debug)]
pub(crate) struct TargetReview {
    pub(crate) target: Target,
    pub(crate) prices: RegionPrices,
    pub(crate) policies: Vec<PolicyReview>,
    /// The log groups that no policy selects, the largest first; or why they are not known.
    pub(crate) unmanaged: Result<Vec<Usage>, String>,
    pub(crate) ingestion: IngestionStatus,
}

/// Whether ingested bytes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IngestionStatus {
    Read,
    Failed(String),
    Skipped,
}

/// A policy with what it selects, or why that is not known.
#[derive(Debug)]
pub(crate) struct PolicyReview {
    pub(crate) document: Document,
    pub(crate) found: Result<PolicyFound, String>,
}

/// What a policy selects.
#[derive(Debug)]
pub(crate) struct PolicyFound {
    /// The most urgent state first, and of that the largest.
    pub(crate) groups: Vec<GroupReview>,
    pub(crate) diagnostics: Diagnostics,
}

/// Numbers over all log groups, each counted once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) groups: usize,
    pub(crate) bytes: u64,
    pub(crate) selected: usize,
    pub(crate) drifted: usize,
    pub(crate) never_expire: usize,
    pub(crate) never_expiring_bytes: u64,
    /// Of the log groups for which it is known; none where it is known for none.
    pub(crate) ingested_bytes: Option<u64>,
    /// What the policies' retention would delete.
    pub(crate) deleted_bytes: u64,
    /// Log groups that a policy keeps longer than today, which costs more.
    pub(crate) lengthened: usize,
    /// Each of the log groups with a price; none where there is none.
    pub(crate) storage: Option<Dollars>,
    pub(crate) ingestion: Option<Dollars>,
    pub(crate) savings: Option<Dollars>,
    /// The regions without a price of storage or of ingestion.
    pub(crate) without_price: BTreeSet<String>,
}

/// The result of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Compliant,
    /// Apply has something to do, or cannot do what the policies say.
    Drift,
}

impl Review {
    pub(crate) fn of(at: SystemTime, found: Found) -> Self {
        let targets: Vec<_> =
            found.targets.into_iter().map(|target| TargetReview::of(at, target)).collect();
        let totals = Totals::of(&targets);
        Self { at, targets, unknown: found.unknown, totals }
    }

    /// All policies with their targets, in the order of the report.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&TargetReview, &PolicyReview)> {
        self.targets.iter().flat_map(|target| target.policies.iter().map(move |it| (target, it)))
    }

    /// The same for those that were read.
    pub(crate) fn found(
        &self,
    ) -> impl Iterator<Item = (&TargetReview, &PolicyReview, &PolicyFound)> {
        self.policies()
            .filter_map(|(target, policy)| Some((target, policy, policy.found.as_ref().ok()?)))
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let blocked = self.found().any(|(.., found)| found.diagnostics.has_errors());
        if blocked || self.totals.drifted > 0 { Outcome::Drift } else { Outcome::Compliant }
    }

    /// Whether every policy was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.unread() == 0
    }

    /// The number of policies that were not read.
    pub(crate) fn unread(&self) -> usize {
        self.policies().filter(|(_, policy)| policy.found.is_err()).count() + self.unknown.len()
    }

    /// The report in one sentence, which begins with a capital.
    pub(crate) fn headline(&self) -> String {
        let totals = &self.totals;
        let groups = counted(totals.selected, "log group");
        let mut text = match (self.outcome(), totals.drifted) {
            (Outcome::Compliant, _) if totals.selected == 0 => {
                "No log group is selected".to_owned()
            }
            (Outcome::Compliant, _) if totals.selected == 1 => {
                "1 log group is compliant".to_owned()
            }
            (Outcome::Compliant, _) => format!("All {groups} are compliant"),
            (Outcome::Drift, 0) => "The policies cannot be applied".to_owned(),
            (Outcome::Drift, drifted) => format!("{drifted} of {groups} drifted"),
        };
        let unread = self.unread();
        if unread > 0 {
            let policies = plural(unread, "policy", "policies");
            text.push_str(&format!("; {unread} {policies} could not be read"));
        }
        text
    }

    /// The log groups that several policies select, each with the indices of these policies.
    pub(crate) fn shared(&self) -> BTreeMap<(&Target, &str), Vec<usize>> {
        let mut selecting: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, (target, policy)) in self.policies().enumerate() {
            for it in policy.found.iter().flat_map(|found| &found.groups) {
                let key = (&target.target, it.usage.group.name.as_str());
                selecting.entry(key).or_default().push(index);
            }
        }
        selecting.retain(|_, policies| policies.len() > 1);
        selecting
    }
}

impl TargetReview {
    fn of(at: SystemTime, found: TargetFound) -> Self {
        let TargetFound { target, prices, policies, listed, ingestion } = found;
        let usage = |group: &LogGroup| Usage {
            ingested_bytes: ingestion.of(&group.name),
            link: console::link(group, &target),
            group: group.clone(),
        };
        let unmanaged = listed.as_ref().map_err(Clone::clone).map(|listed| {
            let groups = listed.values().filter(|group| !is_selected(group, &policies));
            let mut groups: Vec<_> = groups.map(usage).collect();
            groups.sort_by_key(|it| (Reverse(it.group.stored_bytes), it.group.name.clone()));
            groups
        });
        let review = |(document, survey): (Document, Result<Survey, String>)| {
            let found = survey.map(|survey| {
                // A log group that is not listed was deleted meanwhile.
                let groups = survey.groups.iter().filter_map(|(name, surveyed)| {
                    let group = listed.as_ref().ok()?.get(name)?;
                    let deleted = deleted_bytes(group, surveyed.desired.retention, at);
                    Some(GroupReview::of(usage(group), surveyed, deleted))
                });
                let mut groups: Vec<_> = groups.collect();
                groups.sort_by_key(|it| {
                    let group = &it.usage.group;
                    (it.state, Reverse(group.stored_bytes), group.name.clone())
                });
                PolicyFound { groups, diagnostics: survey.diagnostics }
            });
            PolicyReview { document, found }
        };
        let policies = policies.into_iter().map(review).collect();
        let ingestion = match ingestion {
            Ingestion::Read(_) => IngestionStatus::Read,
            Ingestion::Failed(why) => IngestionStatus::Failed(why),
            Ingestion::Skipped => IngestionStatus::Skipped,
        };
        Self { target, prices, policies, unmanaged, ingestion }
    }

    /// Every log group of the target once: those of policies, and the unmanaged.
    pub(crate) fn groups(&self) -> BTreeMap<&str, &Usage> {
        let selected = self.policies.iter().flat_map(|policy| &policy.found);
        let selected = selected.flat_map(|found| &found.groups).map(|it| &it.usage);
        let unmanaged = self.unmanaged.iter().flatten();
        selected.chain(unmanaged).map(|it| (it.group.name.as_str(), it)).collect()
    }

    /// Whether a policy that may select any of the unmanaged log groups could not be read.
    pub(crate) fn has_unread_policy(&self) -> bool {
        self.policies.iter().any(|policy| policy.found.is_err())
    }
}

/// Whether a policy selects a log group, or would have with a later read.
fn is_selected(group: &LogGroup, policies: &[(Document, Result<Survey, String>)]) -> bool {
    policies.iter().any(|(document, survey)| {
        survey.as_ref().is_ok_and(|survey| survey.groups.contains_key(&group.name))
            || document.selection.judge(&group.name, &group.class, |_| None) == Some(true)
    })
}

impl RegionPrices {
    pub(crate) fn storage_of(&self, usage: &Usage) -> Option<Dollars> {
        Some(self.storage?.of(usage.group.stored_bytes))
    }

    /// Of class STANDARD: other classes have other prices.
    pub(crate) fn ingestion_of(&self, usage: &Usage) -> Option<Dollars> {
        let standard = usage.group.class == LogGroupClass::Standard;
        Some(self.ingestion.filter(|_| standard)?.of(usage.ingested_bytes?))
    }

    pub(crate) fn savings_of(&self, bytes: u64) -> Option<Dollars> {
        Some(self.storage?.of(bytes))
    }
}

impl PolicyFound {
    pub(crate) fn count(&self, state: State) -> usize {
        self.groups.iter().filter(|it| it.state == state).count()
    }

    pub(crate) fn drifted(&self) -> usize {
        self.groups.iter().filter(|it| it.state.is_drift()).count()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.groups.iter().map(|it| it.usage.group.stored_bytes).sum()
    }

    /// What its retention would delete.
    pub(crate) fn deleted_bytes(&self) -> u64 {
        self.groups.iter().map(|it| it.deleted_bytes).sum()
    }
}

impl Totals {
    fn of(targets: &[TargetReview]) -> Self {
        let mut totals = Self::default();
        for target in targets {
            totals.add(target);
        }
        totals
    }

    fn add(&mut self, target: &TargetReview) {
        let TargetReview { prices, .. } = target;
        for usage in target.groups().into_values() {
            let group = &usage.group;
            self.groups += 1;
            self.bytes += group.stored_bytes;
            if group.retention == Retention::Never {
                self.never_expire += 1;
                self.never_expiring_bytes += group.stored_bytes;
            }
            self.ingested_bytes = sum(self.ingested_bytes, usage.ingested_bytes);
            self.storage = sum(self.storage, prices.storage_of(usage));
            self.ingestion = sum(self.ingestion, prices.ingestion_of(usage));
        }
        let reads_ingestion = target.ingestion == IngestionStatus::Read;
        if prices.storage.is_none() || (reads_ingestion && prices.ingestion.is_none()) {
            self.without_price.insert(target.target.region.clone());
        }
        // Of a log group that several policies select, the least that one of them would delete.
        let mut deleted: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut drifted, mut lengthened) = (BTreeSet::new(), BTreeSet::new());
        for found in target.policies.iter().flat_map(|policy| &policy.found) {
            for it in &found.groups {
                let name = it.usage.group.name.as_str();
                if it.state.is_drift() {
                    drifted.insert(name);
                }
                if it.desired.retention > it.current.retention {
                    lengthened.insert(name);
                }
                let least = deleted.entry(name).or_insert(it.deleted_bytes);
                *least = it.deleted_bytes.min(*least);
            }
        }
        let bytes = deleted.values().sum();
        self.selected += deleted.len();
        self.deleted_bytes += bytes;
        self.savings = sum(self.savings, prices.savings_of(bytes));
        self.drifted += drifted.len();
        self.lengthened += lengthened.len();
    }
}

fn sum<T: std::ops::Add<Output = T>>(total: Option<T>, more: Option<T>) -> Option<T> {
    match (total, more) {
        (Some(total), Some(more)) => Some(total + more),
        (total, more) => total.or(more),
    }
}
