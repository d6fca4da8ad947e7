//! Counting and replaying stored events.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::event;
use crate::lambda::{Invoked, Lambda};
use crate::logzio::Logzio;
use crate::queue::{key, stored};
use crate::storage::Storage;

const SCHEDULE: &str =
    r#"{"version":"0","id":"x","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A function with two destinations, and a bucket with three old events for each and two for a
/// destination that is not configured.
fn scene(logzio: &Logzio, storage: &Storage) -> Lambda {
    for destination in ["a", "b"] {
        for number in 0..3 {
            let stored = stored(destination, number, &[event::message(number)]);
            let age = HOUR * u32::try_from(number).unwrap() + Duration::from_secs(60);
            storage.put_old(&key(destination, number), stored, age);
        }
    }
    storage.put_old(&key("gone", 0), stored("gone", 0, &[event::message(0)]), 9 * HOUR);
    storage.put_old("logagg/rejected/a/x", "x", 9 * HOUR);
    let config = json!({
        "destinations": {"a": logzio.config(), "b": logzio.config()},
        "undelivered": storage.config_with_queue(), "metrics": {},
    });
    Lambda::start_with_aws(&config, &storage.url())
}

fn replay(lambda: &mut Lambda, request: &Value) -> Invoked {
    let mut event = json!({"logagg": "replay"});
    event.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
    lambda.invoke(event.to_string().as_bytes())
}

fn ago(time: Duration) -> String {
    humantime::format_rfc3339_seconds(SystemTime::now() - time).to_string()
}

#[test]
fn a_schedule_counts_stored_events_and_missing_pointers() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let mut lambda = scene(&logzio, &storage);
    storage.send("a pointer");
    let invoked = lambda.invoke(SCHEDULE.as_bytes());
    let mut replay = invoked.summary["replay"].clone();
    assert!(replay["bytes"].take().as_u64().unwrap() > 0);
    assert!((7_260..7_300).contains(&replay["oldest_s"].take().as_u64().unwrap()));
    assert_eq!(
        replay,
        json!({
            "dry_run": true, "objects": 6, "bytes": null, "enqueued": 0, "waiting": 4, "oldest_s": null,
            "in_queue": 1, "without_pointer": 3, "without_destination": {"gone": 1},
        })
    );
    assert_eq!(storage.queue().len(), 1);
    let warning = invoked.summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains("for the destination \"gone\""), "{warning}");
    let metrics = &lambda.metrics(1)[0];
    let metrics = |name: &str| metrics[format!("undelivered_{name}")].as_u64();
    assert_eq!((metrics("waiting"), metrics("without_pointer")), (Some(4), Some(3)));
}

#[test]
fn a_replay_sends_pointers_whose_objects_are_delivered() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let mut lambda = scene(&logzio, &storage);
    let invoked = replay(&mut lambda, &json!({"destination": "a"}));
    assert_eq!(invoked.summary["replay"]["enqueued"], 3, "{}", invoked.summary);
    let event = storage.receive(10).unwrap();
    let invoked = lambda.invoke(&event);
    storage.complete(&event, &invoked.result);
    assert_eq!(invoked.summary["destinations"]["a"]["delivered"], 3);
    assert!(storage.objects("logagg/undelivered/a/").is_empty());
    assert_eq!(storage.objects("logagg/undelivered/b/").len(), 3);
    assert!(storage.queue().is_empty());
}

#[test]
fn a_replay_selects_a_time_range() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let mut lambda = scene(&logzio, &storage);
    for (request, objects) in [
        (json!({"from": ago(HOUR / 2)}), 2),
        (json!({"to": ago(HOUR / 2)}), 4),
        (json!({"from": ago(2 * HOUR), "to": ago(HOUR / 2), "destination": "b"}), 1),
        (json!({}), 6),
        (json!({"after": key("a", 2)}), 3),
    ] {
        let mut request = request;
        request["dry_run"] = json!(true);
        let invoked = replay(&mut lambda, &request);
        assert_eq!(invoked.summary["replay"]["objects"], objects, "{request}");
        assert_eq!(invoked.summary["replay"]["enqueued"], 0);
    }
    assert!(storage.queue().is_empty());
}

#[test]
fn a_replay_without_time_reports_where_to_continue() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let mut lambda = scene(&logzio, &storage);
    let event = json!({"logagg": "replay", "after": key("a", 0)});
    // Less the reserve of a second, this is less than a page may take.
    let invoked = lambda.invoke_within(event.to_string().as_bytes(), Duration::from_millis(2_500));
    assert_eq!(invoked.summary["replay"]["continue_after"], key("a", 0), "{}", invoked.summary);
    assert_eq!(invoked.summary["outcome"], "ok");
}

#[test]
fn an_impossible_replay_is_an_error_with_the_reason() {
    let (logzio, storage) = (Logzio::start(), Storage::start());
    let mut lambda = scene(&logzio, &storage);
    let check = |lambda: &mut Lambda, request: Value, expected: &str| {
        let error = replay(lambda, &request).result.unwrap_err();
        assert!(error.message.contains(expected), "{}", error.message);
    };
    check(&mut lambda, json!({"destination": "gone"}), "\"gone\" is not configured");
    check(&mut lambda, json!({"dryrun": true}), "invalid replay request");
    storage.deny(["SendMessageBatch"]);
    let invoked = replay(&mut lambda, &json!({}));
    let message = invoked.result.unwrap_err().message;
    let expected =
        "sqs:SendMessageBatch: AccessDeniedException (status 403), IAM action sqs:SendMessage";
    assert!(message.contains(expected), "{message}");
    // What was not sent is sent by another replay that continues there.
    let after = invoked.summary["replay"]["continue_after"].as_str().unwrap();
    assert!(after < key("a", 0).as_str(), "{after}");
    storage.deny(["ListObjectsV2"]);
    check(
        &mut lambda,
        json!({}),
        "s3:ListObjectsV2: AccessDenied (status 403), IAM action s3:ListBucket",
    );
    drop(lambda);

    let config = json!({"destinations": {"a": logzio.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    check(&mut lambda, json!({}), "\"undelivered.queue_url\" is not configured");
    drop(lambda);

    let mut lambda = Lambda::start(&json!({"destinations": {"a": logzio.config()}}));
    check(&mut lambda, json!({}), "\"undelivered\" is not configured");
}
