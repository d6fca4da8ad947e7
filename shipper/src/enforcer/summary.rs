//! One line of JSON for every invocation, on standard output, and its metrics.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use logagg_policy::{Obstacle, Skip};
use serde::Serialize;
use serde_json::{Value, json};

use crate::metrics::{Line, Unit};

/// The most log groups, failures or warnings that are named; all of them are counted.
const MOST_NAMED: usize = 20;

/// The most characters of a warning or a failure.
const MOST_CHARS: usize = 1_000;

/// What one invocation came to.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Always `enforced`: what to search for.
    pub logagg: &'static str,
    /// The invocation's request id.
    pub request_id: String,
    /// The error that Lambda was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What an operator should look at.
    #[serde(skip_serializing_if = "Warnings::is_empty")]
    pub warnings: Warnings,
    /// What came of events about new log groups, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creations: Option<Counts>,
    /// What came of a sweep, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepCounts>,
    /// Events about log groups of an account or region that no policy is for.
    pub elsewhere: usize,
    /// Events about calls that failed, so that no log group was created.
    pub failed_calls: usize,
    /// Messages that are no event that the enforcer takes.
    pub undecodable: usize,
    /// How long it all took.
    #[serde(rename = "duration_ms", serialize_with = "crate::summary::millis")]
    pub duration: Duration,
}

/// What became of log groups. Each counts once for each policy of its account and region:
/// `looked_at` = `changed` + `unchanged` + `not_chosen` + `gone` + `pending` + `failed`.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Log groups that were created, or that a sweep found.
    pub looked_at: usize,
    /// Those that were given something.
    pub changed: usize,
    /// Those that lacked nothing, or cannot be given what they lack.
    pub unchanged: usize,
    /// Those that the policy does not choose.
    pub not_chosen: usize,
    /// Those that were deleted meanwhile.
    pub gone: usize,
    /// Those that were created a moment ago and are not described yet: the event is retried.
    pub pending: usize,
    /// Those for which a call failed.
    pub failed: usize,
    /// Those that there was no time for.
    pub left: usize,
    /// Filters that were put.
    pub subscribed: usize,
    /// Retentions that were set.
    pub retention_set: usize,
    /// How many were not subscribed, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<&'static str, usize>,
    /// The first log groups that were given something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed_log_groups: Vec<String>,
    /// The first log groups that were not subscribed, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped_log_groups: BTreeMap<&'static str, Vec<String>>,
    /// What failed, with the log group; the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// What came of a sweep.
#[derive(Debug, Default, Serialize)]
pub struct SweepCounts {
    /// What became of its log groups.
    #[serde(flatten)]
    pub counts: Counts,
    /// Which part of the sweep this was.
    pub part: u32,
    /// How the part ended.
    pub end: SweepEnd,
    /// Listings that failed.
    pub failed_listings: usize,
    /// Log groups that were given something although their event had time to arrive: the event
    /// has not come, or has failed.
    pub unannounced: usize,
    /// The first of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unannounced_log_groups: Vec<String>,
}

/// How a part of a sweep ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepEnd {
    /// Every log group was looked at, in this part or one before it.
    #[default]
    Finished,
    /// Another part has the rest.
    Continued,
    /// The rest waits for the next sweep.
    Unfinished,
}

/// Warnings, each once, and the first of them only.
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
            Skip::Class(_) => "class",
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

    /// Counts a log group that there was no time for, and names what kept it.
    pub(super) fn leave(&mut self, failure: Option<String>) {
        self.left += 1;
        if let Some(failure) = failure {
            name(&mut self.failures, &shortened(failure));
        }
    }

    fn numbers(&self) -> Vec<(String, Unit, Value)> {
        let skipped: usize = self.skipped.values().sum();
        let numbers = [
            ("looked_at", self.looked_at),
            ("changed", self.changed),
            ("skipped", skipped),
            ("pending", self.pending),
            ("failed", self.failed),
            ("left", self.left),
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
    /// # Errors
    /// Those of the output.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)
    }

    /// The metrics, a line for each kind of task.
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
    // A log group that several policies choose is named once.
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
