//! Processing of pointers to stored events, and of on-failure records of Lambda, from a queue.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bulk::{Behavior, Bulk, with_the_first_too_long};
use crate::http::{self, Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::logzio::{self, Logzio};
use crate::mock_server::{self, MockServer};
use crate::settled::Counts;
use crate::storage::{BUCKET, MAX_RECEIVE_COUNT, Storage, VISIBILITY_TIMEOUT, notification};
use crate::{contract, event};

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:the-shipper:$LATEST";

fn counts(invoked: &Invoked, destination: &str) -> Counts {
    Counts(invoked.summary["destinations"][destination].clone())
}

/// A stored event of a destination, as the shipper stores it.
pub(crate) fn stored(destination: &str, first_id: usize, messages: &[String]) -> Vec<u8> {
    let mut document = event::delivery(event::GROUP, first_id, messages);
    let fields = json!({
        "logagg": "stored_event", "destination": destination,
        "stored_at": "2023-11-06T10:00:00.000Z", "reasons": {"timeout": messages.len()},
    });
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event::gzip(document.to_string().as_bytes())
}

pub(crate) fn key(destination: &str, number: usize) -> String {
    format!("logagg/undelivered/{destination}/2023/11/06/{number:032x}.json.gz")
}

/// Stores this many events of one message each for a destination.
fn fill(storage: &Storage, destination: &str, count: usize) {
    for number in 0..count {
        let stored = stored(destination, number, &[event::message(number)]);
        storage.put(&key(destination, number), stored);
    }
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

fn with_logzio(logzio: &Logzio) -> Value {
    json!({"destinations": {"logs": logzio.config()}, "undelivered": Storage::config()})
}

fn with_bulk(bulk: &Bulk) -> Value {
    json!({"destinations": {"search": bulk.config()}, "undelivered": Storage::config()})
}

/// Invokes the function with a batch, like an event source mapping.
pub(crate) fn consume(lambda: &mut Lambda, storage: &Storage) -> Invoked {
    let event = storage.receive(10).expect("no message is visible");
    let invoked = lambda.invoke(&event);
    storage.complete(&event, &invoked.result);
    invoked
}

fn failures(invoked: &Invoked) -> usize {
    invoked.result.as_ref().unwrap()["batchItemFailures"].as_array().unwrap().len()
}

fn stop() -> logzio::Behavior {
    logzio::Behavior::Does(Reply::Response(Response::new(401, "")))
}

/// Lambda's on-failure record of an event with this many messages.
fn record(function_arn: &str, count: usize) -> String {
    let event: Value = serde_json::from_slice(&event::of(count)).unwrap();
    json!({
        "version": "1.0", "timestamp": "2023-11-06T10:00:00.000Z",
        "requestContext": {"requestId": "r", "functionArn": function_arn,
            "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": event, "responseContext": {"statusCode": 200},
        "responsePayload": {"errorMessage": "x"},
    })
    .to_string()
}

#[test]
fn stored_events_are_delivered_together_and_deleted_last() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    fill(&storage, "logs", 4);
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    let mut held = logzio.held().messages;
    held.sort();
    assert_eq!(held, messages(4));
    assert_eq!(logzio.requests(), 1);
    let counts = counts(&invoked, "logs");
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (4, 0));
    assert_eq!(invoked.summary["source"], "sqs");
    assert_eq!(
        invoked.summary["queue"],
        json!({"settled": 4, "rewritten": 0, "gone": 0, "undecodable": 0, "left": 0, "foreign": 0,
            "ignored": 0})
    );
    assert!(storage.objects("").is_empty(), "{:?}", storage.objects("").keys());
    assert!(storage.queue().is_empty());
}

#[test]
fn after_an_outage_each_destination_receives_its_stored_events_once() {
    let (healthy, storage) = (Logzio::start(), Storage::start());
    let bulk = Bulk::with_behaviors([Behavior::RejectsWith(
        Response::new(429, "").with("retry-after", "3600"),
    )]);
    let config = json!({
        "destinations": {"logs": healthy.config(), "search": bulk.config()},
        "undelivered": Storage::config(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::of(3));
    assert_eq!(counts(&invoked, "search").get("stored"), 3);
    // The destination asked to wait, which another instance does not know.
    assert_eq!(failures(&consume(&mut lambda, &storage)), 1);
    storage.advance(Duration::from_secs(60));
    let invoked = consume(&mut Lambda::start_with_aws(&config, &storage.url()), &storage);
    assert_eq!(counts(&invoked, "search").get("delivered"), 3);
    let (mut in_search, mut in_logs) = (bulk.held().messages, healthy.held().messages);
    in_search.sort();
    in_logs.sort();
    assert_eq!((in_search, in_logs), (messages(3), messages(3)));
    assert!(storage.objects("").is_empty());
}

#[test]
fn undelivered_events_stay_in_the_queue_with_growing_delays() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    fill(&storage, "search", 3);
    bulk.stop_at_messages([event::message(1)]);
    let mut lambda = Lambda::start_with_aws(&with_bulk(&bulk), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(failures(&invoked), 1);
    assert_eq!(counts(&invoked, "search").get("stored"), 1);
    for minutes in [1, 2, 4, 8, 15, 15] {
        assert_eq!(storage.next_visible(), Some(Duration::from_secs(60 * minutes)));
        storage.advance(Duration::from_secs(60 * minutes));
        consume(&mut lambda, &storage);
    }
    assert_eq!(storage.objects("").len(), 1);
}

#[test]
fn a_missing_object_was_processed_by_another_pointer() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    storage.send(notification(BUCKET, &key("logs", 1), 1));
    // Two pointers to the same object in a batch count once.
    storage.put(&key("logs", 2), stored("logs", 2, &[event::message(2)]));
    storage.put(&key("logs", 2), stored("logs", 2, &[event::message(2)]));
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    assert_eq!((&invoked.summary["queue"]["gone"], failures(&invoked)), (&json!(1), 0));
    assert_eq!(logzio.held().messages, [event::message(2)]);
    assert!(storage.queue().is_empty());
}

#[test]
fn events_rejected_at_a_replay_are_dead_letters() {
    let sent = with_the_first_too_long(3);
    let (bulk, storage) = (Bulk::with_behaviors([Behavior::rejects_the_first()]), Storage::start());
    storage.put(&key("search", 1), stored("search", 0, &sent));
    let mut lambda = Lambda::start_with_aws(&with_bulk(&bulk), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    let counts = counts(&invoked, "search");
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 1));
    assert!(storage.objects("logagg/undelivered/").is_empty());
    assert_eq!(storage.messages_in("logagg/rejected/search/"), sent[..1]);
}

#[test]
fn only_the_rest_of_a_partial_delivery_is_redelivered() {
    let http = contract::ALL.iter().find(|contract| contract.kind() == "http").unwrap();
    let stop = mock_server::Behavior::Does(Reply::Response(http.unauthorized()));
    let (service, storage) =
        (MockServer::start(*http, [mock_server::Behavior::Accepts, stop]), Storage::start());
    storage.put(&key("x", 1), stored("x", 0, &messages(60)));
    let mut config =
        json!({"destinations": {"x": service.config()}, "undelivered": Storage::config()});
    config["destinations"]["x"]["max_in_flight"] = json!(1);
    config["destinations"]["x"]["max_request_bytes"] = json!(10_000);
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = consume(&mut lambda, &storage);
    let first = counts(&invoked, "x");
    assert!(first.get("delivered") > 0 && first.get("stored") > 0, "{first:?}");
    assert_eq!(first.get("possible_duplicates"), 0);
    // The message is deleted, and S3 has sent another one for the rest.
    assert_eq!((&invoked.summary["queue"]["rewritten"], failures(&invoked)), (&json!(1), 0));
    let rest = storage.messages_in("logagg/undelivered/");
    assert_eq!(rest.len() as u64, first.get("stored"));
    assert_eq!(storage.queue().len(), 1);

    let invoked = consume(&mut lambda, &storage);
    let second = counts(&invoked, "x");
    assert_eq!(
        (second.get("received"), second.get("delivered")),
        (first.get("stored"), first.get("stored"))
    );
    assert_eq!(second.get("possible_duplicates"), 0);
    let mut held = service.held().messages;
    held.sort();
    let mut all = messages(60);
    all.sort();
    assert_eq!(held, all);
    assert!(storage.objects("").is_empty() && storage.queue().is_empty());
}

#[test]
fn a_destination_that_is_not_configured_is_named_in_every_summary_and_its_events_stay() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    fill(&storage, "gone", 2);
    fill(&storage, "logs", 1);
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let warnings = json!([
        "2 stored events are for the destination \"gone\", which is not configured: configure \
         the destination and replay them, copy them to the prefix of another destination, or \
         delete them"
    ]);
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(invoked.summary["warnings"], warnings);
    assert_eq!(invoked.summary["queue"]["settled"], 1);
    assert_eq!(lambda.invoke(&event::of(1)).summary["warnings"], warnings);
    assert_eq!(storage.objects("logagg/undelivered/gone/").len(), 2);
    assert!(storage.queue().is_empty());
}

