//! Amazon Data Firehose: `PutRecordBatch`.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::put_records::{self, Entry, EventsPerRecord, MANY_BYTES, encoded, whole_groups};
use super::{
    BatchOutcome, Deduplication, Destination, Encoding, Endpoint, Limits, RecordGroup, Response,
    Signing, json,
};
use crate::aws::Service;
use crate::record::Piece;

/// The maximum number of records in a request.
///
/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>
pub const MAX_REQUEST_RECORDS: usize = 500;

/// The maximum size of a record, before base64.
///
/// <https://docs.aws.amazon.com/firehose/latest/dev/limits.html>
pub const MAX_RECORD_BYTES: usize = 1_000 * 1_024;

/// The maximum size of a request, before base64.
///
/// <https://docs.aws.amazon.com/firehose/latest/dev/limits.html>
pub const MAX_REQUEST_BYTES: usize = 4 * 1_048_576;

/// The maximum number of events in a record: Firehose accepts a record with more, but does not
/// deaggregate it.
///
/// <https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-multirecord-deaggergation.html>
const MAX_EVENTS_PER_RECORD: usize = 500;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// A Firehose stream.
pub struct Firehose {
    endpoint: Endpoint,
    stream: String,
    per_record: EventsPerRecord,
}

impl Firehose {
    /// Writes records to a stream through the API at `url`.
    pub fn new(url: Url, region: &str, stream: &str, per_record: EventsPerRecord) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert(TARGET, HeaderValue::from_static("Firehose_20150804.PutRecordBatch"));
        let signing =
            Signing { service: Service::Firehose.name().into(), region: Some(region.to_owned()) };
        let endpoint = Endpoint { signing: Some(signing), ..Endpoint::post(url, headers) };
        Self { endpoint, stream: stream.to_owned(), per_record }
    }
}

impl Destination for Firehose {
    fn limits(&self) -> Limits {
        /// The size of a record's framing.
        const AROUND: usize = r#"{"Data":""}"#.len();

        let max_record_bytes = whole_groups(MAX_RECORD_BYTES);
        match self.per_record {
            EventsPerRecord::One => Limits {
                max_request_records: MAX_REQUEST_RECORDS,
                ..Limits::of_bytes(encoded(MAX_REQUEST_BYTES), max_record_bytes + AROUND)
            },
            EventsPerRecord::Many => Limits {
                max_request_records: MAX_EVENTS_PER_RECORD,
                ..Limits::of_bytes(encoded(MANY_BYTES), max_record_bytes)
            },
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
            body.extend_from_slice(b"\"}");
        }
    }

    fn separator(&self) -> &'static [u8] {
        match self.per_record {
            EventsPerRecord::One => b",",
            EventsPerRecord::Many => b"",
        }
    }

    fn open(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"DeliveryStreamName\":");
        json::string(&self.stream, body);
        body.extend_from_slice(b",\"Records\":[");
        if self.per_record == EventsPerRecord::Many {
            body.extend_from_slice(b"{\"Data\":\"");
        }
    }

    fn close(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        if self.per_record == EventsPerRecord::Many {
            body.extend_from_slice(b"\"}");
        }
        body.extend_from_slice(b"]}");
    }

    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        put_records::space(max_bytes, other_bytes)
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        let entries = |put: PutRecordBatch| put.responses;
        put_records::classify(Service::Firehose, self.per_record, sent, response, entries)
    }
}

