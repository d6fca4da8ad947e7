//! Backfill: requests, slices in the queue, and what happens when they are interrupted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use logagg_shipper::delivery::Client;
use logagg_shipper::{Config, Invocation, Shipper};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::bulk::Bulk;
use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::log_groups::StoredLogEvent;
use crate::logzio::{self, Logzio};
use crate::mock_server::MockServer;
use crate::queue::consume;
use crate::storage::{Storage, Strike, VISIBILITY_TIMEOUT};

const HOUR: u64 = 60 * 60 * 1_000;
const GROUP: &str = event::GROUP;
const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:the-shipper";
const STREAMS: [&str; 2] = [
    "2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef",
    "2026/11/29/[$LATEST]fedcba9876543210fedcba9876543210",
];

/// A whole hour, in milliseconds: `hours` before the current one.
fn hour(hours: u64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let millis = u64::try_from(now.as_millis()).unwrap();
    millis / HOUR * HOUR - hours * HOUR
}

fn rfc3339(millis: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    humantime::format_rfc3339_millis(time).to_string()
}

/// This many log events, one every 20 minutes from `from` on, of two streams by turns.
fn log_events(from: u64, count: usize) -> Vec<StoredLogEvent> {
    let of = |number: usize| StoredLogEvent {
        stream: STREAMS[number % 2],
        id: format!("{number:056}"),
        timestamp: from + number as u64 * HOUR / 3,
        message: event::message(number),
    };
    (0..count).map(of).collect()
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

/// An account with a log group of 30 log events in the 10 hours before the last one.
fn account() -> Storage {
    let storage = Storage::start();
    storage.log_groups(|groups| {
        let about = (hour(20), "STANDARD", 2 * 1024 * 1024 * 1024);
        groups.create(GROUP, about, log_events(hour(11), 30));
    });
    storage
}

fn config(storage: &Storage, destinations: &Value) -> Value {
    let undelivered = storage.config_with_queue();
    let backfill = json!({
        "queue_url": undelivered["queue_url"], "requests_per_second": 100, "concurrency": 1,
        "ingestion_lag_s": 0, "exclude_log_groups": ["/aws/lambda/excluded"],
    });
    json!({"destinations": destinations, "undelivered": undelivered, "backfill": backfill})
}

fn request(lambda: &mut Lambda, fields: &Value) -> Invoked {
    let mut event = json!({"logagg": "backfill"});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    lambda.invoke(event.to_string().as_bytes())
}

/// A request for all log events of the log group.
fn whole() -> Value {
    json!({"log_groups": [GROUP], "from": rfc3339(hour(12))})
}

/// Consumes the queue until it is empty.
fn consume_all(lambda: &mut Lambda, storage: &Storage) -> Vec<Invoked> {
    let mut invoked = Vec::new();
    while !storage.queue().is_empty() {
        storage.advance(storage.next_visible().unwrap());
        invoked.push(consume(lambda, storage));
        assert!(invoked.len() < 100, "the queue does not become empty: {:?}", invoked.last());
    }
    invoked
}

/// The sum of a count in the summaries' slices.
fn slices(invoked: &[Invoked], name: &str) -> u64 {
    invoked.iter().filter_map(|it| it.summary["slices"][name].as_u64()).sum()
}

fn error(invoked: &Invoked) -> String {
    invoked.result.as_ref().unwrap_err().message.clone()
}

#[test]
fn a_listing_that_does_not_go_on_is_an_error_and_not_the_whole() {
    let storage = Storage::start();
    let names: Vec<String> = (0..60).map(|number| format!("/app/{number:02}")).collect();
    storage.log_groups(|groups| {
        names.iter().for_each(|name| groups.create(name, (hour(20), "STANDARD", 0), Vec::new()));
        groups.is_stuck = true;
    });
    let bulk = Bulk::start();
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    for which in [json!({"log_group_prefix": "/app/"}), json!({"log_groups": names})] {
        let mut fields = json!({"from": rfc3339(hour(12)), "dry_run": true});
        fields.as_object_mut().unwrap().extend(which.as_object().unwrap().clone());
        let planned = request(&mut lambda, &fields);
        let error = error(&planned);
        assert!(error.contains("DescribeLogGroups"), "{error}");
        assert_eq!(planned.summary["backfill"]["complete"], false);
    }
}

#[test]
fn every_log_event_of_the_window_is_delivered_once() {
    let (bulk, storage) = (Bulk::start(), account());
    storage.log_groups(|groups| (groups.page_size, groups.has_empty_pages) = (2, true));
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let planned = request(&mut lambda, &whole()).summary["backfill"].clone();
    assert_eq!((&planned["log_groups"], &planned["dry_run"]), (&json!(1), &json!(false)));
    // 12 of 20 hours of 2 GiB, in slices of 256 MiB.
    assert_eq!((&planned["slices"], &planned["enqueued"]), (&json!(5), &json!(5)));
    let invoked = consume_all(&mut lambda, &storage);
    let mut held = bulk.held().messages;
    held.sort();
    let mut expected = messages(30);
    expected.sort();
    assert_eq!(held, expected);
    assert_eq!(slices(&invoked, "finished"), 5);
    assert!(slices(&invoked, "empty_pages") > 5, "{invoked:?}");
    // Both borders are inclusive, so no two windows share one.
    let windows =
        storage.log_groups(|groups| groups.windows.iter().copied().collect::<BTreeSet<_>>());
    let windows: Vec<_> = windows.into_iter().collect();
    assert_eq!(windows.len(), 5);
    for pair in windows.windows(2) {
        assert_eq!(pair[0].1 + 1, pair[1].0);
    }
}

#[test]
fn a_dry_run_estimates_and_sends_nothing() {
    let (bulk, storage) = (Bulk::start(), account());
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let mut fields = whole();
    fields["dry_run"] = json!(true);
    let planned = request(&mut lambda, &fields).summary["backfill"].clone();
    assert_eq!((&planned["slices"], &planned["enqueued"]), (&json!(5), &json!(0)));
    let bytes = planned["bytes"].as_u64().unwrap();
    assert!((1_200_000_000..1_400_000_000).contains(&bytes), "{planned}");
    let log_events = planned["log_events"].as_u64().unwrap();
    let size = bytes / log_events;
    assert!((60..200).contains(&size), "{planned}");
    // Pages of 10,000 log events at most, and one more for each slice.
    assert_eq!(planned["calls"], json!(log_events.div_ceil(10_000) + 5));
    assert_eq!(planned["duration_s"], json!((log_events.div_ceil(10_000) + 5) / 100));
    assert!(storage.queue().is_empty());
    assert!(bulk.held().messages.is_empty());
}

#[test]
fn log_events_that_were_delivered_before_are_there_once() {
    let (bulk, storage) = (Bulk::start(), account());
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let live: Vec<StoredLogEvent> = log_events(hour(11), 30).into_iter().step_by(2).collect();
    let events = live
        .iter()
        .map(|it| json!({"id": it.id, "timestamp": it.timestamp, "message": it.message}));
    let mut delivery = event::delivery(GROUP, 0, &[""]);
    delivery["logStream"] = json!(STREAMS[0]);
    delivery["logEvents"] = json!(events.collect::<Vec<_>>());
    lambda.invoke(&event::wrap(&delivery));
    assert_eq!(bulk.held().messages.len(), 15);
    request(&mut lambda, &whole());
    let invoked = consume_all(&mut lambda, &storage);
    assert_eq!(bulk.held().messages.len(), 30);
    let deduplicated: u64 = invoked
        .iter()
        .filter_map(|it| it.summary["destinations"]["search"]["deduplicated"].as_u64())
        .sum();
    assert_eq!(deduplicated, 15);
}

#[test]
fn log_events_that_may_be_there_already_are_counted_as_possible_duplicates() {
    let (logzio, storage) = (Logzio::start(), account());
    let config = config(&storage, &json!({"logs": logzio.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    request(&mut lambda, &whole());
    let possible: u64 = consume_all(&mut lambda, &storage)
        .iter()
        .filter_map(|it| it.summary["destinations"]["logs"]["possible_duplicates"].as_u64())
        .sum();
    assert_eq!((possible, logzio.held().messages.len()), (30, 30));
}

#[test]
fn a_slice_that_needs_more_time_continues_at_its_next_page() {
    let (bulk, storage) = (Bulk::start(), account());
    storage.log_groups(|groups| groups.page_size = 1);
    let mut config = config(&storage, &json!({"search": bulk.config()}));
    config["backfill"]["requests_per_second"] = json!(0.4);
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    request(
        &mut lambda,
        &json!({"log_groups": [GROUP], "from": rfc3339(hour(12)), "to": rfc3339(hour(10))}),
    );
    // A single slice with 3 log events, and time for two pages.
    let event = storage.receive(1).unwrap();
    let invoked = lambda.invoke_within(&event, Duration::from_secs(9));
    storage.complete(&event, &invoked.result);
    assert_eq!(invoked.summary["slices"]["continued"], 1, "{invoked:?}");
    let [rest] = &storage.queue()[..] else { panic!("{:?}", storage.queue()) };
    let rest: Value = serde_json::from_str(&rest.body).unwrap();
    assert_eq!((&rest["part"], rest["token"].is_string()), (&json!(2), true));
    let delivered = bulk.held().messages.len();
    assert!((1..3).contains(&delivered), "{delivered}");
    consume_all(&mut lambda, &storage);
    let mut held = bulk.held().messages;
    held.sort();
    assert_eq!(held, messages(3));
}

#[test]
fn a_slice_whose_token_has_expired_is_read_again_in_halves() {
    let (bulk, storage) = (Bulk::start(), account());
    storage.log_groups(|groups| groups.page_size = 2);
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let to = rfc3339(hour(1));
    let slice = json!({
        "logagg": "backfill_slice", "log_group": GROUP, "from": rfc3339(hour(12)), "to": to,
        "part": 3, "token": "0/4/0",
    });
    storage.log_groups(|groups| groups.oldest_token = 1);
    storage.send(slice.to_string());
    let invoked = consume_all(&mut lambda, &storage);
    assert_eq!((slices(&invoked, "restarted"), slices(&invoked, "continued")), (1, 1));
    assert_eq!(slices(&invoked, "finished"), 2);
    assert_eq!(bulk.held().messages.len(), 30);
}

#[test]
fn a_slice_that_too_many_invocations_did_not_finish_stays_in_the_queue() {
    let (bulk, storage) = (Bulk::start(), account());
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let slice = json!({
        "logagg": "backfill_slice", "log_group": GROUP, "from": rfc3339(hour(12)),
        "to": rfc3339(hour(1)), "part": 1_001,
    });
    storage.send(slice.to_string());
    let invoked = consume(&mut lambda, &storage);
    assert_eq!((&invoked.summary["slices"]["left"], storage.queue().len()), (&json!(1), 1));
    let warning = invoked.summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains(&format!("backfill {} to", rfc3339(hour(12)))), "{warning}");
    assert!(!storage.requests().iter().any(|operation| operation == "FilterLogEvents"));
}

#[test]
fn a_request_sends_what_the_queue_can_keep_and_says_where_to_continue() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    storage.log_groups(|groups| {
        for name in ["/g/a", "/g/b", "/g/c"] {
            groups.create(name, (hour(9), "STANDARD", 100 << 40), Vec::new());
        }
    });
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let mut fields = json!({"log_group_prefix": "/g/", "from": rfc3339(hour(12))});
    let mut estimate = fields.clone();
    estimate["dry_run"] = json!(true);
    let invoked = request(&mut lambda, &estimate);
    let planned = invoked.summary["backfill"].clone();
    assert_eq!((&planned["log_groups"], &planned["complete"]), (&json!(3), &json!(true)));
    let warning = invoked.summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains("more than a request sends at once"), "{warning}");
    for name in ["/g/a", "/g/b"] {
        let planned = request(&mut lambda, &fields).summary["backfill"].clone();
        assert_eq!((&planned["log_groups"], &planned["complete"]), (&json!(1), &json!(false)));
        assert_eq!(planned["continue_after"], name);
        fields["after"] = json!(name);
    }
    let planned = request(&mut lambda, &fields).summary["backfill"].clone();
    assert_eq!((&planned["log_groups"], &planned["complete"]), (&json!(1), &json!(false)));
    fields["after"] = json!("/g/c");
    let planned = request(&mut lambda, &fields).summary["backfill"].clone();
    assert_eq!((&planned["log_groups"], &planned["complete"]), (&json!(0), &json!(true)));
}

#[test]
fn many_names_are_found_in_a_listing() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    let name = |number: usize| format!("/g/{number:03}");
    storage.log_groups(|groups| {
        for number in 0..120 {
            groups.create(&name(number), (hour(9), "STANDARD", 1), Vec::new());
        }
    });
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let mut names: Vec<String> = (0..60).map(|number| name(2 * number)).collect();
    let fields = json!({"log_groups": names, "from": rfc3339(hour(12))});
    let planned = request(&mut lambda, &fields).summary["backfill"].clone();
    assert_eq!((&planned["enqueued"], &planned["complete"]), (&json!(60), &json!(true)));
    let requests = storage.requests();
    assert_eq!(requests.iter().filter(|operation| *operation == "DescribeLogGroups").count(), 3);
    names.push("/g/gone".to_owned());
    let fields = json!({"log_groups": names, "from": rfc3339(hour(12))});
    let error = error(&request(&mut lambda, &fields));
    assert!(error.contains("there is no log group \"/g/gone\""), "{error}");
    assert_eq!(storage.queue().len(), 60);
}

