//! Honeycomb: the batch API, with a result for every event.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::attributes::TraceNames;
use super::{
    Address, Ambiguity, BatchOutcome, Boundary, Deduplication, Destination, Endpoint, Limits,
    ReasonCode, RecordGroup, RecordOutcome, Response, Span, UNREADABLE_RESPONSE, attributes,
    classify_status, json, tags,
};
use crate::record::Piece;
use crate::routing::NameField;

/// The maximum size of a body.
///
/// <https://docs.honeycomb.io/send-data/limits/>
pub const MAX_REQUEST_BYTES: usize = 5_000_000;

/// The maximum size of a string in an event; the message is most of an event.
///
/// <https://docs.honeycomb.io/send-data/limits/>
pub const MAX_EVENT_BYTES: usize = 64_000;

const TEAM: HeaderName = HeaderName::from_static("x-honeycomb-team");

/// A dataset.
pub struct Honeycomb {
    endpoint: Endpoint,
    /// The URL of the API.
    api: Url,
}

impl Honeycomb {
    /// Sends to a dataset of the API at `url`.
    pub fn new(api: Url, mut api_key: HeaderValue, dataset: &str) -> Self {
        let url = url_of_dataset(&api, dataset);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        api_key.set_sensitive(true);
        headers.insert(TEAM, api_key);
        Self { endpoint: Endpoint::post(url, headers), api }
    }
}

fn url_of_dataset(api: &Url, dataset: &str) -> Url {
    let mut url = api.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["1", "batch", dataset]);
    }
    url
}

impl Destination for Honeycomb {
    fn limits(&self) -> Limits {
        Limits::of_bytes(MAX_REQUEST_BYTES, MAX_EVENT_BYTES)
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
        body.extend_from_slice(b"{\"time\":\"");
        json::time(piece.record.time, body);
        body.extend_from_slice(b"\",\"data\":{\"message\":");
        json::message(piece, body);
        let (log_source, fields) = (piece.record.log_source, piece.fields);
        body.extend_from_slice(attributes::json_of_log_source(log_source, fields));
        body.extend_from_slice(tags::attributes(log_source));
        attributes::json_of_piece(piece, TraceNames::HONEYCOMB, body);
        if let Some(fields) = piece.json {
            body.extend_from_slice(b",\"json\":");
            body.extend_from_slice(fields.as_bytes());
        }
        body.extend_from_slice(b"}}");
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        Boundary::by_names(before, piece)
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        let dataset = span.first.record.names.get(NameField::Dataset);
        Address {
            url: dataset.map(|dataset| url_of_dataset(&self.api, dataset)),
            ..Address::default()
        }
    }

    fn separator(&self) -> &'static [u8] {
        b","
    }

    fn open(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.push(b'[');
    }

    fn close(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.push(b']');
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        if !(200..300).contains(&response.status) {
            return classify_status(response);
        }
        match serde_json::from_slice::<Vec<EventResponse>>(&response.body) {
            Ok(events) if events.len() == sent => {
                BatchOutcome::Each(events.iter().map(|event| outcome(event.status)).collect())
            }
            Ok(_) | Err(_) => UNREADABLE_RESPONSE,
        }
    }
}

#[derive(Deserialize)]
struct EventResponse {
    status: u16,
}

fn outcome(status: u16) -> RecordOutcome {
    let reason = ReasonCode::from_status(status);
    match status {
        200..300 => RecordOutcome::Delivered,
        401 | 403 | 404 | 501 => RecordOutcome::Stop(reason),
        429 | 500..=599 => RecordOutcome::Retry(reason, Ambiguity::after(status)),
        400..500 => RecordOutcome::Rejected(reason),
        _ => RecordOutcome::Stop(reason),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::destination::sample;

    fn honeycomb() -> Honeycomb {
        let url = Url::parse("https://api.honeycomb.io").unwrap();
        Honeycomb::new(url, HeaderValue::from_static("k"), "lambda logs")
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let response =
            Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) };
        assert_eq!(&honeycomb().classify(2, &response), expected, "{status} {body}");
    }

    #[test]
    fn an_event_is_flat_except_for_json_fields() {
        let mut body = Vec::new();
        let message = "{\"level\":\"warn\",\"big\":12345678901234567890123}";
        sample::with_piece(message, |piece| honeycomb().encode(piece, &mut body));
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("\"json\":{\"level\":\"warn\",\"big\":12345678901234567890123}}}"));
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["time"], "2023-11-06T10:00:00.123Z");
        assert_eq!(event["data"]["message"], message);
        assert_eq!(event["data"]["faas.name"], "orders");
        assert_eq!(event["data"]["log.level"], "warn");
        assert_eq!(event["data"]["aws.cloudwatch.event_id"], json!(sample::ID));
        assert_eq!(honeycomb().endpoint().url.path(), "/1/batch/lambda%20logs");
    }

    #[test]
    fn tags_are_attributes() {
        let mut body = Vec::new();
        let tags = [("team", "pay")];
        sample::with_tagged_piece(&tags, |piece| honeycomb().encode(piece, &mut body));
        let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event["data"]["labels.team"], "pay");
    }

    #[test]
    fn every_event_has_its_own_outcome() {
        let cases = [
            (202, RecordOutcome::Delivered),
            (429, RecordOutcome::Retry(ReasonCode::from_status(429), Ambiguity::NothingAccepted)),
            (400, RecordOutcome::Rejected(ReasonCode::from_status(400))),
            (500, RecordOutcome::Retry(ReasonCode::from_status(500), Ambiguity::Unclear)),
            (501, RecordOutcome::Stop(ReasonCode::from_status(501))),
            (403, RecordOutcome::Stop(ReasonCode::from_status(403))),
        ];
        for (status, expected) in cases {
            let body = format!(r#"[{{"status":202}},{{"status":{status},"error":"quotes"}}]"#);
            check(200, &body, &BatchOutcome::Each(vec![RecordOutcome::Delivered, expected]));
        }
    }

    #[test]
    fn a_response_without_every_event_is_ambiguous() {
        for body in ["", "[]", r#"[{"status":202}]"#, "{}", "<html>"] {
            check(200, body, &UNREADABLE_RESPONSE);
        }
    }

    #[test]
    fn a_request_is_classified_by_its_status() {
        check(401, "", &BatchOutcome::Stop(ReasonCode::from_status(401)));
        check(400, "", &BatchOutcome::Split(ReasonCode::from_status(400)));
        check(413, "", &BatchOutcome::TooLarge);
        check(
            429,
            "",
            &BatchOutcome::Retry(ReasonCode::from_status(429), Ambiguity::NothingAccepted),
        );
    }
}
