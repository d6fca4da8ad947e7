//! Amazon Kinesis Data Streams: `PutRecords`.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::put_records::{self, Entry, EventsPerRecord, MANY_BYTES, encoded, whole_groups};
use super::{
    BatchOutcome, Boundary, Deduplication, Destination, Encoding, Endpoint, Limits, RecordGroup,
    Response, Signing, json,
};
use crate::aws::Service;
use crate::document_id::DocumentId;
use crate::record::Piece;
use crate::routing::NameField;

/// The maximum number of records in a request.
///
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>
pub const MAX_REQUEST_RECORDS: usize = 500;

/// The maximum size of a record, including its partition key.
///
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>
pub const MAX_RECORD_BYTES: usize = 1_048_576;

/// The maximum size of all records of a request.
///
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>
pub const MAX_REQUEST_BYTES: usize = 5 * 1_048_576;

/// The maximum size of a partition key.
const MAX_KEY_BYTES: usize = 256;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// A stream.
pub struct Kinesis {
    endpoint: Endpoint,
    arn: String,
    partition: Partition,
    partition_key: Option<String>,
    per_record: EventsPerRecord,
}

/// What a partition key groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Each record has its own key: even load.
    Record,
    /// All events of a log stream.
    LogStream,
}

impl Kinesis {
    /// Writes records to the stream of this ARN through the API at `url`.
    pub fn new(
        url: Url,
        region: &str,
        arn: &str,
        partition: Partition,
        partition_key: Option<String>,
        per_record: EventsPerRecord,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert(TARGET, HeaderValue::from_static("Kinesis_20131202.PutRecords"));
        let signing =
            Signing { service: Service::Kinesis.name().into(), region: Some(region.to_owned()) };
        let endpoint = Endpoint { signing: Some(signing), ..Endpoint::post(url, headers) };
        Self { endpoint, arn: arn.to_owned(), partition, partition_key, per_record }
    }

    /// Appends the end of a record, with the partition key of one of its log events.
    fn end_record(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        body.extend_from_slice(b"\",\"PartitionKey\":\"");
        let named = piece.record.names.get(NameField::PartitionKey);
        match (named.or(self.partition_key.as_deref()), self.partition) {
            (Some(key), _) => json::escape(key, body),
            (None, Partition::Record) => json::hexadecimal(DocumentId::of(piece).bytes(), body),
            (None, Partition::LogStream) => {
                let stream = piece.record.log_source.stream;
                json::escape(&stream[..stream.floor_char_boundary(MAX_KEY_BYTES / 2)], body);
            }
        }
        body.extend_from_slice(b"\"}");
    }
}

impl Destination for Kinesis {
    fn limits(&self) -> Limits {
        /// The size of a record's framing.
        const AROUND: usize = r#"{"Data":"","PartitionKey":""}"#.len();

        let max_record_bytes = whole_groups(MAX_RECORD_BYTES - MAX_KEY_BYTES);
        match self.per_record {
            EventsPerRecord::One => Limits {
                max_request_records: MAX_REQUEST_RECORDS,
                ..Limits::of_bytes(encoded(MAX_REQUEST_BYTES), max_record_bytes + AROUND)
            },
            EventsPerRecord::Many => Limits::of_bytes(encoded(MANY_BYTES), max_record_bytes),
        }
    }

    fn deduplication(&self) -> Deduplication {
        Deduplication::None
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encoding(&self) -> Encoding {
        Encoding::Identity
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        let is_alone = self.per_record == EventsPerRecord::One;
        if is_alone {
            body.extend_from_slice(b"{\"Data\":\"");
        }
        put_records::data(piece, self.per_record, body);
        if is_alone {
            self.end_record(piece, body);
        }
    }

    fn separator(&self) -> &'static [u8] {
        match self.per_record {
            EventsPerRecord::One => b",",
            EventsPerRecord::Many => b"",
        }
    }

    /// A record of many events belongs to one shard.
    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        match (self.per_record, self.partition) {
            (EventsPerRecord::Many, _)
                if !before.record.names.has_same_names(piece.record.names) =>
            {
                Boundary::NextRequest
            }
            (EventsPerRecord::Many, Partition::LogStream) => {
                Boundary::by_log_source(before, piece, Boundary::NextRequest)
            }
            _ => Boundary::SameGroup,
        }
    }

    fn open(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"StreamARN\":");
        json::string(&self.arn, body);
        body.extend_from_slice(b",\"Records\":[");
        if self.per_record == EventsPerRecord::Many {
            body.extend_from_slice(b"{\"Data\":\"");
        }
    }

    fn close(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        if self.per_record == EventsPerRecord::Many {
            self.end_record(record_group.first, body);
        }
        body.extend_from_slice(b"]}");
    }

    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        put_records::space(max_bytes, other_bytes)
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        let entries = |put: PutRecords| put.records;
        put_records::classify(Service::Kinesis, self.per_record, sent, response, entries)
    }
}

