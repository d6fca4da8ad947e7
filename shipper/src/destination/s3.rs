//! Amazon S3: one object per request, under a key that is derived from its log events.

use std::ptr;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use xxhash_rust::xxh3::Xxh3;

use super::put_records::aws_status;
use super::time_template::{TimeTemplate, same_hour};
use super::{
    Address, BatchOutcome, Boundary, Deduplication, Destination, Endpoint, Limits, Response,
    Signing, Span, ecs_document,
};
use crate::aws::{self, Service};
use crate::document_id::DocumentId;
use crate::record::{Extent, Piece};
use crate::routing::NameField;

/// The default maximum size of an object before compression.
pub const DEFAULT_OBJECT_BYTES: usize = 16_000_000;

/// A bucket and the prefix of its objects.
pub struct S3 {
    endpoint: Endpoint,
    prefix: TimeTemplate,
    max_object_bytes: usize,
}

impl S3 {
    /// Writes to the bucket at `url`, under keys that begin with `prefix`.
    pub fn new(
        url: Url,
        region: Option<&str>,
        prefix: TimeTemplate,
        max_object_bytes: usize,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        let signing =
            Signing { service: Service::S3.name().into(), region: region.map(str::to_owned) };
        let endpoint = Endpoint {
            method: Method::PUT,
            signing: Some(signing),
            ..Endpoint::post(url, headers)
        };
        Self { endpoint, prefix, max_object_bytes }
    }
}

impl Destination for S3 {
    fn limits(&self) -> Limits {
        Limits::of_bytes(self.max_object_bytes, self.max_object_bytes)
    }

    /// A retry overwrites the same object.
    fn deduplication(&self) -> Deduplication {
        Deduplication::PerRequest
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        ecs_document::write(piece, body);
        body.push(b'\n');
    }

