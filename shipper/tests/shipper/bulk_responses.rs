//! Every kind of response of `_bulk`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::bulk::{Behavior, Bulk, with_the_first_too_long};
use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::settled::{Counts, settled};

fn lambda(bulk: &Bulk) -> Lambda {
    Lambda::start(&json!({
        "destinations": {"search": bulk.config()},
        "request_timeout_ms": 300,
    }))
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

/// Sends this many records to a cluster that behaves like this.
#[track_caller]
fn check(count: usize, behaviors: impl IntoIterator<Item = Behavior>) -> (Counts, Invoked, Bulk) {
    let bulk = Bulk::with_behaviors(behaviors);
    let invoked = lambda(&bulk).invoke(&event::of(count));
    let counts = settled(&invoked, "search", &messages(count), &bulk.held());
    (counts, invoked, bulk)
}

fn of(word: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(word.to_owned(), count)])
}

#[test]
fn accepted_messages_are_unchanged() {
    let (counts, invoked, bulk) = check(5, []);
    assert_eq!(counts.get("delivered"), 5);
    assert_eq!((counts.get("requests"), counts.get("retries")), (1, 0));
    assert!(invoked.summary["bytes_decoded"].as_u64() > Some(0));
    let mut held: Vec<String> = bulk.held().messages;
    held.sort();
    assert_eq!(held, messages(5));
}

#[test]
fn documents_carry_function_request_id_and_event_time() {
    let bulk = Bulk::start();
    let id = "8f507cfc-1234-4697-b07a-ac58fc914c95";
    let line = format!("[ERROR]\t2023-11-06T10:00:00.000Z\t{id}\tno stock");
    let invoked = lambda(&bulk).invoke(&event::with(&[&line]));
    settled(&invoked, "search", &[line], &bulk.held());
    let document = &bulk.documents()[0];
    assert_eq!(document["@timestamp"], "2023-11-06T10:00:00.123Z");
    assert_eq!(document["faas"], json!({"name": "orders", "version": "$LATEST", "execution": id}));
    assert_eq!(document["log"]["level"], "error");
}

#[test]
fn a_message_too_long_for_its_field_is_rejected_without_affecting_others() {
    let messages = with_the_first_too_long(5);
    let bulk = Bulk::with_behaviors([Behavior::rejects_the_first()]);
    let invoked = lambda(&bulk).invoke(&event::with(&messages));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (4, 1));
    assert_eq!(counts.get("requests"), 1);
    assert_eq!(counts.reasons("rejected"), of("illegal_argument_exception", 1));
}

/// Mappings, limits of an index and of its cluster, a missing pipeline: 400 is ambiguous.
#[test]
fn documents_that_conflict_with_the_index_return_to_source_without_affecting_others() {
    let words =
        BTreeMap::from([(1, (400, "mapper_parsing_exception")), (3, (400, "Quotes Something"))]);
    let (counts, ..) = check(5, [Behavior::Items(words)]);
    assert_eq!((counts.get("delivered"), counts.get("returned_to_source")), (3, 2));
    assert_eq!((counts.get("requests"), counts.get("rejected")), (1, 0));
    let expected =
        BTreeMap::from([("mapper_parsing_exception".to_owned(), 1), ("other".to_owned(), 1)]);
    assert_eq!(counts.reasons("returned_to_source"), expected);
}

#[test]
fn an_unfiltered_response_is_parsed_and_its_quotes_are_not_logged() {
    let words = BTreeMap::from([(1, (400, "mapper_parsing_exception"))]);
    let bulk = Bulk::with_behaviors([Behavior::Items(words)]).ignoring_filter_path();
    let invoked = lambda(&bulk).invoke(&event::of(3));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("returned_to_source")), (2, 1));
    assert_eq!(counts.reasons("returned_to_source"), of("mapper_parsing_exception", 1));
}

#[test]
fn only_failed_items_are_retried() {
    let words = BTreeMap::from([
        (0, (429, "rejected_execution_exception")),
        (4, (503, "unavailable_shards_exception")),
    ]);
    let (counts, _, bulk) = check(5, [Behavior::Items(words)]);
    assert_eq!((counts.get("delivered"), counts.get("retries")), (5, 1));
    let sizes = bulk.sizes();
    assert!(sizes[1] < sizes[0] / 2, "{sizes:?}");
}

#[test]
fn existing_documents_are_deduplicated() {
    let bulk = Bulk::start();
    let mut lambda = lambda(&bulk);
    lambda.invoke(&event::of(4));
    let invoked = lambda.invoke(&event::of(4));
    let counts = settled(&invoked, "search", &messages(4), &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("deduplicated")), (0, 4));
    assert_eq!(bulk.documents().len(), 4);
}

