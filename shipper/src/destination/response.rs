//! What a service answers, and what that means for the records sent.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header as sent.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// What an answer means for the pieces sent.
#[derive(Debug, PartialEq)]
pub enum BatchOutcome {
    /// The service has judged each, in the order sent.
    Each(Vec<RecordOutcome>),
    /// The service only counts, and nothing of the request may be sent again.
    Counted {
        /// How many it took.
        delivered: usize,
        /// How many it rejected, and why.
        rejected: Vec<(ReasonCode, usize)>,
    },
    /// The service has taken the request for now, and says later under this number whether it is
    /// stored.
    Receipt(u64),
    /// All are to be tried again.
    TryAgain(ReasonCode, Ambiguity),
    /// The request was too large, and nothing of it was taken.
    TooLarge,
    /// Something in the request is not taken, or the service is set up not to take any such request: it
    /// does not say which.
    Split(ReasonCode, Ambiguity),
    /// Trying again is of no use until somebody changes something: credentials, an address.
    Stop(ReasonCode),
    /// So it is here, but the service may have taken what was sent.
    StopUnclear(ReasonCode),
}

impl BatchOutcome {
    /// All of so many pieces were taken.
    pub(super) fn delivered(sent: usize) -> Self {
        Self::Counted { delivered: sent, rejected: Vec::new() }
    }

    /// Whether all pieces are where they should be.
    pub(crate) fn takes_everything(&self) -> bool {
        match self {
            Self::Each(outcomes) => outcomes.iter().all(|outcome| {
                matches!(outcome, RecordOutcome::Delivered | RecordOutcome::Deduplicated)
            }),
            Self::Counted { rejected, .. } => rejected.is_empty(),
            Self::Receipt(_) => true,
            Self::TryAgain(..)
            | Self::TooLarge
            | Self::Split(..)
            | Self::Stop(_)
            | Self::StopUnclear(_) => false,
        }
    }

    /// What a 2xx answer means where it says all there is to say. A web page is none of the
    /// service's: a proxy or a login page has answered in its place.
    pub(super) fn taken(sent: usize, answer: &Response) -> Self {
        match answer.body.trim_ascii_start().first() {
            Some(b'<') => UNREADABLE_RESPONSE,
            _ => Self::delivered(sent),
        }
    }

    /// Of `sent` pieces `delivered` were taken, and the others rejected for these reasons. Pieces for
    /// which the counts do not account are rejected as `unattributed`: they are not known to be
    /// there, and must not be sent again.
    pub(super) fn counted(sent: usize, delivered: usize, rejected: &[(ReasonCode, usize)]) -> Self {
        let mut open = sent;
        let mut take = |count: usize| {
            let taken = count.min(open);
            open -= taken;
            taken
        };
        let delivered = take(delivered);
        let mut rejected: Vec<(ReasonCode, usize)> =
            rejected.iter().map(|(class, count)| (class.clone(), take(*count))).collect();
        rejected.push((UNATTRIBUTED, open));
        rejected.retain(|(_, count)| *count > 0);
        Self::Counted { delivered, rejected }
    }
}

/// What became of one piece.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordOutcome {
    /// It is there now.
    Delivered,
    /// It was there before.
    Deduplicated,
    /// It will never be taken.
    Rejected(ReasonCode),
    /// It does not fit what it is written to: its JSON fields do not, or it is too large for a field, or
    /// else what it is written to has to be changed.
    Misfit(ReasonCode),
    /// The service stopped at another piece before it came to this one: nothing is the matter with it.
    NotReached,
    /// It may be taken at another try.
    TryAgain(ReasonCode, Ambiguity),
    /// It may be taken once somebody has changed something.
    Stop(ReasonCode),
}

/// Whether it is known that a request, or a piece of it, had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// Nothing of it was taken.
    NothingTaken,
    /// Some or all of it may have been taken.
    Unclear,
}

impl Ambiguity {
    /// What a status that may pass leaves open.
    pub(crate) fn after(status: u16) -> Self {
        match status {
            408 | 500 | 502 | 504 => Self::Unclear,
            _ => Self::NothingTaken,
        }
    }
}

/// What became of requests for which the service gave receipts.
#[derive(Debug, PartialEq)]
pub enum Inquired {
    /// Those that are stored by now; the others may be later.
    Stored(Vec<u64>),
    /// Nobody knows: ask again.
    AskAgain(ReasonCode),
    /// Asking again is of no use.
    Stop(ReasonCode),
}

/// Why something was not taken, in one word that may be logged: an error's type, never its text,
/// since services quote documents there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReasonCode(Cow<'static, str>);

impl ReasonCode {
    /// A word of our own.
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// A word that a service gave; anything that has not the form of an error type is `other`.
    pub fn from_service(word: &str) -> Self {
        const LONGEST: usize = 64;
        let has_the_form = !word.is_empty()
            && word.len() <= LONGEST
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if has_the_form { Self(Cow::Owned(word.to_owned())) } else { Self::new("other") }
    }

    /// The name of an error of AWS's, in the form of other words: `SlowDown` is `slow_down`.
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

    /// The class of an HTTP status that says no more than itself.
    pub fn from_status(status: u16) -> Self {
        Self(Cow::Owned(format!("status_{status}")))
    }