    /// An object contains log events of a single event, because batching differs between
    /// deliveries. The parts of a split record have their own objects, because undelivered records
    /// are whole.
    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        let is_part =
            [before, piece].iter().any(|piece| matches!(piece.extent, Extent::Part { .. }));
        let (before, piece) = (before.record, piece.record);
        let is_dated = self.prefix.constant().is_none();
        if before.log_source.event != piece.log_source.event
            || is_part && !ptr::eq(before, piece)
            || is_dated && !same_hour(before.time, piece.time)
            || !before.names.has_same_names(piece.names)
        {
            Boundary::NextRequest
        } else {
            Boundary::SameGroup
        }
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        let record = span.first.record;
        let mut key = Vec::new();
        match record.names.get(NameField::Prefix) {
            Some(prefix) => key.extend_from_slice(prefix.as_bytes()),
            None => self.prefix.write(record.time, &mut key),
        }
        let mut hash = Xxh3::new();
        hash.update(&DocumentId::of(span.first).bytes());
        hash.update(&DocumentId::of(span.last).bytes());
        hash.update(&(span.count as u64).to_le_bytes());
        let key = format!("{}{:032x}.json.gz", String::from_utf8_lossy(&key), hash.digest128());
        let url = aws::object_address(self.endpoint.url.clone(), &key);
        Address { url: Some(url), ..Address::default() }
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 => BatchOutcome::from_success(sent, response),
            _ => aws_status(Service::S3, response),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;

    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, sample};
    use crate::log_source::LogSource;
    use crate::record::Record;

    fn s3(prefix: &str) -> S3 {
        let url = Url::parse("https://logs.s3.eu-west-1.amazonaws.com/").unwrap();
        S3::new(url, None, TimeTemplate::parse(prefix).unwrap(), DEFAULT_OBJECT_BYTES)
    }

    #[test]
    fn the_same_log_events_have_the_same_key() {
        sample::with_piece("x", |piece| {
            let s3 = s3("lambda/{yyyy}/{MM}/{dd}/{HH}/");
            let url = |count| {
                s3.address(&Span { first: piece, last: piece, count }).url.unwrap().to_string()
            };
            let key = url(1);
            let start = "https://logs.s3.eu-west-1.amazonaws.com/lambda/2023/11/06/10/";
            let name = key.strip_prefix(start).expect("another place");
            assert_eq!(name.strip_suffix(".json.gz").map(str::len), Some(32));
            assert_eq!(url(1), key);
            assert_ne!(url(2), key);
        });
    }

    #[test]
    fn keys_are_encoded_as_s3_verifies_signatures() {
        sample::with_piece("x", |piece| {
            let s3 = s3("a b/year={yyyy}/");
            let address = s3.address(&Span { first: piece, last: piece, count: 1 });
            assert!(address.url.unwrap().path().starts_with("/a%20b/year%3D2023/"));
        });
    }

    #[test]
    fn with_dates_in_keys_an_object_contains_a_single_hour() {
        let log_source = LogSource::new("1", "g", "s");
        let record = |seconds| Record {
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            ..Record::of(&log_source, "x")
        };
        let records = [record(3_599), record(3_600)];
        let [before, after] = [Piece::whole(&records[0]), Piece::whole(&records[1])];
        assert_eq!(s3("{HH}/").boundary(&before, &after), Boundary::NextRequest);
        assert_eq!(s3("{HH}/").boundary(&before, &before), Boundary::SameGroup);
        assert_eq!(s3("all/").boundary(&before, &after), Boundary::SameGroup);
    }

    #[test]
    fn an_object_contains_a_single_event_so_its_key_is_stable() {
        let log_sources = [0, 1].map(|event| LogSource::new("1", "g", "s").of_event(event));
        let records = [0, 0, 1].map(|event| Record::of(&log_sources[event], "x"));
        let [first, second, of_another] = records.each_ref().map(Piece::whole);
        assert_eq!(s3("all/").boundary(&first, &second), Boundary::SameGroup);
        assert_eq!(s3("all/").boundary(&second, &of_another), Boundary::NextRequest);
    }

    #[test]
    fn the_parts_of_a_record_have_their_own_objects() {
        let log_source = LogSource::new("1", "g", "s");
        let records = ["a", "bb"].map(|message| Record::of(&log_source, message));
        let whole = Piece::whole(&records[0]);
        let [first, second] = [1, 2].map(|number| Piece {
            extent: Extent::Part { number, count: 2 },
            ..Piece::whole(&records[1])
        });
        assert_eq!(s3("all/").boundary(&whole, &first), Boundary::NextRequest);
        assert_eq!(s3("all/").boundary(&first, &second), Boundary::SameGroup);
        assert_eq!(s3("all/").boundary(&second, &whole), Boundary::NextRequest);
    }

    #[test]
    fn every_response_is_about_the_whole_object() {
        let check = |status, body: &str, expected: BatchOutcome| {
            let response = Response {
                status,
                retry_after: None,
                body: Bytes::copy_from_slice(body.as_bytes()),
            };
            assert_eq!(s3("").classify(4, &response), expected, "{status} {body}");
        };
        let error = |code: &str| format!("<Error><Code>{code}</Code><Key>k</Key></Error>");
        let again =
            |word| BatchOutcome::Retry(ReasonCode::from_service(word), Ambiguity::NothingAccepted);
        check(200, "", BatchOutcome::delivered(4));
        let busy = BatchOutcome::Retry(ReasonCode::from_status(503), Ambiguity::NothingAccepted);
        check(503, &error("SlowDown"), busy);
        check(400, &error("RequestTimeout"), again("request_timeout"));
        check(409, &error("OperationAborted"), again("operation_aborted"));
        check(403, &error("AccessDenied"), BatchOutcome::Stop(ReasonCode::new("access_denied")));
        check(404, &error("NoSuchBucket"), BatchOutcome::Stop(ReasonCode::new("no_such_bucket")));
    }
}
