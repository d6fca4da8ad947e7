//! Log services, one file each.
//!
//! A destination says what it takes ([`Limits`], [`Keys`]), how pieces are written
//! ([`Destination::encode`], and around them [`Destination::open`] and [`Destination::close`]) and
//! what an answer means ([`Destination::classify`]). It does no I/O and keeps no state. An answer is
//! judged here and nowhere else: what follows works with the [`Verdict`] and never sees a status
//! code.

mod answer;
mod attributes;
pub mod datadog;
pub mod dated;
mod document;
pub mod elasticsearch;
pub mod firehose;
mod framing;
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
mod request;
pub mod s3;
#[cfg(test)]
mod sample;
pub mod splunk_hec;
mod streams;
pub mod sumologic;

pub(crate) use answer::speaks_tls;
pub use answer::{Answer, Certainty, Class, Inquired, Outcome, Verdict};
pub use framing::{Place, Section, Span};
pub use request::{Address, Encoding, Endpoint, Request, Signing};
pub use streams::EventsPerRecord;

pub(crate) use document::CommonCell;

use std::time::{Duration, SystemTime};

use answer::{UNREADABLE_ANSWER, classify_status};

use crate::record::Piece;

/// A log service.
pub trait Destination: Send + Sync {
    /// How much it takes at once.
    fn limits(&self) -> Limits;

    /// Whether it knows a record again.
    fn keys(&self) -> Keys;

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

    /// What stands between two pieces of a section.
    fn separator(&self) -> &'static [u8] {
        b""
    }

    /// Where `piece` may stand that comes after `before`.
    fn place(&self, _before: &Piece<'_>, _piece: &Piece<'_>) -> Place {
        Place::SameSection
    }

    /// Appends what stands before the pieces of a section. For a section of more bytes it may be
    /// longer, never shorter. Where nothing stands around one section, nothing does around any.
    fn open(&self, _section: &Section<'_, '_>, _body: &mut Vec<u8>) {}

    /// Appends what stands behind the pieces of a section.
    fn close(&self, _section: &Section<'_, '_>, _body: &mut Vec<u8>) {}

    /// How many bytes a message may have, written as JSON, in a piece of at most `max_bytes` that
    /// has `other_bytes` beside the message; `None` if there is no room.
    fn room(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        max_bytes.checked_sub(other_bytes)
    }

    /// In what the request with these pieces differs from the endpoint; the same whenever they are
    /// sent.
    fn address(&self, _span: &Span<'_, '_>) -> Address {
        Address::default()
    }

    /// Why the service is known not to take a piece, which is therefore rejected without being sent.
    fn never_takes(&self, _piece: &Piece<'_>) -> Option<Class> {
        None
    }

    /// Whether a piece without JSON fields that does not fit ([`Outcome::Misfit`]) for this reason can be
    /// one that never will, for its own sake.
    fn is_at_fault(&self, _piece: &Piece<'_>, _class: &Class) -> bool {
        false
    }

    /// Judges the answer to a request with `sent` pieces.
    fn classify(&self, sent: usize, answer: &Answer) -> Verdict;

    /// Whether the service that gives such an answer pays attention to [`Keys`].
    fn knows_keys(&self, _answer: &Answer) -> bool {
        true
    }

    /// How to look whether the service is set up for what it is sent, for one where that matters.
    fn inspection(&self) -> Option<&dyn Inspection> {
        None
    }

    /// How to ask about [`Verdict::Receipt`]s, for a destination that gives them.
    fn receipts(&self) -> Option<&dyn Receipts> {
        None
    }
}

/// How a service is asked whether it is set up for what it is sent.
pub trait Inspection {
    /// The questions, each of which is asked if the one before it has no answer.
    fn questions(&self, now: SystemTime) -> Vec<Request>;

    /// What an answer says.
    fn judge(&self, answer: &Answer) -> Inspected;
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
    fn classify(&self, answer: &Answer) -> Inquired;
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
    /// From which age on a record is late, where it would be refused among newer ones.
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
pub enum Keys {
    /// It does.
    Taken,
    /// It knows a request again that holds the same documents as one before, and no others.
    OfRequests,
    /// It makes a new document of everything it is sent.
    NotTaken,
}
