use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use logagg_policy::{
    AccountPolicy, Arn, Grant, Listing, LogGroup, LogGroupClass, LoopGuard, Obstacle, Ownership,
    Provenance, Retention, Selection, SubscriptionFilter, TagFilter,
};
use serde::{Deserialize, Serialize};

use super::recollection::Recollection;
use crate::census::Census;

/// What a policy remembers in private state: what planning needs to know and the state does not
/// show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PrivateState {
    /// What was asked when the log groups were listed, and every group in the answer, chosen or
    /// not.
    asked: Vec<Asked>,
    listed: BTreeMap<String, Listed>,
    /// The tags that were looked for then.
    tag_filters: Vec<BTreeMap<String, String>>,
    /// Log groups in the state that the selection no longer chooses.
    pub(super) left: BTreeSet<String>,
    /// Where the foreign filter ships that holds our name, by log group.
    foreign: BTreeMap<String, String>,
    /// The names of the filters that a log group had when AWS refused it another.
    full: BTreeMap<String, Vec<String>>,
    /// What each log group's retention was before the policy's first write.
    originals: BTreeMap<String, Original>,
    /// What filters of ours may still be called or ship to, because a change of name or
    /// destination was not finished on every group.
    former_names: BTreeSet<String>,
    former_destinations: BTreeSet<String>,
    /// The log groups that must not be shipped to this destination, each with why.
    loops: BTreeMap<String, BTreeMap<String, String>>,
    /// The filters of each log group, where the next refresh may go by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recollection: Option<Recollection>,
    /// The statements that let CloudWatch Logs invoke a function: the function, and the id.
    granted: BTreeSet<(String, String)>,
    /// What the account ships by a policy of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account_policy: Option<AccountPolicy>,
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
    #[serde(rename = "b")]
    stored_bytes: u64,
    /// Which of the tags looked for it has, by their place, and of which nobody knows.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    tagged: Vec<usize>,
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    untold: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Original {
    #[serde(rename = "r")]
    retention_in_days: i64,
    #[serde(rename = "t")]
    created_ms: i64,
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
    pub(super) fn remember_listing<'a>(
        &mut self,
        asked: &[Listing],
        groups: impl IntoIterator<Item = &'a LogGroup>,
    ) {
        self.asked = asked.iter().map(Asked::of).collect();
        let listed = groups.into_iter().map(|group| (group.name.clone(), Listed::of(group)));
        self.listed = listed.collect();
        self.tag_filters.clear();
    }

    /// Keeps a listing in mind with what is known of the tags that a selection goes by.
    pub(super) fn remember_census(&mut self, census: &Census, selection: &Selection) {
        self.remember_listing(&census.asked, census.listed.values());
        let rules = selection.select.iter().chain(&selection.exclude);
        let filters: BTreeSet<_> = rules.filter_map(|rule| rule.tags.as_ref()).collect();
        for (place, filter) in filters.into_iter().enumerate() {
            self.tag_filters.push(patterns(filter));
            for (name, group) in &mut self.listed {
                match census.tagging.has(name, filter) {
                    Some(true) => group.tagged.push(place),
                    Some(false) => {}
                    None => group.untold.push(place),
                }
            }
        }
    }

    /// The remembered log groups that a selection chooses, if the listing has all it can choose.
    pub(super) fn chosen_by(&self, selection: &Selection) -> Option<BTreeMap<&str, Retention>> {
        let asked: Vec<_> = self.asked.iter().filter_map(Asked::listing).collect();
        if asked.is_empty() || !selection.is_covered_by(&asked) {
            return None;
        }
        let mut chosen = BTreeMap::new();
        for (name, group) in &self.listed {
            let class = LogGroupClass::reported(group.class.as_deref());
            if selection.judge(name, &class, |filter| self.has(group, filter))? {
                chosen.insert(name.as_str(), group.retention());
            }
        }
        Some(chosen)
    }

    /// Whether a log group has these tags, as far as they were looked for.
    fn has(&self, group: &Listed, filter: &TagFilter) -> Option<bool> {
        let wanted = patterns(filter);
        let place = self.tag_filters.iter().position(|looked_for| *looked_for == wanted)?;
        (!group.untold.contains(&place)).then(|| group.tagged.contains(&place))
    }

    /// The class of a log group, standard unless remembered otherwise.
    pub(super) fn class(&self, log_group: &str) -> LogGroupClass {
        let listed = self.listed.get(log_group);
        LogGroupClass::reported(listed.and_then(|group| group.class.as_deref()))
    }

    /// The retention of a log group as it was listed.
    pub(super) fn retention(&self, log_group: &str) -> Option<Retention> {
        self.listed.get(log_group).map(Listed::retention)
    }

    pub(super) fn stored_bytes(&self, log_group: &str) -> u64 {
        self.listed.get(log_group).map_or(0, |group| group.stored_bytes)
    }

    /// Forgets what a fresh look at every log group is about to tell.
    pub(super) fn forget_findings(&mut self) {
        self.left.clear();
        self.foreign.clear();
    }

    pub(super) fn remember_foreign(&mut self, log_group: &str, filter: &SubscriptionFilter) {
        self.foreign.insert(log_group.to_owned(), filter.destination_arn.clone());
    }

    /// The foreign filters that hold our name, each with where it ships.
    pub(super) fn foreign(&self) -> impl Iterator<Item = (&String, &String)> {
        self.foreign.iter()
    }

    /// What is known to keep our filter off a log group.
    pub(super) fn obstacle(&self, log_group: &str, ours: &Ownership) -> Option<Obstacle> {
        let foreign = self.foreign.get(log_group).filter(|destination| {
            !ours.destinations.contains(*destination) && !ours.replaced.contains(*destination)
        });
        match foreign {
            Some(destination) => Some(Obstacle::NameTaken(destination.clone())),
            None => self.full.contains_key(log_group).then_some(Obstacle::Full),
        }
    }

    /// AWS refused the group another filter beside these.
    pub(super) fn remember_full(&mut self, log_group: &str, filters: &[SubscriptionFilter]) {
        self.full.insert(log_group.to_owned(), names(filters));
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

    /// Keeps in mind what a log group's retention is before we write it, once.
    pub(super) fn remember_original(&mut self, group: &str, created_ms: i64, retention: Retention) {
        let original = self.originals.get(group);
        if original.is_none_or(|original| original.created_ms != created_ms) {
            let original = Original { retention_in_days: retention.in_days(), created_ms };
            self.originals.insert(group.to_owned(), original);
        }
    }

    /// Whether what is kept in mind is about an earlier log group of that name.
    pub(super) fn has_original_of_another(&self, log_group: &str, created_ms: i64) -> bool {
        let original = self.originals.get(log_group);
        original.is_some_and(|original| original.created_ms != created_ms)
    }

    /// What a log group's retention was before our first write.
    pub(super) fn original(&self, log_group: &str, created_ms: i64) -> Option<Retention> {
        let original = self.originals.get(log_group)?;
        (original.created_ms == created_ms).then(|| retention(original.retention_in_days))
    }

    pub(super) fn forget_originals_but(&mut self, keep: impl Fn(&str) -> bool) {
        self.originals.retain(|name, _| keep(name));
    }

    /// Keeps in mind what must not be shipped to a destination, in place of what was known before.
    pub(super) fn remember_loops(&mut self, destination_arn: &str, guard: &LoopGuard) {
        let groups = guard.groups().map(|(group, why)| (group.clone(), why.clone())).collect();
        self.loops = BTreeMap::from([(destination_arn.to_owned(), groups)]);
    }

    /// Adds what is known of a destination's loops to what its name tells.
    pub(super) fn recall_loops(&self, destination_arn: &str, guard: &mut LoopGuard) {
        guard.recall(self.loops.get(destination_arn).into_iter().flatten());
    }

    /// Keeps in mind that a statement is ours.
    pub(super) fn remember_grant(&mut self, grant: &Grant) {
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
        ownership.names.extend(self.former_names.iter().cloned());
        ownership.destinations.extend(self.former_destinations.iter().cloned());
        ownership
    }

    /// Keeps in mind what was ours until every group has been changed.
    pub(super) fn remember_former(&mut self, before: Ownership) {
        self.former_names.extend(before.names);
        self.former_destinations.extend(before.destinations);
    }

    pub(super) fn forget_former(&mut self) {
        self.former_names.clear();
        self.former_destinations.clear();
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
            stored_bytes: group.stored_bytes,
            tagged: Vec::new(),
            untold: Vec::new(),
        }
    }

    fn retention(&self) -> Retention {
        retention(self.retention_in_days)
    }
}

