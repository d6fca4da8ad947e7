//! Loggly: the bulk endpoint.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::{
    Address, BatchOutcome, Boundary, Deduplication, Destination, Encoding, Endpoint, Limits,
    Response, Span, classify_status, ecs_document, json, tags,
};
use crate::record::Piece;
use crate::routing::NameField;
use crate::secret::Secret;

/// The maximum size of a body.
///
/// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/http-bulk-endpoint.htm>
pub const MAX_REQUEST_BYTES: usize = 5_000_000;

/// The maximum size of an event.
///
/// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/http-bulk-endpoint.htm>
pub const MAX_EVENT_BYTES: usize = 1_000_000;

/// A Loggly account.
pub struct Loggly {
    endpoint: Endpoint,
    /// The URL of the server.
    server: Url,
    token: Secret,
}

impl Loggly {
    /// Sends to the server at `url` with these tags.
    pub fn new(server: Url, token: Secret, tags: &str) -> Self {
        let url = url_with_tags(&server, &token, tags);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Self { endpoint: Endpoint::post(url, headers), server, token }
    }
}

fn url_with_tags(server: &Url, token: &Secret, tags: &str) -> Url {
    let mut url = server.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["bulk", token.expose(), "tag", tags, ""]);
    }
    url
}

impl Destination for Loggly {
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

    /// Loggly does not document support for compression.
    fn encoding(&self) -> Encoding {
        Encoding::Identity
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        // The field that Loggly uses as the timestamp.
        body.extend_from_slice(b"{\"timestamp\":\"");
        json::time(piece.record.time, body);
        body.push(b'"');
        ecs_document::write_after(piece, tags::labels(piece.record.log_source), body);
        body.push(b'\n');
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        Boundary::by_names(before, piece)
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        let tags = span.first.record.names.get(NameField::Tags);
        Address {
            url: tags.map(|tags| url_with_tags(&self.server, &self.token, tags)),
            ..Address::default()
        }
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
    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, sample};

    fn loggly() -> Loggly {
        let url = Url::parse("https://logs-01.loggly.com").unwrap();
        Loggly::new(url, Secret::new("t0/ken"), "lambda,a b")
    }

    #[test]
    fn token_and_tags_are_escaped_in_the_url() {
        assert_eq!(
            loggly().endpoint().url.as_str(),
            "https://logs-01.loggly.com/bulk/t0%2Fken/tag/lambda,a%20b/"
        );
    }

    #[test]
    fn an_event_has_its_time_where_loggly_looks_for_it() {
        let mut body = Vec::new();
        sample::with_piece("two\nlines", |piece| loggly().encode(piece, &mut body));
        let (line, rest) = body.split_at(body.len() - 1);
        assert_eq!(rest, b"\n");
        assert!(!line.contains(&b'\n'));
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!(event["timestamp"], "2023-11-06T10:00:00.123Z");
        assert_eq!(event["message"], "two\nlines");
    }

    #[test]
    fn every_response_is_about_the_whole_request() {
        let check = |status, expected: BatchOutcome| {
            let body = bytes::Bytes::from_static(b"{\"response\":\"ok\"}");
            let response = Response { status, retry_after: None, body };
            assert_eq!(loggly().classify(4, &response), expected, "{status}");
        };
        check(200, BatchOutcome::delivered(4));
        check(403, BatchOutcome::Stop(ReasonCode::from_status(403)));
        check(413, BatchOutcome::TooLarge);
        check(503, BatchOutcome::Retry(ReasonCode::from_status(503), Ambiguity::NothingAccepted));
    }
}
