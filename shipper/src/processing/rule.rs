//! Rules that match log events.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;

use memchr::memmem::Finder;
use regex::Regex;

use crate::destination::ReasonCode;
use crate::line::{Kind, Level};
use crate::log_source_value::LogSourceValue;
use crate::record::Record;

/// A rule matches a log event when all of its conditions match.
#[derive(Debug)]
pub struct Rule {
    /// Its user-defined name, which is its reason in the counts.
    pub name: ReasonCode,
    /// The pattern for the message.
    pub message: Option<MessagePattern>,
    /// The other conditions.
    pub conditions: Vec<Condition>,
}

/// A regular expression for messages. A literal is searched as such, which compiles and runs
/// faster.
#[derive(Debug)]
pub enum MessagePattern {
    /// A literal.
    Text(Box<Finder<'static>>),
    /// A pattern that matches.
    Pattern(Regex),
}

impl MessagePattern {
    /// Parses a regular expression.
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

/// A condition on a log event.
#[derive(Debug)]
pub enum Condition {
    /// Its kind is one of these.
    Kinds(Vec<Kind>),
    /// Its level is one of these.
    Levels(Vec<Level>),
    /// A value of its log source matches one of these.
    LogSource(LogSourceValue, Vec<Regex>),
}

/// The message patterns of all rules combined: rules out most messages in the time of a single
/// pattern. Compiled for the first message, not at start.
#[derive(Debug, Default)]
pub(crate) struct AnyPattern(OnceLock<Option<Regex>>);

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

/// A pattern that matches if one of these does; `None` for a single one, or if they cannot be
/// combined.
fn one_of(patterns: &[impl AsRef<str>]) -> Option<Regex> {
    // A comment in one pattern would continue into the next.
    if patterns.len() < 2 || patterns.iter().any(|pattern| pattern.as_ref().contains('#')) {
        return None;
    }
    let groups: Vec<String> =
        patterns.iter().map(|pattern| format!("(?:{})", pattern.as_ref())).collect();
    Regex::new(&groups.join("|")).ok()
}

/// Evaluates one record after another. Conditions on the log source are evaluated once for each.
pub(crate) struct RuleMatcher<'a> {
    rules: Vec<&'a Rule>,
    any_pattern: &'a AnyPattern,
    /// Whether a pattern may match the current message, if that is known.
    may_match: Option<bool>,
    /// Whether each rule matches the current log source.
    of_log_source: Rc<[bool]>,
    /// The same of log sources that are known already.
    known: HashMap<*const (), Rc<[bool]>>,
    log_source: *const (),
}

impl<'a> RuleMatcher<'a> {
    pub(crate) fn new(rules: impl Iterator<Item = &'a Rule>, any_pattern: &'a AnyPattern) -> Self {
        let rules = rules.collect();
        Self {
            rules,
            any_pattern,
            may_match: None,
            log_source: ptr::null(),
            of_log_source: Rc::default(),
            known: HashMap::new(),
        }
    }

    /// Sets the current record.
    pub(crate) fn turn_to(&mut self, record: &Record<'_>) {
        self.may_match = None;
        let log_source = ptr::from_ref(record.log_source).cast();
        if self.log_source != log_source {
            self.log_source = log_source;
            let is_of = |rule: &&Rule| {
                rule.conditions.iter().all(|condition| match condition {
                    Condition::LogSource(value, patterns) => value
                        .of(record.log_source)
                        .is_some_and(|value| patterns.iter().any(|it| it.is_match(value))),
                    Condition::Kinds(_) | Condition::Levels(_) => true,
                })
            };
            let rules = &self.rules;
            let of = self.known.entry(log_source);
            self.of_log_source = of.or_insert_with(|| rules.iter().map(is_of).collect()).clone();
        }
    }

    /// The first of the rules in this range that matches the current record.
    pub(crate) fn first(&mut self, places: Range<usize>, record: &Record<'_>) -> Option<usize> {
        places.into_iter().find(|place| self.wants(*place, record))
    }

    fn wants(&mut self, place: usize, record: &Record<'_>) -> bool {
        let line = &record.line;
        let holds = self.rules[place].conditions.iter().all(|condition| match condition {
            Condition::Kinds(kinds) => kinds.contains(&line.kind),
            Condition::Levels(levels) => {
                line.level.is_some_and(|level| levels.iter().any(|it| it.name() == level.name()))
            }
            Condition::LogSource(..) => true,
        });
        if !holds || !self.of_log_source[place] {
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
    fn a_literal_matches_like_its_regular_expression() {
        let texts = [
            "",
            "GET /health",
            "xGET /healthy",
            "GET  /health",
            "gr\u{fc}n",
            "GR\u{dc}N",
            "a.b",
            "axb",
        ];
        for (pattern, is_text) in [
            ("GET /health", true),
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
    fn combined_patterns_match_like_their_parts() {
        let patterns = ["a|b", "(?i)HEALTH", "^d$", "(?x) e  f", "(?x) c # one\n"];
        let texts = ["", "a", "b", "xhealthx", "c", "d", "dd", "ef", "e f", "A", "a health c"];
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
