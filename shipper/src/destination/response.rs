//! Responses of destinations, and what they mean for the records.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// What a response means for the records of a request.
#[derive(Debug, PartialEq)]
pub enum BatchOutcome {
    /// An outcome for each record, in order.
    Each(Vec<RecordOutcome>),
    /// Numbers only; nothing of the request may be retried.
    Counted {
        /// The number of delivered records.
        delivered: usize,
        /// The numbers of rejected records, with the reasons.
        rejected: Vec<(ReasonCode, usize)>,
    },
    /// The destination has accepted the request; under this acknowledgement id it reports later
    /// whether it is indexed.
    Accepted(u64),
    /// All records may be retried.
    Retry(ReasonCode, Ambiguity),
    /// The request was too large, and nothing was accepted.
    TooLarge,
    /// Something in the request was rejected, or the destination's setup rejects every such
    /// request; it is not known which. Nothing was accepted.
    Split(ReasonCode),
    /// The records before this index are retried apart from the others.
    SplitAt {
        /// At least 1, and less than the number of records.
        index: usize,
        /// How many of the first records the destination may have accepted.
        unclear: usize,
    },
    /// A retry is useless until the operator changes something, such as credentials or the URL.
    Stop(ReasonCode),
    /// Like `Stop`, but the destination may have accepted the records.
    StopUnclear(ReasonCode),
}

impl BatchOutcome {
    /// All records were delivered.
    pub(super) fn delivered(sent: usize) -> Self {
        Self::Counted { delivered: sent, rejected: Vec::new() }
    }

    /// Whether all records were delivered.
    pub(crate) fn is_all_delivered(&self) -> bool {
        match self {
            Self::Each(outcomes) => outcomes.iter().all(|outcome| {
                matches!(outcome, RecordOutcome::Delivered | RecordOutcome::Deduplicated)
            }),
            Self::Counted { rejected, .. } => rejected.is_empty(),
            Self::Accepted(_) => true,
            Self::Retry(..)
            | Self::TooLarge
            | Self::Split(_)
            | Self::SplitAt { .. }
            | Self::Stop(_)
            | Self::StopUnclear(_) => false,
        }
    }

    /// The outcome of a 2xx without further information. An HTML page is not a response of the
    /// destination: a proxy or a login page has answered instead.
    pub(super) fn from_success(sent: usize, response: &Response) -> Self {
        match response.body.trim_ascii_start().first() {
            Some(b'<') => UNREADABLE_RESPONSE,
            _ => Self::delivered(sent),
        }
    }

    /// Of `sent` records, `delivered` were delivered, and the others rejected for these reasons.
    /// Records that the numbers do not account for are rejected as `unattributed`: they are not
    /// known to be delivered, and must not be retried.
    pub(super) fn counted(sent: usize, delivered: usize, rejected: &[(ReasonCode, usize)]) -> Self {
        let mut open = sent;
        let mut take = |count: usize| {
            let taken = count.min(open);
            open -= taken;
            taken
        };
        let delivered = take(delivered);
        let mut rejected: Vec<(ReasonCode, usize)> =
            rejected.iter().map(|(reason, count)| (reason.clone(), take(*count))).collect();
        rejected.push((UNATTRIBUTED, open));
        rejected.retain(|(_, count)| *count > 0);
        Self::Counted { delivered, rejected }
    }
}

/// The outcome of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordOutcome {
    /// Delivered by this request.
    Delivered,
    /// Delivered by an earlier request.
    Deduplicated,
    /// Rejected permanently.
    Rejected(ReasonCode),
    /// It does not match the mapping: its JSON fields conflict, or it is too large for a field, or
    /// the mapping must be changed.
    Incompatible(ReasonCode),
    /// The destination stopped at an earlier record and did not process it.
    NotReached,
    /// It may be retried.
    Retry(ReasonCode, Ambiguity),
    /// It may be retried once the operator has changed something.
    Stop(ReasonCode),
}

/// Whether a request, or a record of it, is known to have had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// Nothing was accepted.
    NothingAccepted,
    /// Some or all of it may have been accepted.
    Unclear,
}

impl Ambiguity {
    /// The ambiguity of a retryable status.
    pub(crate) fn after(status: u16) -> Self {
        match status {
            408 | 500 | 502 | 504 => Self::Unclear,
            _ => Self::NothingAccepted,
        }
    }
}

