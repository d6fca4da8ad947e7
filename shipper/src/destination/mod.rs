//! Log services, one file each.
//!
//! A destination says what it takes ([`Limits`], [`Deduplication`]), how pieces are written
//! ([`Destination::encode`], and around them [`Destination::open`] and [`Destination::close`]) and
//! what an answer means ([`Destination::classify`]). It does no I/O and keeps no state. An answer is
//! judged here and nowhere else: what follows works with the [`BatchOutcome`] and never sees a status
//! code.

mod attributes;
mod batching;
pub mod datadog;
mod ecs_document;
pub mod elasticsearch;
pub mod firehose;
pub mod honeycomb;
pub mod http;
pub(crate) mod json;
pub mod kinesis;
pub mod loggly;
pub mod logzio;
pub mod loki;
pub mod newrelic;
pub mod otlp;
mod protobuf;
mod put_records;
mod request;
mod response;
pub mod s3;
#[cfg(test)]
mod sample;
pub mod splunk_hec;
pub mod sumologic;
pub mod time_template;

pub use batching::{Boundary, RecordGroup, Span};
pub use put_records::EventsPerRecord;
pub use request::{Address, Encoding, Endpoint, Request, Signing};
pub(crate) use response::speaks_tls;
pub use response::{Ambiguity, BatchOutcome, Inquired, ReasonCode, RecordOutcome, Response};

pub(crate) use ecs_document::CommonCell;

use std::time::{Duration, SystemTime};

use response::{UNREADABLE_RESPONSE, classify_status};

use crate::record::Piece;

/// A log service.
pub trait Destination: Send + Sync {
    /// How much it takes at once.
    fn limits(&self) -> Limits;

    /// Whether it knows a record again.
    fn deduplication(&self) -> Deduplication;

    /// Where requests go and with which headers.
    fn endpoint(&self) -> &Endpoint;

    /// The same, for what users set beside what the destination needs.
    fn endpoint_mut(&mut self) -> &mut Endpoint;

    /// How bodies are compressed.
    fn encoding(&self) -> Encoding {
        Encoding::Gzip
    }

    /// Appends a piece to a request's body.
    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>);

    /// What stands between two pieces of a record_group.
    fn separator(&self) -> &'static [u8] {
        b""
    }

    /// Where `piece` may stand that comes after `before`.
    fn boundary(&self, _before: &Piece<'_>, _piece: &Piece<'_>) -> Boundary {
        Boundary::SameGroup
    }

    /// Appends what stands before the pieces of a record_group. For a record_group of more bytes it may be
    /// longer, never shorter. Where nothing stands around one record_group, nothing does around any.
    fn open(&self, _section: &RecordGroup<'_, '_>, _body: &mut Vec<u8>) {}

    /// Appends what stands behind the pieces of a record_group.
    fn close(&self, _section: &RecordGroup<'_, '_>, _body: &mut Vec<u8>) {}

    /// How many bytes a message may have, written as JSON, in a piece of at most `max_bytes` that
    /// has `other_bytes` beside the message; `None` if there is no room.
    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        max_bytes.checked_sub(other_bytes)
    }

    /// In what the request with these pieces differs from the endpoint; the same whenever they are
    /// sent.
    fn address(&self, _span: &Span<'_, '_>) -> Address {
        Address::default()
    }

    /// Why the service is known not to take a piece, which is therefore rejected without being sent.
    fn never_takes(&self, _piece: &Piece<'_>) -> Option<ReasonCode> {
        None
    }

    /// Whether a piece without JSON fields that does not fit ([`RecordOutcome::Misfit`]) for this reason can be
    /// one that never will, for its own sake.
    fn is_at_fault(&self, _piece: &Piece<'_>, _class: &ReasonCode) -> bool {
        false
    }

    /// Judges the answer to a request with `sent` pieces.
    fn classify(&self, sent: usize, answer: &Response) -> BatchOutcome;

    /// Whether the service that gives such an answer pays attention to [`Deduplication`].
    fn honors_ids(&self, _answer: &Response) -> bool {
        true
    }

    /// How to look whether the service is set up for what it is sent, for one where that matters.
    fn inspection(&self) -> Option<&dyn Inspection> {
        None
    }

    /// How to ask about [`BatchOutcome::Receipt`]s, for a destination that gives them.
    fn receipts(&self) -> Option<&dyn Receipts> {
        None
    }
}

/// How a service is asked whether it is set up for what it is sent.
pub trait Inspection {
    /// The questions, each of which is asked if the one before it has no answer.
    fn questions(&self, now: SystemTime) -> Vec<Request>;

    /// What an answer says.
    fn judge(&self, answer: &Response) -> Inspected;
}

/// What is known of how a service is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspected {
    /// It is set up well.
    Well,
    /// It is not, and somebody should hear of this.
    Badly(String),
    /// It has not what was asked for; the next question may be answered.
    Absent,
    /// It does not tell.
    Unknown,
}

/// How a service is asked later what became of requests.
pub trait Receipts {
    /// Asks about all requests for which these receipts were given.
    fn inquire(&self, receipts: &[u64]) -> Request;

    /// Judges the answer.
    fn classify(&self, answer: &Response) -> Inquired;
}

/// What a destination takes at once, in bytes before compression unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The largest body.
    pub max_request_bytes: usize,
    /// The largest body after compression.
    pub max_compressed_bytes: usize,
    /// The largest encoded piece.
    pub max_record_bytes: usize,
    /// The longest message.
    pub max_message_bytes: usize,
    /// The most pieces in a body.
    pub max_request_records: usize,
    /// How old a record may be, where it would be taken and not kept if it is older.
    pub max_age: Option<Duration>,
    /// From which age on a record is late, where it would be rejected among newer ones.
    pub late_after: Option<Duration>,
}

impl Limits {
    /// No other limits than those of bytes before compression.
    pub(crate) const fn of_bytes(max_request_bytes: usize, max_record_bytes: usize) -> Self {
        Self {
            max_request_bytes,
            max_compressed_bytes: usize::MAX,
            max_record_bytes,
            max_message_bytes: usize::MAX,
            max_request_records: usize::MAX,
            max_age: None,
            late_after: None,
        }
    }
}

/// Whether a destination takes keys, so that a second delivery makes no second document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deduplication {
    /// It does.
    PerRecord,
    /// It knows a request again that holds the same documents as one before, and no others.
    PerRequest,
    /// It makes a new document of everything it is sent.
    None,
}