#[test]
fn an_object_that_cannot_be_decoded_is_moved_with_the_reason() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    fill(&storage, "logs", 1);
    storage.put("logagg/undelivered/logs/a", "no gzip");
    storage.put("logagg/undelivered/logs/b", event::gzip(b"no JSON"));
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(
        (&invoked.summary["queue"]["undecodable"], &invoked.summary["queue"]["settled"]),
        (&json!(2), &json!(1))
    );
    assert!(storage.objects("logagg/undelivered/").is_empty());
    let mut moved: Vec<(String, String)> = storage
        .documents("logagg/undecodable/")
        .iter()
        .map(|it| {
            (it["key"].as_str().unwrap().to_owned(), it["reason"].as_str().unwrap().to_owned())
        })
        .collect();
    moved.sort();
    let expected = [
        ("logagg/undelivered/logs/a", "no_gzip"),
        ("logagg/undelivered/logs/b", "no_cloudwatch_logs_json"),
    ];
    assert_eq!(moved, expected.map(|(key, reason)| (key.to_owned(), reason.to_owned())));
}

#[test]
fn every_message_of_a_batch_succeeds_or_fails_on_its_own() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    fill(&storage, "search", 1);
    storage.send(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"undelivered","RequestId":"5582815E1AEA5ADF","HostId":"x"}"#);
    storage.send("no JSON");
    storage.send(r#"{"order": 5}"#);
    storage.send(notification("another-bucket", &key("search", 5), 1));
    storage.send(notification(BUCKET, "other/team.json", 1));
    storage.send(notification(BUCKET, "logagg/rejected/search/2023/11/06/0.json.gz", 1));
    storage.send(record("arn:aws:lambda:eu-west-1:123456789012:function:another", 2));
    let mut config = with_bulk(&bulk);
    config["processing"] = json!({"exclude": [{"name": "first", "message": "line 0"}]});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = consume(&mut lambda, &storage);
    // A stored event has passed the rules; it is not filtered again.
    assert_eq!(bulk.held().messages, [event::message(0)]);
    let queue = &invoked.summary["queue"];
    assert_eq!(
        (&queue["settled"], &queue["foreign"], &queue["ignored"]),
        (&json!(1), &json!(5), &json!(1))
    );
    let left: Vec<String> = storage.queue().into_iter().map(|message| message.id).collect();
    assert_eq!(left, ["m-3", "m-4", "m-5", "m-6", "m-8"]);
    assert!(!storage.requests().contains(&"ListObjectsV2".to_owned()));
}

