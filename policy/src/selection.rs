use std::collections::{BTreeMap, BTreeSet};

use crate::rule::begins_with_one;
use crate::{LogGroupClass, Rule, TagFilter, Tags};

/// Which log groups a policy selects: those that match any `select` and no `exclude`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The `select` blocks.
    pub select: Vec<Rule>,
    /// The `exclude` blocks.
    pub exclude: Vec<Rule>,
}

/// A question for log groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// The group of exactly this name.
    Name(String),
    /// The groups whose names begin so; empty is all of them.
    Prefix(String),
    /// Those among them that have these tags.
    Tagged(TagFilter, String),
}

/// Above this many questions one about what they have in common costs less.
const MAX_LISTINGS: usize = 50;

impl Selection {
    /// Whether a log group is selected.
    #[must_use]
    pub fn chooses(&self, name: &str, class: &LogGroupClass, tags: &Tags) -> bool {
        self.judge(name, class, |filter| Some(filter.holds_for(tags))).unwrap_or_default()
    }

    /// Whether a log group is selected; None if that depends on tags that `tagged` does not know.
    #[must_use]
    pub fn judge(
        &self,
        name: &str,
        class: &LogGroupClass,
        tagged: impl Fn(&TagFilter) -> Option<bool>,
    ) -> Option<bool> {
        let any =
            |rules: &[Rule]| any(rules.iter().map(|rule| rule.holds_for(name, class, &tagged)));
        match any(&self.select) {
            Some(false) => Some(false),
            selected => match any(&self.exclude) {
                Some(true) => Some(false),
                Some(false) => selected,
                None => None,
            },
        }
    }

    /// The listings that together contain every log group that can be selected. Answers are to be
    /// checked with [`Selection::selects`].
    #[must_use]
    pub fn listings(&self) -> Vec<Listing> {
        let mut names = BTreeSet::new();
        let mut prefixes = BTreeSet::new();
        let mut tagged: BTreeMap<TagFilter, BTreeSet<String>> = BTreeMap::new();
        for listing in self.select.iter().flat_map(Rule::listings) {
            match listing {
                Listing::Name(name) => {
                    names.insert(name);
                }
                Listing::Prefix(prefix) => {
                    prefixes.insert(prefix);
                }
                Listing::Tagged(tags, prefix) => {
                    tagged.entry(tags).or_default().insert(prefix);
                }
            }
        }
        names.retain(|name| !begins_with_one(name, &prefixes));
        prefixes = shortest(&prefixes);
        if names.len() + prefixes.len() > MAX_LISTINGS {
            let common = common_prefix(names.iter().chain(&prefixes).map(String::as_str));
            prefixes = BTreeSet::from([common.to_owned()]);
            names.clear();
        }
        let tagged = tagged.into_iter().flat_map(|(tags, mut below)| {
            below.retain(|prefix| !begins_with_one(prefix, &prefixes));
            let mut below = shortest(&below);
            if below.len() > MAX_LISTINGS {
                let common = common_prefix(below.iter().map(String::as_str));
                below = BTreeSet::from([common.to_owned()]);
            }
            below.into_iter().map(move |prefix| Listing::Tagged(tags.clone(), prefix))
        });
        let tagged: Vec<_> = tagged.collect();
        let names = names.into_iter().map(Listing::Name);
        names.chain(prefixes.into_iter().map(Listing::Prefix)).chain(tagged).collect()
    }

    /// The tags to list log groups by, because they decide the selection among many. If a block
    /// names its log groups, reading their tags one by one is cheaper. Those of `exclude` come
    /// last: exclusions are looked up when all candidates are known.
    #[must_use]
    pub fn tag_filters(&self) -> Vec<&TagFilter> {
        let (selected, excluded) = (unnamed_tags(&self.select), unnamed_tags(&self.exclude));
        selected.difference(&excluded).chain(&excluded).copied().collect()
    }

    /// Whether these listings contain every log group that this can select.
    #[must_use]
    pub fn is_covered_by(&self, asked: &[Listing]) -> bool {
        self.listings().iter().all(|needed| {
            asked.iter().any(|asked| match (asked, needed) {
                (Listing::Prefix(prefix), _) => needed.text().starts_with(prefix),
                (Listing::Tagged(tags, prefix), Listing::Tagged(needed, below)) => {
                    tags == needed && below.starts_with(prefix)
                }
                _ => needed == asked,
            })
        })
    }

