//! One line of JSON for every invocation, on standard output.
//!
//! It is all that the shipper ever logs about its work: a shipper that logs a line for every
//! record would double what there is to pay for. It holds names and numbers, never a message, an
//! answer's text or a secret.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::counts::Counts;
use crate::decode::{Delivery, EventTime, MessageType};
use crate::destination::ReasonCode;

/// What one invocation came to.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Always `summary`: what to search for.
    pub logagg: &'static str,
    /// The invocation's request id.
    pub request_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The error that Lambda was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Things that somebody should look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How many more of them there were.
    #[serde(skip_serializing_if = "is_zero")]
    pub warnings_left_out: usize,
    /// What invoked the function: an event for itself, a stream, a queue, or a replay.
    pub source: &'static str,
    /// How many packages of log events there were.
    pub events: usize,
    /// How many of them could not be decoded.
    #[serde(skip_serializing_if = "is_zero")]
    pub undecodable: usize,
    /// How many records of a batch Lambda was told have failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub reported: usize,
    /// What became of the messages of a queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Pointers>,
    /// What a replay has come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replayed>,
    /// What CloudWatch Logs sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_type: Option<MessageType>,
    /// The log group of all records, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group: Option<String>,
    /// How many log events there were.
    pub log_events: usize,
    /// The size of the event as Lambda gave it.
    pub bytes_in: usize,
    /// The size after decompression.
    pub bytes_decoded: usize,
    /// How long it all took.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// How long ago the oldest log event was written when all was done.
    #[serde(rename = "lag_ms", serialize_with = "lag", skip_serializing_if = "Option::is_none")]
    pub lag: Option<Duration>,
    /// How many messages had something taken out, by pattern.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<ReasonCode, u64>,
    /// When the oldest log event was written.
    #[serde(skip)]
    oldest: Option<EventTime>,
    /// What became of the records, for every destination.
    pub destinations: BTreeMap<String, Counts>,
}

/// What became of the stored events that messages of a queue point to, and of other messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pointers {
    /// Stored events that were delivered, or of which everything has another place, and that are deleted.
    pub settled: usize,
    /// Stored events that were delivered in part, and replaced by what is left.
    pub rewritten: usize,
    /// Those that an earlier pointer has settled.
    pub gone: usize,
    /// Those that cannot be decoded, moved to `undecodable/`.
    pub undecodable: usize,
    /// Those that are left for another attempt.
    pub left: usize,
    /// Messages and objects that are not this function's, left alone.
    pub foreign: usize,
    /// Notifications about objects that are not to be delivered.
    pub ignored: usize,
}

/// What a replay by hand has come to, or a count of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Replayed {
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Stored events that are meant.
    pub objects: usize,
    /// Their size.
    pub bytes: u64,
    /// Pointers that were sent to the queue.
    pub enqueued: usize,
    /// How many of the stored events are older than an hour.
    pub waiting: usize,
    /// How old the oldest is.
    #[serde(
        rename = "oldest_s",
        serialize_with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub oldest: Option<Duration>,
    /// How many messages are in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_queue: Option<u64>,
    /// How many stored events are older than an hour and have no pointer in the queue, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_pointer: Option<u64>,
    /// Stored events for destinations that are not configured.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub without_destination: BTreeMap<String, usize>,
    /// The key behind which another replay goes on, where the time was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_after: Option<String>,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is left to be done.
    Ok,
    /// Lambda was given an error and keeps the event.
    Failed,
}

impl Summary {
    /// The summary of an invocation that has only begun.
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
            message_type: None,
            log_group: None,
            log_events: 0,
            bytes_in,
            bytes_decoded: 0,
            duration: Duration::ZERO,
            lag: None,
            redacted: BTreeMap::new(),
            oldest: None,
            destinations: BTreeMap::new(),
        }
    }

    /// What becomes of the messages of a queue.
    pub fn pointers(&mut self) -> &mut Pointers {
        self.queue.get_or_insert_default()
    }

    /// Notes when log events were written.
    pub fn note_times(&mut self, delivery: &Delivery<'_>) {
        let times = delivery.log_events.iter().map(|event| event.timestamp);
        self.oldest = times.chain(self.oldest).min();
    }

    /// Counts messages that had something taken out.
    pub fn count_redacted(&mut self, counts: BTreeMap<ReasonCode, u64>) {
        for (pattern, messages) in counts {
            *self.redacted.entry(pattern).or_default() += messages;
        }
    }

    /// Notes when all was done, and how long it took.
    pub fn end(&mut self, now: SystemTime, duration: Duration) {
        self.duration = duration;
        let oldest = self.oldest.map(EventTime::system_time);
        self.lag = oldest.map(|oldest| now.duration_since(oldest).unwrap_or_default());
    }

    /// Whether a destination has not let the shipper in.
    pub fn blames_credentials(&self) -> bool {
        let reasons = self.destinations.values().flat_map(|counts| counts.reasons.values());
        reasons.flat_map(BTreeMap::keys).any(ReasonCode::blames_credentials)
    }

    /// Whether no destination has anything of the event, nor may have.
    pub fn has_delivered_nothing(&self) -> bool {
        self.destinations.values().all(|counts| {
            counts.delivered + counts.deduplicated + counts.rejected + counts.possible_duplicates
                == 0
        })
    }

    /// Takes in what CloudWatch Logs has sent.
    pub fn note(&mut self, delivery: &Delivery<'_>) {
        let is_first = self.message_type.is_none();
        self.message_type.get_or_insert(delivery.message_type);
        if is_first {
            self.log_group = Some(delivery.log_group.to_string());
        } else if self.log_group.as_deref() != Some(&delivery.log_group) {
            self.log_group = None;
        }
    }

    /// Adds a warning, once, unless there are very many.
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

    /// Adds what became of records at a destination.
    pub fn count(&mut self, destination: &str, counts: Counts) {
        match self.destinations.get_mut(destination) {
            Some(before) => before.add(counts),
            None => {
                self.destinations.insert(destination.to_owned(), counts);
            }
        }
    }

    /// Writes the line, and others behind it, in one piece.
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

/// A duration in milliseconds, as summary lines have it.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    serializer.serialize_f64(micros as f64 / 1_000.0)
}

fn seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