#[test]
fn on_failure_records_of_this_function_are_processed_and_may_be_duplicates() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    // In the queue, in the bucket, and the plain event of a Lambda dead-letter queue.
    storage.send(record(ARN, 2));
    storage.put("aws/lambda/async/the-shipper/2023/11/06/a", record(ARN, 2));
    storage.send(String::from_utf8(event::of(2)).unwrap());
    let foreign = record("arn:aws:lambda:eu-west-1:123456789012:function:another", 2);
    storage.put("aws/lambda/async/another/2023/11/06/a", foreign);
    storage.put("aws/lambda/no-record", "an archive");
    let mut config = with_logzio(&logzio);
    config["processing"] = json!({"exclude": [{"name": "first", "message": "line 0"}]});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = consume(&mut lambda, &storage);
    let counts = counts(&invoked, "logs");
    assert_eq!((counts.get("delivered"), counts.get("dropped")), (3, 3));
    assert_eq!(counts.get("possible_duplicates"), 3);
    assert_eq!(invoked.summary["queue"]["foreign"], 2);
    let kept: Vec<String> = storage.objects("").into_keys().collect();
    assert_eq!(kept, ["aws/lambda/async/another/2023/11/06/a", "aws/lambda/no-record"]);
    assert_eq!(storage.queue().len(), 2);
}

