//! Which lines a rule is about.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexSet, SetMatches};

use crate::destination::Class;
use crate::line::{Kind, Level};
use crate::record::Record;

/// A rule: it wants the lines for which all of its conditions hold.
#[derive(Debug)]
pub struct Rule {
    /// The user's name of it, under which it is counted.
    pub name: Class,
    /// What the message must match.
    pub message: Option<String>,
    /// What else must hold.
    pub conditions: Vec<Condition>,
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

/// The patterns of all rules for messages.
#[derive(Debug)]
pub(super) struct Messages {
    each: RegexSet,
    /// All of them as one. It says that none matches in a fraction of the time in which the others
    /// say which do. Nothing where they cannot stand side by side.
    any: OnceLock<Option<Regex>>,
}

impl Messages {
    /// Fails where patterns, each of which is right by itself, are too large together.
    pub(super) fn new(patterns: &[&str]) -> Result<Self, regex::Error> {
        Ok(Self { each: RegexSet::new(patterns)?, any: OnceLock::new() })
    }

    /// What matches a message; `None` where a look tells that nothing does.
    fn matches(&self, message: &str) -> Option<SetMatches> {
        let any = self.any.get_or_init(|| one_of(self.each.patterns()));
        let is_possible = any.as_ref().is_none_or(|any| any.is_match(message));
        is_possible.then(|| self.each.matches(message))
    }
}

/// A pattern that matches where one of these does.
fn one_of(patterns: &[String]) -> Option<Regex> {
    // A comment in one would go on into the next.
    if patterns.iter().any(|pattern| pattern.contains('#')) {
        return None;
    }
    let groups: Vec<String> = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect();
    Regex::new(&groups.join("|")).ok()
}

/// Judges one record after another. What holds of a whole log group is judged once for it, and all
/// patterns for messages at once.
pub(super) struct Judge<'a> {
    messages: &'a Messages,
    /// Where the pattern of a rule is in the set.
    places: Vec<Option<usize>>,
    /// What matches the message at hand, once that is known; nothing at all is usual.
    matches: Option<Option<SetMatches>>,
    group: Option<*const u8>,
    /// Whether the log group is one that the rule is about.
    in_group: Vec<bool>,
    rules: Vec<&'a Rule>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(rules: impl Iterator<Item = &'a Rule>, messages: &'a Messages) -> Self {
        let rules: Vec<&Rule> = rules.collect();
        let mut next = 0;
        let places = rules
            .iter()
            .map(|rule| {
                rule.message.as_ref().map(|_| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        Self { messages, places, matches: None, group: None, in_group: Vec::new(), rules }
    }

    /// Begins with a record.
    pub(super) fn turn_to(&mut self, record: &Record<'_>) {
        self.matches = None;
        let group = record.origin.group;
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
        let Some(pattern) = self.places[place] else {
            return true;
        };
        let messages = self.messages;
        let matches = self.matches.get_or_insert_with(|| messages.matches(record.message));
        matches.as_ref().is_some_and(|matches| matches.matched(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_together_is_what_matches_alone() {
        let patterns = ["a|b", "(?i)HEALTH", "(?x) c # one\n", "^d$", "(?x) e # two"];
        let texts = ["", "a", "b", "xhealthx", "c", "d", "dd", "e", "two", "f", "a health c"];
        for count in 0..=patterns.len() {
            let patterns = &patterns[..count];
            let messages = Messages::new(patterns).unwrap();
            for text in texts {
                let alone: Vec<usize> = (0..count)
                    .filter(|place| Regex::new(patterns[*place]).unwrap().is_match(text))
                    .collect();
                let together: Vec<usize> = messages.matches(text).into_iter().flatten().collect();
                assert_eq!(together, alone, "{text} of {count}");
            }
        }
    }
}
