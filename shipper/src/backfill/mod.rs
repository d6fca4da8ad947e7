//! Backfill: log events from before a subscription filter, and from gaps in it, read from CloudWatch
//! Logs and forwarded like those that it delivers.
//!
//! A request is planned into slices ([`plan`]), which are messages of a queue. Each is read page by
//! page ([`read`]), within the quota that all invocations share ([`Pace`]).

mod error;
mod pace;
pub mod plan;
pub(crate) mod read;

use std::collections::BTreeSet;
use std::time::Duration;

pub use error::BackfillError;
pub(crate) use pace::Pace;

/// How this function reads log events.
#[derive(Clone, Debug, PartialEq)]
pub struct Backfill {
    /// The queue of slices.
    pub queue_url: String,
    /// The time between calls of FilterLogEvents of one execution.
    pub apart: Duration,
    /// The rate of FilterLogEvents of all executions.
    pub requests_per_second: f64,
    /// How long after the end of its window a slice is read, at the earliest.
    pub ingestion_lag: Duration,
    /// Log groups that are not read.
    pub exclude: BTreeSet<String>,
}