/// Lambda discards a record that its on-failure destination does not accept.
#[test]
fn a_small_queue_for_on_failure_records_causes_a_warning() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let asked = || storage.requests().iter().filter(|it| *it == "GetQueueAttributes").count();
    let warnings = |invoked: &Invoked| invoked.summary["warnings"].clone();
    let start = || Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let ship = |lambda: &mut Lambda| {
        storage.send(record(ARN, 2));
        warnings(&consume(lambda, &storage))
    };

    // A queue with the maximum size is checked once, and one with pointers only is never checked.
    let mut lambda = start();
    fill(&storage, "logs", 1);
    consume(&mut lambda, &storage);
    assert_eq!(asked(), 0);
    let none = ship(&mut lambda);
    assert_eq!((ship(&mut lambda), asked()), (none.clone(), 1));

    storage.limit_messages(262_144);
    let warning = "the queue \"pointers\" accepts messages of at most 262144 bytes: Lambda \
        discards larger records of failed invocations; set its MaximumMessageSize to 1048576, \
        or have Lambda write them to the bucket";
    let mut lambda = start();
    assert_eq!(ship(&mut lambda), json!([warning]));
    assert_eq!((ship(&mut lambda), asked()), (json!([warning]), 2));

    // Without the permission there is no warning.
    storage.deny(["GetQueueAttributes"]);
    let mut lambda = start();
    assert_eq!((ship(&mut lambda), asked()), (none.clone(), 3));
    assert_eq!((ship(&mut lambda), asked()), (none, 3));
    assert!(storage.queue().is_empty());
}

#[test]
fn without_the_permission_to_delete_nothing_is_duplicated_and_the_object_remains() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    fill(&storage, "logs", 1);
    storage.deny(["DeleteObject"]);
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let warning = "could not delete a stored event that was delivered or moved: \
        s3:DeleteObject: AccessDenied (status 403)";
    for _ in 0..4 {
        let invoked = consume(&mut lambda, &storage);
        assert_eq!(invoked.summary["warnings"], json!([warning]));
        storage.advance(VISIBILITY_TIMEOUT);
    }
    assert_eq!(logzio.held().messages, messages(1));
    assert_eq!(storage.objects("logagg/undelivered/").len(), 1);
    assert_eq!(storage.queue().len(), 1);

    storage.recover();
    consume(&mut lambda, &storage);
    assert!(storage.objects("logagg/undelivered/").is_empty() && storage.queue().is_empty());
    assert_eq!(logzio.held().messages, messages(1));
}

#[test]
fn with_missing_permissions_events_wait_with_a_warning() {
    for (operation, warning) in [
        ("GetObject", "could not read a stored event: s3:GetObject: AccessDenied (status 403)"),
        ("PutObject", "could not record a delivery: s3:PutObject: AccessDenied (status 403)"),
    ] {
        let (logzio, storage) = (Logzio::start(), Storage::start());
        fill(&storage, "logs", 1);
        storage.deny([operation]);
        let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
        let invoked = consume(&mut lambda, &storage);
        assert_eq!(invoked.summary["warnings"], json!([warning]));
        assert_eq!((failures(&invoked), logzio.requests()), (1, 0));
        storage.recover();
        storage.advance(VISIBILITY_TIMEOUT);
        consume(&mut lambda, &storage);
        assert_eq!(logzio.held().messages, messages(1));
        assert!(storage.queue().is_empty());
    }
    // The queue's own visibility timeout applies instead.
    let (logzio, storage) = (Logzio::with_behaviors([stop()]), Storage::start());
    fill(&storage, "logs", 1);
    storage.deny(["ChangeMessageVisibilityBatch"]);
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    let warnings = invoked.summary["warnings"].to_string();
    assert!(warnings.contains("sqs:ChangeMessageVisibilityBatch"), "{warnings}");
    assert_eq!(storage.next_visible(), Some(VISIBILITY_TIMEOUT));
}

