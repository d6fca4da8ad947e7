//! Logz.io: the bulk HTTP listener.
//!
//! It responds for the request as a whole and only counts invalid logs, so a partially accepted
//! request must never be retried.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::{
    BatchOutcome, Deduplication, Destination, Endpoint, Limits, ReasonCode, Response,
    classify_status, ecs_document,
};
use crate::record::Piece;
use crate::secret::Secret;

/// The maximum size of a body.
///
/// <https://docs.logz.io/docs/shipping/Code/HTTP>
pub const MAX_REQUEST_BYTES: usize = 10_485_760;

/// The maximum size of a log.
///
/// <https://docs.logz.io/docs/shipping/Code/HTTP>
pub const MAX_LINE_BYTES: usize = 500_000;

/// The maximum size of a message. Logz.io accepts a log with a longer field with 200 and indexes it
/// as `logzio-invalid-log`, without fields. Logz.io counts characters.
///
/// <https://docs.logz.io/docs/user-guide/explore/troubleshooting/invalid-log-errors>
pub const MAX_MESSAGE_BYTES: usize = 32_700;

/// A Logz.io account.
pub struct Logzio {
    endpoint: Endpoint,
}

impl Logzio {
    /// Sends to the listener at `url` with `log_type`, by which Logz.io selects the parser.
    pub fn new(mut url: Url, token: &Secret, log_type: &str) -> Self {
        url.query_pairs_mut().append_pair("token", token.expose()).append_pair("type", log_type);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Self { endpoint: Endpoint::post(url, headers) }
    }
}

impl Destination for Logzio {
    fn limits(&self) -> Limits {
        Limits {
            max_message_bytes: MAX_MESSAGE_BYTES,
            ..Limits::of_bytes(MAX_REQUEST_BYTES, MAX_LINE_BYTES)
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
        ecs_document::write(piece, body);
        body.push(b'\n');
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 => BatchOutcome::from_success(sent, response),
            400 => match serde_json::from_slice::<BadLines>(&response.body) {
                Ok(lines) => lines.batch_outcome(sent),
                // Not a response of the listener.
                Err(_) => classify_status(response),
            },
            _ => classify_status(response),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BadLines {
    successful_lines: usize,
    #[serde(default)]
    malformed_lines: usize,
    #[serde(default)]
    oversized_lines: usize,
    #[serde(default)]
    empty_log_lines: usize,
}

impl BadLines {
    fn batch_outcome(&self, sent: usize) -> BatchOutcome {
        let rejected = [
            (ReasonCode::new("malformed_line"), self.malformed_lines),
            (ReasonCode::new("oversized_line"), self.oversized_lines),
            (ReasonCode::new("empty_line"), self.empty_log_lines),
        ];
        BatchOutcome::counted(sent, self.successful_lines, &rejected)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::destination::Ambiguity;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let url = Url::parse("https://listener.logz.io:8071/").unwrap();
        let response =
            Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) };
        let batch_outcome = Logzio::new(url, &Secret::new("t"), "lambda").classify(10, &response);
        assert_eq!(&batch_outcome, expected, "{status} {body}");
    }

    #[test]
    fn token_and_type_are_escaped_in_the_url() {
        let url = Url::parse("https://listener-eu.logz.io:8071/").unwrap();
        let destination = Logzio::new(url, &Secret::new("a&b"), "my&type");
        assert_eq!(
            destination.endpoint().url.as_str(),
            "https://listener-eu.logz.io:8071/?token=a%26b&type=my%26type"
        );
    }

    #[test]
    fn an_accepted_request_is_delivered() {
        check(200, "", &BatchOutcome::Counted { delivered: 10, rejected: vec![] });
    }

    #[test]
    fn invalid_lines_are_rejected_and_the_others_delivered() {
        check(
            400,
            r#"{"malformedLines":2,"successfulLines":7,"oversizedLines":1,"emptyLogLines":0}"#,
            &BatchOutcome::Counted {
                delivered: 7,
                rejected: vec![
                    (ReasonCode::new("malformed_line"), 2),
                    (ReasonCode::new("oversized_line"), 1),
                ],
            },
        );
    }

    #[test]
    fn unattributed_rejections_add_up() {
        check(
            400,
            r#"{"successfulLines":4,"malformedLines":1}"#,
            &BatchOutcome::Counted {
                delivered: 4,
                rejected: vec![
                    (ReasonCode::new("malformed_line"), 1),
                    (ReasonCode::new("unattributed"), 5),
                ],
            },
        );
        check(
            400,
            r#"{"successfulLines":40,"malformedLines":10}"#,
            &BatchOutcome::Counted { delivered: 10, rejected: vec![] },
        );
    }

    #[test]
    fn a_400_without_rejected_lines_is_about_the_request() {
        check(400, "bad request", &BatchOutcome::Split(ReasonCode::from_status(400)));
        check(400, "{}", &BatchOutcome::Split(ReasonCode::from_status(400)));
    }

    #[test]
    fn other_statuses_are_about_the_whole_request() {
        check(401, "", &BatchOutcome::Stop(ReasonCode::from_status(401)));
        check(413, "", &BatchOutcome::TooLarge);
        check(
            503,
            "",
            &BatchOutcome::Retry(ReasonCode::from_status(503), Ambiguity::NothingAccepted),
        );
    }
}
