//! What is parked, or kept by Lambda, is sent again.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::bulk::{Bulk, Mood};
use crate::event;
use crate::http::{Answer, Reply};
use crate::lambda::{Invoked, Lambda};
use crate::logzio::{self, Logzio};
use crate::park::parked_messages;
use crate::settled::Counts;
use crate::shelves::Shelves;

const SCHEDULE: &str =
    r#"{"version":"0","id":"x","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;

fn counts(invoked: &Invoked, destination: &str) -> Counts {
    Counts(invoked.summary["destinations"][destination].clone())
}

/// Something parked for a destination, as the shipper parks it.
fn parked(destination: &str, first_id: usize, messages: &[String]) -> String {
    let wrapped: Value =
        serde_json::from_slice(&event::wrap(&event::delivery(event::GROUP, first_id, messages)))
            .unwrap();
    json!({
        "logagg": "parked", "destination": destination, "log_group": event::GROUP,
        "records": messages.len(), "reasons": {"timeout": messages.len()},
        "parked_at": "2023-11-06T10:00:00.000Z", "awslogs": wrapped["awslogs"],
    })
    .to_string()
}

/// Parks so many objects of one message each for a destination.
fn fill(shelves: &Shelves, destination: &str, count: usize) {
    for number in 0..count {
        let key = format!("logagg/parked/{destination}/2023-11-06T10-00-0{number}-000-x.json");
        shelves.put(&key, parked(destination, number, &[event::message(number)]));
    }
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

/// The keys deleted, by their last parts.
fn deleted(shelves: &Shelves) -> Vec<String> {
    let writes = shelves.writes();
    let deleted = writes.iter().filter(|(method, _)| method == "DELETE");
    deleted.map(|(_, key)| key.rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn a_schedule_sends_what_is_parked_oldest_first_and_deletes_it_last() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    fill(&shelves, "logs", 4);
    let config = json!({"destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert!(invoked.result.is_ok(), "{invoked:?}");
    assert_eq!(logzio.held().messages, messages(4));
    assert_eq!(counts(&invoked, "logs").get("possible_duplicates"), 0);
    assert_eq!(
        invoked.summary["replay"],
        json!({"settled": 4, "left": 0, "dead": 0, "without_destination": 0, "is_leased": false})
    );
    assert!(shelves.objects("logagg/parked/").is_empty());
    assert!(deleted(&shelves).is_sorted());

    let invoked = lambda.invoke(br#"{"logagg":"replay"}"#);
    assert_eq!(invoked.summary["replay"]["settled"], 0);
    assert_eq!(logzio.held().messages.len(), 4);
}

#[test]
fn one_instance_at_a_time_replays_and_a_lease_ends_with_its_invocation() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    fill(&shelves, "logs", 1);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let lease = |until: Duration| {
        json!({"holder": "another", "until_ms": until.as_millis() as u64}).to_string()
    };
    shelves.put("logagg/lease.json", lease(now + Duration::from_secs(600)));
    let config = json!({"destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(invoked.summary["replay"]["is_leased"], true);
    assert_eq!(logzio.requests(), 0);

    shelves.put("logagg/lease.json", lease(now - Duration::from_secs(1)));
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(invoked.summary["replay"]["settled"], 1);
    let lease: Value =
        serde_json::from_slice(&shelves.objects("logagg/lease")["logagg/lease.json"]).unwrap();
    assert_eq!(lease["until_ms"], 0);
}

#[test]
fn a_replay_that_was_ended_in_the_middle_is_counted_by_the_next() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    fill(&shelves, "logs", 2);
    let sending = shelves.objects("logagg/parked/").into_keys().next().unwrap();
    let lease = json!({"holder": "another", "until_ms": 5, "sending": sending});
    shelves.put("logagg/lease.json", lease.to_string());
    let config = json!({"destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    let counts = counts(&invoked, "logs");
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (2, 1));
}

#[test]
fn what_is_refused_then_is_kept_on_the_dead_shelf() {
    let words = std::collections::BTreeMap::from([(0, (400, "mapper_parsing_exception"))]);
    let (bulk, shelves) = (Bulk::with_moods([Mood::Items(words)]), Shelves::start());
    shelves.put("logagg/parked/search/a.json", parked("search", 0, &messages(3)));
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    let counts = counts(&invoked, "search");
    assert_eq!((counts.get("delivered"), counts.get("refused")), (2, 1));
    assert!(shelves.objects("logagg/parked/").is_empty());
    let dead = shelves.texts("logagg/dead/refused/search/");
    assert_eq!(dead.len(), 1);
    assert_eq!(parked_messages(&dead[0]), [event::message(0)]);
}

#[test]
fn what_is_left_stays_and_what_was_delivered_of_it_does_not_come_again() {
    // Of three requests the first is taken, and the others are not.
    let stop = || logzio::Mood::Does(Reply::Answer(Answer::new(401, "")));
    let (logzio, shelves) = (Logzio::with_moods([]), Shelves::start());
    let long: Vec<String> = (0..3)
        .map(|number| format!("{} {}", event::message(number), "x".repeat(400_000)))
        .collect();
    shelves.put("logagg/parked/logs/a.json", parked("logs", 0, &long));
    let mut config =
        json!({"destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket()});
    config["destinations"]["logs"]["max_in_flight"] = json!(1);
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    logzio.add_moods([stop()]);
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(invoked.summary["replay"]["left"], 1);
    assert_eq!(counts(&invoked, "logs").get("parked"), 3);
    assert!(shelves.objects("logagg/parked/logs/").contains_key("logagg/parked/logs/a.json"));

    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    let counts = counts(&invoked, "logs");
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (3, 0));
    assert!(shelves.objects("logagg/parked/").is_empty());
}

#[test]
fn a_destination_that_is_no_longer_configured_is_left_alone_and_told() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    fill(&shelves, "gone", 3);
    fill(&shelves, "logs", 1);
    let config = json!({"destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(invoked.summary["replay"]["without_destination"], 3);
    assert_eq!(invoked.summary["replay"]["settled"], 1);
    assert_eq!(
        invoked.summary["warnings"],
        json!([
            "left 3 parked objects alone: they are for the destination \"gone\", which is not in the \
             configuration; give it back that name, or delete them"
        ])
    );
    assert_eq!(shelves.objects("logagg/parked/gone/").len(), 3);
}

#[test]
fn what_is_never_taken_does_not_keep_the_rest_for_ever() {
    let (bulk, shelves) = (Bulk::start(), Shelves::start());
    fill(&shelves, "search", 5);
    // The oldest three make the service stop, whenever they come.
    bulk.stop_at_messages((0..3).map(event::message));
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(
        (&invoked.summary["replay"]["left"], &invoked.summary["replay"]["settled"]),
        (&json!(3), &json!(0))
    );
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(invoked.summary["replay"]["settled"], 2);
    assert_eq!(shelves.objects("logagg/parked/").len(), 3);
}

#[test]
fn an_object_that_cannot_be_read_is_put_aside() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    fill(&shelves, "logs", 1);
    shelves.put("logagg/parked/logs/0.json", "no JSON");
    shelves.put(
        "logagg/parked/logs/1.json",
        parked("logs", 0, &[]).replace("\"data\":\"", "\"data\":\"%"),
    );
    let config = json!({"destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    assert_eq!(
        (&invoked.summary["replay"]["dead"], &invoked.summary["replay"]["settled"]),
        (&json!(2), &json!(1))
    );
    assert!(shelves.objects("logagg/parked/").is_empty());
    assert_eq!(shelves.objects("logagg/dead/undecodable/logs/").len(), 2);
}

#[test]
fn what_lambda_has_kept_in_a_bucket_is_sent_to_all_and_may_be_a_duplicate() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    let event: Value = serde_json::from_slice(&event::of(2)).unwrap();
    let kept = json!({
        "version": "1.0", "timestamp": "2023-11-06T10:00:00.000Z",
        "requestContext": {"requestId": "r", "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": event, "responseContext": {"statusCode": 200},
        "responsePayload": {"errorMessage": "x"},
    });
    shelves.put("kept/aws/lambda/async/shipper/2023/11/06/a", kept.to_string());
    let config = json!({
        "destinations": {"logs": logzio.config()}, "park": Shelves::in_bucket(),
        "replay": {"on_failure": {"bucket": crate::shelves::BUCKET, "prefix": "kept/"}},
    });
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    let counts = counts(&invoked, "logs");
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (2, 2));
    assert!(shelves.objects("kept/").is_empty());
}

#[test]
fn messages_of_a_queue_leave_it_one_by_one() {
    let (bulk, shelves) = (Bulk::start(), Shelves::start());
    bulk.stop_at_messages([event::message(1)]);
    let event: Value = serde_json::from_slice(&event::wrap(&event::delivery(
        event::GROUP,
        5,
        &[event::message(5)],
    )))
    .unwrap();
    let kept =
        json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event});
    let bodies = [
        parked("search", 0, &[event::message(0)]),
        parked("search", 1, &[event::message(1)]),
        parked("gone", 2, &[event::message(2)]),
        "no JSON".to_owned(),
        kept.to_string(),
    ];
    let config =
        json!({"destinations": {"search": bulk.config()}, "park": shelves.in_queue("parked.fifo")});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(&event::queue(&bodies));
    let answer = invoked.result.as_ref().unwrap();
    assert_eq!(
        answer,
        &json!({"batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-3"}, {"itemIdentifier": "m-4"}]})
    );
    assert_eq!(invoked.summary["source"], "sqs");
    assert_eq!(invoked.summary["warnings"].as_array().unwrap().len(), 2);
    let mut held = bulk.held().messages;
    held.sort();
    assert_eq!(held, [event::message(0), event::message(5)]);
    // What stays in the queue is not parked a second time.
    assert!(shelves.messages().is_empty());
}

#[test]
fn without_a_bucket_a_schedule_is_an_error() {
    let (bulk, shelves) = (Bulk::start(), Shelves::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "park": shelves.in_queue("parked.fifo")});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let error = lambda.invoke(SCHEDULE.as_bytes()).result.unwrap_err();
    assert_eq!(error.error_type, "Logagg.NotReplayed");
}
