//! What an answer means for the lines sent, as the page of each destination has it: a row for each
//! answer in the service's own words, and one for the statuses that mean the same.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use logagg_shipper::Config;
use logagg_shipper::delivery::Fault;
use logagg_shipper::destination::{self, Certainty, Class, Destination, Keys, Outcome, Verdict};
use serde_json::json;

use crate::contract::{ALL, Contract, Item};
use crate::http;

/// The statuses that are told apart, and those that stand for all others of their kind.
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

/// An answer in the service's own words.
pub(crate) struct OwnAnswer {
    /// What the page calls it.
    pub(crate) name: String,
    /// How many lines it answers.
    pub(crate) lines: usize,
    pub(crate) answer: http::Answer,
}

impl OwnAnswer {
    /// An answer that is called by its status and body.
    pub(crate) fn new(lines: usize, status: u16, body: &str) -> Self {
        let answer = http::Answer::new(status, body);
        Self { name: format!("{status} `{body}`"), lines, answer }
    }
}

#[test]
fn the_page_of_each_destination_says_what_every_answer_means() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/destinations");
    let mut wrong = String::new();
    for contract in ALL {
        let page = format!("{}.md", contract.kind());
        let table = table(*contract);
        let stands = std::fs::read_to_string(pages.join(&page)).unwrap();
        let answers = stands.split_once("## Answers\n\n").map(|(_, answers)| answers);
        let behind = answers.and_then(|answers| answers.strip_prefix(&table));
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
        let deduplicates = config.destinations["x"].destination.keys() != Keys::NotTaken;
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
    let word = |lines: usize, answer: http::Answer| {
        let http::Answer { status, body, .. } = answer;
        let answer = destination::Answer { status, retry_after: None, body: Bytes::from(body) };
        words.verdict(&destination.classify(lines, &answer), lines)
    };
    let success = contract.take(vec![Item::new("a line")], &mut Vec::new());
    let mut rows = vec![
        (success.status.to_string(), word(1, success)),
        ("200 with a web page".to_owned(), word(1, http::Answer::new(200, "<html>"))),
    ];
    for OwnAnswer { name, lines, answer } in contract.own_answers() {
        rows.push((name, word(lines, answer)));
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
        ("none, for there is no connection", Fault::NotConnected),
        ("none in time", Fault::Timeout),
        ("not all of one", Fault::Broken),
    ] {
        rows.push((name.to_owned(), words.again(&fault.class(), fault.certainty())));
    }
    let fault = Fault::NotHttp.class();
    let no_http = "no HTTP, as of a port for gRPC or TLS".to_owned();
    rows.push((no_http, words.verdict(&Verdict::StopUnclear(fault), 1)));
    let rows = rows.into_iter().map(|(answer, word)| format!("| {answer} | {word} |\n"));
    format!("| answer | the lines |\n|---|---|\n{}", rows.collect::<String>())
}

/// What verdicts mean at a destination.
struct Words {
    keys: Keys,
    /// Whether it is given a secret of its own.
    has_secret: bool,
}

impl Words {
    fn of(destination: &dyn Destination) -> Self {
        let has_secret = destination.endpoint().signing.is_none();
        Self { keys: destination.keys(), has_secret }
    }

    /// What a verdict means for so many lines.
    fn verdict(&self, verdict: &Verdict, lines: usize) -> String {
        match verdict {
            Verdict::Counted { delivered, refused: reasons } => {
                let delivered = ("delivered".to_owned(), *delivered);
                let reasons = reasons.iter().map(|(class, count)| (refused(class), *count));
                counted(std::iter::once(delivered).chain(reasons), lines)
            }
            Verdict::Each(outcomes) => {
                counted(outcomes.iter().map(|outcome| (self.outcome(outcome), 1)), lines)
            }
            Verdict::Receipt(_) => "waited for until they are stored".to_owned(),
            Verdict::TryAgain(class, certainty) => self.again(class, *certainty),
            Verdict::TooLarge => "divided; one that is too large by itself is refused".to_owned(),
            Verdict::Divide(class, _) => format!(
                "divided; one that is not taken while others are is tried without `json` and then {}; \
                 if none is taken, left",
                refused(class)
            ),
            Verdict::Stop(class) => self.left(class),
            Verdict::StopUnclear(class) => {
                format!("{}{}", self.left(class), self.doubt(Certainty::Unclear))
            }
        }
    }

    fn outcome(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::AlreadyThere => "already there".to_owned(),
            Outcome::Refused(class) => refused(class),
            Outcome::Misfit(class) => {
                format!("sent once more without `json`, then {}", self.left(class))
            }
            Outcome::NotReached => "sent again".to_owned(),
            Outcome::TryAgain(class, certainty) => self.again(class, *certainty),
            Outcome::Stop(class) => self.left(class),
        }
    }

    fn again(&self, class: &Class, certainty: Certainty) -> String {
        format!("sent again{}{}", reason(class), self.doubt(certainty))
    }

    fn doubt(&self, certainty: Certainty) -> &'static str {
        match (certainty, self.keys) {
            (Certainty::Unclear, Keys::NotTaken) => ", may be doubled",
            (Certainty::Unclear, Keys::Taken | Keys::OfRequests) => {
                ", known again if they are there"
            }
            (Certainty::NothingTaken, _) => "",
        }
    }

    fn left(&self, class: &Class) -> String {
        let is_renewed = self.has_secret && class.blames_credentials();
        let renewal = if is_renewed { "; its secret is fetched again" } else { "" };
        format!("left at once{}{renewal}", reason(class))
    }
}

fn refused(class: &Class) -> String {
    format!("refused as `{}`", class.as_str())
}

/// So many of each, one after the other; all of them need no number.
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

/// The word under which it is counted, where that is more than the status.
fn reason(class: &Class) -> String {
    match class.as_str() {
        word if word.starts_with("status_") => String::new(),
        word => format!(" as `{word}`"),
    }
}
