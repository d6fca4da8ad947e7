//! The summary line, one JSON line per invocation on standard output, and its metrics.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use logagg_policy::{Obstacle, Skip};
use serde::Serialize;
use serde_json::{Value, json};

use crate::metrics::{Line, Unit};
use crate::summary::is_zero;

/// The maximum number of named log groups, failures or warnings; all of them are counted.
const MOST_NAMED: usize = 20;

/// The maximum length of a warning or a failure, in characters.
const MOST_CHARS: usize = 1_000;

/// The summary of an invocation.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Always `enforced`, to search for.
    pub logagg: &'static str,
    /// The invocation's request id.
    pub request_id: String,
    /// The error returned to Lambda.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What an operator should check.
    #[serde(skip_serializing_if = "Warnings::is_empty")]
    pub warnings: Warnings,
    /// The results of events about new log groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creations: Option<Counts>,
    /// The result of a sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepCounts>,
    /// Events about log groups of an account or region without a policy.
    pub elsewhere: usize,
    /// Events about failed calls, which created no log group.
    pub failed_calls: usize,
    /// Messages that are not supported events.
    pub undecodable: usize,
    /// The duration of the invocation.
    #[serde(rename = "duration_ms", serialize_with = "crate::summary::millis")]
    pub duration: Duration,
}

/// The results for log groups. Each counts once for each policy of its account and region:
/// `evaluated` = `changed` + `unchanged` + `not_selected` + `deleted` + `pending` + `failed`.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Log groups that were created, or found by a sweep.
    pub evaluated: usize,
    /// Those that were changed.
    pub changed: usize,
    /// Those that need no change, or cannot be changed.
    pub unchanged: usize,
    /// Those that the policy does not select.
    pub not_selected: usize,
    /// Those that were deleted meanwhile.
    pub deleted: usize,
    /// Those that DescribeLogGroups does not return yet: the event is retried.
    pub pending: usize,
    /// Those for which a call failed.
    pub failed: usize,
    /// Those without time.
    pub remaining: usize,
    /// Filters that were created.
    pub subscribed: usize,
    /// Retentions that were set.
    pub retention_set: usize,
    /// Log groups that were protected from deletion.
    #[serde(skip_serializing_if = "is_zero")]
    pub protected: usize,
    /// Log groups whose log events from before the filter are forwarded by a backfill.
    #[serde(skip_serializing_if = "is_zero")]
    pub backfills: usize,
    /// Those for which it could not be requested.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_backfills: usize,
    /// The numbers of log groups without a filter, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<&'static str, usize>,
    /// The first changed log groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed_log_groups: Vec<String>,
    /// The first log groups without a filter, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped_log_groups: BTreeMap<&'static str, Vec<String>>,
    /// The first failures, with the log group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// The result of a sweep.
#[derive(Debug, Default, Serialize)]
pub struct SweepCounts {
    /// The results for its log groups.
    #[serde(flatten)]
    pub counts: Counts,
    /// The number of this part.
    pub part: u32,
    /// How the part ended.
    pub end: SweepEnd,
    /// Listings that failed.
    pub failed_listings: usize,
    /// Log groups that were changed although their event should have arrived: the event is missing
    /// or has failed.
    pub unannounced: usize,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unannounced_log_groups: Vec<String>,
    /// The tag tables, if this part wrote any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_tables: Option<TagTableCounts>,
}

/// The tag tables of a sweep, one for each region.
#[derive(Debug, Default, Serialize)]
pub struct TagTableCounts {
    /// Tables that were written.
    pub written: usize,
    /// Tables whose object is equal already.
    pub unchanged: usize,
    /// Tables that could not be written.
    pub failed: usize,
    /// Log groups with one of the chosen tags.
    pub log_groups: usize,
    /// Functions with one of the chosen tags.
    pub functions: usize,
}

/// How a part of a sweep ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepEnd {
    /// Every log group was evaluated, in this part or an earlier one.
    #[default]
    Finished,
    /// Another part continues.
    Continued,
    /// The next sweep continues.
    Unfinished,
}

/// The first warnings, without repetitions.
#[derive(Debug, Default, Serialize)]
pub struct Warnings(Vec<String>);

