//! Which lines a rule is about.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use memchr::memmem::Finder;
use regex::Regex;

use crate::destination::ReasonCode;
use crate::line::{Kind, Level};
use crate::record::Record;

/// A rule: it wants the lines for which all of its conditions hold.
#[derive(Debug)]
pub struct Rule {
    /// The user's name of it, under which it is counted.
    pub name: ReasonCode,
    /// What the message must match.
    pub message: Option<MessagePattern>,
    /// What else must hold.
    pub conditions: Vec<Condition>,
}

/// A regular expression for messages. One that is nothing but text is looked for as such, which
/// takes less to make, and less for each message.
#[derive(Debug)]
pub enum MessagePattern {
    /// Text that is there.
    Text(Box<Finder<'static>>),
    /// A pattern that matches.
    Pattern(Regex),
}

impl MessagePattern {
    /// Reads a regular expression.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        if regex::escape(pattern) == pattern {
            return Ok(Self::Text(Box::new(Finder::new(pattern).into_owned())));
        }
        Regex::new(pattern).map(Self::Pattern)
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => text.find(message.as_bytes()).is_some(),
            Self::Pattern(pattern) => pattern.is_match(message),
        }
    }

    /// The regular expression.
    fn pattern(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text.needle()),
            Self::Pattern(pattern) => Cow::Borrowed(pattern.as_str()),
        }
    }
}

/// What must hold of a line.
#[derive(Debug)]
pub enum Condition {
    /// It is of one of these kinds.
    Kinds(Vec<Kind>),
    /// It has one of these levels.
    Levels(Vec<Level>),
    /// Its log group's name matches.
    LogGroup(Regex),
}

/// The patterns of all rules for messages as one: it tells of most messages that no rule wants
/// them, in the time that one pattern takes. It is made for the first message, not at the start.
#[derive(Debug, Default)]
pub(super) struct AnyPattern(OnceLock<Option<Regex>>);

impl AnyPattern {
    /// Whether one of the rules' patterns may match a message.
    fn may_match(&self, rules: &[&Rule], message: &str) -> bool {
        let any = self.0.get_or_init(|| {
            let patterns: Vec<Cow<'_, str>> = rules
                .iter()
                .filter_map(|rule| rule.message.as_ref())
                .map(MessagePattern::pattern)
                .collect();
            one_of(&patterns)
        });
        any.as_ref().is_none_or(|any| any.is_match(message))
    }
}

/// A pattern that matches where one of these does; nothing for a single one, and where they cannot
/// stand side by side.
fn one_of(patterns: &[impl AsRef<str>]) -> Option<Regex> {
    // A comment in one would go on into the next.
    if patterns.len() < 2 || patterns.iter().any(|pattern| pattern.as_ref().contains('#')) {
        return None;
    }
    let groups: Vec<String> =
        patterns.iter().map(|pattern| format!("(?:{})", pattern.as_ref())).collect();
    Regex::new(&groups.join("|")).ok()
}

/// Judges one record after another. What holds of a whole log group is judged once for it.
pub(super) struct RuleMatcher<'a> {
    rules: Vec<&'a Rule>,
    any_pattern: &'a AnyPattern,
    /// Whether a pattern may match the message at hand, once that is known.
    may_match: Option<bool>,
    group: Option<*const u8>,
    /// Whether the log group is one that the rule is about.
    in_group: Vec<bool>,
}

impl<'a> RuleMatcher<'a> {
    pub(super) fn new(rules: impl Iterator<Item = &'a Rule>, any_pattern: &'a AnyPattern) -> Self {
        let rules = rules.collect();
        Self { rules, any_pattern, may_match: None, group: None, in_group: Vec::new() }
    }

    /// Begins with a record.
    pub(super) fn turn_to(&mut self, record: &Record<'_>) {
        self.may_match = None;
        let group = record.log_source.group;
        if self.group != Some(group.as_ptr()) {
            self.group = Some(group.as_ptr());
            let is_in = |rule: &&Rule| {
                rule.conditions.iter().all(|condition| match condition {
                    Condition::LogGroup(pattern) => pattern.is_match(group),
                    Condition::Kinds(_) | Condition::Levels(_) => true,
                })
            };
            self.in_group = self.rules.iter().map(is_in).collect();
        }
    }

    /// The first of the rules in these places that wants the record.
    pub(super) fn first(&mut self, places: Range<usize>, record: &Record<'_>) -> Option<usize> {
        places.into_iter().find(|place| self.wants(*place, record))
    }

    fn wants(&mut self, place: usize, record: &Record<'_>) -> bool {
        let line = &record.line;
        let holds = self.rules[place].conditions.iter().all(|condition| match condition {
            Condition::Kinds(kinds) => kinds.contains(&line.kind),
            Condition::Levels(levels) => line.level.is_some_and(|level| levels.contains(&level)),
            Condition::LogGroup(_) => true,
        });
        if !holds || !self.in_group[place] {
            return false;
        }
        let Some(wording) = &self.rules[place].message else {
            return true;
        };
        let message = record.message;
        let may_match = || self.any_pattern.may_match(&self.rules, message);
        *self.may_match.get_or_insert_with(may_match) && wording.is_in(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_where_it_would_match_as_a_regular_expression() {
        let texts = [
            "",
            "GET /endpoint_state",
            "xGET /healthy",
            "GET  /endpoint_state",
            "gr\u{fc}n",
            "GR\u{dc}N",
            "a.b",
            "axb",
        ];
        for (pattern, is_text) in [
            ("GET /endpoint_state", true),
            ("", true),
            ("gr\u{fc}n", true),
            ("(?i)gr\u{fc}n", false),
            ("a.b", false),
            ("^GET", false),
            (r"a\.b", false),
        ] {
            let wording = MessagePattern::new(pattern).unwrap();
            assert_eq!(matches!(wording, MessagePattern::Text(_)), is_text, "{pattern}");
            assert_eq!(wording.pattern(), pattern);
            let regex = Regex::new(pattern).unwrap();
            for text in texts {
                assert_eq!(wording.is_in(text), regex.is_match(text), "{pattern} in {text}");
            }
        }
        assert!(MessagePattern::new("(").is_err());
    }

    #[test]
    fn patterns_as_one_match_where_one_of_them_does() {
        let patterns = ["a|b", "(?i)HEALTH", "^d$", "(?x) e  f", "(?x) c # one\n"];
        let texts =
            ["", "a", "b", "xhealthx", "c", "d", "dd", "ef", "e f", "A", "a endpoint_state c"];
        for count in 2..patterns.len() {
            let any = one_of(&patterns[..count]).unwrap();
            for text in texts {
                let one = |pattern: &&str| Regex::new(pattern).unwrap().is_match(text);
                assert_eq!(
                    any.is_match(text),
                    patterns[..count].iter().any(one),
                    "{text}, {count}"
                );
            }
        }
        assert!(one_of(&patterns).is_none(), "the comment would swallow what comes behind it");
    }
}