#[test]
fn an_error_after_some_slices_says_where_to_continue() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    storage.log_groups(|groups| {
        for name in ["/g/a", "/g/b"] {
            groups.create(name, (hour(9), "STANDARD", 1), Vec::new());
        }
    });
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let mut requests = 0;
    storage.strike(move || {
        requests += 1;
        // The second message.
        if requests == 3 { Strike::Denied } else { Strike::Passes }
    });
    let fields = json!({"log_group_prefix": "/g/", "from": rfc3339(hour(12))});
    let error = error(&request(&mut lambda, &fields));
    assert!(error.contains("grant the function's role sqs:SendMessage"), "{error}");
    assert!(
        error.contains("slices sent before: 1, continue with \"after\" set to \"/g/a\""),
        "{error}"
    );
}

#[test]
fn calls_that_are_throttled_are_repeated() {
    let (bulk, storage) = (Bulk::start(), account());
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    request(&mut lambda, &whole());
    let throttled =
        || Response::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
    storage.reject([throttled(), throttled()]);
    let invoked = consume_all(&mut lambda, &storage);
    assert_eq!(slices(&invoked, "calls"), 7);
    assert_eq!(bulk.held().messages.len(), 30);
}

#[test]
fn a_slice_that_cannot_be_read_stays_in_the_queue() {
    let (bulk, storage) = (Bulk::start(), account());
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    request(&mut lambda, &whole());
    storage.deny(["FilterLogEvents"]);
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(invoked.summary["slices"]["left"], 5, "{invoked:?}");
    let warning = invoked.summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains("grant the function's role logs:FilterLogEvents"), "{warning}");
    assert_eq!(storage.next_visible(), Some(Duration::from_secs(60)));
    storage.recover();
    consume_all(&mut lambda, &storage);
    assert_eq!(bulk.held().messages.len(), 30);
}

