//! An invocation ends before its deadline and returns undelivered events to Lambda. The mock Lambda
//! kills the process at the deadline, which fails the test.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bulk::{Behavior, Bulk};
use crate::event;
use crate::http::{self, Reply, Response};
use crate::lambda::Lambda;
use crate::settled::{Counts, settled};
use crate::storage::{Storage, Trouble};

/// Sends three records to a cluster that never accepts them, with a second to spend and a large
/// reserve.
#[track_caller]
fn check(behavior: &Behavior) -> (Counts, Bulk) {
    const RESERVE: Duration = Duration::from_secs(30);

    let bulk = Bulk::with_behaviors(std::iter::repeat_n(behavior.clone(), 1_000));
    let mut lambda = Lambda::start(&json!({
        "destinations": {"search": bulk.config()},
        "reserve_ms": RESERVE.as_millis() as u64,
        "request_timeout_ms": 600_000,
    }));
    let invoked = lambda.invoke_within(&event::of(3), RESERVE + Duration::from_secs(1));
    let messages: Vec<String> = (0..3).map(event::message).collect();
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("returned_to_source"), 3, "{counts:?}");
    let warning = invoked.summary["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("request_timeout_ms is 600000, but the function's timeout"));
    (counts, bulk)
}

#[test]
fn a_destination_without_responses_does_not_block_the_invocation() {
    let (counts, _) = check(&Behavior::Does(Reply::Silence));
    assert_eq!(counts.get("requests"), 1);
    assert_eq!(counts.reasons("retried")["timeout"], 3);
}

#[test]
fn a_throttling_destination_is_retried_until_the_deadline() {
    let (counts, bulk) = check(&Behavior::RejectsWith(Response::new(503, "")));
    assert!(counts.get("retries") > 0, "{counts:?}");
    assert_eq!(bulk.arrivals().len() as u64, counts.get("requests"));
}

#[test]
fn a_wait_longer_than_the_remaining_time_does_not_begin() {
    let (counts, _) =
        check(&Behavior::RejectsWith(Response::new(429, "").with("retry-after", "3600")));
    assert_eq!((counts.get("requests"), counts.get("retries")), (1, 0));
    assert_eq!(counts.reasons("returned_to_source")["status_429"], 3);
}

#[test]
fn a_connection_that_is_not_accepted_is_retried_until_the_timeout() {
    let mut lambda = Lambda::start(&json!({
        "destinations": {
            "search": {"type": "elasticsearch", "url": http::unused_url(), "index": "logs"},
        },
        "reserve_ms": 30_000,
    }));
    let invoked = lambda.invoke_within(&event::of(3), Duration::from_secs(31));
    let counts = &invoked.summary["destinations"]["search"];
    assert_eq!(counts["returned_to_source"], 3);
    assert!(counts["reasons"]["retried"]["connection_refused"].as_u64() > Some(0), "{counts}");
    assert!(invoked.result.is_err());
}

#[test]
fn a_timeout_that_leaves_time_for_a_retry_causes_no_warning() {
    let bulk = Bulk::start();
    let mut lambda = Lambda::start(&json!({"destinations": {"search": bulk.config()}}));
    let invoked = lambda.invoke_within(&event::of(3), Duration::from_secs(30));
    assert_eq!(invoked.summary.get("warnings"), None);
}

#[test]
fn without_time_nothing_is_sent() {
    let bulk = Bulk::start();
    let mut lambda = Lambda::start(&json!({
        "destinations": {"search": bulk.config()},
        "reserve_ms": 60_000,
    }));
    let invoked = lambda.invoke_within(&event::of(3), Duration::from_secs(59));
    let messages: Vec<String> = (0..3).map(event::message).collect();
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!((counts.get("returned_to_source"), counts.get("requests")), (3, 0));
    assert_eq!(counts.reasons("returned_to_source")["no_time_left"], 3);
}

/// The source of the event.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A subscription filter.
    Filter,
    /// A queue with a pointer to a stored event.
    Queue,
    /// A replay request.
    Replay,
}

/// Whatever hangs, wherever the invocation waits, the summary line is written before the deadline.
#[test]
fn an_invocation_ends_in_time_whatever_hangs() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    thread::scope(|scope| {
        for source in [Source::Filter, Source::Queue, Source::Replay] {
            for (search_hangs, storage_hangs) in [(true, false), (false, true), (true, true)] {
                let time = Duration::from_millis(rng.u64(1_200..6_000));
                scope.spawn(move || {
                    println!("seed {seed}: {source:?}, {search_hangs}, {storage_hangs}, {time:?}");
                    hang(source, search_hangs, storage_hangs, time);
                });
            }
        }
    });
}

fn hang(source: Source, search_hangs: bool, storage_hangs: bool, time: Duration) {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    let config = json!({
        "destinations": {"search": bulk.config()},
        "undelivered": storage.config_with_queue(),
        "reserve_ms": 500,
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let event = match source {
        Source::Filter => event::of(3),
        Source::Queue => {
            bulk.stop_at_messages([event::message(1)]);
            lambda.invoke(&event::of(3));
            storage.receive(10).unwrap()
        }
        Source::Replay => json!({"logagg": "replay"}).to_string().into_bytes(),
    };
    if search_hangs {
        bulk.add_behaviors(std::iter::repeat_n(Behavior::Does(Reply::Silence), 1_000));
    }
    if storage_hangs {
        storage.have(Trouble::Hangs);
    }
    // The function is killed at its deadline, which fails the test.
    let summary = lambda.invoke_within(&event, time).summary;
    let counts = &summary["destinations"]["search"];
    let count = |name: &str| counts[name].as_u64().unwrap_or(0);
    let dispositions =
        ["delivered", "deduplicated", "dropped", "rejected", "stored", "returned_to_source"];
    let settled: u64 = dispositions.into_iter().map(count).sum();
    assert!(*counts == Value::Null || settled == count("received"), "{summary}");
}
