use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use logagg_policy::{
    AccountPolicy, Arn, Grant, Listing, LogGroup, LogGroupClass, LoopGuard, Obstacle, Ownership,
    PolicyId, Provenance, Retention, Selection, SubscriptionFilter, TagFilter, Written,
    WrittenProtection, WrittenRetention,
};
use serde::{Deserialize, Serialize};

use super::filter_snapshot::FilterSnapshot;
use crate::aws::{KeptFor, Legacy, Overlap};
use crate::inventory::Inventory;

/// The private state of a policy: what planning needs and the state does not show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PrivateState {
    /// The policy's id, in digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_id: Option<String>,
    /// Whether that is the id of a policy which is planned and not created yet.
    #[serde(skip_serializing_if = "is_false")]
    is_draft: bool,
    /// What takes the place of the policy, where that is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<Successor>,
    /// The listings of the last refresh, and every log group in them, selected or not.
    asked: Vec<Asked>,
    listed: BTreeMap<String, Listed>,
    /// Log groups that the policy holds and that no listing of its selection has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    held: BTreeMap<String, Listed>,
    /// The tags that were looked for then.
    tag_filters: Vec<BTreeMap<String, String>>,
    /// Log groups in the state that are no longer selected.
    pub(super) left: BTreeSet<String>,
    /// The foreign filter that holds our name, by log group.
    foreign: BTreeMap<String, Foreign>,
    /// The names of the filters that a log group had when AWS refused it another.
    full: BTreeMap<String, Vec<String>>,
    /// What AWS said of a write to a log group that the policy may not write to.
    denied: BTreeMap<String, String>,
    /// What AWS said of a log group whose class does not take filters, where that is not known
    /// before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    class_rejected: BTreeMap<String, String>,
    /// What a plan found that other policies have too, by their ids: what is let go is left to them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    kept: BTreeMap<String, KeptGroups>,
    /// The retention that the policy wrote to log groups, and what was there before.
    written: WrittenTo<Retention>,
    /// The same of deletion protection.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    written_protection: WrittenTo<bool>,
    /// Names and destinations of filters of ours that may still be there, because a change of
    /// either was not finished on every group.
    former_filters: BTreeSet<(String, String)>,
    /// The log groups that would create a loop to this destination, each with why.
    loops: BTreeMap<String, BTreeMap<String, String>>,
    /// The filters of each log group, where the next refresh may go by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_snapshot: Option<FilterSnapshot>,
    /// The statements that let CloudWatch Logs invoke a function: the function, and the id.
    granted: BTreeSet<(String, String)>,
    /// What the account ships by policies of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) account_policies: Vec<AccountPolicy>,
    /// The time up to which the filters of the state were seen, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refreshed_at: Option<i64>,
    /// Log groups without their filter, and since when they may not have been forwarded, in seconds
    /// since 1970.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) gaps: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Asked {
    Name(String),
    Prefix(String),
    Tagged(BTreeMap<String, String>, String),
}

/// A log group as the last listing showed it. One letter a field: there may be thousands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Listed {
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(rename = "r")]
    retention_in_days: i64,
    /// The account-level retention policy that sets it.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    governed_by: Option<String>,
    #[serde(rename = "p", default, skip_serializing_if = "is_false")]
    is_protected: bool,
    #[serde(rename = "b")]
    stored_bytes: u64,
    #[serde(rename = "n", default)]
    created_ms: i64,
    /// The indices of the listed tags that it has, and of those that are unknown.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    tagged: Vec<usize>,
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    unknown_tags: Vec<usize>,
}

/// Where a policy that is replaced is created again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Successor {
    /// In the same account and region.
    Here,
    /// In another, so nothing can be left to it.
    Elsewhere,
}

/// An [`Overlap`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptGroups {
    #[serde(rename = "f")]
    filters: BTreeSet<String>,
    #[serde(rename = "r")]
    retentions: BTreeSet<String>,
    #[serde(rename = "p", default, skip_serializing_if = "BTreeSet::is_empty")]
    protections: BTreeSet<String>,
}

