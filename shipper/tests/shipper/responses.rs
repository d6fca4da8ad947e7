//! What a response means for the records, as on the page of each destination: a row for each
//! response in the destination's own form, and one for statuses with the same meaning.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use logagg_shipper::Config;
use logagg_shipper::delivery::Fault;
use logagg_shipper::destination::{
    self, Ambiguity, BatchOutcome, Deduplication, Destination, ReasonCode, RecordOutcome,
};
use serde_json::json;

use crate::contract::{ALL, Contract, Item};
use crate::http;

/// The distinguished statuses, and those that stand for all others of their kind.
const STATUSES: [(u16, &str); 16] = [
    (302, "3xx"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (418, "other 4xx"),
    (429, "429"),
    (500, "500"),
    (501, "501"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (507, "other 5xx"),
];

/// A response in the destination's own form.
pub(crate) struct OwnResponse {
    /// Its name on the page.
    pub(crate) name: String,
    /// The number of records in the request.
    pub(crate) lines: usize,
    pub(crate) response: http::Response,
}

impl OwnResponse {
    /// A response that is named by its status and body.
    pub(crate) fn new(lines: usize, status: u16, body: &str) -> Self {
        let response = http::Response::new(status, body);
        Self { name: format!("{status} `{body}`"), lines, response }
    }
}

#[test]
fn the_page_of_each_destination_explains_every_response() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/destinations");
    let mut wrong = String::new();
    for contract in ALL {
        let page = format!("{}.md", contract.kind());
        let table = table(*contract);
        let stands = std::fs::read_to_string(pages.join(&page)).unwrap();
        let responses = stands.split_once("## Responses\n\n").map(|(_, responses)| responses);
        let behind = responses.and_then(|responses| responses.strip_prefix(&table));
        if behind.is_none_or(|behind| behind.starts_with('|')) {
            wrong.push_str(&format!("{page} should say:\n\n{table}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_page_of_each_destination_begins_with_its_guarantee() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/destinations");
    for contract in ALL {
        let page = std::fs::read_to_string(pages.join(format!("{}.md", contract.kind()))).unwrap();
        let begin = page.split("\n\n").nth(1).unwrap().replace('\n', " ");
        assert!(begin.starts_with("Delivery is at-least-once; "), "{}: {begin}", contract.kind());
        let document = json!({"destinations": {"x": contract.config("http://127.0.0.1:9")}});
        let config = Config::parse(&document.to_string()).unwrap_or_else(|error| panic!("{error}"));
        let deduplicates =
            config.destinations["x"].destination.deduplication() != Deduplication::None;
        let says_so = begin.contains("deduplicated ");
        assert_eq!(says_so, deduplicates, "{}: {begin}", contract.kind());
    }
}

fn table(contract: &dyn Contract) -> String {
    let destination = contract.config("http://127.0.0.1:9");
    let document = json!({"destinations": {"x": destination}}).to_string();
    let config = Config::parse(&document).unwrap_or_else(|error| panic!("{error}"));
    let destination = config.destinations["x"].destination.as_ref();
    let words = Words::of(destination);
    let word = |lines: usize, response: http::Response| {
        let http::Response { status, body, .. } = response;
        let response = destination::Response { status, retry_after: None, body: Bytes::from(body) };
        words.batch_outcome(&destination.classify(lines, &response), lines)
    };
    let success = contract.take(vec![Item::new("a line")], &mut Vec::new());
    let mut rows = vec![
        (success.status.to_string(), word(1, success)),
        ("200 with a web page".to_owned(), word(1, http::Response::new(200, "<html>"))),
    ];
    for OwnResponse { name, lines, response } in contract.own_responses() {
        rows.push((name, word(lines, response)));
    }
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (status, name) in STATUSES {
        alike.entry(word(1, contract.says(status))).or_default().push(name);
    }
    let mut alike: Vec<(String, String)> =
        alike.into_iter().map(|(word, names)| (names.join(", "), word)).collect();
    alike.sort();
    rows.extend(alike);
    for (name, fault) in [
        ("no connection", Fault::NotConnected),
        ("no response in time", Fault::Timeout),
        ("connection broken", Fault::Broken),
    ] {
        rows.push((name.to_owned(), words.again(&fault.reason(), fault.ambiguity())));
    }
    let fault = Fault::NotHttp.reason();
    let no_http = "not HTTP, such as a port for gRPC or TLS".to_owned();
    rows.push((no_http, words.batch_outcome(&BatchOutcome::StopUnclear(fault), 1)));
    let rows = rows.into_iter().map(|(response, word)| format!("| {response} | {word} |\n"));
    format!("| response | log events |\n|---|---|\n{}", rows.collect::<String>())
}

/// Descriptions of outcomes at a destination.
struct Words {
    keys: Deduplication,
    /// Whether it has a secret.
    has_secret: bool,
}

impl Words {
    fn of(destination: &dyn Destination) -> Self {
        let has_secret = destination.endpoint().signing.is_none();
        Self { keys: destination.deduplication(), has_secret }
    }

    /// The description of an outcome for this many records.
    fn batch_outcome(&self, batch_outcome: &BatchOutcome, lines: usize) -> String {
        match batch_outcome {
            BatchOutcome::Counted { delivered, rejected: reasons } => {
                let delivered = ("delivered".to_owned(), *delivered);
                let reasons = reasons.iter().map(|(reason, count)| (rejected(reason), *count));
                counted(std::iter::once(delivered).chain(reasons), lines)
            }
            BatchOutcome::Each(outcomes) => {
                counted(outcomes.iter().map(|outcome| (self.outcome(outcome), 1)), lines)
            }
            BatchOutcome::Accepted(_) => "delivered once they are acknowledged".to_owned(),
            BatchOutcome::Retry(reason, ambiguity) => self.again(reason, *ambiguity),
            BatchOutcome::TooLarge => {
                "split; a single record that is too large is rejected".to_owned()
            }
            BatchOutcome::SplitAt { .. } => {
                format!("split{}", self.doubt(Ambiguity::Unclear))
            }
            BatchOutcome::Split(reason) => format!(
                "split; a record that is rejected alone is retried without `json`, then {}; undelivered if \
                 every record is rejected",
                rejected(reason)
            ),
            BatchOutcome::Stop(reason) => self.left(reason),
            BatchOutcome::StopUnclear(reason) => {
                format!("{}{}", self.left(reason), self.doubt(Ambiguity::Unclear))
            }
        }
    }

    fn outcome(&self, outcome: &RecordOutcome) -> String {
        match outcome {
            RecordOutcome::Delivered => "delivered".to_owned(),
            RecordOutcome::Deduplicated => "deduplicated".to_owned(),
            RecordOutcome::Rejected(reason) => rejected(reason),
            RecordOutcome::Incompatible(reason) => {
                format!("retried without `json`, then {}", self.left(reason))
            }
            RecordOutcome::NotReached => "retried".to_owned(),
            RecordOutcome::Retry(reason, ambiguity) => self.again(reason, *ambiguity),
            RecordOutcome::Stop(reason) => self.left(reason),
        }
    }

    fn again(&self, reason: &ReasonCode, ambiguity: Ambiguity) -> String {
        format!("retried{}{}", describe_reason(reason), self.doubt(ambiguity))
    }

    fn doubt(&self, ambiguity: Ambiguity) -> &'static str {
        match (ambiguity, self.keys) {
            (Ambiguity::Unclear, Deduplication::None) => ", may be duplicated",
            (Ambiguity::Unclear, Deduplication::PerRecord | Deduplication::PerRequest) => {
                ", deduplicated if already there"
            }
            (Ambiguity::NothingAccepted, _) => "",
        }
    }

    fn left(&self, reason: &ReasonCode) -> String {
        let is_renewed = self.has_secret && reason.blames_credentials();
        let renewal = if is_renewed { "; the secret is fetched again" } else { "" };
        format!("undelivered{}{renewal}", describe_reason(reason))
    }
}

fn rejected(reason: &ReasonCode) -> String {
    format!("rejected as `{}`", reason.as_str())
}

/// The number of each, one after another; without a number if it is all of them.
fn counted(words: impl Iterator<Item = (String, usize)>, lines: usize) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for (word, count) in words.filter(|(_, count)| *count > 0) {
        match counts.last_mut() {
            Some((last, sum)) if *last == word => *sum += count,
            _ => counts.push((word, count)),
        }
    }
    let words = counts.into_iter().map(|(word, count)| match count {
        count if count == lines => word,
        count => format!("{count} {word}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The reason in the counts, if it is more than the status.
fn describe_reason(reason: &ReasonCode) -> String {
    match reason.as_str() {
        word if word.starts_with("status_") => String::new(),
        word => format!(" as `{word}`"),
    }
}