/// It is unknown what a killed invocation has delivered: the next one counts all of it.
#[test]
fn an_interrupted_delivery_is_counted_as_a_possible_duplicate() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    fill(&storage, "logs", 1);
    let config = with_logzio(&logzio);
    let event = storage.receive(10).unwrap();
    {
        // Its end is not recorded.
        storage.deny(["DeleteObject"]);
        logzio.add_behaviors([]);
        let mut lambda = Lambda::start_with_aws(&config, &storage.url());
        lambda.invoke(&event);
    }
    assert_eq!(storage.objects("logagg/delivering/").len(), 1);
    storage.recover();
    storage.put(&key("logs", 0), stored("logs", 0, &[event::message(0)]));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    storage.advance(VISIBILITY_TIMEOUT);
    let invoked = consume(&mut lambda, &storage);
    let counts = counts(&invoked, "logs");
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (1, 1));
    assert!(storage.objects("").is_empty());
}

/// Stored, delivered and deleted events remain as versions, which the shipper never reads.
#[test]
fn a_bucket_with_object_lock_works_like_any_other() {
    let (logzio, storage) = (Logzio::with_behaviors([stop(), stop()]), Storage::start());
    storage.lock();
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    let mut written = 0;
    for _ in 0..2 {
        let invoked = lambda.invoke(&event::of(3));
        assert_eq!(counts(&invoked, "logs").get("stored"), 3);
        // The event is retried: another version of the same object.
        written += 1;
    }
    let keys: Vec<String> = storage.objects("").into_keys().collect();
    assert_eq!((keys.len(), storage.versions().len()), (1, written));
    let invoked = consume(&mut lambda, &storage);
    let consumed = counts(&invoked, "logs");
    assert_eq!((consumed.get("delivered"), consumed.get("possible_duplicates")), (3, 0));
    assert_eq!(invoked.summary["queue"]["settled"], 1);
    assert!(storage.objects("").is_empty() && storage.queue().is_empty());
    let is_deleted = |key: &str| {
        let versions = storage.versions();
        let last = versions.iter().rev().find(|version| version.key == key);
        last.is_some_and(|version| version.body.is_none())
    };
    assert!(is_deleted(&keys[0]));

    // Behind a delete marker there is no object, and the note of another delivery is the first.
    let bytes = storage.versions()[0].body.as_ref().unwrap().len();
    storage.send(notification(BUCKET, &keys[0], bytes));
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(invoked.summary["queue"]["gone"], 1);
    logzio.add_behaviors([stop()]);
    assert_eq!(counts(&lambda.invoke(&event::of(3)), "logs").get("stored"), 3);
    let invoked = consume(&mut lambda, &storage);
    let consumed = counts(&invoked, "logs");
    assert_eq!((consumed.get("delivered"), consumed.get("possible_duplicates")), (3, 0));
    assert!(storage.objects("").is_empty() && storage.queue().is_empty());
    assert!(invoked.summary.get("warnings").is_none(), "{}", invoked.summary);
}