#[test]
fn items_that_need_a_change_by_the_operator_return_to_source() {
    let words = BTreeMap::from([(2, (403, "cluster_block_exception"))]);
    let (counts, invoked, bulk) = check(4, [Behavior::Items(words)]);
    assert_eq!((counts.get("delivered"), counts.get("returned_to_source")), (3, 1));
    let error = invoked.result.unwrap_err();
    assert_eq!(error.error_type, "Logagg.Undelivered");
    assert_eq!(
        error.message,
        "some records were not delivered: 1 of 4 records to \"search\" (cluster_block_exception)"
    );
    // Lambda's retry delivers what is missing and duplicates nothing.
    let invoked = lambda(&bulk).invoke(&event::of(4));
    let counts = settled(&invoked, "search", &messages(4), &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("deduplicated")), (1, 3));
}

#[test]
fn conflicting_json_fields_are_omitted_and_the_message_delivered() {
    let bulk = Bulk::start().rejecting_json();
    let lines = [r#"{"id":{"nested":1}}"#.to_owned(), "text".to_owned()];
    let invoked = lambda(&bulk).invoke(&event::with(&lines));
    let counts = settled(&invoked, "search", &lines, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 0));
    assert_eq!(counts.get("sent_without_json_fields"), 1);
    assert_eq!(counts.reasons("json_fields_rejected"), of("mapper_parsing_exception", 1));
}

#[test]
fn json_fields_can_be_omitted() {
    let bulk = Bulk::start();
    let lines = [r#"{"id":{"nested":1}}"#.to_owned()];
    let mut config = json!({"destinations": {"search": bulk.config()}});
    config["destinations"]["search"]["json_fields"] = json!("omit");
    let invoked = Lambda::start(&config).invoke(&event::with(&lines));
    settled(&invoked, "search", &lines, &bulk.held());
    assert_eq!(bulk.documents()[0].get("json"), None);
}

#[test]
fn waits_for_the_seconds_of_retry_after() {
    let (counts, _, bulk) =
        check(3, [Behavior::RejectsWith(Response::new(429, "").with("retry-after", "1"))]);
    assert_eq!((counts.get("delivered"), counts.get("retries")), (3, 1));
    assert_eq!(counts.reasons("retried"), of("status_429", 3));
    let arrivals = bulk.arrivals();
    let between = arrivals[1].duration_since(arrivals[0]).unwrap();
    assert!(between >= Duration::from_secs(1), "{between:?}");
}

#[test]
fn waits_until_the_date_of_retry_after() {
    // An HTTP date has no fractions, so this one is one to two seconds away.
    let date = SystemTime::now() + Duration::from_secs(2);
    let text = httpdate::fmt_http_date(date);
    let (counts, _, bulk) =
        check(3, [Behavior::RejectsWith(Response::new(429, "").with("retry-after", &text))]);
    assert_eq!(counts.get("delivered"), 3);
    assert!(bulk.arrivals()[1] >= httpdate::parse_http_date(&text).unwrap());
}

#[test]
fn retries_429_and_5xx_with_backoff() {
    for status in [429, 500, 502, 503, 504] {
        let (counts, ..) = check(3, [Behavior::RejectsWith(Response::new(status, "busy"))]);
        assert_eq!((counts.get("delivered"), counts.get("retries")), (3, 1), "{status}");
        assert_eq!(counts.reasons("retried"), of(&format!("status_{status}"), 3));
    }
}

#[test]
fn permanent_errors_are_not_retried() {
    for status in [501, 401, 403, 404, 302] {
        let response = Response::new(status, "no").with("location", "http://127.0.0.1:1/");
        let (counts, invoked, bulk) = check(3, [Behavior::RejectsWith(response)]);
        assert_eq!((counts.get("returned_to_source"), counts.get("requests")), (3, 1), "{status}");
        assert_eq!(bulk.documents().len(), 0);
        assert_eq!(
            invoked.result.unwrap_err().message,
            format!(
                "some records were not delivered: 3 of 3 records to \"search\" (status_{status})"
            )
        );
    }
}

#[test]
fn a_request_that_is_too_large_is_split() {
    let bulk = Bulk::start().limited_to(2_000);
    let invoked = lambda(&bulk).invoke(&event::of(16));
    let counts = settled(&invoked, "search", &messages(16), &bulk.held());
    assert_eq!(counts.get("delivered"), 16);
    assert!(bulk.sizes().iter().any(|size| *size > 2_000));
}

#[test]
fn a_single_oversized_record_ends_as_rejected() {
    let bulk = Bulk::start().limited_to(2_000);
    let mut lines = messages(3);
    lines[1] = "long ".repeat(1_000);
    let invoked = lambda(&bulk).invoke(&event::with(&lines));
    let counts = settled(&invoked, "search", &lines, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 1));
    assert_eq!(counts.reasons("rejected"), of("too_large", 1));
}