#[test]
fn a_log_group_that_was_deleted_ends_its_slices() {
    let (bulk, storage) = (Bulk::start(), account());
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    request(&mut lambda, &whole());
    storage.log_groups(|groups| groups.delete(GROUP));
    let invoked = consume_all(&mut lambda, &storage);
    assert_eq!(slices(&invoked, "deleted_log_groups"), 5);
    assert!(
        invoked[0].summary["warnings"][0].as_str().unwrap().contains("does not exist any more")
    );
}

#[test]
fn a_destination_that_is_down_stops_a_slice_before_the_next_page() {
    let (logzio, storage) = (Logzio::start(), account());
    storage.log_groups(|groups| groups.page_size = 2);
    let config = config(&storage, &json!({"logs": logzio.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    request(&mut lambda, &whole());
    logzio.add_behaviors([logzio::Behavior::Does(Reply::Response(
        Response::new(503, "").with("retry-after", "100"),
    ))]);
    // The slice with log events, alone.
    let event = storage.receive(1).unwrap();
    let invoked = lambda.invoke(&event);
    storage.complete(&event, &invoked.result);
    let counts = &invoked.summary["destinations"]["logs"];
    let stored = counts["stored"].as_u64().unwrap();
    assert!(stored <= 2, "{counts}");
    assert_eq!(invoked.summary["slices"]["finished"], 0, "{invoked:?}");
    let mut recovered = Lambda::start_with_aws(&config, &storage.url());
    consume_all(&mut recovered, &storage);
    let held: BTreeSet<String> = logzio.held().messages.into_iter().collect();
    assert_eq!(held.len(), 30);
}

#[test]
fn a_request_that_cannot_be_met_is_refused_before_the_first_slice() {
    let (bulk, storage) = (Bulk::start(), account());
    let logzio = Logzio::start();
    storage.log_groups(|groups| {
        groups.create("/aws/lambda/excluded", (hour(9), "STANDARD", 5), Vec::new());
        groups.create("/aws/lambda/rare", (hour(9), "INFREQUENT_ACCESS", 5), Vec::new());
    });
    let mut young = logzio.config();
    young["max_age_s"] = json!(3_600);
    let config = config(&storage, &json!({"search": bulk.config(), "young": young}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let from = rfc3339(hour(12));
    for (fields, expected) in [
        (
            json!({"log_groups": [GROUP], "from": from}),
            "\"young\" (at most 1 h) takes no log events as old as",
        ),
        (json!({"log_groups": [GROUP], "from": from}), "or \"destinations\" to [\"search\"]"),
        (
            json!({"log_groups": [GROUP], "from": from, "destinations": ["serch"]}),
            "the destination \"serch\" is not configured; there are search, young",
        ),
        (
            json!({"log_groups": [GROUP], "from": from, "to": from, "destinations": ["search"]}),
            "is not before \"to\"",
        ),
        (
            json!({"log_groups": [GROUP], "from": rfc3339(hour(0) + 2 * HOUR)}),
            "is not before \"to\"",
        ),
        (
            json!({"log_groups": [GROUP, "/gone", "/aws/lambda/order"], "from": from, "destinations": ["search"]}),
            "there is no log group \"/aws/lambda/order\", \"/gone\"",
        ),
        (
            json!({"log_group_prefix": "/ecs/", "from": from, "destinations": ["search"]}),
            "there is no log group whose name begins with \"/ecs/\"",
        ),
        (
            json!({"log_groups": ["/aws/lambda/excluded"], "from": from, "destinations": ["search"]}),
            "\"/aws/lambda/excluded\" is the function's own, or in \"exclude_log_groups\"",
        ),
        (
            json!({"log_groups": ["/aws/lambda/rare"], "from": from, "destinations": ["search"]}),
            "\"/aws/lambda/rare\" is of a class whose log events CloudWatch Logs does not return",
        ),
        (json!({"log_groups": [GROUP]}), "\"from\" is missing"),
    ] {
        let invoked = request(&mut lambda, &fields);
        let error = error(&invoked);
        assert!(error.contains(expected), "{fields}: {error}");
    }
    assert!(storage.queue().is_empty());
    // By prefix those are left out, and counted.
    let fields =
        json!({"log_group_prefix": "/aws/lambda/", "from": from, "destinations": ["search"]});
    let planned = request(&mut lambda, &fields).summary["backfill"].clone();
    assert_eq!(planned["log_groups"], 1, "{planned}");
    assert_eq!(planned["skipped"], json!({"class": 1, "excluded": 1}));
    consume_all(&mut lambda, &storage);
    assert_eq!(bulk.held().messages.len(), 30);
    assert!(logzio.held().messages.is_empty());
}

#[test]
fn a_shipper_without_backfill_keeps_slices_in_the_queue() {
    let (bulk, storage) = (Bulk::start(), account());
    let mut config = config(&storage, &json!({"search": bulk.config()}));
    let mut planner = Lambda::start_with_aws(&config, &storage.url());
    request(&mut planner, &whole());
    config.as_object_mut().unwrap().remove("backfill");
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let invoked = consume(&mut lambda, &storage);
    assert_eq!(invoked.summary["queue"]["foreign"], 5);
    assert_eq!(storage.queue().len(), 5);
    let refused = error(&request(&mut lambda, &whole()));
    assert!(refused.contains("\"backfill\" is not configured"), "{refused}");
}

#[test]
fn log_groups_of_several_pages_are_planned() {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    storage.log_groups(|groups| {
        for number in 0..120 {
            groups.create(&format!("/g/{number:03}"), (hour(9), "STANDARD", 1), Vec::new());
        }
    });
    let config = config(&storage, &json!({"search": bulk.config()}));
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    let fields = json!({"log_group_prefix": "/g/", "from": rfc3339(hour(12)), "after": "/g/009"});
    let planned = request(&mut lambda, &fields).summary["backfill"].clone();
    assert_eq!((&planned["log_groups"], &planned["enqueued"]), (&json!(110), &json!(110)));
    assert_eq!(planned.get("continue_after"), None);
    assert_eq!(storage.queue().len(), 110);
}

/// The function is killed at each of its calls of AWS once, and its messages become visible again.
/// Every log event is delivered, and no slice is lost.
#[tokio::test]
async fn a_kill_between_any_two_calls_costs_duplicates_and_no_log_event() {
    for kind in ["elasticsearch", "http"] {
        for kill_at in 1.. {
            let storage = Storage::start();
            storage.log_groups(|groups| {
                groups.page_size = 2;
                let about = (hour(20), "STANDARD", 300 * 1024 * 1024);
                groups.create(GROUP, about, log_events(hour(4), 9));
            });
            let contract =
                *crate::contract::ALL.iter().find(|contract| contract.kind() == kind).unwrap();
            let mock_server = MockServer::start(contract, []);
            let document = config(&storage, &json!({"x": mock_server.config()})).to_string();
            let client = Client::default().in_environment(storage.environment());
            let shipper = || Shipper::new(Config::parse(&document).unwrap(), None, client.clone());
            let invoke = async |event: &[u8]| {
                let invocation = Invocation {
                    request_id: "r",
                    deadline: SystemTime::now() + Duration::from_secs(60),
                    function_arn: Some(ARN),
                };
                let event = String::from_utf8(event.to_vec()).unwrap();
                let (summary, result) = shipper().ship(&event, &invocation).await;
                result.map(|reply| serde_json::to_value(reply.into_response(summary)).unwrap())
            };
            let mut planned = json!({"logagg": "backfill"});
            planned.as_object_mut().unwrap().extend(whole().as_object().unwrap().clone());
            invoke(planned.to_string().as_bytes()).await.unwrap();

            let (killed, calls) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
            let (kills, counted) = (Arc::clone(&killed), Arc::clone(&calls));
            storage.strike(move || {
                if counted.fetch_add(1, Ordering::Relaxed) + 1 == kill_at {
                    kills.notify_one();
                    return if kill_at % 2 == 0 {
                        Strike::WithoutResponse
                    } else {
                        Strike::DoneWithoutResponse
                    };
                }
                Strike::Passes
            });
            let mut invocations = 0;
            while !storage.queue().is_empty() {
                storage.advance(storage.next_visible().unwrap());
                let event = storage.receive(1).unwrap();
                tokio::select! {
                    () = killed.notified() => storage.advance(VISIBILITY_TIMEOUT),
                    result = invoke(&event) => {
                        storage.complete(&event, &Ok(result.unwrap()));
                    }
                }
                invocations += 1;
                assert!(invocations < 50, "the queue does not become empty");
            }
            let held = mock_server.held().messages;
            let distinct: BTreeSet<&String> = held.iter().collect();
            assert_eq!(distinct.len(), 9, "{kind}, killed at {kill_at}: {held:?}");
            if calls.load(Ordering::Relaxed) < kill_at {
                // The function ended before that call.
                assert_eq!(held.len(), 9);
                break;
            }
        }
    }
}