#[derive(Deserialize)]
struct PutRecordBatch {
    #[serde(rename = "RequestResponses")]
    responses: Vec<Entry>,
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde_json::Value;

    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, RecordOutcome, UNREADABLE_RESPONSE, sample};

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let url = Url::parse("https://firehose.eu-west-1.amazonaws.com/").unwrap();
        let response =
            Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) };
        let batch_outcome =
            Firehose::new(url, "eu-west-1", "logs", EventsPerRecord::One).classify(2, &response);
        assert_eq!(&batch_outcome, expected, "{body}");
    }

    #[test]
    fn every_record_has_its_own_outcome() {
        let body = r#"{"FailedPutCount":1,"RequestResponses":[
            {"RecordId":"1"},{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}]}"#;
        let reason = ReasonCode::from_service("service_unavailable_exception");
        let busy = RecordOutcome::Retry(reason, Ambiguity::NothingAccepted);
        check(200, body, &BatchOutcome::Each(vec![RecordOutcome::Delivered, busy]));
        let body = r#"{"RequestResponses":[{"RecordId":"1"},{"ErrorCode":"InternalFailure"}]}"#;
        let reason = ReasonCode::from_service("internal_failure");
        let unclear = RecordOutcome::Retry(reason, Ambiguity::Unclear);
        check(200, body, &BatchOutcome::Each(vec![RecordOutcome::Delivered, unclear]));
        check(200, r#"{"RequestResponses":[]}"#, &UNREADABLE_RESPONSE);
    }

    #[test]
    fn a_quota_is_not_throttling_here_but_a_busy_service_is() {
        let error = |name: &str| format!(r#"{{"__type":"{name}"}}"#);
        check(
            400,
            &error("LimitExceededException"),
            &BatchOutcome::Stop(ReasonCode::from_service("limit_exceeded_exception")),
        );
        check(
            400,
            &error("ThrottlingException"),
            &BatchOutcome::Retry(
                ReasonCode::from_service("throttling_exception"),
                Ambiguity::NothingAccepted,
            ),
        );
        check(
            503,
            "",
            &BatchOutcome::Retry(ReasonCode::from_status(503), Ambiguity::NothingAccepted),
        );
    }

    #[test]
    fn a_record_of_many_events_stays_within_firehose_deaggregation_limits() {
        let url = Url::parse("https://firehose.eu-west-1.amazonaws.com/").unwrap();
        let firehose = Firehose::new(url, "eu-west-1", "logs", EventsPerRecord::Many);
        assert_eq!(firehose.limits().max_request_records, 500);
    }

    #[test]
    fn many_events_share_a_record_one_per_line() {
        let url = Url::parse("https://firehose.eu-west-1.amazonaws.com/").unwrap();
        let firehose = Firehose::new(url, "eu-west-1", "logs", EventsPerRecord::Many);
        let mut body = Vec::new();
        let messages = ["a", "ab", "abc", "abcd"];
        for message in messages {
            sample::with_piece(message, |piece| {
                if body.is_empty() {
                    let record_group =
                        RecordGroup { first: piece, bytes: 1, is_first: true, is_last: true };
                    firehose.open(&record_group, &mut body);
                }
                firehose.encode(piece, &mut body);
            });
        }
        sample::with_piece("", |piece| {
            let record_group =
                RecordGroup { first: piece, bytes: 1, is_first: true, is_last: true };
            firehose.close(&record_group, &mut body);
        });
        let body: Value = serde_json::from_slice(&body).unwrap();
        let [record] = &body["Records"].as_array().unwrap()[..] else { panic!("{body}") };
        let data = STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
        let lines = std::str::from_utf8(&data).unwrap().lines();
        let found: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<&str> = found.iter().map(|it| it["message"].as_str().unwrap()).collect();
        assert_eq!(found, messages);
        let response = |body: &'static [u8]| Response {
            status: 200,
            retry_after: None,
            body: Bytes::from_static(body),
        };
        let taken = response(br#"{"RequestResponses":[{"RecordId":"1"}]}"#);
        assert_eq!(
            firehose.classify(4, &taken),
            BatchOutcome::Each(vec![RecordOutcome::Delivered; 4])
        );
        let failed =
            response(br#"{"RequestResponses":[{"ErrorCode":"ServiceUnavailableException"}]}"#);
        let reason = ReasonCode::from_service("service_unavailable_exception");
        let again = RecordOutcome::Retry(reason, Ambiguity::NothingAccepted);
        assert_eq!(firehose.classify(4, &failed), BatchOutcome::Each(vec![again; 4]));
    }
}
