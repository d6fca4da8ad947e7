//! Every kind of response of Logz.io, which does not deduplicate: every possible duplicate is
//! counted.

use std::collections::BTreeMap;

use serde_json::json;

use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::logzio::{Behavior, Logzio};
use crate::settled::{Counts, settled};

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

#[track_caller]
fn check(count: usize, behaviors: impl IntoIterator<Item = Behavior>) -> (Counts, Invoked, Logzio) {
    let logzio = Logzio::with_behaviors(behaviors);
    let config = json!({"destinations": {"x": logzio.config()}, "request_timeout_ms": 300});
    let invoked = Lambda::start(&config).invoke(&event::of(count));
    let counts = settled(&invoked, "x", &messages(count), &logzio.held());
    (counts, invoked, logzio)
}

fn says(status: u16, body: &str) -> Behavior {
    Behavior::Does(Reply::Response(Response::new(status, body)))
}

#[test]
fn accepted_messages_are_unchanged() {
    let (counts, _, logzio) = check(5, []);
    assert_eq!((counts.get("delivered"), counts.get("requests")), (5, 1));
    assert_eq!(logzio.held().messages, messages(5));
    assert_eq!(logzio.lines()[0]["faas"]["name"], "orders");
}

#[test]
fn malformed_lines_are_rejected_without_a_retry() {
    let (counts, _, logzio) = check(5, [Behavior::Malformed(vec![1, 3])]);
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (3, 2));
    assert_eq!(logzio.requests(), 1);
    let expected = BTreeMap::from([("malformed_line".to_owned(), 2)]);
    assert_eq!(counts.reasons("rejected"), expected);
}

#[test]
fn an_invalid_token_returns_everything_to_lambda_at_once() {
    let (counts, invoked, logzio) = check(3, [says(401, "no")]);
    assert_eq!((counts.get("returned_to_source"), logzio.requests()), (3, 1));
    assert_eq!(
        invoked.result.unwrap_err().message,
        "some records were not delivered: 3 of 3 records to \"x\" (status_401)"
    );
}

#[test]
fn a_400_without_rejected_lines_returns_everything_to_lambda() {
    let (counts, ..) = check(3, std::iter::repeat_n(says(400, "Bad Request"), 9));
    assert_eq!((counts.get("returned_to_source"), counts.get("delivered")), (3, 0));
}

#[test]
fn retries_if_certainly_nothing_was_delivered() {
    for behavior in [says(429, ""), says(503, "")] {
        let (counts, ..) = check(3, [behavior]);
        assert_eq!((counts.get("delivered"), counts.get("retries")), (3, 1));
        assert_eq!(counts.get("possible_duplicates"), 0);
    }
}

#[test]
fn a_redelivery_after_an_ambiguous_response_is_counted() {
    for behavior in [
        Behavior::AcceptsThen(Reply::Silence),
        Behavior::AcceptsThen(Reply::Reset),
        Behavior::AcceptsThen(Reply::Response(Response::new(504, ""))),
        Behavior::AcceptsThen(Reply::Truncated(Response::new(200, "some body"))),
    ] {
        let described = format!("{behavior:?}");
        let (counts, _, logzio) = check(3, [behavior]);
        assert_eq!(
            (counts.get("delivered"), counts.get("possible_duplicates")),
            (3, 3),
            "{described}"
        );
        assert_eq!(logzio.lines().len(), 6, "{described}");
    }
}

#[test]
fn a_success_status_counts_whatever_the_body() {
    let response = Response::new(200, "thanks");
    let (counts, ..) = check(3, [Behavior::AcceptsThen(Reply::Response(response))]);
    assert_eq!((counts.get("delivered"), counts.get("requests")), (3, 1));
}

#[test]
fn a_connection_reset_before_the_body_is_retried() {
    let (counts, _, logzio) = check(3, [Behavior::ResetsBeforeBody]);
    assert_eq!((counts.get("delivered"), logzio.lines().len()), (3, 3));
}

#[test]
fn a_request_that_is_too_large_is_split() {
    let (counts, _, logzio) = check(4, [says(413, "")]);
    assert_eq!((counts.get("delivered"), logzio.requests()), (4, 3));
}