    /// The names, if the selection is by exact names alone: then it selects these and no others.
    #[must_use]
    pub fn exact_names(&self) -> Option<BTreeSet<&str>> {
        let mut rules = self.select.iter().chain(&self.exclude);
        if rules.any(|rule| rule.log_group_classes.is_some() || rule.tags.is_some()) {
            return None;
        }
        let mut all = BTreeSet::new();
        for rule in &self.select {
            all.extend(rule.names.as_ref()?.iter().map(String::as_str));
        }
        all.retain(|name| self.chooses(name, &LogGroupClass::Standard, &Tags::new()));
        Some(all)
    }
}

impl Rule {
    fn listings(&self) -> Vec<Listing> {
        if let Some(names) = &self.names {
            return names.iter().cloned().map(Listing::Name).collect();
        }
        let everything = BTreeSet::from([String::new()]);
        let prefixes = self.name_prefixes.as_ref().unwrap_or(&everything).iter().cloned();
        match &self.tags {
            Some(tags) => prefixes.map(|prefix| Listing::Tagged(tags.clone(), prefix)).collect(),
            None => prefixes.map(Listing::Prefix).collect(),
        }
    }
}

impl Listing {
    /// The questions for these log groups and as few others as that allows: each by its name, or,
    /// where that would be more than fifty questions, all by what their names have in common.
    #[must_use]
    pub fn for_names(names: &BTreeSet<String>) -> Vec<Self> {
        if names.len() <= MAX_LISTINGS {
            return names.iter().cloned().map(Self::Name).collect();
        }
        vec![Self::Prefix(common_prefix(names.iter().map(String::as_str)).to_owned())]
    }

    /// Whether a complete answer without a log group of this name shows that there is none.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Name(asked) => asked == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
            Self::Tagged(..) => false,
        }
    }

    /// The name, or its beginning.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Prefix(text) | Self::Tagged(_, text) => text,
        }
    }
}

/// Whether any of these is so; None where that is not known.
fn any(mut verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    verdicts
        .try_fold(Some(false), |all, verdict| match verdict {
            Some(true) => Err(Some(true)),
            Some(false) => Ok(all),
            None => Ok(None),
        })
        .unwrap_or_else(|found| found)
}

/// The tags in those rules that name no log groups.
fn unnamed_tags(rules: &[Rule]) -> BTreeSet<&TagFilter> {
    let unnamed = rules.iter().filter(|rule| rule.names.is_none());
    unnamed.filter_map(|rule| rule.tags.as_ref()).collect()
}

/// Those among some prefixes that do not begin with another.
fn shortest(prefixes: &BTreeSet<String>) -> BTreeSet<String> {
    let begins_with_another = |prefix: &&String| {
        prefix.char_indices().any(|(longer_than, _)| prefixes.contains(&prefix[..longer_than]))
    };
    prefixes.iter().filter(|prefix| !begins_with_another(prefix)).cloned().collect()
}

