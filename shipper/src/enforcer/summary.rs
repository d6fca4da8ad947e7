//! One line of JSON for every invocation, on standard output.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use logagg_policy::{Obstacle, Skip};
use serde::Serialize;

/// The most failures that are named; all of them are counted.
const MOST_NAMED: usize = 20;

/// What one invocation came to. Each log group counts once for each policy of its place:
/// `looked_at` = `changed` + `unchanged` + `not_chosen` + `gone` + `failed`.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Always `enforced`: what to search for.
    pub logagg: &'static str,
    /// The invocation's request id.
    pub request_id: String,
    /// The error that Lambda was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Things that somebody should look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Log groups that somebody created, or that a sweep found.
    pub looked_at: usize,
    /// Those that were given something.
    pub changed: usize,
    /// Those that lacked nothing, or cannot be given what they lack.
    pub unchanged: usize,
    /// Those that the policy does not choose.
    pub not_chosen: usize,
    /// Those that were deleted meanwhile.
    pub gone: usize,
    /// Those for which a call failed.
    pub failed: usize,
    /// Those for which there was no time: the next sweep begins with them.
    pub left: usize,
    /// Filters that were put.
    pub subscribed: usize,
    /// Retentions that were set.
    pub retention_set: usize,
    /// How many were not subscribed, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<&'static str, usize>,
    /// What failed, with the log group; the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// How long it all took.
    #[serde(rename = "duration_ms", serialize_with = "crate::summary::millis")]
    pub duration: Duration,
}

impl Summary {
    pub(super) fn begin(request_id: &str) -> Self {
        Self { logagg: "enforced", request_id: request_id.to_owned(), ..Self::default() }
    }

    pub(super) fn skip(&mut self, skip: &Skip) {
        let reason = match skip {
            Skip::Loop(_) => "loop",
            Skip::Class(_) => "class",
            Skip::Obstacle(Obstacle::Full) => "full",
            Skip::Obstacle(Obstacle::NameTaken(_)) => "name_taken",
            Skip::Obstacle(Obstacle::Denied(_)) => "denied",
        };
        *self.skipped.entry(reason).or_default() += 1;
    }

    pub(super) fn fail(&mut self, failure: String) {
        self.failed += 1;
        if self.failures.len() < MOST_NAMED {
            self.failures.push(failure);
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
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
}