/// The status of acknowledgement ids.
#[derive(Debug, PartialEq)]
pub enum AcknowledgementStatus {
    /// These are indexed; the others may be later.
    Indexed(Vec<u64>),
    /// Unknown: request again.
    Retry(ReasonCode),
    /// Requesting again is useless.
    Stop(ReasonCode),
}

/// Why something was not delivered, as a code that may be logged: an error type, never its message,
/// because destinations quote documents there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReasonCode(Cow<'static, str>);

impl ReasonCode {
    /// A reason of the shipper.
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// An error type of a destination; `other` if it does not have the form of one.
    pub fn from_service(word: &str) -> Self {
        const LONGEST: usize = 64;
        let has_the_form = !word.is_empty()
            && word.len() <= LONGEST
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if has_the_form { Self(Cow::Owned(word.to_owned())) } else { Self::new("other") }
    }

    /// An AWS error code in snake case: `SlowDown` is `slow_down`.
    pub fn from_aws(code: &str) -> Self {
        let mut word = String::with_capacity(code.len() + 8);
        let mut before = '_';
        for character in code.chars() {
            if character.is_ascii_uppercase() && before.is_ascii_lowercase() {
                word.push('_');
            }
            word.push(character.to_ascii_lowercase());
            before = character;
        }
        Self::from_service(&word)
    }

    /// The reason for an HTTP status without further information.
    pub fn from_status(status: u16) -> Self {
        Self(Cow::Owned(format!("status_{status}")))
    }