fn common_prefix<'a>(mut texts: impl Iterator<Item = &'a str>) -> &'a str {
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |common, text| {
        let shared = common.char_indices().zip(text.chars()).take_while(|((_, a), b)| a == b);
        let end = shared.last().map_or(0, |((at, c), _)| at + c.len_utf8());
        &common[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(texts: &[&str]) -> Option<BTreeSet<String>> {
        Some(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    fn prefixes(texts: &[&str]) -> Rule {
        Rule { name_prefixes: set(texts), ..Rule::default() }
    }

    fn names(texts: &[&str]) -> Rule {
        Rule { names: set(texts), ..Rule::default() }
    }

    fn tagged(key: &str, value: &str) -> Rule {
        let tags = TagFilter::parse([(key.to_owned(), value.to_owned())]).unwrap();
        Rule { tags: Some(tags), ..Rule::default() }
    }

    fn matching(pattern: &str) -> Rule {
        Rule { name_regex: Some(pattern.parse().unwrap()), ..Rule::default() }
    }

    #[test]
    fn a_group_is_selected_if_any_select_matches_and_no_exclude_does() {
        let selection = Selection {
            select: vec![prefixes(&["/aws/lambda/"]), names(&["/ecs/web"])],
            exclude: vec![matching("-canary$")],
        };
        assert!(selection.chooses("/aws/lambda/checkout", &LogGroupClass::Standard, &Tags::new()));
        assert!(selection.chooses("/ecs/web", &LogGroupClass::Standard, &Tags::new()));
        assert!(!selection.chooses("/ecs/web-2", &LogGroupClass::Standard, &Tags::new()));
        assert!(!selection.chooses(
            "/aws/lambda/checkout-canary",
            &LogGroupClass::Standard,
            &Tags::new()
        ));
        assert!(!selection.chooses("/aws/lambda", &LogGroupClass::Standard, &Tags::new()));
    }

    #[test]
    fn an_empty_list_selects_nothing() {
        let selection = Selection { select: vec![names(&[]), prefixes(&[])], exclude: vec![] };
        assert!(!selection.chooses("/aws/lambda/a", &LogGroupClass::Standard, &Tags::new()));
        assert_eq!(selection.listings(), []);
        assert_eq!(Selection::default().listings(), []);
    }

    #[test]
    fn a_class_is_selected_and_excluded() {
        let infrequent = Rule { log_group_classes: set(&["INFREQUENT_ACCESS"]), ..Rule::default() };
        let selection = Selection { select: vec![prefixes(&["/a/"])], exclude: vec![infrequent] };
        assert!(selection.chooses("/a/1", &LogGroupClass::Standard, &Tags::new()));
        assert!(!selection.chooses("/a/1", &LogGroupClass::InfrequentAccess, &Tags::new()));
    }

    #[test]
    fn a_recorded_listing_covers_narrower_selections() {
        let asked = [Listing::Prefix("/a/".into()), Listing::Name("/b".into())];
        let covered = |select| Selection { select, exclude: vec![] }.is_covered_by(&asked);
        assert!(covered(vec![prefixes(&["/a/", "/a/x"]), names(&["/b", "/a/y"])]));
        assert!(!covered(vec![prefixes(&["/b"])]));
        assert!(!covered(vec![names(&["/c"])]));
        assert!(!covered(vec![matching("x")]));
    }

    #[test]
    fn asks_only_what_is_needed() {
        let check = |select: Vec<Rule>, expected: &[Listing]| {
            let selection = Selection { select, exclude: vec![matching("x")] };
            assert_eq!(selection.listings(), expected);
        };
        let prefix = |text: &str| Listing::Prefix(text.into());
        let name = |text: &str| Listing::Name(text.into());
        check(
            vec![prefixes(&["/a/", "/a/b", "/c"]), names(&["/a/x"])],
            &[prefix("/a/"), prefix("/c")],
        );
        check(vec![names(&["/a", "/ab"])], &[name("/a"), name("/ab")]);
        check(vec![prefixes(&["/a/"]), matching("b")], &[prefix("")]);
        let both = Rule { names: set(&["/a/1"]), ..prefixes(&["/a/"]) };
        check(vec![both], &[name("/a/1")]);
    }

    #[test]
    fn lists_by_tags_what_no_prefix_covers() {
        let search = tagged("team", "search").tags.unwrap();
        let below = |prefix: &str| Rule { tags: Some(search.clone()), ..prefixes(&[prefix]) };
        let check = |select: Vec<Rule>, expected: &[Listing]| {
            assert_eq!(Selection { select, exclude: vec![] }.listings(), expected);
        };
        let asked = |prefix: &str| Listing::Tagged(search.clone(), prefix.into());
        check(vec![tagged("team", "search")], &[asked("")]);
        check(vec![below("/a/"), below("/a/b"), below("/c")], &[asked("/a/"), asked("/c")]);
        check(
            vec![below("/a/b"), below("/c"), prefixes(&["/a/"])],
            &[Listing::Prefix("/a/".into()), asked("/c")],
        );
        let named = Rule { tags: Some(search.clone()), ..names(&["/a"]) };
        check(vec![named.clone()], &[Listing::Name("/a".into())]);

        let selection = Selection { select: vec![named], exclude: vec![below("/b")] };
        assert_eq!(selection.tag_filters(), [&search]);
        let selection = Selection { exclude: vec![], ..selection };
        assert_eq!(selection.tag_filters(), Vec::<&TagFilter>::new());
        let selection = Selection {
            select: vec![tagged("z", "*"), tagged("a", "*")],
            exclude: vec![tagged("a", "*"), tagged("b", "*")],
        };
        let keys = selection.tag_filters().into_iter().flat_map(TagFilter::patterns);
        assert_eq!(keys.map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["z", "a", "b"]);
    }

    #[test]
    fn a_listing_by_tags_covers_narrower_listings_by_the_same_tags() {
        let search = tagged("team", "search").tags.unwrap();
        let asked = [Listing::Tagged(search.clone(), "/a/".into()), Listing::Prefix("/p/".into())];
        let covered =
            |rule| Selection { select: vec![rule], exclude: vec![] }.is_covered_by(&asked);
        let below = |prefix: &str| Rule { tags: Some(search.clone()), ..prefixes(&[prefix]) };
        assert!(covered(below("/a/b")));
        assert!(covered(below("/p/b")));
        assert!(!covered(below("/")));
        assert!(!covered(prefixes(&["/a/b"])));
        assert!(!covered(Rule { tags: tagged("team", "*").tags, ..prefixes(&["/a/"]) }));
        assert!(!covered(Rule { tags: Some(search.clone()), ..names(&["/a/b"]) }));
    }

    #[test]
    fn thousands_of_prefixes_are_listed_by_a_common_prefix() {
        let many: Vec<_> = (0..3000).map(|n| format!("/aws/lambda/team-{n:04}-")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let selection = Selection { select: vec![prefixes(&many)], exclude: vec![] };
        assert_eq!(selection.listings(), [Listing::Prefix("/aws/lambda/team-".into())]);
        assert!(selection.chooses(
            "/aws/lambda/team-2999-checkout",
            &LogGroupClass::Standard,
            &Tags::new()
        ));
        assert!(!selection.chooses(
            "/aws/lambda/team-3000-checkout",
            &LogGroupClass::Standard,
            &Tags::new()
        ));
    }

    #[test]
    fn many_names_are_listed_by_a_common_prefix() {
        let names = |count| (0..count).map(|n| format!("/a/{n:03}")).collect::<BTreeSet<_>>();
        assert_eq!(Listing::for_names(&names(0)), []);
        assert_eq!(Listing::for_names(&names(50)).len(), 50);
        assert_eq!(Listing::for_names(&names(51)), [Listing::Prefix("/a/0".into())]);
    }

    #[test]
    fn a_listing_by_tags_covers_no_name() {
        let tagged = Listing::Tagged(tagged("team", "search").tags.unwrap(), "/a".into());
        assert!(!tagged.covers("/a/b"));
        assert!(Listing::Prefix("/a".into()).covers("/a/b"));
        assert!(!Listing::Name("/a".into()).covers("/a/b"));
        assert!(Listing::Name("/a".into()).covers("/a"));
    }

    #[test]
    fn exact_names_are_known_without_a_listing() {
        let selection = Selection {
            select: vec![names(&["/a", "/b-canary"])],
            exclude: vec![matching("canary")],
        };
        assert_eq!(selection.exact_names(), Some(BTreeSet::from(["/a"])));
        let selection =
            Selection { select: vec![names(&["/a"]), prefixes(&["/b"])], exclude: vec![] };
        assert_eq!(selection.exact_names(), None);
    }

    #[test]
    fn tags_select_and_exclude() {
        let selection = Selection {
            select: vec![tagged("team", "*"), prefixes(&["/a/"])],
            exclude: vec![tagged("logs", "private")],
        };
        let standard = LogGroupClass::Standard;
        let tags = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
        assert!(selection.chooses("/b/1", &standard, &tags("team", "search")));
        assert!(selection.chooses("/a/1", &standard, &Tags::new()));
        assert!(!selection.chooses("/b/1", &standard, &Tags::new()));
        assert!(!selection.chooses("/a/1", &standard, &tags("logs", "private")));
        assert_eq!(selection.judge("/a/1", &standard, |_| None), None);
        let no_team =
            |filter: &TagFilter| filter.patterns().any(|(key, _)| key == "team").then_some(false);
        assert_eq!(selection.judge("/b/1", &standard, no_team), Some(false));
        assert_eq!(selection.exact_names(), None);
    }

    proptest! {
        #[test]
        fn every_selected_group_is_in_exactly_one_listing(
            groups in prop::collection::vec("[ab/]{1,6}", 0..30),
            named in prop::collection::btree_set("[ab/]{1,4}", 0..60),
            beginnings in prop::collection::btree_set("[ab/]{1,3}", 0..60),
        ) {
            let selection = Selection {
                select: vec![
                    Rule { names: Some(named), ..Rule::default() },
                    Rule { name_prefixes: Some(beginnings), ..Rule::default() },
                ],
                exclude: vec![],
            };
            for group in &groups {
                let holding = selection.listings().iter().filter(|listing| match listing {
                    Listing::Name(name) => name == group,
                    Listing::Prefix(prefix) => group.starts_with(prefix),
                    Listing::Tagged(..) => false,
                }).count();
                prop_assert!(holding <= 1);
                if selection.chooses(group, &LogGroupClass::Standard, &Tags::new()) {
                    prop_assert_eq!(holding, 1);
                }
            }
        }
    }
}