    /// Whether the service did not let the shipper in.
    pub fn blames_credentials(&self) -> bool {
        matches!(
            self.as_str(),
            "status_401"
                | "status_403"
                // Elasticsearch and OpenSearch, of an item.
                | "security_exception"
                // Splunk, of its codes 1 to 4, 21 and 22.
                | "token_disabled"
                | "token_required"
                | "invalid_authorization"
                | "invalid_token"
                | "token_refused"
                // Sumo Logic, of an address that is none any longer.
                | "source_not_found"
        )
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why pieces are rejected of which a service that only counts gives no account.
pub(super) const UNATTRIBUTED: ReasonCode = ReasonCode::new("unattributed");

/// The body of a 2xx answer could not be read, so nobody knows what was taken.
pub(super) const UNREADABLE_RESPONSE: BatchOutcome =
    BatchOutcome::TryAgain(ReasonCode::new("unreadable_response"), Ambiguity::Unclear);

/// What an answer means that a destination reads nothing special into. The request as a whole was
/// not taken; a gateway's 500, 502 and 504 leave open what the service behind it did.
pub(super) fn classify_status(answer: &Response) -> BatchOutcome {
    let status = answer.status;
    let class = ReasonCode::from_status(status);
    match status {
        413 => BatchOutcome::TooLarge,
        400 | 500 if calls_it_too_large(&answer.body) => BatchOutcome::TooLarge,
        400 if speaks_tls(&answer.body) => BatchOutcome::Stop(ReasonCode::new("tls_required")),
        400 => BatchOutcome::Split(class, Ambiguity::NothingTaken),
        501 => BatchOutcome::Stop(class),
        408 | 429 | 500..=599 => BatchOutcome::TryAgain(class, Ambiguity::after(status)),
        _ => BatchOutcome::Stop(class),
    }
}

/// Whether the service has read no more of a request than it takes, in the words of those that have no
/// 413 for that: the OpenTelemetry Collector, whose words are those of Go's `MaxBytesReader`
/// (<https://pkg.go.dev/net/http#MaxBytesError>), and VictoriaLogs. Both are among the recorded exchanges of
/// the tests.
pub(super) fn calls_it_too_large(body: &[u8]) -> bool {
    says(body, "http: request body too large")
        || says(body, "too big data size")
        // What the service behind a Collector said to it.
        || says(body, "responded with HTTP Status Code 413")
}

/// Whether a server says that it was spoken to without TLS where there is nothing else: those in Go
/// (<https://go.dev/src/net/http/server.go>, `serve`) and nginx
/// (<https://nginx.org/en/docs/http/ngx_http_ssl_module.html#errors>, 497).
pub(crate) fn speaks_tls(body: &[u8]) -> bool {
    says(body, "Client sent an HTTP request to an HTTPS server")
        || says(body, "The plain HTTP request was sent to HTTPS port")
}

/// Whether a body has these words in it.
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
            |status| BatchOutcome::TryAgain(ReasonCode::from_status(status), Ambiguity::Unclear);
        let certain = |status| {
            BatchOutcome::TryAgain(ReasonCode::from_status(status), Ambiguity::NothingTaken)
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
        assert_eq!(
            classify_status(400),
            BatchOutcome::Split(ReasonCode::from_status(400), Ambiguity::NothingTaken)
        );
    }

    #[test]
    fn a_server_that_wants_tls_is_told_from_one_that_takes_no_such_records() {
        for body in [
            "Client sent an HTTP request to an HTTPS server.\n",
            "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        ] {
            let body = Bytes::from(body);
            let batch_outcome = classify_status(&Response { status: 400, retry_after: None, body });
            assert_eq!(batch_outcome, BatchOutcome::Stop(ReasonCode::new("tls_required")));
        }
    }

    #[test]
    fn a_web_page_is_no_service_that_has_taken_anything() {
        let answer = |body: &'static [u8]| Response {
            status: 200,
            retry_after: None,
            body: Bytes::from_static(body),
        };
        for page in ["<!DOCTYPE html>", "\r\n  <html><body>Log in</body></html>"] {
            assert_eq!(BatchOutcome::taken(3, &answer(page.as_bytes())), UNREADABLE_RESPONSE);
        }
        for word in ["", "{}", r#"{"response": "ok"}"#, "OK < 1 s"] {
            assert_eq!(
                BatchOutcome::taken(3, &answer(word.as_bytes())),
                BatchOutcome::delivered(3)
            );
        }
    }

    #[test]
    fn counts_that_leave_pieces_open_or_name_too_many_add_up_all_the_same() {
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
    fn only_words_in_the_form_of_an_error_type_may_be_logged() {
        let class = |word: &str| ReasonCode::from_service(word).as_str().to_owned();
        assert_eq!(class("mapper_parsing_exception"), "mapper_parsing_exception");
        assert_eq!(class("failed to parse field [password]"), "other");
        assert_eq!(class("Secret"), "other");
        assert_eq!(class(""), "other");
        assert_eq!(class(&"a".repeat(65)), "other");
        let class = |code: &str| ReasonCode::from_aws(code).as_str().to_owned();
        assert_eq!(
            class("ProvisionedThroughputExceededException"),
            "provisioned_throughput_exceeded_exception"
        );
        assert_eq!(class("KMSThrottlingException"), "kmsthrottling_exception");
        assert_eq!(class("SlowDown"), "slow_down");
        assert_eq!(class("a secret"), "other");
        assert_eq!(class(""), "other");
    }
}
