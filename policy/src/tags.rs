use std::collections::BTreeMap;

/// The tags of a log group.
pub type Tags = BTreeMap<String, String>;

/// Tags that a log group must have, all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagFilter {
    patterns: BTreeMap<String, String>,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html>
const MAX_TAGS: usize = 50;
const MAX_KEY_CHARACTERS: usize = 128;
const MAX_VALUE_CHARACTERS: usize = 256;

impl TagFilter {
    /// From key and value of each tag, where a `*` in a value matches any string, including an
    /// empty one.
    ///
    /// # Errors
    /// When no log group can have such tags, with the tag and what is wrong with it.
    pub fn parse(
        patterns: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, InvalidTags> {
        let patterns: BTreeMap<_, _> = patterns.into_iter().collect();
        if patterns.is_empty() {
            return Err(InvalidTags::None);
        }
        if patterns.len() > MAX_TAGS {
            return Err(InvalidTags::Many { tags: patterns.len() });
        }
        for (key, value) in &patterns {
            check(key, value)?;
        }
        Ok(Self { patterns })
    }

    /// Whether a log group with these tags has all that is wanted. Upper and lower case differ.
    #[must_use]
    pub fn holds_for(&self, tags: &Tags) -> bool {
        let has = |(key, pattern): (&String, &String)| {
            tags.get(key).is_some_and(|value| fits(pattern, value))
        };
        self.patterns.iter().all(has)
    }

    /// The pattern of each tag's value, by key.
    pub fn patterns(&self) -> impl Iterator<Item = (&String, &String)> {
        self.patterns.iter()
    }
}

fn check(key: &str, value: &str) -> Result<(), InvalidTags> {
    let characters = key.chars().count();
    if characters == 0 {
        return Err(InvalidTags::NoKey);
    }
    if characters > MAX_KEY_CHARACTERS {
        return Err(InvalidTags::LongKey { key: key.to_owned(), characters });
    }
    if let Some(character) = key.chars().find(|c| !is_of_tag(*c)) {
        return Err(InvalidTags::CharacterOfKey { key: key.to_owned(), character });
    }
    let characters = value.chars().count();
    if characters > MAX_VALUE_CHARACTERS {
        return Err(InvalidTags::LongValue { key: key.to_owned(), characters });
    }
    match value.chars().find(|c| !is_of_tag(*c) && *c != '*') {
        Some(character) => Err(InvalidTags::CharacterOfValue {
            key: key.to_owned(),
            value: value.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

fn is_of_tag(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

/// Whether a text is what a pattern says. Each piece between two `*` is taken where it comes
/// first, which leaves most to the pieces after it.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Tags that no log group can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTags {
    /// There are none.
    #[error("empty tags would match every log group: name at least one tag, or remove tags")]
    None,
    /// More than a log group can have.
    #[error("a log group has at most 50 tags, and {tags} are set")]
    Many {
        /// How many there are.
        tags: usize,
    },
    /// A tag without a key.
    #[error("a tag's key cannot be empty")]
    NoKey,
    /// A key that is too long.
    #[error("a tag's key has at most 128 characters, and {key:?} has {characters}")]
    LongKey {
        /// The key.
        key: String,
        /// How long it is.
        characters: usize,
    },
    /// A key with a character that keys do not have.
    #[error(
        "{key:?} is not a valid tag key: it contains {character:?}, and keys consist of letters, \
         digits, spaces and _ . : / = + - @"
    )]
    CharacterOfKey {
        /// The key.
        key: String,
        /// The first one in the way.
        character: char,
    },
    /// A value that is too long.
    #[error("a tag's value has at most 256 characters, and the value of {key:?} has {characters}")]
    LongValue {
        /// The tag's key.
        key: String,
        /// How long it is.
        characters: usize,
    },
    /// A value with a character that values do not have.
    #[error(
        "{value:?} is not a valid value of the tag {key:?}: it contains {character:?}, and values \
         consist of letters, digits, spaces and _ . : / = + - @, with * for any string"
    )]
    CharacterOfValue {
        /// The tag's key.
        key: String,
        /// The value.
        value: String,
        /// The first one in the way.
        character: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn all_tags_must_be_there() {
        let filter = TagFilter::parse(tags(&[("team", "search"), ("env", "prod*")])).unwrap();
        assert!(filter.holds_for(&tags(&[("team", "search"), ("env", "prod-eu"), ("x", "")])));
        assert!(!filter.holds_for(&tags(&[("team", "search")])));
        assert!(!filter.holds_for(&tags(&[("team", "search"), ("env", "test")])));
        assert!(!filter.holds_for(&tags(&[("team", "Search"), ("env", "prod")])));
    }

    #[test]
    fn a_star_is_any_text() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        };
        check("prod", "prod", true);
        check("prod", "prod-eu", false);
        check("", "", true);
        check("", "x", false);
        check("*", "", true);
        check("*", "anything", true);
        check("prod*", "prod", true);
        check("*-eu", "prod-eu", true);
        check("*-eu", "prod-eu-1", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*a", "a", false);
        check("ab*bc", "abc", false);
        check("*é*", "café au lait", true);
    }

    #[test]
    fn tags_that_no_log_group_can_have_are_rejected() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            assert_eq!(TagFilter::parse(tags(pairs)).unwrap_err().to_string(), expected);
        };
        check(&[], "empty tags would match every log group: name at least one tag, or remove tags");
        check(&[("", "x")], "a tag's key cannot be empty");
        check(
            &[("te*m", "x")],
            "\"te*m\" is not a valid tag key: it contains '*', and keys consist of letters, \
             digits, spaces and _ . : / = + - @",
        );
        check(
            &[("team", "!search")],
            "\"!search\" is not a valid value of the tag \"team\": it contains '!', and values \
             consist of letters, digits, spaces and _ . : / = + - @, with * for any string",
        );
        let long = "k".repeat(129);
        check(
            &[(&long, "x")],
            &format!("a tag's key has at most 128 characters, and {long:?} has 129"),
        );
        check(
            &[("team", &"v".repeat(257))],
            "a tag's value has at most 256 characters, and the value of \"team\" has 257",
        );
        let many = (0..51).map(|n| (n.to_string(), String::new()));
        assert_eq!(
            TagFilter::parse(many).unwrap_err().to_string(),
            "a log group has at most 50 tags, and 51 are set"
        );
    }

    proptest! {
        #[test]
        fn a_star_fits_as_in_a_regular_expression(
            pattern in "[ab*]{0,8}",
            text in "[ab]{0,8}",
        ) {
            let regex = format!("^{}$", pattern.replace('*', ".*"));
            let regex = regex::Regex::new(&regex).unwrap();
            prop_assert_eq!(fits(&pattern, &text), regex.is_match(&text));
        }
    }
}