/// What the policy wrote to log groups, by their names.
type WrittenTo<T> = BTreeMap<String, Written<T>>;

/// A filter that is not the policy's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Foreign {
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "d")]
    destination_arn: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The most that is taken out of a private state: far more than the largest account needs.
const MAX_DECODED_BYTES: u64 = 256 << 20;

impl tfplugin::Private for PrivateState {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut json = Vec::new();
        ZlibDecoder::new(bytes)
            .take(MAX_DECODED_BYTES)
            .read_to_end(&mut json)
            .map_err(|error| error.to_string())?;
        serde_json::from_slice(&json).map_err(|error| error.to_string())
    }

    fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("maps and sets of strings are always JSON");
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder
            .write_all(&json)
            .and_then(|()| encoder.finish())
            .expect("writing to memory cannot fail")
    }
}

impl PrivateState {
    /// Keeps a listing in mind in place of the last.
    pub(super) fn record_listing<'a>(
        &mut self,
        asked: &[Listing],
        groups: impl IntoIterator<Item = &'a LogGroup>,
    ) {
        self.asked = asked.iter().map(Asked::of).collect();
        let listed = groups.into_iter().map(|group| (group.name.clone(), Listed::of(group)));
        self.listed = listed.collect();
        self.held.clear();
        self.tag_filters.clear();
    }

    /// Keeps a listing in mind with what is known of the tags that a selection goes by.
    pub(super) fn record_inventory(&mut self, inventory: &Inventory, selection: &Selection) {
        self.record_listing(&inventory.asked, inventory.listed.values());
        let rules = selection.select.iter().chain(&selection.exclude);
        let filters: BTreeSet<_> = rules.filter_map(|rule| rule.tags.as_ref()).collect();
        for (place, filter) in filters.into_iter().enumerate() {
            self.tag_filters.push(patterns(filter));
            for (name, group) in &mut self.listed {
                match inventory.tag_index.has(name, filter) {
                    Some(true) => group.tagged.push(place),
                    Some(false) => {}
                    None => group.unknown_tags.push(place),
                }
            }
        }
    }

    /// Keeps in mind a log group that the policy holds, where the listing does not have it.
    pub(super) fn record_held(&mut self, group: &LogGroup) {
        if !self.listed.contains_key(&group.name) {
            self.held.insert(group.name.clone(), Listed::of(group));
        }
    }

    /// A log group as it was last seen.
    fn seen(&self, log_group: &str) -> Option<&Listed> {
        self.listed.get(log_group).or_else(|| self.held.get(log_group))
    }

    /// The recorded log groups that a selection matches, if the listing covers the selection.
    pub(super) fn selected_by(&self, selection: &Selection) -> Option<BTreeMap<&str, Retention>> {
        let asked: Vec<_> = self.asked.iter().filter_map(Asked::listing).collect();
        if asked.is_empty() || !selection.is_covered_by(&asked) {
            return None;
        }
        let mut selected = BTreeMap::new();
        for (name, group) in &self.listed {
            let class = LogGroupClass::reported(group.class.as_deref());
            if selection.judge(name, &class, |filter| self.has(group, filter))? {
                selected.insert(name.as_str(), group.retention());
            }
        }
        Some(selected)
    }

    /// Whether a log group has these tags, as far as they were looked for.
    fn has(&self, group: &Listed, filter: &TagFilter) -> Option<bool> {
        let wanted = patterns(filter);
        let place = self.tag_filters.iter().position(|looked_for| *looked_for == wanted)?;
        (!group.unknown_tags.contains(&place)).then(|| group.tagged.contains(&place))
    }

    /// The class of a log group, standard unless recorded otherwise.
    pub(super) fn class(&self, log_group: &str) -> LogGroupClass {
        let listed = self.seen(log_group);
        LogGroupClass::reported(listed.and_then(|group| group.class.as_deref()))
    }

    /// The retention of a log group as it was listed.
    pub(super) fn retention(&self, log_group: &str) -> Option<Retention> {
        self.seen(log_group).map(Listed::retention)
    }

    /// The account-level retention policy that sets the retention of a log group.
    pub(super) fn governed_by(&self, log_group: &str) -> Option<&str> {
        self.seen(log_group)?.governed_by.as_deref()
    }

    /// Whether a log group was protected from deletion when it was listed.
    pub(super) fn is_protected(&self, log_group: &str) -> bool {
        self.seen(log_group).is_some_and(|group| group.is_protected)
    }

    pub(super) fn stored_bytes(&self, log_group: &str) -> u64 {
        self.seen(log_group).map_or(0, |group| group.stored_bytes)
    }

    /// Clears what a new read of every log group replaces.
    pub(super) fn forget_findings(&mut self) {
        self.left.clear();
        self.foreign.clear();
    }

    pub(super) fn record_foreign(&mut self, log_group: &str, filter: &SubscriptionFilter) {
        let SubscriptionFilter { name, destination_arn, .. } = filter.clone();
        self.foreign.insert(log_group.to_owned(), Foreign { name, destination_arn });
    }

    /// The log groups where a foreign filter holds one of these names, each with where it ships.
    pub(super) fn foreign<'a>(
        &'a self,
        ours: &'a Ownership,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        let foreign = self.foreign.iter().filter(|(_, foreign)| foreign.is_in_the_way_of(ours));
        foreign.map(|(log_group, foreign)| (log_group, &foreign.destination_arn))
    }

    /// Whether a filter that was not the policy's held its name on a log group.
    pub(super) fn has_foreign(&self, log_group: &str) -> bool {
        self.foreign.contains_key(log_group)
    }

    /// What is known to keep our filter off a log group. What AWS refused it did refuse to the
    /// policy as it was, and another one may have better luck.
    pub(super) fn obstacle(
        &self,
        log_group: &str,
        ours: &Ownership,
        refusals: Refusals,
    ) -> Option<Obstacle> {
        let foreign = self.foreign.get(log_group);
        if let Some(foreign) = foreign.filter(|foreign| foreign.is_in_the_way_of(ours)) {
            return Some(Obstacle::NameTaken(foreign.destination_arn.clone()));
        }
        if let Some(why) = self.class_rejected(log_group, &self.class(log_group)) {
            return Some(Obstacle::Class(why.clone()));
        }
        match refusals {
            Refusals::Outdated => None,
            Refusals::Hold if self.full.contains_key(log_group) => Some(Obstacle::Full),
            Refusals::Hold => self.denied.get(log_group).cloned().map(Obstacle::Denied),
        }
    }

    /// AWS refused the group another filter beside these.
    pub(super) fn record_full(&mut self, log_group: &str, filters: &[SubscriptionFilter]) {
        self.full.insert(log_group.to_owned(), names(filters));
    }

    /// AWS refused a write to the group, in these words.
    pub(super) fn record_denied(&mut self, log_group: &str, why: String) {
        self.denied.insert(log_group.to_owned(), why);
    }

    /// AWS rejected filters for the class of a log group, in these words.
    pub(super) fn record_class_rejected(&mut self, log_group: &str, why: String) {
        self.class_rejected.insert(log_group.to_owned(), why);
    }

    /// What AWS said of a log group of this class.
    pub(super) fn class_rejected(&self, log_group: &str, class: &LogGroupClass) -> Option<&String> {
        self.class_rejected.get(log_group).filter(|_| class.may_reject_filters())
    }

    /// What AWS said when it refused a write to a log group.
    pub(super) fn denied(&self, log_group: &str) -> Option<String> {
        self.denied.get(log_group).cloned()
    }

    /// Forgets what AWS refused to the policy as it was before.
    pub(super) fn forget_refusals(&mut self) {
        self.full.clear();
        self.denied.clear();
        self.class_rejected.clear();
    }

    /// A full group is one until its filters change.
    pub(super) fn is_still_full(
        &mut self,
        log_group: &str,
        filters: &[SubscriptionFilter],
    ) -> bool {
        let still = self.full.get(log_group).is_some_and(|then| *then == names(filters));
        if !still {
            self.full.remove(log_group);
        }
        still
    }

    /// The policy wrote a retention. What was there before its first write is kept as long as the
    /// group is the same.
    pub(super) fn record_written(&mut self, log_group: &str, written: WrittenRetention) {
        record(&mut self.written, log_group, written);
    }

    /// The same of a deletion protection.
    pub(super) fn record_written_protection(
        &mut self,
        log_group: &str,
        written: WrittenProtection,
    ) {
        record(&mut self.written_protection, log_group, written);
    }

    /// Keeps in mind what another policy wrote, unless this one has written itself.
    pub(super) fn inherit(&mut self, log_group: &str, written: WrittenRetention) {
        inherit(&mut self.written, log_group, written);
    }

    /// The same of a deletion protection.
    pub(super) fn inherit_protection(&mut self, log_group: &str, written: WrittenProtection) {
        inherit(&mut self.written_protection, log_group, written);
    }

    /// Keeps in mind what other policies wrote and left to this one.
    pub(super) fn inherit_all(&mut self, legacy: &Legacy) {
        for (log_group, written) in &legacy.retentions {
            self.inherit(log_group, *written);
        }
        for (log_group, written) in &legacy.protections {
            self.inherit_protection(log_group, *written);
        }
    }

    /// The enforcer gives a log group its retention before the policy first sees it. Then that is
    /// the policy's own, over the never-expire that every group is created with.
    pub(super) fn adopt(&mut self, group: &LogGroup) {
        let created = LogGroup { retention: Retention::Never, ..group.clone() };
        self.inherit(&group.name, WrittenRetention::over(&created, group.retention));
    }

    /// Whether the last listing shows that a log group was created since.
    pub(super) fn is_new(&self, group: &LogGroup) -> bool {
        let covers = |asked: &Asked| match asked {
            Asked::Name(name) => *name == group.name,
            Asked::Prefix(prefix) => group.name.starts_with(prefix.as_str()),
            // What has come into such a listing may only have got its tags.
            Asked::Tagged(..) => false,
        };
        match self.listed.get(&group.name) {
            Some(listed) => listed.created_ms != group.created_ms,
            None => self.asked.iter().any(covers),
        }
    }

    /// The retention that the policy wrote to a log group, if that is still there.
    pub(super) fn written(&self, group: &LogGroup) -> Option<WrittenRetention> {
        self.written.get(&group.name).copied().filter(|written| written.is_on(group))
    }

    /// The same of its deletion protection.
    pub(super) fn written_protection(&self, group: &LogGroup) -> Option<WrittenProtection> {
        self.written_protection.get(&group.name).copied().filter(|written| written.is_on(group))
    }

    /// The retention that the policy wrote to a log group, according to the last listing, if the
    /// group has that now.
    pub(super) fn written_as_listed(
        &self,
        log_group: &str,
        now: Retention,
    ) -> Option<WrittenRetention> {
        let is_governed = self.governed_by(log_group).is_some();
        self.as_listed(&self.written, log_group, now).filter(|_| !is_governed)
    }

    /// The same of its deletion protection.
    pub(super) fn written_protection_as_listed(
        &self,
        log_group: &str,
        now: bool,
    ) -> Option<WrittenProtection> {
        self.as_listed(&self.written_protection, log_group, now)
    }

    fn as_listed<T: Copy + PartialEq>(
        &self,
        written: &WrittenTo<T>,
        log_group: &str,
        now: T,
    ) -> Option<Written<T>> {
        let written = written.get(log_group)?;
        let is_same =
            self.created_ms(log_group).is_none_or(|created| created == written.created_ms);
        (is_same && written.wrote == now).then_some(*written)
    }

    /// When a log group was created, as far as it was listed.
    pub(super) fn created_ms(&self, log_group: &str) -> Option<i64> {
        self.seen(log_group).map(|listed| listed.created_ms)
    }

    /// Whose the retention is that a log group has.
    pub(super) fn provenance_of_retention(written: Option<WrittenRetention>) -> Provenance {
        written.map_or(Provenance::Unknown, |_| Provenance::Ours)
    }

    pub(super) fn forget_written_but(&mut self, keep: impl Fn(&str) -> bool) {
        self.written.retain(|name, _| keep(name));
        self.written_protection.retain(|name, _| keep(name));
    }

    /// The policy's id, drawn now if it has none.
    pub(super) fn id_or_draw(&mut self) -> PolicyId {
        let known = self.policy_id.as_deref().and_then(|id| id.parse().ok());
        known.unwrap_or_else(|| {
            let drawn = PolicyId::of(fastrand::u32(..));
            self.take_id(drawn);
            drawn
        })
    }

    /// The policy's id, if it has one.
    pub(super) fn id(&self) -> Option<PolicyId> {
        self.policy_id.as_deref().and_then(|id| id.parse().ok())
    }

    /// The id is known from elsewhere.
    pub(super) fn take_id(&mut self, id: PolicyId) {
        self.policy_id = Some(id.to_string());
    }

    /// The policy is to be replaced.
    pub(super) fn replace(&mut self, successor: Successor) {
        self.successor = Some(successor);
    }

    /// Whether it is to be replaced, and where.
    pub(super) fn successor(&self) -> Option<Successor> {
        self.successor
    }

    /// It stays after all.
    pub(super) fn stay(&mut self) {
        self.successor = None;
    }

    /// Keeps in mind for an apply what other policies have too, in place of what was known before.
    pub(super) fn keep_for_others(&mut self, kept: &KeptFor) {
        let groups = |Overlap { filters, retentions, protections }: &Overlap| KeptGroups {
            filters: filters.clone(),
            retentions: retentions.clone(),
            protections: protections.clone(),
        };
        self.kept = kept.iter().map(|(policy, it)| (policy.to_string(), groups(it))).collect();
    }

    /// What is to be left to other policies.
    pub(super) fn kept_for_others(&self) -> KeptFor {
        let kept = self.kept.iter().filter_map(|(policy, groups)| {
            let KeptGroups { filters, retentions, protections } = groups.clone();
            Some((policy.parse().ok()?, Overlap { filters, retentions, protections }))
        });
        kept.collect()
    }

    /// The private state of a policy that is to be created.
    pub(super) fn draft() -> Self {
        let mut draft = Self { is_draft: true, ..Self::default() };
        draft.id_or_draw();
        draft
    }

    /// Whether it is that of a policy which has not been created yet.
    pub(super) fn is_draft(&self) -> bool {
        self.is_draft
    }

    /// The policy is there now.
    pub(super) fn created(&mut self) {
        self.is_draft = false;
    }

    /// Keeps in mind what would create a loop to a destination, in place of what was known before.
    pub(super) fn record_loops(&mut self, destination_arn: &str, guard: &LoopGuard) {
        let groups = guard.groups().map(|(group, why)| (group.clone(), why.clone())).collect();
        self.loops = BTreeMap::from([(destination_arn.to_owned(), groups)]);
    }

    /// Adds the recorded loops of a destination to those its name shows.
    pub(super) fn restore_loops(&self, destination_arn: &str, guard: &mut LoopGuard) {
        guard.recall(self.loops.get(destination_arn).into_iter().flatten());
    }

    /// Keeps in mind that a statement is ours.
    pub(super) fn record_grant(&mut self, grant: &Grant) {
        self.granted.insert(entry(grant));
    }

    pub(super) fn forget_grant(&mut self, grant: &Grant) {
        self.granted.remove(&entry(grant));
    }

    /// What is known of the statement with a grant's id.
    pub(super) fn provenance(&self, grant: &Grant) -> Provenance {
        match self.granted.contains(&entry(grant)) {
            true => Provenance::Ours,
            false => Provenance::Unknown,
        }
    }

    /// The statements of ours but for the one that is wanted.
    pub(super) fn superseded(&self, wanted: Option<&Grant>) -> Vec<Grant> {
        let grants = self.granted.iter().filter_map(|(function_arn, id)| {
            Grant::recalled(&function_arn.parse::<Arn>().ok()?, id.clone())
        });
        grants.filter(|grant| Some(grant) != wanted).collect()
    }

    /// What is ours, what was ours before included.
    pub(super) fn widen(&self, mut ownership: Ownership) -> Ownership {
        ownership.filters.extend(self.former_filters.iter().cloned());
        ownership
    }

    /// Keeps in mind what was ours until every group has been changed.
    pub(super) fn record_former(&mut self, before: Ownership) {
        self.former_filters.extend(before.filters);
    }

    pub(super) fn forget_former(&mut self) {
        self.former_filters.clear();
    }
}

