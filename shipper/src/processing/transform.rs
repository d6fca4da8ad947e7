//! Changes fields of JSON messages, and makes fields of text messages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::value::RawValue;

use super::fields::Fields;
use super::parse::Parse;
use super::redact::Redaction;
use super::rule::{AnyPattern, Rule, RuleMatcher};
use crate::destination::ReasonCode;
use crate::line::{Kind, Line};
use crate::record::Record;

/// What happens to the fields of matching log events: `parse`, then `drop`, `rename` and `set`.
#[derive(Debug)]
pub struct Transform {
    /// Which log events are transformed.
    pub rule: Rule,
    /// How fields are found in a text message.
    pub parse: Option<Parse>,
    /// The paths of fields to remove.
    pub drop: Vec<String>,
    /// The paths of fields to move, with their new paths.
    pub rename: Vec<(String, String)>,
    /// Values, with their paths.
    pub set: Vec<(String, Box<RawValue>)>,
}

impl Transform {
    /// Changes fields. Returns whether there is a difference.
    fn change<'a>(&'a self, fields: &mut Fields<'a>) -> bool {
        let mut is_changed = false;
        for path in &self.drop {
            is_changed |= fields.drop(path);
        }
        // All are moved at once, so that two fields can exchange their names.
        let moved: Vec<_> =
            self.rename.iter().filter_map(|(from, to)| Some((to, fields.take(from)?))).collect();
        for (to, value) in moved {
            fields.set(to, value);
            is_changed = true;
        }
        for (path, value) in &self.set {
            is_changed |= fields.set(path, Cow::Borrowed(value));
        }
        is_changed
    }
}

/// The transforms of a configuration, in their order.
#[derive(Debug, Default)]
pub struct Transforms {
    transforms: Vec<Transform>,
    any_pattern: AnyPattern,
}

/// The transforms that apply to each record; empty if there are none at all.
#[derive(Debug, Default)]
pub struct Applicable(Vec<Vec<usize>>);

/// A message whose JSON object is changed.
#[derive(Debug)]
pub struct ChangedMessage {
    message: String,
    json: Range<usize>,
}

impl Transforms {
    /// Applies these one after another.
    pub fn new(transforms: Vec<Transform>) -> Self {
        Self { transforms, any_pattern: AnyPattern::default() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.transforms.is_empty()
    }

    /// Evaluates the conditions of all transforms, before any of them changes something.
    pub(super) fn applicable(&self, records: &[Record<'_>]) -> Applicable {
        if self.is_empty() {
            return Applicable::default();
        }
        let rules = self.transforms.iter().map(|transform| &transform.rule);
        let mut judge = RuleMatcher::new(rules, &self.any_pattern);
        let of_record = |record: &Record<'_>| {
            judge.turn_to(record);
            let places = 0..self.transforms.len();
            places.filter(|place| judge.first(*place..place + 1, record).is_some()).collect()
        };
        Applicable(records.iter().map(of_record).collect())
    }

    /// The changed messages with JSON objects, by the index of their record.
    pub(super) fn messages(
        &self,
        records: &[Record<'_>],
        applicable: &Applicable,
        counts: &mut BTreeMap<ReasonCode, u64>,
    ) -> Vec<Option<ChangedMessage>> {
        let changed = |(record, places): (&Record<'_>, &Vec<usize>)| {
            let object =
                record.line.json.filter(|_| !places.is_empty() && record.parsed.is_none())?;
            let mut fields = Fields::parse(object)?;
            let mut is_changed = false;
            for transform in places.iter().filter_map(|place| self.transforms.get(*place)) {
                if transform.change(&mut fields) {
                    *counts.entry(transform.rule.name.clone()).or_default() += 1;
                    is_changed = true;
                }
            }
            is_changed.then(|| with_object(record.message, object, fields.json().get())).flatten()
        };
        records.iter().zip(&applicable.0).map(changed).collect()
    }

    /// The objects made of text messages, by the index of their record. They are made of redacted
    /// messages: a pattern that knows a secret by the words around it does not find it in an
    /// object.
    pub(super) fn objects(
        &self,
        records: &[Record<'_>],
        applicable: &Applicable,
        redaction: &Redaction,
        counts: &mut BTreeMap<ReasonCode, u64>,
    ) -> Vec<Option<String>> {
        let object = |(record, places): (&Record<'_>, &Vec<usize>)| {
            if record.line.json.is_some() || record.line.kind != Kind::Application {
                return None;
            }
            let mut fields: Option<Fields<'_>> = None;
            for transform in places.iter().filter_map(|place| self.transforms.get(*place)) {
                let parse = transform.parse.as_ref().filter(|_| fields.is_none());
                let parsed = parse.and_then(|parse| parse.fields(record.message));
                let mut is_changed = parsed.is_some();
                fields = fields.or(parsed);
                if let Some(fields) = &mut fields {
                    is_changed |= transform.change(fields);
                }
                if is_changed {
                    *counts.entry(transform.rule.name.clone()).or_default() += 1;
                }
            }
            let object = fields?.json().get().to_owned();
            Some(redaction.redact(&object, &mut BTreeMap::new()).unwrap_or(object))
        };
        records.iter().zip(&applicable.0).map(object).collect()
    }
}

/// The message with another object in place of its own.
fn with_object(message: &str, object: &str, changed: &str) -> Option<ChangedMessage> {
    let start = object.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    let (before, after) = (message.get(..start)?, message.get(start + object.len()..)?);
    let message = format!("{before}{changed}{after}");
    Some(ChangedMessage { message, json: start..start + changed.len() })
}

/// Replaces messages by those with changed objects. What was found in the message stays; changed
/// fields may add to it.
pub fn put_changed<'r>(records: &mut [Record<'r>], changed: &'r [Option<ChangedMessage>]) {
    for (record, changed) in records.iter_mut().zip(changed) {
        let Some(ChangedMessage { message, json }) = changed else { continue };
        let before = record.line.json.and_then(|json| Line::parse(json).level);
        record.line.put_object(&message[json.clone()], before);
        // What a filter pattern extracted may contain a dropped field.
        record.extracted = record.extracted.of_system();
        record.message = message;
        record.escaped = None;
    }
}

/// Adds the objects made of text messages.
pub fn put_objects<'r>(records: &mut [Record<'r>], objects: &'r [Option<String>]) {
    for (record, object) in records.iter_mut().zip(objects) {
        let Some(object) = object else { continue };
        if Fields::parse(object).is_some() {
            record.line.put_object(object, record.line.level);
            record.parsed = Some(object);
        } else {
            // A replacement of a redaction has made it invalid.
            (record.line.json, record.parsed) = (None, None);
        }
    }
}
