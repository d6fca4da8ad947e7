//! Destinations, one file each.
//!
//! A destination declares what it accepts ([`Limits`], [`Deduplication`]), how records are encoded
//! ([`Destination::encode`], framed by [`Destination::open`] and [`Destination::close`]) and what a
//! response means ([`Destination::classify`]). It does no I/O and has no state. Responses are
//! classified here only: everything else uses the [`BatchOutcome`] and never sees a status code.

mod attributes;
mod batching;
pub mod datadog;
mod dataset;
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
mod record_fields;
mod request;
mod response;
pub mod s3;
#[cfg(test)]
mod sample;
mod shared_fields;
pub mod splunk_hec;
pub mod sumologic;
mod tags;
pub mod time_template;

pub use batching::{Boundary, RecordGroup, Span};
pub use put_records::EventsPerRecord;
pub use record_fields::{RecordField, RecordFields};
pub use request::{Address, Encoding, Endpoint, Request, Signing};
pub(crate) use response::speaks_tls;
pub use response::{
    AcknowledgementStatus, Ambiguity, BatchOutcome, ReasonCode, RecordOutcome, Response,
};

pub(crate) use shared_fields::SharedFields;

use std::time::{Duration, SystemTime};

use response::{UNREADABLE_RESPONSE, classify_status};

use crate::record::Piece;
use crate::routing::Names;

/// A destination.
pub trait Destination: Send + Sync {
    /// Its size limits.
    fn limits(&self) -> Limits;

    /// How it deduplicates.
    fn deduplication(&self) -> Deduplication;

    /// The URL and headers of requests.
    fn endpoint(&self) -> &Endpoint;

    /// The endpoint, for settings that are common to all destinations.
    fn endpoint_mut(&mut self) -> &mut Endpoint;

    /// The compression of bodies.
    fn encoding(&self) -> Encoding {
        Encoding::Gzip
    }

    /// Appends a record to a request's body.
    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>);

    /// The separator between two records of a group.
    fn separator(&self) -> &'static [u8] {
        b""
    }

    /// Where `piece` may be placed after `before`.
    fn boundary(&self, _before: &Piece<'_>, _piece: &Piece<'_>) -> Boundary {
        Boundary::SameGroup
    }

    /// Whether records with these names are in different requests, so that an error of one request is
    /// about its names.
    fn separates(&self, one: &Names, other: &Names) -> bool {
        !one.has_same_names(other)
    }

    /// Appends what precedes the records of a group. It may be longer for a larger group, never
    /// shorter. It is empty for all groups if it is empty for one.
    fn open(&self, _group: &RecordGroup<'_, '_>, _body: &mut Vec<u8>) {}

    /// Appends what follows the records of a group.
    fn close(&self, _group: &RecordGroup<'_, '_>, _body: &mut Vec<u8>) {}

    /// The maximum size of an encoded message, in a record of at most `max_bytes` with `other_bytes`
    /// besides the message; `None` if that is negative.
    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        max_bytes.checked_sub(other_bytes)
    }

    /// The size of a character in an encoded message.
    fn character_bytes(&self, character: char) -> usize {
        json::character_bytes(character)
    }

    /// How the request with these records differs from the endpoint; the same for every attempt.
    fn address(&self, _span: &Span<'_, '_>) -> Address {
        Address::default()
    }

    /// The reason if the destination is known to reject a record, which is then not sent.
    fn never_takes(&self, _piece: &Piece<'_>) -> Option<ReasonCode> {
        None
    }

    /// Whether a record without JSON fields that does not fit ([`RecordOutcome::Incompatible`]) for this
    /// reason may be at fault itself.
    fn is_at_fault(&self, _piece: &Piece<'_>, _class: &ReasonCode) -> bool {
        false
    }

    /// Classifies the response to a request with `sent` records.
    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome;

    /// Whether a destination with this response supports [`Deduplication`].
    fn honors_ids(&self, _answer: &Response) -> bool {
        true
    }

    /// How to inspect the destination's setup, if that matters.
    fn inspection(&self) -> Option<&dyn Inspection> {
        None
    }

    /// How to request acknowledgements ([`BatchOutcome::Accepted`]), for a destination that supports
    /// them.
    fn acknowledgements(&self) -> Option<&dyn Acknowledgements> {
        None
    }
}

/// The inspection of a destination's setup.
pub trait Inspection {
    /// The requests; each is sent if the one before found nothing.
    fn inspection_requests(&self, now: SystemTime) -> Vec<Request>;

    /// Evaluates a response.
    fn evaluate(&self, response: &Response) -> Inspected;
}

/// The result of an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspected {
    /// The setup is correct.
    Valid,
    /// The setup is wrong; the operator should be warned.
    Invalid(String),
    /// Not found; the next request may find it.
    NotFound,
    /// The response does not tell.
    Unknown,
}

/// Acknowledgement of requests by the destination.
pub trait Acknowledgements {
    /// Requests the status of these acknowledgement ids.
    fn request_status(&self, acknowledgements: &[u64]) -> Request;

    /// Classifies the response.
    fn classify(&self, response: &Response) -> AcknowledgementStatus;
}

/// The limits of a destination, in bytes before compression unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The maximum size of a body.
    pub max_request_bytes: usize,
    /// The maximum size of a body after compression.
    pub max_compressed_bytes: usize,
    /// The maximum size of an encoded record.
    pub max_record_bytes: usize,
    /// The maximum size of a message.
    pub max_message_bytes: usize,
    /// The maximum number of records in a body.
    pub max_request_records: usize,
    /// The maximum age of a record, if older ones are accepted but not kept.
    pub max_age: Option<Duration>,
    /// The age from which a record is late: it would be rejected among newer ones.
    pub late_after: Option<Duration>,
}

impl Limits {
    /// Limits of sizes before compression only.
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

/// How a destination deduplicates redelivered records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deduplication {
    /// By the id of each record.
    PerRecord,
    /// By the whole request, if it contains exactly the same documents as an earlier one.
    PerRequest,
    /// Not at all.
    None,
}
