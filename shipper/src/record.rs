//! A log line with everything known about it, and the pieces in which it is sent.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::decode::LogEvent;
use crate::line::Line;
use crate::log_source::LogSource;

/// One log line.
#[derive(Debug)]
pub struct Record<'a> {
    /// Where it was written.
    pub log_source: &'a LogSource<'a>,
    /// CloudWatch Logs' id of it, the same at every delivery.
    pub id: &'a str,
    /// When it was written.
    pub time: SystemTime,
    /// The line, as written.
    pub message: &'a str,
    /// The line as it stands in JSON, between the quotes, where it was read from there.
    pub escaped: Option<&'a str>,
    /// What the line says.
    pub line: Line<'a>,
}

impl<'a> Record<'a> {
    /// Reads what a log event says.
    pub fn new(log_source: &'a LogSource<'a>, event: &'a LogEvent<'a>) -> Self {
        let message = event.message.0.as_ref();
        Self {
            log_source,
            id: &event.id,
            time: event.timestamp.system_time(),
            message,
            escaped: event.escaped,
            line: Line::parse(message),
        }
    }

    /// A record of a line that came from nowhere, for tests.
    #[cfg(test)]
    pub(crate) fn of(log_source: &'a LogSource<'a>, message: &'a str) -> Self {
        let (id, time, line) = ("1", SystemTime::UNIX_EPOCH, Line::parse(message));
        Self { log_source, id, time, message, escaped: None, line }
    }

    /// When it was written, in milliseconds since 1970.
    pub fn unix_millis(&self) -> u64 {
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What is sent as one document: a record, or as much of it as a destination takes.
#[derive(Clone, Debug)]
pub struct Piece<'r> {
    /// The record that this is, or is a piece of.
    pub record: &'r Record<'r>,
    /// The message, or the stretch of it that this piece has.
    pub message: Cow<'r, str>,
    /// How much of the record this is.
    pub extent: Extent,
    /// The JSON object of a structured line, where it goes along.
    pub json: Option<&'r str>,
    /// Whether it is older than what the destination takes among newer ones
    /// ([`Limits::late_after`](crate::destination::Limits)).
    pub is_late: bool,
}

/// How much of a record a piece is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// One of several pieces whose messages together are the record's.
    Part {
        /// Which one, counted from 1.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The beginning; the rest is sent nowhere.
    Truncated {
        /// How long the record's message is.
        message_bytes: usize,
    },
}

impl<'r> Piece<'r> {
    /// A record as a whole.
    pub fn whole(record: &'r Record<'r>) -> Self {
        Self {
            record,
            message: Cow::Borrowed(record.message),
            extent: Extent::Whole,
            json: record.line.json,
            is_late: false,
        }
    }

    /// What tells the piece from all others: the event's id, and which part of it this is.
    pub fn id(&self) -> Cow<'r, str> {
        match self.extent {
            Extent::Whole | Extent::Truncated { .. } => Cow::Borrowed(self.record.id),
            Extent::Part { number, .. } => Cow::Owned(format!("{}-{number}", self.record.id)),
        }
    }

    /// The message as it stands in JSON, between the quotes, where that is known.
    pub(crate) fn escaped_message(&self) -> Option<&'r str> {
        self.record.escaped.filter(|_| self.extent == Extent::Whole)
    }
}
