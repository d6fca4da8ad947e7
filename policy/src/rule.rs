use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use regex::Regex;

use crate::{LogGroupClass, TagFilter};

/// One `select` or `exclude` block: all that is given in it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The name is one of these.
    pub names: Option<BTreeSet<String>>,
    /// The name begins with one of these.
    pub name_prefixes: Option<BTreeSet<String>>,
    /// The name contains a match.
    pub name_regex: Option<NameRegex>,
    /// The log group has all of these tags.
    pub tags: Option<TagFilter>,
    /// The class is one of these.
    pub log_group_classes: Option<BTreeSet<String>>,
}

impl Rule {
    /// Whether it says nothing at all, and so would hold for every log group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all that is given holds for a log group; None where that depends on tags of which
    /// `tagged` does not know whether the group has them.
    #[must_use]
    pub fn holds_for(
        &self,
        name: &str,
        class: &LogGroupClass,
        tagged: impl Fn(&TagFilter) -> Option<bool>,
    ) -> Option<bool> {
        let holds = self.names.as_ref().is_none_or(|names| names.contains(name))
            && self.name_prefixes.as_ref().is_none_or(|prefixes| begins_with_one(name, prefixes))
            && self.name_regex.as_ref().is_none_or(|regex| regex.is_match(name))
            && (self.log_group_classes.as_ref())
                .is_none_or(|classes| classes.contains(&class.to_string()));
        match &self.tags {
            Some(tags) if holds => tagged(tags),
            _ => Some(holds),
        }
    }
}

/// Looks only at the prefixes that could be: one of each length that is no longer than the name.
/// A policy may list thousands.
pub(crate) fn begins_with_one(name: &str, prefixes: &BTreeSet<String>) -> bool {
    (0..=name.len()).filter_map(|end| name.get(..end)).any(|beginning| prefixes.contains(beginning))
}

/// A regular expression for names of log groups.
#[derive(Clone)]
pub struct NameRegex(Regex);

impl NameRegex {
    /// Whether it matches somewhere in a name.
    #[must_use]
    pub fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for NameRegex {
    type Err = InvalidRegex;

    fn from_str(pattern: &str) -> Result<Self, InvalidRegex> {
        let compiled = Regex::new(pattern);
        compiled.map(Self).map_err(|error| InvalidRegex { detail: error.to_string() })
    }
}

impl PartialEq for NameRegex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NameRegex {}

impl fmt::Debug for NameRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A regex that does not compile, or is too large; the text shows where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct InvalidRegex {
    detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tags;

    #[test]
    fn all_conditions_of_a_block_must_match() {
        let rule = Rule {
            name_prefixes: Some(BTreeSet::from(["/a/".to_owned(), "/b/".to_owned()])),
            name_regex: Some("prod".parse().unwrap()),
            ..Rule::default()
        };
        let holds = |name| rule.holds_for(name, &LogGroupClass::Standard, |_| None);
        assert_eq!(holds("/b/prod-1"), Some(true));
        assert_eq!(holds("/b/test-1"), Some(false));
        assert_eq!(holds("/c/prod-1"), Some(false));
    }

    #[test]
    fn tags_are_read_only_if_they_decide() {
        let pattern = ("team".to_owned(), "search".to_owned());
        let rule = Rule {
            name_prefixes: Some(BTreeSet::from(["/a/".to_owned()])),
            tags: Some(TagFilter::parse([pattern.clone()]).unwrap()),
            ..Rule::default()
        };
        let standard = LogGroupClass::Standard;
        assert_eq!(rule.holds_for("/b/1", &standard, |_| panic!("needless")), Some(false));
        assert_eq!(rule.holds_for("/a/1", &standard, |_| None), None);
        let tags = Tags::from([pattern]);
        let tagged = |filter: &TagFilter| Some(filter.holds_for(&tags));
        assert_eq!(rule.holds_for("/a/1", &standard, tagged), Some(true));
    }

    #[test]
    fn a_regex_that_does_not_compile_shows_where() {
        let error = "checkout-(prod".parse::<NameRegex>().unwrap_err().to_string();
        assert!(error.contains("checkout-(prod\n             ^"), "{error}");
        assert!(error.contains("unclosed group"), "{error}");
    }
}