#[test]
fn objects_of_a_destination_that_is_down_are_not_read() {
    let storage = Storage::start();
    let config = json!({
        "destinations": {
            "search": {"type": "elasticsearch", "url": http::unused_url(), "index": "logs"},
        },
        "undelivered": Storage::config(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = lambda.invoke(&event::of(3));
    assert_eq!(counts(&invoked, "search").reasons("stored")["circuit_open"], 3);
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(invoked.summary["queue"]["left"], 1);
    assert!(!storage.requests().contains(&"GetObject".to_owned()));
    assert_eq!(storage.objects("logagg/undelivered/").len(), 1);
}

/// An object that kills the function, for example by its memory, does not affect others: those of
/// its batch are delivered before, and it ends up unchanged in the dead-letter queue.
#[test]
fn an_object_that_kills_the_function_is_moved_to_the_dead_letter_queue() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    storage.put(&key("logs", 9), stored("logs", 9, &[event::message(9)]));
    // The invocations with it never end.
    for _ in 0..MAX_RECEIVE_COUNT {
        storage.receive(10).unwrap();
        storage.advance(VISIBILITY_TIMEOUT);
    }
    fill(&storage, "logs", 1);
    let mut lambda = Lambda::start_with_aws(&with_logzio(&logzio), &storage.url());
    consume(&mut lambda, &storage);
    assert_eq!(logzio.held().messages, messages(1));
    assert_eq!(storage.dead_letters().len(), 1);
    assert_eq!(storage.objects("logagg/undelivered/").len(), 1);
    // Once it does not kill the function, it is redriven.
    storage.redrive();
    consume(&mut lambda, &storage);
    assert!(storage.objects("").is_empty());
}

#[test]
fn without_partial_batch_responses_the_whole_batch_fails_without_duplicates() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    fill(&storage, "logs", 2);
    storage.send("no JSON");
    let mut config = with_logzio(&logzio);
    config["batch_failures"] = json!("fail");
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let event = storage.receive(10).unwrap();
    let error = lambda.invoke(&event).result.unwrap_err();
    assert_eq!(error.error_type, "Logagg.BatchFailed");
    storage.advance(VISIBILITY_TIMEOUT);
    let event = storage.receive(10).unwrap();
    let invoked = lambda.invoke(&event);
    assert_eq!(invoked.summary["queue"]["gone"], 2);
    assert_eq!(logzio.held().messages.len(), 2);
}

#[test]
fn s3_may_not_invoke_the_function_itself() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    let mut lambda = Lambda::start_with_aws(&with_bulk(&bulk), &storage.url());
    let notification = notification(BUCKET, &key("search", 1), 1);
    let error = lambda.invoke(notification.as_bytes()).result.unwrap_err();
    assert!(error.message.contains("send its notifications to an SQS queue"), "{error:?}");
}

/// Lambda stops a function whose own messages invoke it 16 times, detected by a trace header. Every
/// invocation here has one, and the mock server rejects requests that contain it.
#[test]
fn the_functions_own_messages_are_not_a_recursive_loop() {
    let (logzio, storage) =
        (Logzio::with_behaviors(std::iter::repeat_n(stop(), 21)), Storage::start());
    let mut config = with_logzio(&logzio);
    config["undelivered"] = storage.config_with_queue();
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    lambda.invoke(&event::of(1));
    lambda.invoke(br#"{"logagg":"replay"}"#);
    for _ in 0..20 {
        consume(&mut lambda, &storage);
        storage.advance(VISIBILITY_TIMEOUT);
    }
    consume(&mut lambda, &storage);
    assert_eq!(logzio.held().messages, messages(1));
    // Fails on invalid requests.
    assert!(storage.objects("").is_empty() && storage.dead_letters().is_empty());
    let requests = storage.requests();
    for operation in ["PutObject", "SendMessageBatch", "ChangeMessageVisibilityBatch"] {
        assert!(requests.iter().any(|request| request == operation), "{operation}");
    }
}

#[test]
fn a_dead_letter_that_cannot_be_stored_stays_in_its_object() {
    let sent = with_the_first_too_long(3);
    let behaviors = [Behavior::rejects_the_first(), Behavior::rejects_the_first()];
    let (bulk, storage) = (Bulk::with_behaviors(behaviors), Storage::start());
    storage.put(&key("search", 1), stored("search", 0, &sent));
    storage.deny(["PutObject"]);
    let mut lambda = Lambda::start_with_aws(&with_bulk(&bulk), &storage.url());
    let invoked = consume(&mut lambda, &storage);
    let first = counts(&invoked, "search");
    assert_eq!((first.get("delivered"), first.get("rejected"), first.get("stored")), (2, 0, 1));
    assert_eq!(failures(&invoked), 1);
    assert_eq!(storage.messages_in("logagg/undelivered/"), sent);

    storage.recover();
    storage.advance(VISIBILITY_TIMEOUT);
    let invoked = consume(&mut lambda, &storage);
    let second = counts(&invoked, "search");
    assert_eq!((second.get("deduplicated"), second.get("rejected_stored")), (2, 1));
    assert_eq!(storage.messages_in("logagg/rejected/"), sent[..1]);
    assert!(storage.objects("logagg/undelivered/").is_empty() && storage.queue().is_empty());
}
