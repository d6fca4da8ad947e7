//! Gap fill: what a log group had before its filter.

use std::time::Duration;

use serde_json::{Value, json};

use super::cloud::{ACCOUNT, Function, REGION, rejected};
use super::{config, created, swept};

const MINUTE: Duration = Duration::from_secs(60);

fn gap_filling() -> Value {
    let mut config = config();
    config["gap_fill"] = json!({
        "queue_url": format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/backfill"),
        "destination_arn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:shipper"),
        "margin_s": 120,
    });
    config
}

/// The seconds since 1970 of a field of a slice.
fn seconds(slice: &Value, field: &str) -> i64 {
    let time = crate::event::parse_time(slice[field].as_str().unwrap()).unwrap();
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[test]
fn a_new_log_group_is_backfilled_from_its_creation_to_its_filter() {
    let function = Function::start(&gap_filling());
    function.cloud().create("/app/a");
    let (summary, result) = function.invoke(&created("/app/a"), MINUTE);
    result.unwrap();
    let counts = summary.creations.unwrap();
    assert_eq!((counts.subscribed, counts.backfills, counts.failed_backfills), (1, 1, 0));
    let cloud = function.cloud();
    let [(slice, delay)] = &cloud.sent[..] else { panic!("{:?}", cloud.sent) };
    assert_eq!(
        (&slice["logagg"], &slice["log_group"]),
        (&json!("backfill_slice"), &json!("/app/a"))
    );
    // From two weeks before the creation, which was a minute ago, to two minutes from now.
    let length = seconds(slice, "to") - seconds(slice, "from");
    let expected = 14 * 24 * 60 * 60 + 60 + 120;
    assert!((expected - 2..expected + 10).contains(&length), "{length}");
    assert_eq!(*delay, 240);
    // It is sent before the filter is created, directly after the filters are read.
    let order: Vec<_> = cloud.calls.iter().map(|call| call.operation).collect();
    let sent = order.iter().position(|it| *it == "SendMessage").unwrap();
    assert_eq!(order[sent + 1..sent + 3], ["DescribeSubscriptionFilters", "PutSubscriptionFilter"]);
}

#[test]
fn a_log_group_with_its_filter_has_no_gap() {
    let function = Function::start(&gap_filling());
    (0..3).for_each(|number| function.cloud().create(&format!("/app/{number}")));
    assert_eq!(swept(&function, MINUTE).sweep.unwrap().counts.backfills, 3);
    function.invoke(&created("/app/0"), MINUTE).1.unwrap();
    assert_eq!(swept(&function, MINUTE).sweep.unwrap().counts.backfills, 0);
    assert_eq!(function.cloud().sent.len(), 3);
}

#[test]
fn a_log_group_without_room_for_a_filter_is_not_backfilled() {
    let function = Function::start(&gap_filling());
    function.cloud().create("/app/a");
    let theirs = |name: &str| json!({"filterName": name, "destinationArn": "arn:aws:lambda:x:1:function:theirs"});
    function.cloud().group("/app/a").filters = vec![theirs("a"), theirs("b")];
    function.cloud().on(|_, operation, _| {
        (operation == "PutSubscriptionFilter")
            .then(|| rejected("LimitExceededException", "Resource limit exceeded."))
    });
    let (summary, _) = function.invoke(&created("/app/a"), MINUTE);
    assert_eq!(summary.creations.unwrap().backfills, 0);
    assert!(function.cloud().sent.is_empty());
    // With room it is, after its filter.
    function.cloud().on(|_, _, _| None);
    let (summary, _) = function.invoke(&created("/app/a"), MINUTE);
    assert_eq!(summary.creations.unwrap().backfills, 1);
    assert_eq!(function.cloud().sent.len(), 1);
}

#[test]
fn filters_that_cannot_be_created_send_one_slice_and_not_all_again() {
    let function = Function::start(&gap_filling());
    (0..5).for_each(|number| function.cloud().create(&format!("/app/{number}")));
    function.cloud().on(|_, operation, _| {
        (operation == "PutSubscriptionFilter").then(|| {
            rejected("InvalidParameterException", "Could not execute the lambda function.")
        })
    });
    swept(&function, MINUTE);
    swept(&function, MINUTE);
    assert_eq!(function.cloud().sent.len(), 1);
    // All have one once they are created.
    function.cloud().on(|_, _, _| None);
    swept(&function, MINUTE);
    assert_eq!(function.cloud().sent.len(), 1 + 5);
}

#[test]
fn a_filter_that_is_created_late_has_a_later_slice() {
    let function = Function::start(&gap_filling());
    function.cloud().create("/app/a");
    let mut attempts = 0;
    function.cloud().on(move |cloud, operation, _| {
        if operation != "PutSubscriptionFilter" {
            return None;
        }
        attempts += 1;
        // More than half of the margin.
        cloud.wait(Duration::from_secs(8));
        (attempts < 10).then(|| rejected("ThrottlingException", "Rate exceeded"))
    });
    let (summary, result) = function.invoke(&created("/app/a"), 10 * MINUTE);
    result.unwrap();
    assert_eq!(summary.creations.unwrap().subscribed, 1);
    let cloud = function.cloud();
    let ends: Vec<_> = cloud.sent.iter().map(|(slice, _)| seconds(slice, "to")).collect();
    assert_eq!(ends.len(), 2);
    assert!(ends[1] - ends[0] > 60, "{ends:?}");
}

#[test]
fn a_gap_that_cannot_be_filled_does_not_prevent_the_filter() {
    let function = Function::start(&gap_filling());
    function.cloud().create("/app/a");
    function.cloud().on(|_, operation, _| {
        (operation == "SendMessage").then(|| rejected("AccessDenied", "not authorized"))
    });
    let (summary, result) = function.invoke(&created("/app/a"), MINUTE);
    result.unwrap();
    let warnings = json!(summary.warnings).to_string();
    assert!(warnings.contains("grant the enforcer's role sqs:SendMessage"), "{warnings}");
    assert!(warnings.contains(r#"\"logagg\":\"backfill\""#), "{warnings}");
    let counts = summary.creations.unwrap();
    assert_eq!((counts.subscribed, counts.backfills, counts.failed_backfills), (1, 0, 1));
    assert_eq!(function.cloud().group("/app/a").filters.len(), 1);
}

#[test]
fn a_filter_of_another_destination_is_not_backfilled() {
    let mut config = gap_filling();
    config["gap_fill"]["destination_arn"] = json!("arn:aws:kinesis:eu-west-1:1:stream/logs");
    let function = Function::start(&config);
    function.cloud().create("/app/a");
    function.invoke(&created("/app/a"), MINUTE).1.unwrap();
    assert!(function.cloud().sent.is_empty());
}