/// Whether what AWS refused before still says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusals {
    /// The policy asks for the same.
    Hold,
    /// It asks for something else.
    Outdated,
}

impl Foreign {
    fn is_in_the_way_of(&self, ours: &Ownership) -> bool {
        let filter = SubscriptionFilter::new(&self.name, &self.destination_arn);
        ours.names(&self.name) && !ours.owns(&filter)
    }
}

impl Asked {
    fn of(listing: &Listing) -> Self {
        match listing {
            Listing::Name(name) => Self::Name(name.clone()),
            Listing::Prefix(prefix) => Self::Prefix(prefix.clone()),
            Listing::Tagged(filter, prefix) => Self::Tagged(patterns(filter), prefix.clone()),
        }
    }

    fn listing(&self) -> Option<Listing> {
        Some(match self {
            Self::Name(name) => Listing::Name(name.clone()),
            Self::Prefix(prefix) => Listing::Prefix(prefix.clone()),
            Self::Tagged(patterns, prefix) => {
                Listing::Tagged(TagFilter::parse(patterns.clone()).ok()?, prefix.clone())
            }
        })
    }
}

impl Listed {
    fn of(group: &LogGroup) -> Self {
        let class = (group.class != LogGroupClass::Standard).then(|| group.class.to_string());
        Self {
            class,
            retention_in_days: group.retention.in_days(),
            governed_by: group.governed_by.clone(),
            is_protected: group.is_protected,
            stored_bytes: group.stored_bytes,
            created_ms: group.created_ms,
            tagged: Vec::new(),
            unknown_tags: Vec::new(),
        }
    }

