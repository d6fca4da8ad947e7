//! Sampling of requests: all log events of a request are sent, or none, on every instance of the
//! shipper. Of a failed request everything is sent that is known to belong to it.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::line::{Kind, Level, looks_like_failure};
use crate::record::Record;

/// The ratio of requests to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Ratio {
    /// A ratio from 0 to 1.
    pub fn new(share: f64) -> Self {
        Self(share.clamp(0.0, 1.0))
    }

    /// Whether the request is in the sample. A request in a sample is in every larger one.
    fn has(self, request_id: &str) -> bool {
        // The 53 bits of a float's precision.
        let place = (xxh3_64(request_id.as_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
        place < self.0
    }
}

/// The request that a log event belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request<'a> {
    /// It is unknown or has failed: all of its log events are sent.
    Whole,
    /// It may be sampled.
    OneOfMany(&'a str),
}

impl Request<'_> {
    pub(super) fn is_kept(&self, share: Ratio) -> bool {
        match self {
            Self::Whole => true,
            Self::OneOfMany(request_id) => share.has(request_id),
        }
    }
}

/// The request of each log event. A log event without a request id belongs to the current request
/// of its log stream, because an instance processes one request at a time.
pub(super) fn requests<'a>(records: &'a [Record<'_>]) -> Vec<Request<'a>> {
    let ids = ids(records);
    let failed: HashSet<&str> = records
        .iter()
        .zip(&ids)
        .filter(|(record, _)| has_failed(record))
        .filter_map(|(_, id)| *id)
        .collect();
    records
        .iter()
        .zip(ids)
        .map(|(record, id)| match id {
            Some(id) if !failed.contains(id) && !has_failed(record) => Request::OneOfMany(id),
            _ => Request::Whole,
        })
        .collect()
}

/// Whether a log event indicates an error. Without a level a heuristic decides: a false positive
/// only sends too much.
fn has_failed(record: &Record<'_>) -> bool {
    let line = &record.line;
    match (line.kind, line.level) {
        (Kind::Timeout | Kind::Crash, _) => true,
        (_, Some(level)) => level >= Level::Error,
        (Kind::Application, None) => looks_like_failure(record.message),
        (_, None) => false,
    }
}

/// The request id of each log event, one log stream after another.
fn ids<'a>(records: &'a [Record<'_>]) -> Vec<Option<&'a str>> {
    let mut ids: Vec<Option<&str>> = Vec::with_capacity(records.len());
    let mut current = None;
    let mut stream: Option<*const u8> = None;
    // The first log event before a request id.
    let mut unnamed = Some(0);
    for (index, record) in records.iter().enumerate() {
        let of_this = record.log_source.stream.as_ptr();
        if stream != Some(of_this) {
            stream = Some(of_this);
            current = None;
            unnamed = Some(index);
        }
        let named = record.line.request_id.as_deref();
        if let (Some(id), Some(first)) = (named, unnamed) {
            // What precedes the start of a request belongs to another one.
            if record.line.kind != Kind::Start {
                ids[first..].fill(Some(id));
            }
            unnamed = None;
        }
        match record.line.kind {
            Kind::InitStart => {
                current = None;
                unnamed = None;
            }
            _ => current = named.or(current),
        }
        ids.push(named.or(current));
        if record.line.kind == Kind::Report {
            current = None;
        }
    }
    ids
}
