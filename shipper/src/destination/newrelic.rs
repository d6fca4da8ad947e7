//! New Relic: the Log API.
//!
//! Shared attributes are sent once for each log source. As with Datadog, a 202 also covers logs
//! that are not kept.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::attributes::TraceNames;
use super::{
    BatchOutcome, Boundary, Deduplication, Destination, Endpoint, Limits, RecordGroup, Response,
    attributes, classify_status, json, tags,
};
use crate::record::Piece;

/// The maximum size of a compressed body.
///
/// <https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/#limits>
pub const MAX_COMPRESSED_BYTES: usize = 1_000_000;

/// The size before compression at which most bodies are below the limit for compressed ones. A
/// larger one is split before it is sent.
const TYPICAL_REQUEST_BYTES: usize = 4_000_000;

/// The maximum size of an attribute; New Relic truncates longer ones.
///
/// <https://docs.newrelic.com/docs/logs/log-api/log-event-data/>
pub const MAX_MESSAGE_BYTES: usize = 128_000;

/// The maximum age of a log.
///
/// <https://docs.newrelic.com/docs/logs/log-api/log-event-data/>
pub const MAX_AGE: Duration = Duration::from_secs(48 * 60 * 60);

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// A New Relic account.
pub struct NewRelic {
    endpoint: Endpoint,
}

impl NewRelic {
    /// Sends to the API at `url` with a license key.
    pub fn new(mut url: Url, mut license_key: HeaderValue) -> Self {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["log", "v1"]);
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        license_key.set_sensitive(true);
        headers.insert(API_KEY, license_key);
        Self { endpoint: Endpoint::post(url, headers) }
    }
}

impl Destination for NewRelic {
    fn limits(&self) -> Limits {
        Limits {
            max_compressed_bytes: MAX_COMPRESSED_BYTES,
            max_age: Some(MAX_AGE),
            ..Limits::of_bytes(TYPICAL_REQUEST_BYTES, MAX_MESSAGE_BYTES)
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

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"timestamp\":");
        json::integer(piece.record.unix_millis(), body);
        body.extend_from_slice(b",\"message\":");
        json::message(piece, body);
        body.extend_from_slice(b",\"attributes\":");
        json::object(body, |body| attributes::json_of_piece(piece, TraceNames::DOTTED, body));
        body.push(b'}');
    }

    fn separator(&self) -> &'static [u8] {
        b","
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        Boundary::by_log_source(before, piece, Boundary::NextGroup)
    }

    fn open(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.push(if record_group.is_first { b'[' } else { b',' });
        body.extend_from_slice(b"{\"common\":{\"attributes\":{");
        body.extend_from_slice(b"\"cloud.provider\":\"aws\"");
        let first = record_group.first;
        let shared = attributes::json_of_log_source(first.record.log_source, first.fields);
        body.extend_from_slice(shared);
        body.extend_from_slice(tags::attributes(first.record.log_source));
        body.extend_from_slice(b"}},\"logs\":[");
    }

    fn close(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.extend_from_slice(if record_group.is_last { b"]}]" } else { b"]}" });
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 => BatchOutcome::from_success(sent, response),
            _ => classify_status(response),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, sample};

    fn newrelic() -> NewRelic {
        let url = Url::parse("https://log-api.eu.newrelic.com").unwrap();
        NewRelic::new(url, HeaderValue::from_static("k"))
    }

    #[test]
    fn shared_attributes_are_sent_once() {
        let mut body = Vec::new();
        sample::with_piece("[WARNING] low", |piece| {
            let record_group =
                RecordGroup { first: piece, bytes: 1, is_first: true, is_last: false };
            newrelic().open(&record_group, &mut body);
            newrelic().encode(piece, &mut body);
            newrelic().close(&record_group, &mut body);
            let record_group = RecordGroup { is_first: false, is_last: true, ..record_group };
            newrelic().open(&record_group, &mut body);
            newrelic().close(&record_group, &mut body);
        });
        let common = json!({"attributes": {
            "cloud.provider": "aws",
            "cloud.account.id": sample::ACCOUNT,
            "cloud.region": sample::REGION,
            "cloud.service.name": "lambda",
            "event.dataset": "aws.lambda_logs",
            "aws.cloudwatch.log_group": sample::GROUP,
            "aws.cloudwatch.log_stream": sample::STREAM,
            "faas.name": "orders",
            "faas.version": "$LATEST",
        }});
        let log = json!({
            "timestamp": sample::MILLIS,
            "message": "[WARNING] low",
            "attributes": {
                "aws.cloudwatch.event_id": sample::ID,
                "aws.lambda.kind": "application",
                "log.level": "warn",
            },
        });
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
            json!([{"common": common, "logs": [log]}, {"common": common, "logs": []}])
        );
        assert_eq!(newrelic().endpoint().url.path(), "/log/v1");
    }

    #[test]
    fn tags_are_shared_attributes() {
        let mut body = Vec::new();
        sample::with_tagged_piece(&[("team", "pay")], |piece| {
            let record_group =
                RecordGroup { first: piece, bytes: 1, is_first: true, is_last: true };
            newrelic().open(&record_group, &mut body);
            newrelic().close(&record_group, &mut body);
        });
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body[0]["common"]["attributes"]["labels.team"], "pay");
    }

    #[test]
    fn every_response_is_about_the_whole_request() {
        let check = |status, expected: BatchOutcome| {
            let body = bytes::Bytes::from_static(b"{\"requestId\":\"0f2b\"}");
            let response = Response { status, retry_after: None, body };
            assert_eq!(newrelic().classify(4, &response), expected, "{status}");
        };
        check(202, BatchOutcome::delivered(4));
        check(413, BatchOutcome::TooLarge);
        check(400, BatchOutcome::Split(ReasonCode::from_status(400)));
        for status in [403, 404, 501] {
            check(status, BatchOutcome::Stop(ReasonCode::from_status(status)));
        }
        check(429, BatchOutcome::Retry(ReasonCode::from_status(429), Ambiguity::NothingAccepted));
    }
}
