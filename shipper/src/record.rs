//! Records: log events with all metadata, and the pieces in which they are sent.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::decode::{Extracted, LogEvent};
use crate::destination::RecordFields;
use crate::line::{Kind, Line};
use crate::log_source::LogSource;
use crate::routing::Names;
use crate::source_service::SourceService;

/// A log event with its metadata.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Its source.
    pub log_source: &'a LogSource<'a>,
    /// The id assigned by CloudWatch Logs, the same for every delivery.
    pub id: &'a str,
    /// When it was written.
    pub time: SystemTime,
    /// The message, unchanged.
    pub message: &'a str,
    /// The escaped message, if it was read from JSON.
    pub escaped: Option<&'a str>,
    /// The fields that CloudWatch Logs added.
    pub extracted: Extracted<'a>,
    /// The parsed message.
    pub line: Line<'a>,
    /// Its index within its delivery.
    pub place: usize,
    /// The JSON object of `line`, if it was made of a text message and is not a part of it.
    pub parsed: Option<&'a str>,
    /// Its route and names at the destination that it is sent to.
    pub names: &'a Names,
}

impl<'a> Record<'a> {
    /// Parses a log event.
    pub fn new(log_source: &'a LogSource<'a>, event: &'a LogEvent<'a>) -> Self {
        let message = event.message.0.as_ref();
        let mut line = Line::parse_with_object(message, event.json);
        line.level = event.level().or(line.level);
        if let Some(id) = &event.request_id {
            line.request_id = Some(Cow::Borrowed(id));
        }
        Self {
            log_source,
            id: &event.id,
            time: event.timestamp.system_time(),
            message,
            escaped: event.escaped,
            extracted: Extracted::All(&event.extracted),
            line,
            parsed: event.json,
            place: 0,
            names: Names::none(),
        }
    }

    /// A record for tests.
    #[cfg(test)]
    pub(crate) fn of(log_source: &'a LogSource<'a>, message: &'a str) -> Self {
        let (id, time, line) = ("1", SystemTime::UNIX_EPOCH, Line::parse(message));
        let (extracted, names) = (Extracted::NONE, Names::none());
        let (escaped, parsed, place) = (None, None, 0);
        Self { log_source, id, time, message, escaped, extracted, line, parsed, place, names }
    }

    /// The kind of a log event of Lambda: that of a function, or a platform log event wherever it
    /// is. Other services have no kinds.
    pub fn lambda_kind(&self) -> Option<Kind> {
        let is_lambdas = self.log_source.service == SourceService::Lambda;
        Some(self.line.kind).filter(|kind| is_lambdas || *kind != Kind::Application)
    }

    /// When it was written, in milliseconds since 1970.
    pub fn unix_millis(&self) -> u64 {
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What is sent as one document: a record, or a part of it that fits the destination's limits.
#[derive(Clone, Debug)]
pub struct Piece<'r> {
    /// The record.
    pub record: &'r Record<'r>,
    /// The message, or the part of it.
    pub message: Cow<'r, str>,
    /// How much of the record this is.
    pub extent: Extent,
    /// The JSON object of the message, if it is sent.
    pub json: Option<&'r str>,
    /// The other fields that are sent.
    pub fields: RecordFields,
    /// Whether it is older than what the destination accepts among newer ones
    /// ([`Limits::late_after`](crate::destination::Limits)).
    pub is_late: bool,
}

/// How much of a record a piece contains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// One of several parts, whose messages together are the record's.
    Part {
        /// The number of the part, from 1 on.
        number: usize,
        /// The number of parts.
        count: usize,
    },
    /// The beginning; the rest is not sent.
    Truncated {
        /// The size of the whole message.
        message_bytes: usize,
    },
}

impl<'r> Piece<'r> {
    /// A whole record.
    pub fn whole(record: &'r Record<'r>) -> Self {
        Self {
            record,
            message: Cow::Borrowed(record.message),
            extent: Extent::Whole,
            json: record.line.json,
            fields: RecordFields::ALL,
            is_late: false,
        }
    }

    /// The id of the piece: the event's id, with the number of the part.
    pub fn id(&self) -> Cow<'r, str> {
        match self.extent {
            Extent::Whole | Extent::Truncated { .. } => Cow::Borrowed(self.record.id),
            Extent::Part { number, .. } => Cow::Owned(format!("{}-{number}", self.record.id)),
        }
    }

    /// The escaped message, if it is known.
    pub(crate) fn escaped_message(&self) -> Option<&'r str> {
        self.record.escaped.filter(|_| self.extent == Extent::Whole)
    }
}