#[test]
fn lost_responses_cause_no_duplicates() {
    let taken = [
        Behavior::AcceptsThen(Reply::Silence),
        Behavior::AcceptsThen(Reply::Reset),
        Behavior::AcceptsThen(Reply::Response(Response::new(504, "<html>gateway</html>"))),
        Behavior::AcceptsThen(Reply::Response(Response::new(200, "<html>ok</html>"))),
        Behavior::AcceptsThen(Reply::Response(Response::new(200, r#"{"items":[]}"#))),
        Behavior::AcceptsThenTruncates,
    ];
    for behavior in taken {
        let described = format!("{behavior:?}");
        let (counts, _, bulk) = check(4, [behavior]);
        assert_eq!(counts.get("deduplicated"), 4, "{described}");
        assert_eq!(counts.get("possible_duplicates"), 0, "{described}");
        assert_eq!(bulk.documents().len(), 4, "{described}");
    }
}

#[test]
fn undelivered_records_are_retried_after_a_closed_connection() {
    for behavior in [
        Behavior::ResetsBeforeBody,
        Behavior::Does(Reply::Reset),
        Behavior::Does(Reply::Silence),
        Behavior::Does(Reply::Truncated(Response::new(503, "busy busy"))),
    ] {
        let described = format!("{behavior:?}");
        let (counts, ..) = check(4, [behavior]);
        assert_eq!((counts.get("delivered"), counts.get("retries")), (4, 1), "{described}");
    }
}

#[test]
fn several_destinations_have_separate_results() {
    let healthy = Bulk::start();
    let ill = Bulk::with_behaviors([Behavior::RejectsWith(Response::new(401, ""))]);
    let config = json!({"destinations": {"healthy": healthy.config(), "ill": ill.config()}});
    let mut lambda = Lambda::start(&config);
    let invoked = lambda.invoke(&event::of(3));
    let destinations = &invoked.summary["destinations"];
    assert_eq!(destinations["healthy"]["delivered"], 3);
    assert_eq!(destinations["ill"]["returned_to_source"], 3);
    assert_eq!(
        invoked.result.unwrap_err().message,
        "some records were not delivered: 3 of 3 records to \"ill\" (status_401)"
    );
    // The retry reaches both, and duplicates nothing at the healthy one.
    let invoked = lambda.invoke(&event::of(3));
    let counts = settled(&invoked, "healthy", &messages(3), &healthy.held());
    assert_eq!(counts.get("deduplicated"), 3);
    let counts = settled(&invoked, "ill", &messages(3), &ill.held());
    assert_eq!(counts.get("delivered"), 3);
}

#[test]
fn a_later_invocation_is_not_affected_by_an_earlier_one() {
    let bulk = Bulk::start();
    let mut lambda = lambda(&bulk);
    bulk.add_behaviors([Behavior::RejectsWith(Response::new(401, ""))]);
    assert!(lambda.invoke(&event::of(2)).result.is_err());
    let invoked = lambda.invoke(&event::of(2));
    let counts = settled(&invoked, "search", &messages(2), &bulk.held());
    assert_eq!(counts.get("delivered"), 2);
}

#[test]
fn a_wrong_mapping_is_reported_once_an_instance() {
    const CONFLICT: &str =
        r#"{"logs-lambda":{"mappings":{"properties":{"faas":{"type":"text"}}}}}"#;
    let rejected = || {
        Behavior::Items((0..2).map(|index| (index, (400, "mapper_parsing_exception"))).collect())
    };
    for (mapping, behaviors, expected) in [
        (r#"{"logs-lambda":{"mappings":{}}}"#, vec![], "search: the index maps fields dynamically"),
        // The warning matters most if nothing is accepted.
        (CONFLICT, vec![rejected()], "search: the index has faas as text"),
    ] {
        let bulk = Bulk::with_behaviors(behaviors).mapped(Response::new(200, mapping));
        let mut lambda = lambda(&bulk);
        let summary = lambda.invoke(&event::of(2)).summary;
        let warnings = summary["warnings"].as_array().unwrap();
        let [.., last] = &warnings[..] else { panic!("{summary}") };
        assert!(last.as_str().unwrap().starts_with(expected), "{last}");
        let summary = lambda.invoke(&event::of(2)).summary;
        assert!(!summary.to_string().contains("search: the index"), "{summary}");
        assert_eq!(bulk.inspections(), 1);
    }
}

#[test]
fn an_unknown_mapping_is_requested_at_most_twice() {
    let bulk = Bulk::start().mapped(Response::new(403, r#"{"status":403}"#));
    let mut lambda = lambda(&bulk);
    for _ in 0..4 {
        let summary = lambda.invoke(&event::of(1)).summary;
        assert!(!summary.to_string().contains("search: the index"), "{summary}");
    }
    assert_eq!(bulk.inspections(), 2);
}
