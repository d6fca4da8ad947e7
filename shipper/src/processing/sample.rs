//! A share of all requests: every line of a request is sent, or none, whichever instance of the
//! shipper has it. Of a request that fails, everything is sent that is known to belong to it.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::line::{Kind, Level, looks_like_failure};
use crate::record::Record;

/// How many of all requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Ratio {
    /// A share from 0 to 1.
    pub fn new(share: f64) -> Self {
        Self(share.clamp(0.0, 1.0))
    }

    /// Whether the request is among those sent. One that is at a share is so at every larger one.
    fn has(self, request_id: &str) -> bool {
        // 53 bits are what a float tells apart.
        let place = (xxh3_64(request_id.as_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
        place < self.0
    }
}

/// The request that a line belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request<'a> {
    /// It is not known, or has failed: what there is of it is sent.
    Whole,
    /// It is one of many.
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

/// The request of each line. A line that does not name one belongs to the request that its log
/// stream was at: an instance of a function has one request after another.
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

/// Whether an event says that something went wrong. Of one whose level is not known it is enough
/// that it looks so: what is kept for nothing costs little.
fn has_failed(record: &Record<'_>) -> bool {
    let line = &record.line;
    match (line.kind, line.level) {
        (Kind::Timeout | Kind::Crash, _) => true,
        (_, Some(level)) => level >= Level::Error,
        (Kind::Application, None) => looks_like_failure(record.message),
        (_, None) => false,
    }
}

/// The id of each line's request, of one log stream after the other.
fn ids<'a>(records: &'a [Record<'_>]) -> Vec<Option<&'a str>> {
    let mut ids: Vec<Option<&str>> = Vec::with_capacity(records.len());
    let mut current = None;
    let mut stream: Option<*const u8> = None;
    // Where the lines begin that come before the first to name a request.
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
            // What stands before a request's beginning belongs to another.
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