    /// Whether the credentials were rejected.
    pub fn blames_credentials(&self) -> bool {
        matches!(
            self.as_str(),
            "status_401"
                | "status_403"
                // Elasticsearch and OpenSearch, for a document.
                | "security_exception"
                // Splunk, for its codes 1 to 4, 21 and 22.
                | "token_disabled"
                | "token_required"
                | "invalid_authorization"
                | "invalid_token"
                | "token_refused"
                // Sumo Logic, for a URL that is no longer valid.
                | "source_not_found"
                // The certificate may have been renewed.
                | "client_certificate_rejected"
        )
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The reason for records that the destination's numbers do not account for.
pub(super) const UNATTRIBUTED: ReasonCode = ReasonCode::new("unattributed");

/// The body of a 2xx response could not be parsed, so the result is unknown.
pub(super) const UNREADABLE_RESPONSE: BatchOutcome =
    BatchOutcome::Retry(ReasonCode::new("unreadable_response"), Ambiguity::Unclear);

/// The default classification of a response. The request as a whole was not accepted; a gateway's
/// 500, 502 and 504 leave open whether the server behind it processed the request. nginx reports
/// its errors 495 and 496, about client certificates, as 400
/// (<https://nginx.org/en/docs/http/ngx_http_ssl_module.html#errors>).
pub(super) fn classify_status(response: &Response) -> BatchOutcome {
    let status = response.status;
    let reason = ReasonCode::from_status(status);
    match status {
        413 => BatchOutcome::TooLarge,
        400 | 500 if calls_it_too_large(&response.body) => BatchOutcome::TooLarge,
        400 if speaks_tls(&response.body) => BatchOutcome::Stop(ReasonCode::new("tls_required")),
        400 if says(&response.body, "400 No required SSL certificate was sent") => {
            BatchOutcome::Stop(ReasonCode::new("client_certificate_required"))
        }
        400 if says(&response.body, "400 The SSL certificate error") => {
            BatchOutcome::Stop(ReasonCode::new("client_certificate_rejected"))
        }
        400 => BatchOutcome::Split(reason),
        501 => BatchOutcome::Stop(reason),
        408 | 429 | 500..=599 => BatchOutcome::Retry(reason, Ambiguity::after(status)),
        _ => BatchOutcome::Stop(reason),
    }
}

/// Whether a server without a status for it rejects the request because of its size: the
/// OpenTelemetry Collector, with the message of Go's `MaxBytesReader`
/// (<https://pkg.go.dev/net/http#MaxBytesError>), and VictoriaLogs. Both are among the recorded
/// exchanges of the tests.
pub(super) fn calls_it_too_large(body: &[u8]) -> bool {
    says(body, "http: request body too large")
        || says(body, "too big data size")
        // The response to a Collector by the server behind it.
        || says(body, "responded with HTTP Status Code 413")
}

/// Whether a TLS server received plain HTTP: servers in Go
/// (<https://go.dev/src/net/http/server.go>, `serve`) and nginx
/// (<https://nginx.org/en/docs/http/ngx_http_ssl_module.html#errors>, 497).
pub(crate) fn speaks_tls(body: &[u8]) -> bool {
    says(body, "Client sent an HTTP request to an HTTPS server")
        || says(body, "The plain HTTP request was sent to HTTPS port")
}

/// Whether a body contains these words.
pub(super) fn says(body: &[u8], words: &str) -> bool {
    memchr::memmem::find(body, words.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_meaning() {
        let classify_status =
            |status| classify_status(&Response { status, retry_after: None, body: Bytes::new() });
        let unclear =
            |status| BatchOutcome::Retry(ReasonCode::from_status(status), Ambiguity::Unclear);
        let certain = |status| {
            BatchOutcome::Retry(ReasonCode::from_status(status), Ambiguity::NothingAccepted)
        };
        assert_eq!(classify_status(413), BatchOutcome::TooLarge);
        for status in [429, 503, 507, 529] {
            assert_eq!(classify_status(status), certain(status));
        }
        for status in [408, 500, 502, 504] {
            assert_eq!(classify_status(status), unclear(status));
        }
        for status in [301, 302, 307, 401, 403, 404, 405, 501] {
            assert_eq!(
                classify_status(status),
                BatchOutcome::Stop(ReasonCode::from_status(status))
            );
        }
        assert_eq!(classify_status(400), BatchOutcome::Split(ReasonCode::from_status(400)));
    }

    #[test]
    fn a_tls_server_is_distinguished_from_one_that_rejects_records() {
        for body in [
            "Client sent an HTTP request to an HTTPS server.\n",
            "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        ] {
            let body = Bytes::from(body);
            let batch_outcome = classify_status(&Response { status: 400, retry_after: None, body });
            assert_eq!(batch_outcome, BatchOutcome::Stop(ReasonCode::new("tls_required")));
        }
    }

    /// The pages of nginx, in `src/http/ngx_http_special_response.c`.
    #[test]
    fn a_gateway_that_rejects_the_client_certificate_is_distinguished_too() {
        for (title, expected) in [
            ("400 No required SSL certificate was sent", "client_certificate_required"),
            ("400 The SSL certificate error", "client_certificate_rejected"),
        ] {
            let body = Bytes::from(format!("<html><head><title>{title}</title></head></html>"));
            let batch_outcome = classify_status(&Response { status: 400, retry_after: None, body });
            assert_eq!(batch_outcome, BatchOutcome::Stop(ReasonCode::new(expected)));
        }
    }

    #[test]
    fn an_html_page_does_not_mean_delivery() {
        let response = |body: &'static [u8]| Response {
            status: 200,
            retry_after: None,
            body: Bytes::from_static(body),
        };
        for page in ["<!DOCTYPE html>", "\r\n  <html><body>Log in</body></html>"] {
            assert_eq!(
                BatchOutcome::from_success(3, &response(page.as_bytes())),
                UNREADABLE_RESPONSE
            );
        }
        for word in ["", "{}", r#"{"response": "ok"}"#, "OK < 1 s"] {
            assert_eq!(
                BatchOutcome::from_success(3, &response(word.as_bytes())),
                BatchOutcome::delivered(3)
            );
        }
    }

    #[test]
    fn incomplete_or_excessive_counts_still_add_up() {
        let bad = ReasonCode::new("bad");
        assert_eq!(
            BatchOutcome::counted(10, 4, &[(bad.clone(), 1)]),
            BatchOutcome::Counted {
                delivered: 4,
                rejected: vec![(bad.clone(), 1), (UNATTRIBUTED, 5)]
            }
        );
        assert_eq!(BatchOutcome::counted(10, 40, &[(bad, 10)]), BatchOutcome::delivered(10));
    }

    #[test]
    fn only_error_types_may_be_logged() {
        let reason = |word: &str| ReasonCode::from_service(word).as_str().to_owned();
        assert_eq!(reason("mapper_parsing_exception"), "mapper_parsing_exception");
        assert_eq!(reason("failed to parse field [password]"), "other");
        assert_eq!(reason("Secret"), "other");
        assert_eq!(reason(""), "other");
        assert_eq!(reason(&"a".repeat(65)), "other");
        let reason = |code: &str| ReasonCode::from_aws(code).as_str().to_owned();
        assert_eq!(
            reason("ProvisionedThroughputExceededException"),
            "provisioned_throughput_exceeded_exception"
        );
        assert_eq!(reason("KMSThrottlingException"), "kmsthrottling_exception");
        assert_eq!(reason("SlowDown"), "slow_down");
        assert_eq!(reason("a secret"), "other");
        assert_eq!(reason(""), "other");
    }
}
