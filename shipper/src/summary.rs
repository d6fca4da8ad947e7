//! The summary line: one JSON line per invocation on standard output.
//!
//! The shipper logs nothing else about its work, because a line per record would double the cost.
//! It contains names and numbers, never a message, the body of a response or a secret.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::counts::Counts;
use crate::decode::{Delivery, EventTime, MessageType};
use crate::destination::ReasonCode;

/// The summary of an invocation.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Always `summary`, to search for.
    pub logagg: &'static str,
    /// The invocation's request id.
    pub request_id: String,
    /// How the invocation ended.
    pub outcome: Outcome,
    /// The error returned to Lambda.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What an operator should check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The number of omitted warnings.
    #[serde(skip_serializing_if = "is_zero")]
    pub warnings_left_out: usize,
    /// The source of the event: a subscription filter, a stream, a queue, or a replay.
    pub source: &'static str,
    /// The number of payloads.
    pub events: usize,
    /// The number of payloads that could not be decoded.
    #[serde(skip_serializing_if = "is_zero")]
    pub undecodable: usize,
    /// The number of records of a batch that were reported as failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub reported: usize,
    /// The results for messages of a queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Pointers>,
    /// The result of a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replayed>,
    /// The plan of a backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Backfilled>,
    /// The results for slices of a backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slices: Option<Slices>,
    /// The type of the delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_type: Option<MessageType>,
    /// The log group, if all records have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group: Option<String>,
    /// The number of log events.
    pub log_events: usize,
    /// The number of log events that were joined to the one before.
    #[serde(skip_serializing_if = "is_zero")]
    pub joined: usize,
    /// The number of log events that no route matches.
    #[serde(skip_serializing_if = "is_zero")]
    pub no_route: usize,
    /// The size of the event as received.
    pub bytes_in: usize,
    /// The size after decompression.
    pub bytes_decoded: usize,
    /// The duration of the invocation.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// The age of the oldest log event at the end.
    #[serde(rename = "lag_ms", serialize_with = "lag", skip_serializing_if = "Option::is_none")]
    pub lag: Option<Duration>,
    /// The number of log events whose fields were changed, by transform.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub transformed: BTreeMap<ReasonCode, u64>,
    /// The number of redacted messages, by pattern.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<ReasonCode, u64>,
    /// The time of the oldest log event.
    #[serde(skip)]
    oldest: Option<EventTime>,
    /// The counts of every destination.
    pub destinations: BTreeMap<String, Counts>,
}

/// The results for stored events that messages of a queue point to, and for other messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pointers {
    /// Stored events that were delivered or stored elsewhere, and deleted.
    pub settled: usize,
    /// Stored events that were partially delivered, and replaced by their undelivered rest.
    pub rewritten: usize,
    /// Stored events that an earlier pointer has processed.
    pub gone: usize,
    /// Those that cannot be decoded, moved to `undecodable/`.
    pub undecodable: usize,
    /// Those that remain for a retry.
    pub left: usize,
    /// Messages and objects of other functions, unchanged.
    pub foreign: usize,
    /// Notifications about other objects.
    pub ignored: usize,
}

/// The result of a replay, or the number of stored events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Replayed {
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Selected stored events.
    pub objects: usize,
    /// Their size.
    pub bytes: u64,
    /// Pointers that were sent to the queue.
    pub enqueued: usize,
    /// Stored events that are older than an hour.
    pub waiting: usize,
    /// The age of the oldest stored event.
    #[serde(
        rename = "oldest_s",
        serialize_with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub oldest: Option<Duration>,
    /// Messages in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_queue: Option<u64>,
    /// The minimum number of stored events that are older than an hour and have no pointer in the
    /// queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_pointer: Option<u64>,
    /// Stored events whose destinations are not configured.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub without_destination: BTreeMap<String, usize>,
    /// The key after which another replay continues, if the time was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_after: Option<String>,
}

/// The plan of a backfill.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Backfilled {
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// The beginning of the window.
    pub from: String,
    /// The end of the window.
    pub to: String,
    /// The log groups.
    pub log_groups: usize,
    /// Log groups that are not read, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<&'static str, usize>,
    /// The slices.
    pub slices: usize,
    /// Slices that were sent to the queue.
    pub enqueued: usize,
    /// An estimate of the stored bytes.
    pub bytes: u64,
    /// An estimate of the log events, if it was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_events: Option<u64>,
    /// An estimate of the calls of FilterLogEvents.
    pub calls: u64,
    /// The time of these at the configured rate.
    #[serde(rename = "duration_s", serialize_with = "whole_seconds")]
    pub time: Duration,
    /// Whether all log groups were planned.
    pub complete: bool,
    /// The log group after which another backfill continues, unless all were planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_after: Option<String>,
}