    fn retention(&self) -> Retention {
        Retention::from(self.retention_in_days)
    }
}

fn entry(grant: &Grant) -> (String, String) {
    (grant.function_arn().to_string(), grant.statement_id().to_owned())
}

fn patterns(filter: &TagFilter) -> BTreeMap<String, String> {
    filter.patterns().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The policy has written. What was there before its first write is kept as long as the group is
/// the same.
fn record<T: Copy>(all: &mut WrittenTo<T>, log_group: &str, mut written: Written<T>) {
    if let Some(first) = all.get(log_group).filter(|first| first.created_ms == written.created_ms) {
        written.before = first.before;
    }
    all.insert(log_group.to_owned(), written);
}

/// Another policy has written, which counts unless this one has written itself.
fn inherit<T>(all: &mut WrittenTo<T>, log_group: &str, written: Written<T>) {
    let own = all.get(log_group).filter(|own| own.created_ms == written.created_ms);
    if own.is_none() {
        all.insert(log_group.to_owned(), written);
    }
}

fn names(filters: &[SubscriptionFilter]) -> Vec<String> {
    let mut names: Vec<_> = filters.iter().map(|filter| filter.name.clone()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::Private;

    fn group(name: &str, class: LogGroupClass) -> LogGroup {
        LogGroup {
            name: name.into(),
            class,
            retention: Retention::Days(7),
            governed_by: None,
            is_protected: false,
            arn: String::new(),
            stored_bytes: 12,
            created_ms: 1,
        }
    }

    fn recording() -> PrivateState {
        let mut private_state = PrivateState::default();
        let groups = [
            group("/a/1", LogGroupClass::InfrequentAccess),
            group("/a/2", LogGroupClass::Standard),
        ];
        private_state.record_listing(&[Listing::Prefix("/a/".into())], &groups);
        private_state
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let mut private_state = recording();
        private_state.record_former(Ownership::of(Some("old"), Some("here")));
        let read = PrivateState::decode(&private_state.encode()).unwrap();
        assert_eq!(read, private_state);
        assert_eq!(read.class("/a/1"), LogGroupClass::InfrequentAccess);
        assert_eq!(read.class("/a/2"), LogGroupClass::Standard);
        assert!(PrivateState::decode(b"what somebody else wrote").is_err());
    }

    #[test]
    fn selects_from_the_listing_only_what_the_listing_covers() {
        let private_state = recording();
        let selection = |prefix: &str| Selection {
            select: vec![logagg_policy::Rule {
                name_prefixes: Some(BTreeSet::from([prefix.to_owned()])),
                ..logagg_policy::Rule::default()
            }],
            exclude: Vec::new(),
        };
        let selected = private_state.selected_by(&selection("/a/2")).unwrap();
        assert_eq!(selected, BTreeMap::from([("/a/2", Retention::Days(7))]));
        assert_eq!(private_state.selected_by(&selection("/")), None);
        assert_eq!(PrivateState::default().selected_by(&selection("/a/")), None);
    }

    #[test]
    fn selects_by_tags_only_if_they_are_known() {
        let rule = |value: &str| logagg_policy::Rule {
            tags: TagFilter::parse([("team".to_owned(), value.to_owned())]).ok(),
            ..logagg_policy::Rule::default()
        };
        let selection = |value: &str| Selection { select: vec![rule(value)], exclude: Vec::new() };
        let mut inventory = Inventory::default();
        for name in ["/a", "/b"] {
            inventory.listed.insert(name.to_owned(), group(name, LogGroupClass::Standard));
        }
        inventory.asked = selection("search").listings();
        let team = |value: &str| BTreeMap::from([("team".to_owned(), value.to_owned())]);
        inventory.tag_index.learn("/a".to_owned(), team("search"));
        let recorded = |inventory: &Inventory| {
            let mut private_state = PrivateState::default();
            private_state.record_inventory(inventory, &selection("search"));
            PrivateState::decode(&private_state.encode()).unwrap()
        };
        assert_eq!(recorded(&inventory).selected_by(&selection("search")), None);
        inventory.tag_index.learn("/b".to_owned(), team("checkout"));
        let private_state = recorded(&inventory);
        let selected = private_state.selected_by(&selection("search")).unwrap();
        assert_eq!(selected.into_keys().collect::<Vec<_>>(), ["/a"]);
        assert_eq!(private_state.selected_by(&selection("checkout")), None);
    }

    fn before(state: &PrivateState, group: &LogGroup) -> Option<Retention> {
        state.written(group).map(|written| written.before)
    }

    fn keeping(name: &str, created_ms: i64, days: i64) -> LogGroup {
        let retention = Retention::from(days);
        LogGroup { created_ms, retention, ..group(name, LogGroupClass::Standard) }
    }

    #[test]
    fn the_original_retention_is_recorded_until_the_group_is_recreated() {
        let mut state = PrivateState::default();
        let write = |state: &mut PrivateState, created_ms, before, wrote| {
            let group = keeping("/a", created_ms, before);
            state.record_written("/a", WrittenRetention::over(&group, Retention::from(wrote)));
        };
        assert_eq!(before(&state, &keeping("/a", 1, 30)), None, "never written");
        write(&mut state, 1, 90, 30);
        write(&mut state, 1, 7, 60);
        assert_eq!(before(&state, &keeping("/a", 1, 60)), Some(Retention::Days(90)));
        assert_eq!(before(&state, &keeping("/a", 1, 30)), None, "somebody else's by now");
        assert_eq!(before(&state, &keeping("/a", 2, 60)), None, "another group");
        write(&mut state, 2, 0, 60);
        assert_eq!(before(&state, &keeping("/a", 2, 60)), Some(Retention::Never));
    }

    #[test]
    fn another_policys_write_counts_only_if_this_one_has_not_written() {
        let mut state = PrivateState::default();
        let written =
            |before| WrittenRetention::over(&keeping("/a", 1, before), Retention::from(30));
        state.inherit("/a", written(365));
        state.inherit("/a", written(7));
        assert_eq!(before(&state, &keeping("/a", 1, 30)), Some(Retention::Days(365)));
    }

    #[test]
    fn a_log_group_is_new_only_where_the_last_listing_would_have_shown_it() {
        let mut state = recording();
        assert!(state.is_new(&keeping("/a/3", 5, 30)));
        assert!(state.is_new(&keeping("/a/1", 5, 30)), "created again");
        assert!(!state.is_new(&keeping("/a/1", 1, 30)));
        assert!(!state.is_new(&keeping("/b", 5, 30)), "nobody looked there");
        let tags = TagFilter::parse([("team".to_owned(), "search".to_owned())]).unwrap();
        state.record_listing(&[Listing::Tagged(tags, String::new())], &[]);
        assert!(!state.is_new(&keeping("/a/3", 5, 30)), "it may only have got its tags");
    }

    #[test]
    fn an_obstacle_applies_to_the_filter_that_aws_rejected() {
        let mut state = PrivateState::default();
        let ours = Ownership::of(Some("ship"), Some("here"));
        let obstacle = |state: &PrivateState, refusals| state.obstacle("/a", &ours, refusals);
        state.record_denied("/a", "no".to_owned());
        let denied = Some(Obstacle::Denied("no".to_owned()));
        assert_eq!(obstacle(&state, Refusals::Hold), denied);
        assert_eq!(obstacle(&state, Refusals::Outdated), None);
        state.record_foreign("/a", &SubscriptionFilter::new("other", "there"));
        assert_eq!(obstacle(&state, Refusals::Hold), denied, "the filter has another name");
        state.record_foreign("/a", &SubscriptionFilter::new("ship", "there"));
        let taken = Some(Obstacle::NameTaken("there".to_owned()));
        assert_eq!(obstacle(&state, Refusals::Outdated), taken);
    }

    #[test]
    fn every_draft_has_an_id_of_its_own_and_keeps_it() {
        let draft = PrivateState::draft();
        assert_ne!(PrivateState::draft().id(), draft.id());
        let mut read = PrivateState::decode(&draft.encode()).unwrap();
        assert!(read.is_draft());
        read.created();
        assert_eq!((read.id(), read.is_draft()), (draft.id(), false));
        assert_eq!(read.id_or_draw(), draft.id().unwrap());
    }

    #[test]
    fn a_grant_is_ours_until_it_is_forgotten() {
        let grant = |name| {
            let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}");
            Grant::of(&arn.parse().unwrap(), "ship", PolicyId::of(1)).unwrap()
        };
        let mut private_state = PrivateState::default();
        private_state.record_grant(&grant("old"));
        private_state.record_grant(&grant("new"));
        let mut private_state = PrivateState::decode(&private_state.encode()).unwrap();
        assert_eq!(private_state.provenance(&grant("old")), Provenance::Ours);
        assert_eq!(private_state.superseded(Some(&grant("new"))), [grant("old")]);
        assert_eq!(private_state.superseded(None).len(), 2);
        private_state.forget_grant(&grant("old"));
        assert_eq!(private_state.provenance(&grant("old")), Provenance::Unknown);
        assert_eq!(private_state.superseded(Some(&grant("new"))), []);
    }

    #[test]
    fn a_full_group_is_full_until_its_filters_change() {
        let filter = |name: &str| SubscriptionFilter::new(name, "elsewhere");
        let mut private_state = PrivateState::default();
        private_state.record_full("/a", &[filter("b"), filter("a")]);
        assert!(private_state.is_still_full("/a", &[filter("a"), filter("b")]));
        assert!(!private_state.is_still_full("/a", &[filter("a")]));
        assert!(!private_state.is_still_full("/a", &[filter("a"), filter("b")]));
    }
}
