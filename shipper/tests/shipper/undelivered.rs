//! Undelivered events are stored, and the invocation succeeds.

use std::time::Duration;

use serde_json::json;

use crate::bulk::{Behavior, Bulk, with_the_first_too_long};
use crate::http::{self, Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::logzio::{self, Logzio};
use crate::mock_server::{self, MockServer};
use crate::settled::{Counts, settled};
use crate::storage::{Storage, Trouble};
use crate::{PAYLOAD, contract, event};

const UNDELIVERED: &str = "logagg/undelivered/";

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

fn counts(invoked: &Invoked, destination: &str) -> Counts {
    Counts(invoked.summary["destinations"][destination].clone())
}

/// A cluster that asks to wait for an hour.
fn busy() -> Behavior {
    Behavior::RejectsWith(Response::new(429, "").with("retry-after", "3600"))
}

#[test]
fn undelivered_events_are_stored_and_a_retry_overwrites_them() {
    let (bulk, storage) = (Bulk::with_behaviors([busy(), busy()]), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    for _ in 0..2 {
        let mut lambda = Lambda::start_with_aws(&config, &storage.url());
        let invoked = lambda.invoke(&event::of(3));
        let counts = settled(&invoked, "search", &messages(3), &bulk.held());
        assert_eq!(counts.get("stored"), 3);
        assert_eq!(counts.reasons("stored")["status_429"], 3);
    }
    let documents = storage.documents(UNDELIVERED);
    let [document] = &documents[..] else { panic!("{documents:?}") };
    let mut document = document.clone();
    assert_eq!(document["logEvents"].as_array().unwrap().len(), 3);
    document["logEvents"].take();
    document["stored_at"].take();
    assert_eq!(
        document,
        json!({
            "logagg": "stored_event", "destination": "search", "reasons": {"status_429": 3},
            "stored_at": null, "messageType": "DATA_MESSAGE", "owner": "123456789012",
            "logGroup": event::GROUP,
            "logStream": "2023/11/06/[$LATEST]0123456789abcdef0123456789abcdef",
            "subscriptionFilters": [], "logEvents": null,
        })
    );
    assert_eq!(storage.messages_in(UNDELIVERED), messages(3));
    let key = storage.objects(UNDELIVERED).into_keys().next().unwrap();
    assert!(key.starts_with("logagg/undelivered/search/2023/11/06/"), "{key}");
    assert!(key.ends_with(".json.gz"), "{key}");
}

#[test]
fn a_retry_after_applies_to_the_next_invocation() {
    let (bulk, storage) = (Bulk::with_behaviors([busy()]), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    for (requests, reason) in [(1, "status_429"), (0, "asked_to_wait")] {
        let invoked = lambda.invoke(&event::of(3));
        let counts = settled(&invoked, "search", &messages(3), &bulk.held());
        assert_eq!((counts.get("stored"), counts.get("requests")), (3, requests));
        assert_eq!(counts.reasons("stored")[reason], 3);
    }
}

#[test]
fn only_undelivered_records_are_stored() {
    let words = std::collections::BTreeMap::from([(1, (403, "cluster_block_exception"))]);
    let (bulk, storage) = (Bulk::with_behaviors([Behavior::Items(words)]), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let invoked = Lambda::start_with_aws(&config, &storage.url()).invoke(&event::of(3));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("stored")), (2, 1));
    assert_eq!(storage.messages_in(UNDELIVERED), [event::message(1)]);
}

#[test]
fn if_storing_fails_the_event_returns_to_its_source_with_a_warning() {
    let (bulk, storage) = (Bulk::with_behaviors([busy()]), Storage::start());
    storage.reject([Response::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let invoked = Lambda::start_with_aws(&config, &storage.url()).invoke(&event::of(3));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!((counts.get("stored"), counts.get("returned_to_source")), (0, 3));
    assert_eq!(
        invoked.summary["warnings"],
        json!([
            "could not store undelivered events for \"search\": s3:PutObject: AccessDenied (status 403)"
        ])
    );
}

#[test]
fn an_ambiguous_write_is_counted_as_a_possible_duplicate() {
    let stop = logzio::Behavior::Does(Reply::Response(Response::new(401, "")));
    let (logzio, storage) = (Logzio::with_behaviors([stop]), Storage::start());
    let config = json!({
        "destinations": {"x": logzio.config()}, "undelivered": Storage::config(), "reserve_ms": 30_000,
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    storage.have(Trouble::LosesResponses);
    let first = lambda.invoke_within(&event::of(3), Duration::from_secs(32));
    assert_eq!(counts(&first, "x").get("returned_to_source"), 3);
    assert_eq!(counts(&first, "x").get("possible_duplicates"), 3);
    storage.have(Trouble::Nothing);
    assert_eq!(counts(&lambda.invoke(&event::of(3)), "x").get("delivered"), 3);
    let event = storage.receive(10).unwrap();
    lambda.invoke(&event);
    assert_eq!(logzio.held().messages.len(), 6);
}

#[test]
fn transient_errors_do_not_prevent_storing() {
    let (bulk, storage) = (Bulk::with_behaviors([busy()]), Storage::start());
    storage.reject([Response::new(503, "<Error><Code>SlowDown</Code></Error>")]);
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let invoked = Lambda::start_with_aws(&config, &storage.url()).invoke(&event::of(3));
    assert_eq!(counts(&invoked, "search").get("stored"), 3);
}

#[test]
fn a_failing_destination_causes_no_duplicates_at_a_healthy_one() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let dead = Logzio::with_behaviors(std::iter::repeat_n(
        logzio::Behavior::Does(Reply::Response(Response::new(401, ""))),
        10,
    ));
    let config = json!({
        "destinations": {"healthy": logzio.config(), "dead": dead.config()},
        "undelivered": Storage::config(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::of(3));
    let healthy = settled(&invoked, "healthy", &messages(3), &logzio.held());
    assert_eq!((healthy.get("delivered"), healthy.get("possible_duplicates")), (3, 0));
    let dead = settled(&invoked, "dead", &messages(3), &dead.held());
    assert_eq!((dead.get("stored"), dead.reasons("stored")["status_401"]), (3, 3));

    // If that fails too, the event is retried for both, which is counted.
    storage.reject([Response::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    let invoked = lambda.invoke(&event::of(2));
    assert!(invoked.result.is_err());
    assert_eq!(counts(&invoked, "healthy").get("possible_duplicates"), 2);
    assert_eq!(counts(&invoked, "dead").get("returned_to_source"), 2);
}

#[test]
fn a_destination_that_is_down_does_not_block_invocations() {
    let storage = Storage::start();
    let config = json!({
        "destinations": {
            "search": {"type": "elasticsearch", "url": http::unused_url(), "index": "logs"},
        },
        "undelivered": Storage::config(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let first = counts(&lambda.invoke(&event::of(3)), "search");
    assert_eq!((first.get("stored"), first.get("requests")), (3, 5));
    assert_eq!(first.reasons("stored")["circuit_open"], 3);
    let second = counts(&lambda.invoke(&event::of(3)), "search");
    assert_eq!((second.get("stored"), second.get("requests")), (3, 0));
}

#[test]
fn time_for_storing_is_reserved_while_a_destination_hangs() {
    let (bulk, storage) =
        (Bulk::with_behaviors([Behavior::Does(Reply::Silence)]), Storage::start());
    let config = json!({
        "destinations": {"search": bulk.config()}, "undelivered": Storage::config(),
        "reserve_ms": 30_000, "request_timeout_ms": 600_000,
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke_within(&event::of(3), Duration::from_secs(32));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!(counts.get("stored"), 3);
    assert_eq!(counts.reasons("stored")["timeout"], 3);
}

#[test]
fn a_record_that_is_too_large_can_be_a_dead_letter() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let long = format!("{PAYLOAD} {}", "x".repeat(600_000));
    let mut config =
        json!({"destinations": {"x": logzio.config()}, "undelivered": Storage::config()});
    config["destinations"]["x"]["oversized"] = json!("dead_letter");
    let lines = [event::message(0), long.clone()];
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::with(&lines));
    let counts = settled(&invoked, "x", &lines, &logzio.held());
    assert_eq!((counts.get("delivered"), counts.get("stored")), (1, 1));
    assert_eq!(counts.reasons("stored")["too_large"], 1);
    assert!(storage.objects(UNDELIVERED).is_empty());
    assert_eq!(storage.messages_in("logagg/rejected/x/"), [long]);
}

#[test]
fn an_event_that_cannot_be_decoded_is_stored_unchanged() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(br#"{"awslogs":{"data":"AAAA"}}"#);
    assert!(invoked.result.is_ok());
    assert_eq!(invoked.summary["undecodable"], 1);
    let document = &storage.documents("logagg/undecodable/")[0];
    assert_eq!(document["awslogs"]["data"], "AAAA");
    assert_eq!(document["reason"], "no_gzip");
    // Dead letters have no pointer.
    assert!(storage.queue().is_empty());
}

#[test]
fn delivered_parts_of_a_stored_record_are_counted() {
    let http = contract::ALL.iter().find(|contract| contract.kind() == "http").unwrap();
    let stop = mock_server::Behavior::Does(Reply::Response(http.unauthorized()));
    let (service, storage) =
        (MockServer::start(*http, [mock_server::Behavior::Accepts, stop]), Storage::start());
    // More parts than a request holds, so that some are delivered when the destination stops.
    let long = format!("{PAYLOAD} {}", "x".repeat(40_000));
    let mut config =
        json!({"destinations": {"x": service.config()}, "undelivered": Storage::config()});
    config["destinations"]["x"]["max_in_flight"] = json!(1);
    config["destinations"]["x"]["max_request_bytes"] = json!(10_000);
    config["destinations"]["x"]["max_record_bytes"] = json!(5_000);
    let lines = [long];
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::with(&lines));
    let counts = settled(&invoked, "x", &lines, &service.held());
    assert!(counts.get("delivered") > 0 && counts.get("stored") > 0, "{counts:?}");
    assert_eq!(counts.get("possible_duplicates"), counts.get("delivered"));
    assert_eq!(storage.messages_in(UNDELIVERED), lines);
}

/// What a destination rejects is stored at the first delivery, whether it identifies the rejected
/// events or only counts them.
#[test]
fn rejected_events_are_dead_letters_at_the_first_delivery() {
    let sent = with_the_first_too_long(3);
    let (bulk, storage) = (Bulk::with_behaviors([Behavior::rejects_the_first()]), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::with(&sent));
    let counts = settled(&invoked, "search", &sent, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 1));
    assert_eq!(counts.get("rejected_stored"), 1);
    assert_eq!(storage.messages_in("logagg/rejected/search/"), sent[..1]);
    assert_eq!(
        storage.documents("logagg/rejected/")[0]["reasons"],
        json!({"illegal_argument_exception": 1})
    );
    assert!(storage.queue().is_empty());

    let (logzio, storage) =
        (Logzio::with_behaviors([logzio::Behavior::Malformed(vec![1])]), Storage::start());
    let config =
        json!({"destinations": {"logs": logzio.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::of(3));
    let counts = settled(&invoked, "logs", &messages(3), &logzio.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 1));
    assert_eq!(counts.get("rejected_stored"), 1);
    // It is not known which of the three it was.
    assert_eq!(storage.messages_in("logagg/rejected/logs/"), messages(3));
}

#[test]
fn a_dead_letter_that_cannot_be_stored_returns_to_its_source() {
    let sent = with_the_first_too_long(3);
    let (bulk, storage) = (Bulk::with_behaviors([Behavior::rejects_the_first()]), Storage::start());
    storage.deny(["PutObject"]);
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::with(&sent));
    let counts = settled(&invoked, "search", &sent, &bulk.held());
    assert_eq!((counts.get("rejected"), counts.get("returned_to_source")), (0, 1));
    assert_eq!(counts.reasons("returned_to_source")["illegal_argument_exception"], 1);
    assert_eq!(
        invoked.summary["warnings"],
        json!(["could not store rejected events as dead letters for \"search\": s3:PutObject: \
             AccessDenied (status 403)"])
    );
}