/// The results for slices of a backfill.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Slices {
    /// Those that are done.
    pub finished: usize,
    /// Those whose rest was sent to the queue.
    pub continued: usize,
    /// Those that remain for a retry.
    pub left: usize,
    /// Calls of FilterLogEvents.
    pub calls: u64,
    /// Pages without log events.
    #[serde(skip_serializing_if = "is_zero")]
    pub empty_pages: usize,
    /// Those that were read again from their beginning.
    #[serde(skip_serializing_if = "is_zero")]
    pub restarted: usize,
    /// Those whose log group was deleted.
    #[serde(skip_serializing_if = "is_zero")]
    pub deleted_log_groups: usize,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Success.
    Ok,
    /// Lambda received an error and retries the event.
    Failed,
}

impl Summary {
    /// The summary at the beginning of an invocation.
    pub fn begin(request_id: &str, bytes_in: usize) -> Self {
        Self {
            logagg: "summary",
            request_id: request_id.to_owned(),
            outcome: Outcome::Ok,
            error: None,
            warnings: Vec::new(),
            warnings_left_out: 0,
            source: "event",
            events: 0,
            undecodable: 0,
            reported: 0,
            queue: None,
            replay: None,
            backfill: None,
            slices: None,
            message_type: None,
            log_group: None,
            log_events: 0,
            joined: 0,
            no_route: 0,
            bytes_in,
            bytes_decoded: 0,
            duration: Duration::ZERO,
            lag: None,
            transformed: BTreeMap::new(),
            redacted: BTreeMap::new(),
            oldest: None,
            destinations: BTreeMap::new(),
        }
    }

    /// The results for messages of a queue.
    pub fn pointers(&mut self) -> &mut Pointers {
        self.queue.get_or_insert_default()
    }

    /// The results for slices of a backfill.
    pub fn slices(&mut self) -> &mut Slices {
        self.slices.get_or_insert_default()
    }

    /// Records the times of log events.
    pub fn note_times(&mut self, delivery: &Delivery<'_>) {
        let times = delivery.log_events.iter().map(|event| event.timestamp);
        self.oldest = times.chain(self.oldest).min();
    }

    /// Counts log events whose fields were changed.
    pub fn count_transformed(&mut self, counts: BTreeMap<ReasonCode, u64>) {
        for (transform, log_events) in counts {
            *self.transformed.entry(transform).or_default() += log_events;
        }
    }

    /// Counts redacted messages.
    pub fn count_redacted(&mut self, counts: BTreeMap<ReasonCode, u64>) {
        for (pattern, messages) in counts {
            *self.redacted.entry(pattern).or_default() += messages;
        }
    }

    /// Records the end and the duration.
    pub fn end(&mut self, now: SystemTime, duration: Duration) {
        self.duration = duration;
        let oldest = self.oldest.map(EventTime::system_time);
        self.lag = oldest.map(|oldest| now.duration_since(oldest).unwrap_or_default());
    }

    /// Whether a destination has rejected the credentials.
    pub fn blames_credentials(&self) -> bool {
        let reasons = self.destinations.values().flat_map(|counts| counts.reasons.values());
        reasons.flat_map(BTreeMap::keys).any(ReasonCode::blames_credentials)
    }

    /// Whether no destination has received, or may have received, anything of the event.
    pub fn has_delivered_nothing(&self) -> bool {
        self.destinations.values().all(|counts| {
            counts.delivered + counts.deduplicated + counts.rejected + counts.possible_duplicates
                == 0
        })
    }

    /// Adds a delivery of CloudWatch Logs.
    pub fn note(&mut self, delivery: &Delivery<'_>) {
        let is_first = self.message_type.is_none();
        self.message_type.get_or_insert(delivery.message_type);
        if is_first {
            self.log_group = Some(delivery.log_group.to_string());
        } else if self.log_group.as_deref() != Some(&delivery.log_group) {
            self.log_group = None;
        }
    }

    /// Adds a warning once, up to a maximum.
    pub fn warn(&mut self, warning: String) {
        const MOST: usize = 50;
        if self.warnings.contains(&warning) {
            return;
        }
        if self.warnings.len() < MOST {
            self.warnings.push(warning);
        } else {
            self.warnings_left_out += 1;
        }
    }

    /// Adds the counts of a destination.
    pub fn count(&mut self, destination: &str, counts: Counts) {
        match self.destinations.get_mut(destination) {
            Some(before) => before.add(counts),
            None => {
                self.destinations.insert(destination.to_owned(), counts);
            }
        }
    }

    /// Writes the summary and the other lines in a single write.
    pub fn write(&self, others: &[Value], mut out: impl Write) -> io::Result<()> {
        let mut lines = serde_json::to_vec(self)?;
        lines.push(b'\n');
        for other in others {
            serde_json::to_writer(&mut lines, other)?;
            lines.push(b'\n');
        }
        out.write_all(&lines)?;
        out.flush()
    }
}

fn lag<S: Serializer>(lag: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    lag.map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
}

/// A duration in milliseconds, for summary lines.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    serializer.serialize_f64(micros as f64 / 1_000.0)
}

fn seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}

fn whole_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    time.as_secs().serialize(serializer)
}

pub(crate) fn is_zero(number: &usize) -> bool {
    *number == 0
}
