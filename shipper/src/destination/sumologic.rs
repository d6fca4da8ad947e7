//! Sumo Logic: an HTTP Logs and Metrics source.
//!
//! The log source is in headers, so a request contains a single log stream.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::{
    Address, BatchOutcome, Boundary, Deduplication, Destination, Endpoint, Limits, ReasonCode,
    Response, Span, classify_status, ecs_document,
};
use crate::record::Piece;
use crate::routing::NameField;

/// The maximum size of a body.
///
/// <https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/logs-metrics/#data-payload-considerations>
pub const MAX_REQUEST_BYTES: usize = 1_000_000;

/// The maximum size of a message; Sumo Logic splits longer ones into messages that are not JSON.
///
/// <https://www.sumologic.com/help/docs/search/get-started-with-search/search-basics/search-large-messages/>
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

const CATEGORY: HeaderName = HeaderName::from_static("x-sumo-category");
const FIELDS: HeaderName = HeaderName::from_static("x-sumo-fields");
const HOST: HeaderName = HeaderName::from_static("x-sumo-host");
const NAME: HeaderName = HeaderName::from_static("x-sumo-name");

/// The URL is not, or no longer, that of a source.
const SOURCE_NOT_FOUND: ReasonCode = ReasonCode::new("source_not_found");

/// An ingest budget is exhausted: despite its success status the request, or a part of it, was
/// dropped.
const BUDGET_EXCEEDED: ReasonCode = ReasonCode::new("budget_exceeded");

/// A source.
pub struct SumoLogic {
    endpoint: Endpoint,
    names: Names,
}

/// The metadata of messages that has defaults.
#[derive(Default)]
pub struct Names {
    /// The source host; defaults to the log group.
    pub host: Option<HeaderValue>,
    /// The source name; defaults to the log stream.
    pub name: Option<HeaderValue>,
}

impl SumoLogic {
    /// Sends to the source at `url`, which contains the secret.
    pub fn new(
        url: Url,
        category: Option<HeaderValue>,
        names: Names,
        fields: Option<HeaderValue>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.extend(category.map(|category| (CATEGORY, category)));
        headers.extend(fields.map(|fields| (FIELDS, fields)));
        Self { endpoint: Endpoint::post(url, headers), names }
    }
}

impl Destination for SumoLogic {
    fn limits(&self) -> Limits {
        Limits::of_bytes(MAX_REQUEST_BYTES, MAX_MESSAGE_BYTES)
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
        ecs_document::write(piece, body);
        body.push(b'\n');
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        match Boundary::by_names(before, piece) {
            Boundary::SameGroup => Boundary::by_log_source(before, piece, Boundary::NextRequest),
            other => other,
        }
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        let record = span.first.record;
        let log_source = record.log_source;
        let mut headers = HeaderMap::new();
        for (header, field, own, default) in [
            (CATEGORY, NameField::Category, &None, None),
            (HOST, NameField::Host, &self.names.host, Some(log_source.group)),
            (NAME, NameField::Name, &self.names.name, Some(log_source.stream)),
        ] {
            // A name that is not valid in a header is in the documents nevertheless.
            let value = |text: &str| HeaderValue::try_from(text).ok();
            let named = record.names.get(field).and_then(value);
            let name = named.or_else(|| own.clone()).or_else(|| default.and_then(value));
            headers.extend(name.map(|name| (header, name)));
        }
        Address { headers, ..Address::default() }
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 if exceeds_budget(&response.body) => {
                BatchOutcome::StopUnclear(BUDGET_EXCEEDED)
            }
            200..300 => BatchOutcome::from_success(sent, response),
            // The URL contains the secret, so a rotated secret may be valid.
            404 => BatchOutcome::Stop(SOURCE_NOT_FOUND),
            _ => classify_status(response),
        }
    }
}

/// <https://github.com/SumoLogic/sumologic-otel-collector/pull/443>,
/// <https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/troubleshooting/>
fn exceeds_budget(body: &[u8]) -> bool {
    serde_json::from_slice::<Problem>(body).is_ok_and(|problem| problem.code == "budget.exceeded")
}

/// The error in the body of a success response.
#[derive(Deserialize)]
struct Problem {
    code: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{Ambiguity, sample};

    fn sumologic() -> SumoLogic {
        let url = Url::parse("https://collectors.sumologic.com/receiver/v1/http/ZaVn").unwrap();
        let category = Some(HeaderValue::from_static("prod/lambda"));
        SumoLogic::new(url, category, Names::default(), None)
    }

    #[test]
    fn the_log_source_is_in_headers() {
        sample::with_piece("x", |piece| {
            let address = sumologic().address(&Span { first: piece, last: piece, count: 1 });
            assert_eq!(address.headers[HOST], sample::GROUP);
            assert_eq!(address.headers[NAME], sample::STREAM);
        });
        assert_eq!(sumologic().endpoint().headers[CATEGORY], "prod/lambda");
        assert!(!sumologic().endpoint().headers.contains_key(FIELDS));
    }

    #[test]
    fn another_log_stream_has_its_own_request() {
        sample::with_piece_of("a", "x", |one| {
            sample::with_piece_of("a", "y", |same| {
                assert_eq!(sumologic().boundary(one, same), Boundary::SameGroup);
            });
            sample::with_piece_of("b", "y", |other| {
                assert_eq!(sumologic().boundary(one, other), Boundary::NextRequest);
            });
        });
    }

    #[test]
    fn every_response_is_about_the_whole_request() {
        let check = |status, expected: BatchOutcome| {
            let response = Response { status, retry_after: None, body: bytes::Bytes::new() };
            assert_eq!(sumologic().classify(4, &response), expected, "{status}");
        };
        check(200, BatchOutcome::delivered(4));
        let said = |body: &'static str| {
            let body = bytes::Bytes::from_static(body.as_bytes());
            sumologic().classify(4, &Response { status: 200, retry_after: None, body })
        };
        let exceeded =
            r#"{"status":200,"id":"1UHOK","code":"budget.exceeded","message":"dropped"}"#;
        assert_eq!(said(exceeded), BatchOutcome::StopUnclear(BUDGET_EXCEEDED));
        let fields =
            r#"{"status":200,"id":"1UHOK","code":"bad.http.header.fields","message":"no"}"#;
        assert_eq!(said(fields), BatchOutcome::delivered(4));
        check(401, BatchOutcome::Stop(ReasonCode::from_status(401)));
        check(404, BatchOutcome::Stop(SOURCE_NOT_FOUND));
        for status in [408, 504] {
            check(status, BatchOutcome::Retry(ReasonCode::from_status(status), Ambiguity::Unclear));
        }
        for status in [429, 503] {
            check(
                status,
                BatchOutcome::Retry(ReasonCode::from_status(status), Ambiguity::NothingAccepted),
            );
        }
    }
}