fn entry(grant: &Grant) -> (String, String) {
    (grant.function_arn().to_string(), grant.statement_id().to_owned())
}

fn patterns(filter: &TagFilter) -> BTreeMap<String, String> {
    filter.patterns().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn retention(days: i64) -> Retention {
    Retention::reported(i32::try_from(days).ok())
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
            arn: String::new(),
            stored_bytes: 12,
            created_ms: 1,
        }
    }

    fn remembering() -> PrivateState {
        let mut memory = PrivateState::default();
        let groups = [
            group("/a/1", LogGroupClass::InfrequentAccess),
            group("/a/2", LogGroupClass::Standard),
        ];
        memory.remember_listing(&[Listing::Prefix("/a/".into())], &groups);
        memory
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let mut memory = remembering();
        memory.remember_former(Ownership {
            names: BTreeSet::from(["old".to_owned()]),
            ..Ownership::default()
        });
        let read = PrivateState::decode(&memory.encode()).unwrap();
        assert_eq!(read, memory);
        assert_eq!(read.class("/a/1"), LogGroupClass::InfrequentAccess);
        assert_eq!(read.class("/a/2"), LogGroupClass::Standard);
        assert!(PrivateState::decode(b"what somebody else wrote").is_err());
    }

    #[test]
    fn tells_what_another_selection_chooses_only_where_it_listed_all_of_it() {
        let memory = remembering();
        let selection = |prefix: &str| Selection {
            select: vec![logagg_policy::Rule {
                name_prefixes: Some(BTreeSet::from([prefix.to_owned()])),
                ..logagg_policy::Rule::default()
            }],
            exclude: Vec::new(),
        };
        let chosen = memory.chosen_by(&selection("/a/2")).unwrap();
        assert_eq!(chosen, BTreeMap::from([("/a/2", Retention::Days(7))]));
        assert_eq!(memory.chosen_by(&selection("/")), None);
        assert_eq!(PrivateState::default().chosen_by(&selection("/a/")), None);
    }

    #[test]
    fn tells_what_tags_choose_only_where_it_knows_them() {
        let rule = |value: &str| logagg_policy::Rule {
            tags: TagFilter::parse([("team".to_owned(), value.to_owned())]).ok(),
            ..logagg_policy::Rule::default()
        };
        let selection = |value: &str| Selection { select: vec![rule(value)], exclude: Vec::new() };
        let mut census = Census::default();
        for name in ["/a", "/b"] {
            census.listed.insert(name.to_owned(), group(name, LogGroupClass::Standard));
        }
        census.asked = selection("search").listings();
        let team = |value: &str| BTreeMap::from([("team".to_owned(), value.to_owned())]);
        census.tagging.learn("/a".to_owned(), team("search"));
        let remembered = |census: &Census| {
            let mut memory = PrivateState::default();
            memory.remember_census(census, &selection("search"));
            PrivateState::decode(&memory.encode()).unwrap()
        };
        assert_eq!(remembered(&census).chosen_by(&selection("search")), None);
        census.tagging.learn("/b".to_owned(), team("checkout"));
        let memory = remembered(&census);
        let chosen = memory.chosen_by(&selection("search")).unwrap();
        assert_eq!(chosen.into_keys().collect::<Vec<_>>(), ["/a"]);
        assert_eq!(memory.chosen_by(&selection("checkout")), None);
    }

    #[test]
    fn an_original_is_kept_until_the_group_is_another() {
        let mut memory = PrivateState::default();
        memory.remember_original("/a", 1, Retention::Days(90));
        memory.remember_original("/a", 1, Retention::Days(30));
        assert_eq!(memory.original("/a", 1), Some(Retention::Days(90)));
        assert_eq!(memory.original("/a", 2), None);
        memory.remember_original("/a", 2, Retention::Never);
        assert_eq!(memory.original("/a", 2), Some(Retention::Never));
    }

    #[test]
    fn a_grant_is_ours_until_it_is_forgotten() {
        let grant = |name| {
            let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}");
            Grant::of(&arn.parse().unwrap(), "ship").unwrap()
        };
        let mut memory = PrivateState::default();
        memory.remember_grant(&grant("old"));
        memory.remember_grant(&grant("new"));
        let mut memory = PrivateState::decode(&memory.encode()).unwrap();
        assert_eq!(memory.provenance(&grant("old")), Provenance::Ours);
        assert_eq!(memory.superseded(Some(&grant("new"))), [grant("old")]);
        assert_eq!(memory.superseded(None).len(), 2);
        memory.forget_grant(&grant("old"));
        assert_eq!(memory.provenance(&grant("old")), Provenance::Unknown);
        assert_eq!(memory.superseded(Some(&grant("new"))), []);
    }

    #[test]
    fn a_full_group_is_full_until_its_filters_change() {
        let filter = |name: &str| SubscriptionFilter::new(name, "elsewhere");
        let mut memory = PrivateState::default();
        memory.remember_full("/a", &[filter("b"), filter("a")]);
        assert!(memory.is_still_full("/a", &[filter("a"), filter("b")]));
        assert!(!memory.is_still_full("/a", &[filter("a")]));
        assert!(!memory.is_still_full("/a", &[filter("a"), filter("b")]));
    }
}
