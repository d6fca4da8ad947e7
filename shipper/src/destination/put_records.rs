//! What Kinesis and Firehose share: records as base64 in JSON, and a result for each.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{
    Ambiguity, BatchOutcome, ReasonCode, RecordOutcome, Response, UNREADABLE_RESPONSE,
    classify_status, ecs_document,
};
use crate::aws::{AwsError, Service, is_throttling};
use crate::record::Piece;

/// How many log events a stream's record contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventsPerRecord {
    /// One.
    One,
    /// As many as fit into [`MANY_BYTES`], one per line. A request is one record.
    Many,
}

/// The maximum size of a record of many log events, unless a single one is larger: a shard accepts
/// four of them per second, and rounding to AWS's billing units (5 KB, 25 KB) does not matter.
pub(super) const MANY_BYTES: usize = 256 * 1_024;

/// Appends the document of a log event and a line break, as base64, because consumers concatenate
/// records. If several share a record, spaces pad the document so that the concatenated base64 is
/// that of the concatenated documents.
pub(super) fn data(piece: &Piece<'_>, per_record: EventsPerRecord, body: &mut Vec<u8>) {
    let mut document = Vec::with_capacity(piece.message.len() + 600);
    ecs_document::write(piece, &mut document);
    if per_record == EventsPerRecord::Many {
        let padded = (document.len() + 1).next_multiple_of(3);
        document.resize(padded - 1, b' ');
    }
    document.push(b'\n');
    let start = body.len();
    body.resize(start + encoded(document.len()), 0);
    STANDARD
        .encode_slice(&document, &mut body[start..])
        .expect("there is as much room as base64 takes");
}

/// The size of this many bytes as base64.
pub(super) const fn encoded(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// The size of base64 that decodes to no more than this many bytes.
pub(super) const fn whole_groups(bytes: usize) -> usize {
    bytes / 3 * 4
}

/// The maximum size of a message next to this many bytes of base64.
pub(super) fn space(max_bytes: usize, other_bytes: usize) -> Option<usize> {
    // Another group of four may be incomplete.
    Some(max_bytes.checked_sub(other_bytes)?.checked_sub(4)? / 4 * 3)
}

/// Classifies a response with an entry for each record.
pub(super) fn classify<Entries>(
    service: Service,
    per_record: EventsPerRecord,
    sent: usize,
    response: &Response,
    entries: impl FnOnce(Entries) -> Vec<Entry>,
) -> BatchOutcome
where
    Entries: for<'de> Deserialize<'de>,
{
    if !(200..300).contains(&response.status) {
        return aws_status(service, response);
    }
    let entries = serde_json::from_slice::<Entries>(&response.body).map(entries);
    let Ok(entries) = entries else {
        return UNREADABLE_RESPONSE;
    };
    let mut outcomes: Vec<RecordOutcome> = entries.into_iter().map(Entry::outcome).collect();
    if per_record == EventsPerRecord::Many && outcomes.len() == 1 {
        outcomes = vec![outcomes.swap_remove(0); sent];
    }
    if outcomes.len() == sent { BatchOutcome::Each(outcomes) } else { UNREADABLE_RESPONSE }
}

/// The result of one record.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "ErrorCode")]
    error_code: Option<String>,
}

impl Entry {
    /// Entries fail only because of throttling and internal errors, so all of them are retryable.
    /// After an internal error it is unknown whether the record was stored.
    fn outcome(self) -> RecordOutcome {
        let Some(code) = self.error_code.filter(|code| !code.is_empty()) else {
            return RecordOutcome::Delivered;
        };
        let ambiguity = match code.as_str() {
            code if is_throttling(code) => Ambiguity::NothingAccepted,
            "ServiceUnavailableException" => Ambiguity::NothingAccepted,
            _ => Ambiguity::Unclear,
        };
        RecordOutcome::Retry(ReasonCode::from_aws(&code), ambiguity)
    }
}

/// Classifies a response of AWS that is not 2xx.
pub(super) fn aws_status(service: Service, response: &Response) -> BatchOutcome {
    let error = AwsError::rejected(service, response.status, &response.body);
    match response.status {
        400 | 403 | 404 | 409 => {
            let reason = ReasonCode::from_aws(error.code().unwrap_or_default());
            if error.is_retryable() {
                BatchOutcome::Retry(reason, Ambiguity::NothingAccepted)
            } else {
                BatchOutcome::Stop(reason)
            }
        }
        _ => classify_status(response),
    }
}
