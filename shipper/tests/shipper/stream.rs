//! Records of a Kinesis stream, and the response to Lambda.

use serde_json::json;

use crate::bulk::{Behavior, Bulk};
use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::logzio::{self, Logzio};
use crate::settled::Counts;
use crate::storage::Storage;

fn counts(invoked: &Invoked, destination: &str) -> Counts {
    Counts(invoked.summary["destinations"][destination].clone())
}

/// The failed records reported to Lambda.
#[track_caller]
fn reported(invoked: &Invoked) -> Vec<&str> {
    let response = invoked.result.as_ref().unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(response.as_object().unwrap().len(), 1, "{response}");
    let failed = response["batchItemFailures"].as_array().unwrap();
    failed.iter().map(|failed| failed["itemIdentifier"].as_str().unwrap()).collect()
}

/// Records of a stream, each with two messages.
fn records(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            event::in_stream(
                number * 2,
                &[event::message(number * 2), event::message(number * 2 + 1)],
            )
        })
        .collect()
}

fn messages(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(event::message).collect()
}

#[test]
fn all_records_of_a_batch_share_a_delivery() {
    let bulk = Bulk::start();
    let config = json!({"destinations": {"search": bulk.config()}});
    let mut all = records(3);
    let mut control =
        event::delivery("", 0, &["CWL CONTROL MESSAGE: Checking health of destination."]);
    control["messageType"] = json!("CONTROL_MESSAGE");
    all.insert(1, event::gzip(control.to_string().as_bytes()));
    let invoked = Lambda::start(&config).invoke(&event::stream(&all));
    assert_eq!(reported(&invoked), Vec::<&str>::new());
    let counts = counts(&invoked, "search");
    assert_eq!(
        (counts.get("received"), counts.get("delivered"), counts.get("requests")),
        (6, 6, 1)
    );
    assert_eq!(invoked.summary["source"], "kinesis");
    assert_eq!(
        (&invoked.summary["events"], &invoked.summary["log_events"]),
        (&json!(4), &json!(6))
    );
    let mut held = bulk.held().messages;
    held.sort();
    assert_eq!(held, messages(0..6));
}

#[test]
fn only_the_lowest_undelivered_sequence_number_is_reported() {
    // One record per request, so that the second is rejected and the third is delivered.
    let logzio = Logzio::with_behaviors([]);
    let stop = || logzio::Behavior::Does(Reply::Response(Response::new(401, "")));
    logzio.add_behaviors([stop()]);
    let config = json!({"destinations": {"logs": logzio.config()}});
    let invoked = Lambda::start(&config).invoke(&event::stream(&records(3)));
    assert_eq!(reported(&invoked), ["1"]);
    assert_eq!(invoked.summary["outcome"], "failed");
    assert_eq!(invoked.summary["reported"], 1);
    assert_eq!(
        invoked.summary["error"],
        "3 of 3 records of the batch are returned for a retry: 6 of 6 records to \"logs\" \
         (status_401)"
    );
}

#[test]
fn records_delivered_after_the_reported_number_are_possible_duplicates() {
    // The destination stops at one document of the second record only.
    let words = std::collections::BTreeMap::from([(2, (403, "cluster_block_exception"))]);
    let bulk = Bulk::with_behaviors([Behavior::Items(words)]);
    let config = json!({"destinations": {"search": bulk.config()}});
    let invoked = Lambda::start(&config).invoke(&event::stream(&records(3)));
    assert_eq!(reported(&invoked), ["2"]);
    let of_search = counts(&invoked, "search");
    assert_eq!((of_search.get("delivered"), of_search.get("returned_to_source")), (5, 1));
    // It deduplicates.
    assert_eq!(of_search.get("possible_duplicates"), 0);

    let (logzio, dead) = (Logzio::start(), Bulk::start());
    let words = std::collections::BTreeMap::from([(2, (403, "cluster_block_exception"))]);
    dead.add_behaviors([Behavior::Items(words)]);
    let storage = Storage::start();
    storage.reject([Response::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    let config = json!({
        "destinations": {"logs": logzio.config(), "search": dead.config()},
        "undelivered": Storage::config(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::stream(&records(3)));
    assert_eq!(reported(&invoked), ["2"]);
    // The second and the third record are retried.
    assert_eq!(counts(&invoked, "logs").get("possible_duplicates"), 4);
}

#[test]
fn with_storage_for_undelivered_events_nothing_is_reported() {
    let busy = Behavior::RejectsWith(Response::new(429, "").with("retry-after", "3600"));
    let (bulk, storage) = (Bulk::with_behaviors([busy]), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::stream(&records(3)));
    assert_eq!(reported(&invoked), Vec::<&str>::new());
    assert_eq!(counts(&invoked, "search").get("stored"), 6);
    // Each under its own name, whatever else a later batch contains.
    assert_eq!(storage.objects("logagg/undelivered/search/").len(), 3);
    let mut held = storage.messages_in("logagg/undelivered/search/");
    held.sort();
    assert_eq!(held, messages(0..6));
}

#[test]
fn a_record_that_cannot_be_decoded_is_stored_or_else_reported() {
    let mut all = records(3);
    all[1] = b"no gzip".to_vec();
    let bulk = Bulk::start();
    let config = json!({"destinations": {"search": bulk.config()}});
    let invoked = Lambda::start(&config).invoke(&event::stream(&all));
    assert_eq!(reported(&invoked), ["2"]);
    assert_eq!(counts(&invoked, "search").get("delivered"), 4);
    assert_eq!(invoked.summary["undecodable"], 1);
    assert_eq!(
        invoked.summary["error"],
        "2 of 3 records of the batch are returned for a retry: cannot decode the event: its data \
         is not complete gzip"
    );

    let (bulk, storage) = (Bulk::start(), Storage::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::stream(&all));
    assert_eq!(reported(&invoked), Vec::<&str>::new());
    let documents = storage.documents("logagg/undecodable/");
    assert_eq!(documents[0]["awslogs"]["data"], "bm8gZ3ppcA==");
}

#[test]
fn without_partial_batch_responses_the_whole_batch_fails() {
    let words = std::collections::BTreeMap::from([(2, (403, "cluster_block_exception"))]);
    let bulk = Bulk::with_behaviors([Behavior::Items(words)]);
    let config = json!({"destinations": {"search": bulk.config()}, "batch_failures": "fail"});
    let invoked = Lambda::start(&config).invoke(&event::stream(&records(3)));
    let error = invoked.result.unwrap_err();
    assert_eq!(error.error_type, "Logagg.BatchFailed");
    assert!(
        error.message.starts_with("2 of 3 records of the batch are returned for a retry"),
        "{error:?}"
    );
}

#[test]
fn a_batch_that_exceeds_the_memory_limit_is_processed_in_turns() {
    let bulk = Bulk::start();
    let config = json!({"destinations": {"search": bulk.config()}, "max_decoded_bytes": 1_048_576});
    let all: Vec<Vec<u8>> = (0..5)
        .map(|number| {
            let message = format!("{} {}", event::message(number), "x".repeat(600_000));
            event::in_stream(number, &[message])
        })
        .collect();
    let invoked = Lambda::start(&config).invoke(&event::stream(&all));
    assert_eq!(reported(&invoked), Vec::<&str>::new());
    let counts = counts(&invoked, "search");
    // Two of them exceed the memory limit of a turn.
    assert_eq!(
        (counts.get("received"), counts.get("delivered"), counts.get("requests")),
        (5, 5, 5)
    );
    assert_eq!(bulk.held().messages.len(), 5);
}
