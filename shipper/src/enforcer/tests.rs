//! The enforcer with CloudWatch Logs in memory, and a clock that advances only while it waits.

mod cloud;
mod gap_fill;
mod tag_tables;

use std::time::Duration;

use serde_json::{Value, json};

use super::sweep::MOST_PARTS;
use super::{EnforcerConfig, Summary, SweepEnd};
use cloud::{ACCOUNT, Function, REGION, rejected};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn policy(name: &str) -> Value {
    json!({
        "version": 1, "name": name, "region": REGION, "account_id": ACCOUNT,
        "destination_arn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:shipper"),
        "filter_name": name, "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
    })
}

fn config() -> Value {
    json!({"policies": [policy("ship")]})
}

fn created(log_group: &str) -> Value {
    json!({"source": "aws.logs", "detail": {
        "eventSource": "logs.amazonaws.com", "eventName": "CreateLogGroup", "awsRegion": REGION,
        "recipientAccountId": ACCOUNT, "requestParameters": {"logGroupName": log_group},
    }})
}

fn sweep() -> Value {
    json!({"logagg": "sweep"})
}

fn batch(events: &[Value]) -> Value {
    let records = events.iter().enumerate().map(|(index, event)| {
        let body = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        json!({"messageId": index.to_string(), "eventSource": "aws:sqs", "body": body})
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

fn failures(response: &Value) -> usize {
    response["batchItemFailures"].as_array().unwrap().len()
}

/// Every evaluated log group has exactly one result.
#[track_caller]
fn adds_up(summary: &Summary) {
    let sweep = summary.sweep.as_ref().map(|sweep| &sweep.counts);
    for counts in summary.creations.iter().chain(sweep) {
        let ends = [
            counts.changed,
            counts.unchanged,
            counts.not_selected,
            counts.deleted,
            counts.pending,
            counts.failed,
        ];
        assert_eq!(counts.evaluated, ends.iter().sum::<usize>(), "{counts:?}");
    }
}

/// Runs the parts of a sweep one after another, and returns the last summary.
fn swept(function: &Function, time: Duration) -> Summary {
    let mut event = sweep().to_string();
    loop {
        let (summary, result) = function.invoke_text(&event, time);
        result.unwrap();
        adds_up(&summary);
        match function.cloud().invoked.pop() {
            Some(next) => event = next,
            None => return summary,
        }
    }
}

#[test]
fn a_batch_ends_before_its_deadline_and_returns_unprocessed_records() {
    for (rate, seconds) in [(2.0, 5), (1.0, 2), (0.1, 12)] {
        let mut config = config();
        config["requests_per_second"] = json!(rate);
        let function = Function::start(&config);
        let names: Vec<_> = (0..10).map(|number| format!("/app/{number}")).collect();
        names.iter().for_each(|name| function.cloud().create(name));
        let events: Vec<_> = names.iter().map(|name| created(name)).collect();
        let (summary, response) = function.invoke(&batch(&events), Duration::from_secs(seconds));
        assert!(function.cloud().time_left >= Duration::from_secs(1), "{rate}: {summary:?}");
        let counts = summary.creations.unwrap();
        assert_eq!(counts.changed + counts.remaining, 10, "{counts:?}");
        assert_eq!(failures(&response.unwrap()), counts.remaining);
        assert!(counts.remaining > 0);
    }
}

#[test]
fn nothing_starts_after_the_reserve_when_a_call_hangs_or_is_throttled() {
    for hangs in [true, false] {
        let function = Function::start(&config());
        let events: Vec<_> = (0..10).map(|number| created(&format!("/app/{number}"))).collect();
        (0..10).for_each(|number| function.cloud().create(&format!("/app/{number}")));
        function.cloud().on(move |cloud, operation, name| {
            let is_it = operation == "PutSubscriptionFilter" && name == "/app/3";
            if is_it && hangs {
                cloud.wait(Duration::from_secs(3_600));
            }
            is_it.then(|| rejected("ThrottlingException", "Rate exceeded"))
        });
        let (summary, response) = function.invoke(&batch(&events), Duration::from_secs(10));
        assert!(function.cloud().time_left >= Duration::from_secs(1), "{summary:?}");
        adds_up(&summary);
        let counts = summary.creations.unwrap();
        assert_eq!(counts.changed + counts.remaining, 10, "{counts:?}");
        assert!(counts.changed >= 3 && counts.remaining > 0, "{counts:?}");
        assert_eq!(failures(&response.unwrap()), counts.remaining);
        assert!(counts.failures[0].contains("/app/3"), "{counts:?}");
    }
}

#[test]
fn every_write_follows_the_read_that_it_depends_on() {
    let function = Function::start(&config());
    (0..20).for_each(|number| function.cloud().create(&format!("/app/{number:02}")));
    swept(&function, Duration::from_secs(60));
    function.cloud().create("/app/new");
    function.invoke(&created("/app/new"), Duration::from_secs(60)).1.unwrap();
    let calls = function.cloud().calls.clone();
    let mut writes = 0;
    for pair in calls.windows(2) {
        let reads = match pair[1].operation {
            "PutSubscriptionFilter" => "DescribeSubscriptionFilters",
            "PutRetentionPolicy" => "DescribeLogGroups",
            _ => continue,
        };
        writes += 1;
        assert_eq!((pair[0].operation, &pair[0].name), (reads, &pair[1].name));
        assert_eq!(pair[0].at, pair[1].at, "time has passed between {pair:?}");
    }
    assert_eq!(writes, 42);
}

#[test]
fn a_retention_set_during_a_sweep_stays_unchanged() {
    let function = Function::start(&config());
    (0..190).for_each(|number| function.cloud().create(&format!("/app/{number:03}")));
    function.cloud().on(|cloud, operation, name| {
        if operation == "PutRetentionPolicy" && name == "/app/000" {
            (20..60)
                .for_each(|number| cloud.group(&format!("/app/{number:03}")).retention = Some(365));
        }
        None
    });
    swept(&function, Duration::from_secs(60));
    for number in 0..190 {
        let expected = if (20..60).contains(&number) { 365 } else { 30 };
        let name = format!("/app/{number:03}");
        assert_eq!(function.cloud().group(&name).retention, Some(expected), "{name}");
    }
}

#[test]
fn log_groups_are_protected_from_deletion_where_the_policy_says_so() {
    let mut config = json!({"policies": [policy("ship")]});
    config["policies"][0]["deletion_protection"] = json!(true);
    let function = Function::start(&config);
    function.cloud().create("/app/a");
    function.cloud().create("/app/b");
    function.cloud().group("/app/b").is_protected = true;
    function.cloud().on(|cloud, operation, name| {
        let lost = operation == "PutLogGroupDeletionProtection" && cloud.count(operation) == 1;
        if lost {
            cloud.group(name).is_protected = true;
            cloud.wait(Duration::from_secs(3_600));
        }
        None
    });
    let (summary, result) = function.invoke(&created("/app/a"), Duration::from_secs(60));
    result.unwrap();
    let counts = summary.creations.unwrap();
    assert_eq!((counts.changed, counts.retention_set, counts.protected), (1, 1, 1));
    assert!(function.cloud().group("/app/a").is_protected);
    let swept = swept(&function, Duration::from_secs(60)).sweep.unwrap().counts;
    assert_eq!((swept.changed, swept.protected), (1, 0), "{swept:?}");
    assert_eq!(function.cloud().count("PutLogGroupDeletionProtection"), 1);
    config["policies"][0]["deletion_protection"] = json!(false);
    let function = Function::start(&config);
    function.cloud().create("/app/c");
    function.cloud().group("/app/c").is_protected = true;
    function.invoke(&created("/app/c"), Duration::from_secs(60)).1.unwrap();
    assert!(function.cloud().group("/app/c").is_protected, "the enforcer only adds");
}

#[test]
fn a_centralized_copy_of_the_shippers_log_group_is_skipped() {
    let function = Function::start(&config());
    let copy = format!("/app/{ACCOUNT}/{REGION}//aws/lambda/shipper");
    let other = format!("/app/{ACCOUNT}/{REGION}//aws/lambda/checkout");
    function.cloud().create(&copy);
    function.cloud().create(&other);
    let counts = swept(&function, Duration::from_secs(60)).sweep.unwrap().counts;
    assert_eq!(counts.subscribed, 1);
    assert_eq!(counts.skipped_log_groups["loop"], [copy.as_str()]);
    assert_eq!(function.cloud().group(&other).filters.len(), 1);
}

#[test]
fn changes_during_a_retry_stay_unchanged() {
    let function = Function::start(&config());
    function.cloud().create("/app/a");
    function.cloud().on(|cloud, operation, name| {
        let throttled = || Some(rejected("ThrottlingException", "Rate exceeded"));
        match operation {
            "PutSubscriptionFilter" if cloud.group(name).filters.is_empty() => {
                cloud.group(name).filters.push(json!({
                    "filterName": "ship", "destinationArn": "arn:aws:lambda:x:1:function:theirs",
                }));
                throttled()
            }
            "PutRetentionPolicy" if cloud.group(name).retention.is_none() => {
                cloud.group(name).retention = Some(365);
                throttled()
            }
            _ => None,
        }
    });
    let (summary, result) = function.invoke(&created("/app/a"), Duration::from_secs(60));
    result.unwrap();
    let counts = summary.creations.unwrap();
    assert_eq!((counts.changed, counts.unchanged), (0, 1));
    assert_eq!(counts.skipped["name_taken"], 1);
    assert_eq!(counts.skipped_log_groups["name_taken"], ["/app/a"]);
    let group = function.cloud().group("/app/a").clone();
    assert_eq!((group.retention, group.filters.len()), (Some(365), 1));
    assert!(group.filters[0]["destinationArn"].as_str().unwrap().ends_with("theirs"));
}

#[test]
fn a_write_with_a_lost_response_is_counted_and_not_repeated() {
    let function = Function::start(&config());
    function.cloud().create("/app/a");
    function.cloud().on(|cloud, operation, name| {
        if operation == "PutRetentionPolicy" && cloud.group(name).retention.is_none() {
            cloud.group(name).retention = Some(30);
            cloud.wait(Duration::from_secs(3_600));
        }
        None
    });
    let (summary, result) = function.invoke(&created("/app/a"), Duration::from_secs(60));
    result.unwrap();
    let counts = summary.creations.unwrap();
    assert_eq!((counts.changed, counts.subscribed, counts.retention_set), (1, 1, 1));
    assert_eq!(function.cloud().count("PutRetentionPolicy"), 1);
}

#[test]
fn a_sweep_of_ten_thousand_log_groups_ends_with_one_minute_invocations() {
    let function = Function::start(&config());
    (0..10_000).for_each(|number| function.cloud().create(&format!("/app/{number:05}")));
    let last = swept(&function, Duration::from_secs(60)).sweep.unwrap();
    assert_eq!((last.end, last.counts.remaining), (SweepEnd::Finished, 0));
    assert!(last.part > 16 && last.part < MOST_PARTS, "{}", last.part);
    let cloud = function.cloud();
    for (name, group) in &cloud.groups {
        assert_eq!((group.filters.len(), group.retention), (1, Some(30)), "{name}");
    }
    assert_eq!(cloud.count("PutSubscriptionFilter"), 10_000);
}

#[test]
fn a_long_listing_is_read_once_for_all_policies() {
    let mut config = config();
    let mut second = policy("other");
    second["select"] = json!([{"name_prefixes": ["/app/0"]}]);
    config["policies"].as_array_mut().unwrap().push(second);
    let function = Function::start(&config);
    (0..1_509).for_each(|number| {
        let name = format!("/app/{number:04}");
        function.cloud().create(&name);
        function.cloud().group(&name).age = 2 * DAY;
    });
    let last = swept(&function, Duration::from_secs(12)).sweep.unwrap();
    assert_eq!(last.end, SweepEnd::Finished);
    assert!(last.part > 1);
    assert_eq!(function.cloud().count("DescribeLogGroups"), 31);
}

#[test]
fn a_sweep_that_stops_early_is_continued_by_the_next() {
    let function = Function::start(&config());
    (0..200).for_each(|number| function.cloud().create(&format!("/app/{number:03}")));
    function.cloud().on(|_, operation, _| {
        (operation == "Invoke").then(|| rejected("AccessDeniedException", "not authorized"))
    });
    let (first, result) = function.invoke(&sweep(), Duration::from_secs(60));
    assert_eq!(result.unwrap()["end"], "unfinished");
    let reported = json!(first.warnings).to_string();
    assert!(reported.contains("lambda:InvokeFunction on the function itself"), "{reported}");
    let evaluated = first.sweep.unwrap().counts.evaluated;
    assert!(evaluated > 0 && evaluated < 200);
    let (second, _) = function.invoke(&sweep(), Duration::from_secs(600));
    assert_eq!(second.sweep.unwrap().counts.evaluated, 200 - evaluated);
}

#[test]
fn a_sweep_is_limited_and_one_without_time_does_not_continue() {
    let function = Function::start(&config());
    (0..200).for_each(|number| function.cloud().create(&format!("/app/{number:03}")));
    let cursor = json!({"region": REGION, "prefix": "/app/"});
    let last = json!({"logagg": "sweep", "part": MOST_PARTS, "cursor": cursor});
    let (summary, _) = function.invoke(&last, Duration::from_secs(60));
    assert_eq!(summary.sweep.unwrap().end, SweepEnd::Unfinished);
    let second = json!({"logagg": "sweep", "part": 2, "cursor": cursor});
    let (summary, _) = function.invoke(&second, Duration::from_secs(3));
    assert_eq!(summary.sweep.unwrap().end, SweepEnd::Unfinished);
    assert!(function.cloud().invoked.is_empty());
}

#[test]
fn a_slow_log_group_does_not_block_the_sweep() {
    let function = Function::start(&config());
    (0..5).for_each(|number| function.cloud().create(&format!("/app/{number}")));
    function.cloud().on(|_, operation, name| {
        let is_it = operation == "PutRetentionPolicy" && name == "/app/2";
        is_it.then(|| rejected("OperationAbortedException", "A conflicting operation"))
    });
    let last = swept(&function, Duration::from_secs(60)).sweep.unwrap();
    assert_eq!(last.end, SweepEnd::Finished);
    assert_eq!(function.cloud().group("/app/4").retention, Some(30));
    assert_eq!(function.cloud().group("/app/2").retention, None);
}

#[test]
fn an_expired_token_restarts_the_listing_without_repeating_log_groups() {
    let function = Function::start(&config());
    (0..120).for_each(|number| function.cloud().create(&format!("/app/{number:03}")));
    let cursor =
        json!({"region": REGION, "prefix": "/app/", "token": "expired", "after": "/app/069"});
    let part = json!({"logagg": "sweep", "part": 2, "cursor": cursor});
    let (summary, _) = function.invoke(&part, Duration::from_secs(600));
    assert_eq!(summary.sweep.unwrap().counts.evaluated, 50);
}

#[test]
fn new_log_groups_precede_a_sweep_and_a_batch_has_one_sweep() {
    let function = Function::start(&config());
    (0..120).for_each(|number| function.cloud().create(&format!("/app/{number:03}")));
    let new: Vec<_> = (0..4).map(|number| format!("/app/new-{number}")).collect();
    new.iter().for_each(|name| function.cloud().create(name));
    let mut events = vec![sweep(), sweep()];
    events.extend(new.iter().map(|name| created(name)));
    let (summary, response) = function.invoke(&batch(&events), Duration::from_secs(20));
    assert_eq!(failures(&response.unwrap()), 0);
    assert_eq!(summary.creations.as_ref().unwrap().changed, 4);
    let sweep = summary.sweep.unwrap();
    assert_eq!(sweep.end, SweepEnd::Continued);
    assert!(sweep.counts.remaining <= 50, "{sweep:?}");
    assert_eq!(function.cloud().invoked.len(), 1);
}

#[test]
fn a_rejected_filter_does_not_prevent_the_retention_and_shows_the_message_of_aws() {
    for operation in ["PutSubscriptionFilter", "DescribeSubscriptionFilters"] {
        let function = Function::start(&config());
        function.cloud().create("/app/a");
        let message = "Could not execute the lambda function.";
        function.cloud().on(move |_, called, _| {
            (called == operation).then(|| rejected("InvalidParameterException", message))
        });
        let (summary, result) = function.invoke(&created("/app/a"), Duration::from_secs(60));
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("/app/a (ship)"), "{error}");
        assert_eq!(function.cloud().group("/app/a").retention, Some(30));
        adds_up(&summary);
        assert_eq!(summary.creations.unwrap().failed, 1);
    }
}

#[test]
fn an_undescribed_log_group_is_pending_if_new_and_deleted_if_old() {
    let function = Function::start(&config());
    (0..1_500).for_each(|number| function.cloud().create(&format!("/app/gone-{number}")));
    let dated = |age: u64| {
        let mut event = created("/app/gone");
        event["detail"]["eventTime"] = json!(cloud::time(Duration::from_secs(age)));
        event
    };
    let (summary, result) = function.invoke(&dated(10), Duration::from_secs(60));
    assert_eq!(result.unwrap_err().error_type(), "Logagg.Pending");
    assert_eq!(summary.creations.unwrap().pending, 1);
    assert_eq!(function.cloud().count("DescribeLogGroups"), 1);
    let (_, response) = function.invoke(&batch(&[dated(10)]), Duration::from_secs(60));
    assert_eq!(failures(&response.unwrap()), 1);
    for event in [dated(600), created("/app/gone")] {
        let (summary, result) = function.invoke(&event, Duration::from_secs(60));
        result.unwrap();
        assert_eq!(summary.creations.unwrap().deleted, 1);
    }
    assert_eq!(function.cloud().count("DescribeLogGroups"), 4);
}

#[test]
fn counts_add_up_with_a_poison_message_and_a_failed_listing() {
    let function = Function::start(&config());
    function.cloud().create("/app/a");
    function.cloud().on(|_, operation, name| {
        (operation == "DescribeLogGroups" && name == "/app/")
            .then(|| rejected("AccessDeniedException", "no"))
    });
    let events = [created("/app/a"), json!("nonsense"), sweep()];
    let (summary, response) = function.invoke(&batch(&events), Duration::from_secs(60));
    assert_eq!(failures(&response.unwrap()), 2);
    adds_up(&summary);
    assert_eq!(summary.undecodable, 1);
    assert_eq!(summary.sweep.as_ref().unwrap().failed_listings, 1);
    let reported = json!(summary).to_string();
    assert!(reported.contains("message 1: the event is not a JSON object"), "{reported}");
    assert!(reported.contains("\"changed_log_groups\":[\"/app/a\"]"), "{reported}");
}

#[test]
fn an_event_of_another_account_or_region_is_counted() {
    let function = Function::start(&config());
    let mut event = created("/app/a");
    event["detail"]["awsRegion"] = json!("us-east-1");
    let (summary, result) = function.invoke(&event, Duration::from_secs(60));
    result.unwrap();
    assert_eq!(summary.elsewhere, 1);
    assert!(json!(summary.warnings).to_string().contains("us-east-1"));
    assert!(function.cloud().calls.is_empty());
}

#[test]
fn an_invalid_configuration_is_ignored_and_a_new_rate_applies_at_once() {
    let mut slow = config();
    slow["requests_per_second"] = json!(0.1);
    let function = Function::start(&slow);
    function.cloud().create("/app/a");
    let other_account = json!({"policies": [{
        "version": 1, "name": "x", "region": REGION, "account_id": "999999999999",
        "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
    }]});
    for broken in ["{".to_owned(), other_account.to_string()] {
        function.cloud().config = broken;
        function.cloud().wait(Duration::from_secs(61));
        let (summary, result) = function.invoke(&created("/app/a"), Duration::from_secs(60));
        result.unwrap();
        let reported = json!(summary.warnings).to_string();
        assert!(reported.contains("the previous configuration stays in use"), "{reported}");
    }
    let mut fast = config();
    fast["requests_per_second"] = json!(50);
    function.cloud().config = fast.to_string();
    function.cloud().frozen = Duration::from_secs(61);
    let before = function.cloud().now;
    for _ in 0..3 {
        function.invoke(&created("/app/a"), Duration::from_secs(60)).1.unwrap();
    }
    assert!(function.cloud().now - before < Duration::from_secs(1));
}

#[test]
fn conflicting_policies_are_reported() {
    let mut config = config();
    let mut second = policy("ship");
    second["name"] = json!("other");
    second["retention_in_days"] = json!(90);
    second["destination_arn"] = json!(format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:b"));
    config["policies"].as_array_mut().unwrap().push(second);
    EnforcerConfig::parse(&config.to_string()).unwrap();
    let function = Function::start(&config);
    function.cloud().create("/app/a");
    let (summary, _) = function.invoke(&created("/app/a"), Duration::from_secs(60));
    let reported = json!(summary.warnings).to_string();
    assert!(
        reported.contains("different retention") && reported.contains("different filters"),
        "{reported}"
    );
    assert_eq!(function.cloud().group("/app/a").retention, Some(30));
}

#[test]
fn a_sweep_counts_log_groups_whose_event_is_missing() {
    let function = Function::start(&config());
    for (name, minutes) in [("/app/late", 16), ("/app/now", 1), ("/app/old", 2 * 24 * 60)] {
        function.cloud().create(name);
        function.cloud().group(name).age = Duration::from_secs(60 * minutes);
    }
    let sweep = swept(&function, Duration::from_secs(60)).sweep.unwrap();
    assert_eq!((sweep.counts.changed, sweep.unannounced), (2, 1));
    assert_eq!(sweep.unannounced_log_groups, ["/app/late"]);
}

#[test]
fn a_log_group_without_a_free_filter_is_tried_once_and_named() {
    let function = Function::start(&config());
    function.cloud().create("/app/full");
    function.cloud().on(|_, operation, _| {
        (operation == "PutSubscriptionFilter").then(|| rejected("LimitExceededException", "full"))
    });
    let (summary, result) = function.invoke(&created("/app/full"), Duration::from_secs(60));
    result.unwrap();
    assert_eq!(summary.creations.unwrap().skipped_log_groups["full"], ["/app/full"]);
    assert_eq!(function.cloud().count("PutSubscriptionFilter"), 1);
}