#[derive(Deserialize)]
struct PutRecords {
    #[serde(rename = "Records")]
    records: Vec<Entry>,
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, RecordOutcome, UNREADABLE_RESPONSE, sample};

    const ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/logs";

    fn kinesis(partition: Partition) -> Kinesis {
        let url = Url::parse("https://kinesis.eu-west-1.amazonaws.com/").unwrap();
        Kinesis::new(url, "eu-west-1", ARN, partition, None, EventsPerRecord::One)
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let response =
            Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) };
        assert_eq!(&kinesis(Partition::Record).classify(2, &response), expected, "{body}");
    }

    fn put(partition: Partition, message: &str) -> Value {
        let mut body = Vec::new();
        sample::with_piece(message, |piece| {
            let record_group =
                RecordGroup { first: piece, bytes: 1, is_first: true, is_last: true };
            kinesis(partition).open(&record_group, &mut body);
            kinesis(partition).encode(piece, &mut body);
            kinesis(partition).close(&record_group, &mut body);
        });
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_record_is_a_document_on_one_line() {
        for message in ["a", "ab", "abc", "two\nlines"] {
            let body = put(Partition::Record, message);
            assert_eq!(body["StreamARN"], ARN);
            let data = STANDARD.decode(body["Records"][0]["Data"].as_str().unwrap()).unwrap();
            assert_eq!(data.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(data.last(), Some(&b'\n'));
            let document: Value = serde_json::from_slice(&data).unwrap();
            assert_eq!(document["message"], message);
        }
        let key = |partition| put(partition, "a")["Records"][0]["PartitionKey"].clone();
        assert_eq!(key(Partition::LogStream), json!(sample::STREAM));
        assert_eq!(key(Partition::Record).as_str().map(str::len), Some(32));
    }

    #[test]
    fn every_record_has_its_own_outcome() {
        let taken = r#"{"SequenceNumber":"1","ShardId":"shardId-0"}"#;
        let failed = r#"{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"q"}"#;
        let reason = ReasonCode::from_service("provisioned_throughput_exceeded_exception");
        let throttled = RecordOutcome::Retry(reason, Ambiguity::NothingAccepted);
        check(
            200,
            &format!(r#"{{"FailedRecordCount":1,"Records":[{taken},{failed}]}}"#),
            &BatchOutcome::Each(vec![RecordOutcome::Delivered, throttled]),
        );
        let failed =
            r#"{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}"#;
        let unclear =
            RecordOutcome::Retry(ReasonCode::from_service("internal_failure"), Ambiguity::Unclear);
        check(
            200,
            &format!(r#"{{"FailedRecordCount":1,"Records":[{failed},{taken}]}}"#),
            &BatchOutcome::Each(vec![unclear, RecordOutcome::Delivered]),
        );
        check(200, &format!(r#"{{"Records":[{taken}]}}"#), &UNREADABLE_RESPONSE);
        check(200, "<html>", &UNREADABLE_RESPONSE);
    }

    #[test]
    fn a_request_is_classified_by_its_error_code() {
        let error = |name: &str| format!(r#"{{"__type":"{name}","message":"quotes"}}"#);
        let reason = |word| ReasonCode::from_service(word);
        check(
            400,
            &error("com.amazonaws.kinesis#LimitExceededException"),
            &BatchOutcome::Retry(reason("limit_exceeded_exception"), Ambiguity::NothingAccepted),
        );
        check(
            400,
            &error("ResourceNotFoundException"),
            &BatchOutcome::Stop(reason("resource_not_found_exception")),
        );
        check(
            400,
            &error("AccessDeniedException"),
            &BatchOutcome::Stop(reason("access_denied_exception")),
        );
        check(400, "", &BatchOutcome::Stop(ReasonCode::new("other")));
        check(500, "", &BatchOutcome::Retry(ReasonCode::from_status(500), Ambiguity::Unclear));
        check(
            503,
            "",
            &BatchOutcome::Retry(ReasonCode::from_status(503), Ambiguity::NothingAccepted),
        );
    }
}
