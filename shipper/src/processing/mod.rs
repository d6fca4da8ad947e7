//! Filtering, sampling, transforms and redaction of log events.
//!
//! A log event goes through [`Processing::filter`], which applies `include`, `exclude` and `sample`
//! in this order, then through [`Processing::transform`], [`Processing::redact`] and
//! [`Processing::objects`]. Everything here is a pure function of log events and rules.

mod fields;
mod join;
mod parse;
mod prefilter;
mod redact;
mod rule;
mod sample;
mod transform;

use std::collections::BTreeMap;

pub use join::{JoinLines, Joined, put_joined};
pub use parse::Parse;
pub use redact::{Named, Pattern, Redaction};
pub use rule::{Condition, MessagePattern, Rule};
pub use sample::Ratio;
pub use transform::{Applicable, ChangedMessage, Transform, Transforms, put_changed, put_objects};

use crate::destination::ReasonCode;
use crate::line::Line;
use crate::record::Record;
pub(crate) use fields::Fields;
pub(crate) use rule::{AnyPattern, RuleMatcher};

/// The reason for dropping log events that no `include` rule matches.
pub const NOT_INCLUDED: ReasonCode = ReasonCode::new("not_included");

/// All processing rules.
#[derive(Debug, Default)]
pub struct Processing {
    /// Joins the log events of a stack trace, before all rules.
    pub join_lines: Option<JoinLines>,
    /// If not empty, only log events that match one of these are sent.
    pub include: Vec<Rule>,
    /// Log events that match one of these are dropped.
    pub exclude: Vec<Rule>,
    /// For log events that match one of these, a share of all requests is sent; the first matching
    /// rule applies.
    pub sample: Vec<(Rule, Ratio)>,
    /// What changes in the fields of log events.
    pub transforms: Transforms,
    /// What is redacted in messages.
    pub redaction: Redaction,
    /// The patterns of `include`, `exclude` and `sample` combined.
    pub(crate) any_pattern: AnyPattern,
}

impl Processing {
    /// The rules; `None` if there are none.
    pub fn if_any(self) -> Option<Self> {
        let has_any = self.filters()
            || self.join_lines.is_some()
            || !self.transforms.is_empty()
            || !self.redaction.is_empty();
        has_any.then_some(self)
    }

    fn filters(&self) -> bool {
        !(self.include.is_empty() && self.exclude.is_empty() && self.sample.is_empty())
    }

    /// Returns the records to send, and passes each of the others to `dropped` with its rule.
    pub fn filter<'r>(
        &self,
        mut records: Vec<Record<'r>>,
        mut dropped: impl FnMut(&Record<'r>, ReasonCode),
    ) -> Vec<Record<'r>> {
        if !self.filters() {
            return records;
        }
        let mut dispositions = self.dispositions(&records).into_iter();
        records.retain(|record| {
            let disposition = dispositions.next().flatten();
            let is_admitted = disposition.is_none();
            if let Some(reason) = disposition {
                dropped(record, reason);
            }
            is_admitted
        });
        records
    }

    /// The rule that drops each record.
    fn dispositions(&self, records: &[Record<'_>]) -> Vec<Option<ReasonCode>> {
        let requests = if self.sample.is_empty() { Vec::new() } else { sample::requests(records) };
        let rules = self.include.iter().chain(&self.exclude);
        let rules = rules.chain(self.sample.iter().map(|(rule, _)| rule));
        let mut judge = RuleMatcher::new(rules, &self.any_pattern);
        let exclude_from = self.include.len();
        let sample_from = exclude_from + self.exclude.len();
        records
            .iter()
            .enumerate()
            .map(|(index, record)| {
                judge.turn_to(record);
                if exclude_from > 0 && judge.first(0..exclude_from, record).is_none() {
                    return Some(NOT_INCLUDED);
                }
                if let Some(place) = judge.first(exclude_from..sample_from, record) {
                    return Some(self.exclude[place - exclude_from].name.clone());
                }
                let place = judge.first(sample_from..sample_from + self.sample.len(), record)?;
                let (rule, share) = &self.sample[place - sample_from];
                (!requests[index].is_kept(*share)).then(|| rule.name.clone())
            })
            .collect()
    }

    /// The messages with changed JSON objects, by the index of their record; the transforms of each
    /// record; and the number of log events for each transform.
    pub fn transform(
        &self,
        records: &[Record<'_>],
    ) -> (Vec<Option<ChangedMessage>>, Applicable, BTreeMap<ReasonCode, u64>) {
        let mut counts = BTreeMap::new();
        let applicable = self.transforms.applicable(records);
        let messages = self.transforms.messages(records, &applicable, &mut counts);
        (messages, applicable, counts)
    }

    /// The objects made of text messages, by the index of their record, and the number of log
    /// events for each transform. The messages must have been redacted.
    pub fn objects(
        &self,
        records: &[Record<'_>],
        applicable: &Applicable,
    ) -> (Vec<Option<String>>, BTreeMap<ReasonCode, u64>) {
        let mut counts = BTreeMap::new();
        let objects = self.transforms.objects(records, applicable, &self.redaction, &mut counts);
        (objects, counts)
    }

    /// The redacted objects of stored events, by the index of their record.
    pub fn stored_objects(&self, records: &[Record<'_>]) -> Vec<Option<String>> {
        if self.redaction.is_empty() {
            return Vec::new();
        }
        let redacted = |record: &Record<'_>| {
            record.parsed.and_then(|object| self.redaction.redact(object, &mut BTreeMap::new()))
        };
        records.iter().map(redacted).collect()
    }

    /// The redacted messages, by the index of their record, and the number of log events for each
    /// pattern.
    pub fn redact(
        &self,
        records: &[Record<'_>],
    ) -> (Vec<Option<String>>, BTreeMap<ReasonCode, u64>) {
        let mut counts = BTreeMap::new();
        if self.redaction.is_empty() {
            return (Vec::new(), counts);
        }
        let messages = records
            .iter()
            .map(|record| self.redaction.redact(record.message, &mut counts))
            .collect();
        (messages, counts)
    }
}

/// Replaces messages by their redacted form, and parses these again. What was not found in the message
/// itself, but in other log events or in fields that it does not have any more, stays.
pub fn put_messages<'r>(records: &mut [Record<'r>], messages: &'r [Option<String>]) {
    for (record, message) in records.iter_mut().zip(messages) {
        if let Some(message) = message {
            let unredacted = Line::parse(record.message);
            let mut line = Line::parse(message);
            let of_record = &mut record.line;
            // A redaction in the columns does not change the kind.
            line.kind = of_record.kind;
            line.level = match line.level == unredacted.level {
                true => of_record.level,
                false => line.level.or(of_record.level),
            };
            if line.request_id == unredacted.request_id {
                line.request_id = of_record.request_id.take();
                line.request_id_is_inferred = of_record.request_id_is_inferred;
            }
            if line.trace == unredacted.trace {
                line.trace = of_record.trace.take();
            }
            record.extracted = record.extracted.of_system();
            record.message = message;
            record.escaped = None;
            // An object beside the message is redacted by itself.
            line.json = line.json.or(record.parsed);
            record.line = line;
        }
    }
}

#[cfg(test)]
mod tests;
