//! Which lines a rule is about.

use std::ops::Range;

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

/// Judges one record after another. What holds of a whole log group is judged once for it, and all
/// patterns for messages at once.
pub(super) struct Judge<'a> {
    messages: &'a RegexSet,
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
    pub(super) fn new(rules: impl Iterator<Item = &'a Rule>, messages: &'a RegexSet) -> Self {
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
        // Whether there is any match is told much sooner than which ones there are.
        let matches = self.matches.get_or_insert_with(|| {
            messages.is_match(record.message).then(|| messages.matches(record.message))
        });
        matches.as_ref().is_some_and(|matches| matches.matched(pattern))
    }
}