impl Warnings {
    pub(super) fn warn(&mut self, warning: String) {
        let warning = shortened(warning);
        if self.0.len() < MOST_NAMED && !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Counts {
    pub(super) fn skip(&mut self, log_group: &str, skip: &Skip) {
        let reason = match skip {
            Skip::Loop(_) => "loop",
            Skip::Class(_) | Skip::Obstacle(Obstacle::Class(_)) => "class",
            Skip::Obstacle(Obstacle::Full) => "full",
            Skip::Obstacle(Obstacle::NameTaken(_)) => "name_taken",
            Skip::Obstacle(Obstacle::Denied(_)) => "denied",
        };
        *self.skipped.entry(reason).or_default() += 1;
        name(self.skipped_log_groups.entry(reason).or_default(), log_group);
    }

    pub(super) fn change(&mut self, log_group: &str) {
        self.changed += 1;
        name(&mut self.changed_log_groups, log_group);
    }

    pub(super) fn fail(&mut self, failure: String) {
        self.failed += 1;
        name(&mut self.failures, &shortened(failure));
    }

    /// Counts a log group without time, and names the reason.
    pub(super) fn mark_remaining(&mut self, failure: Option<String>) {
        self.remaining += 1;
        if let Some(failure) = failure {
            name(&mut self.failures, &shortened(failure));
        }
    }

    fn numbers(&self) -> Vec<(String, Unit, Value)> {
        let skipped: usize = self.skipped.values().sum();
        let numbers = [
            ("evaluated", self.evaluated),
            ("changed", self.changed),
            ("skipped", skipped),
            ("pending", self.pending),
            ("failed", self.failed),
            ("remaining", self.remaining),
            ("failed_backfills", self.failed_backfills),
        ];
        numbers.into_iter().map(|(name, number)| counted(name, number)).collect()
    }
}

impl SweepCounts {
    pub(super) fn find_unannounced(&mut self, log_group: &str) {
        self.unannounced += 1;
        name(&mut self.unannounced_log_groups, log_group);
    }
}

impl Summary {
    pub(super) fn begin(request_id: &str) -> Self {
        Self { logagg: "enforced", request_id: request_id.to_owned(), ..Self::default() }
    }

    /// Writes the line.
    ///
    /// # Errors Errors of the output.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)
    }

    /// The metrics, one line for each kind of task.
    #[must_use]
    pub fn metrics(&self, namespace: &str, function: &str, now: SystemTime) -> Vec<Value> {
        let line = |task, numbers: &[_]| {
            Line { namespace, dimensions: &[("function", function), ("task", task)], numbers }
                .json(now)
        };
        let creations = self.creations.as_ref().map(|counts| line("creation", &counts.numbers()));
        let sweep = self.sweep.as_ref().map(|sweep| {
            let mut numbers = sweep.counts.numbers();
            numbers.extend([
                counted("failed_listings", sweep.failed_listings),
                counted("failed_tag_tables", sweep.tag_tables.as_ref().map_or(0, |it| it.failed)),
                counted("unannounced", sweep.unannounced),
                counted("unfinished", usize::from(sweep.end == SweepEnd::Unfinished)),
            ]);
            line("sweep", &numbers)
        });
        creations.into_iter().chain(sweep).collect()
    }
}

fn counted(name: &str, number: usize) -> (String, Unit, Value) {
    (name.to_owned(), Unit::Count, json!(number))
}

fn name(names: &mut Vec<String>, name: &str) {
    // A log group that several policies select is named once.
    if names.len() < MOST_NAMED && names.last().is_none_or(|last| last != name) {
        names.push(name.to_owned());
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_numbers_are_not() {
        let (mut counts, mut warnings) = (Counts::default(), Warnings::default());
        for number in 0..1_000 {
            counts.change(&format!("/app/{number}"));
            counts.fail("x".repeat(10_000));
            warnings.warn(format!("{number}{}", "é".repeat(10_000)));
        }
        assert_eq!((counts.changed, counts.failed), (1_000, 1_000));
        assert_eq!(counts.changed_log_groups.len(), MOST_NAMED);
        assert!(json!(warnings).to_string().len() < 3 * MOST_NAMED * MOST_CHARS);
        assert!(json!(counts).to_string().len() < 2 * MOST_NAMED * MOST_CHARS);
    }

    #[test]
    fn each_kind_of_task_has_metrics_of_its_own() {
        let mut summary = Summary::begin("r");
        assert!(summary.metrics("n", "f", SystemTime::now()).is_empty());
        summary.creations = Some(Counts { changed: 2, ..Counts::default() });
        let sweep = SweepCounts { end: SweepEnd::Unfinished, unannounced: 3, ..Default::default() };
        summary.sweep = Some(sweep);
        let lines = summary.metrics("n", "f", SystemTime::now());
        assert_eq!((&lines[0]["task"], &lines[0]["changed"]), (&json!("creation"), &json!(2)));
        assert_eq!(lines[1]["task"], "sweep");
        assert_eq!((&lines[1]["unannounced"], &lines[1]["unfinished"]), (&json!(3), &json!(1)));
    }
}
