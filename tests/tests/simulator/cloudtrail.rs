//! CloudTrail delivers every write, late and out of order.

use std::time::{Duration, SystemTime};

use logagg_e2e::simulator::Simulator;
use serde_json::{Value, json};

use super::{Simulated, each, refused};

fn lookup(simulated: &Simulated, input: &Value) -> Value {
    let target = "CloudTrail_20131101.LookupEvents";
    simulated.api.json("cloudtrail", target, input).unwrap().unwrap()
}

fn by_name(name: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]})
}

#[test]
fn an_event_says_what_was_done_and_by_whom() {
    let simulated = Simulated::new();
    simulated.here.call("CreateLogGroup", json!({"logGroupName": "/a"})).unwrap();
    simulated.here.call("DeleteLogGroup", json!({"logGroupName": "/b"})).unwrap_err();
    let found = lookup(&simulated, &by_name("CreateLogGroup"));
    assert_eq!(each(&found, "Events", "EventName"), ["CreateLogGroup"]);
    assert_eq!(each(&found, "Events", "Username"), ["somebody"]);
    let event: Value =
        serde_json::from_str(found["Events"][0]["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(event["requestParameters"], json!({"logGroupName": "/a"}));
    assert_eq!(event["eventSource"], "logs.amazonaws.com");
    assert_eq!(event["recipientAccountId"], simulated.account.id());
    let found = lookup(&simulated, &by_name("DeleteLogGroup"));
    let failed = found["Events"][0]["CloudTrailEvent"].as_str().unwrap();
    assert!(failed.contains("\"errorCode\":\"ResourceNotFoundException\""), "{failed}");
}

#[test]
fn events_come_newest_first_and_fifty_a_page() {
    let simulated = Simulated::with(Simulator::builder().speed(0.0));
    for n in 0..60 {
        simulated.here.call("CreateLogGroup", json!({"logGroupName": format!("/{n:02}")})).unwrap();
        simulated.aws.advance(Duration::from_secs(1));
    }
    let named = |page: &Value| -> Vec<String> {
        let groups = each(page, "Events", "CloudTrailEvent").into_iter().map(|event| {
            let event: Value = serde_json::from_str(event).unwrap();
            event["requestParameters"]["logGroupName"].as_str().unwrap().to_owned()
        });
        groups.collect()
    };
    let mut input = by_name("CreateLogGroup");
    let first = lookup(&simulated, &input);
    input["NextToken"] = first["NextToken"].clone();
    let rest = lookup(&simulated, &input);
    assert_eq!(rest["NextToken"], Value::Null);
    let seen = [named(&first), named(&rest)].concat();
    assert_eq!(named(&first).len(), 50);
    assert_eq!(seen, (0..60).rev().map(|n| format!("/{n:02}")).collect::<Vec<_>>());
}

#[test]
fn events_are_late_and_out_of_order_and_all_come() {
    let builder = Simulator::builder()
        .seed(3)
        .speed(0.0)
        .event_delay(Duration::ZERO, Duration::from_mins(15));
    let simulated = Simulated::with(builder);
    let start = simulated.aws.now();
    for n in 0..40 {
        simulated.here.call("CreateLogGroup", json!({"logGroupName": format!("/{n}")})).unwrap();
        simulated.aws.advance(Duration::from_secs(1));
    }
    let count = || lookup(&simulated, &json!({}))["Events"].as_array().unwrap().len();
    let mut last = count();
    let mut steps = 0;
    while last < 40 {
        simulated.aws.advance(Duration::from_mins(1));
        let now = count();
        assert!(now >= last);
        steps += usize::from(now > last);
        last = now;
    }
    assert!(steps > 3, "they came at once");
    assert!(simulated.aws.now() <= start + Duration::from_mins(17));
}

#[test]
fn a_range_of_time_and_a_wrong_one() {
    let simulated = Simulated::with(Simulator::builder().speed(0.0));
    simulated.here.call("CreateLogGroup", json!({"logGroupName": "/old"})).unwrap();
    simulated.aws.advance(Duration::from_mins(10));
    simulated.here.call("CreateLogGroup", json!({"logGroupName": "/new"})).unwrap();
    let now = simulated.aws.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let found = lookup(&simulated, &json!({"StartTime": now - 60}));
    assert_eq!(found["Events"].as_array().unwrap().len(), 1);
    let input = json!({"StartTime": now, "EndTime": now - 1});
    let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    refused(
        simulated.api.json("cloudtrail", target, &input).unwrap(),
        "400 InvalidTimeRangeException: The specified time range is not valid.",
    );
    simulated.aws.advance(Duration::from_hours(90 * 24) + Duration::from_secs(1));
    assert_eq!(lookup(&simulated, &json!({}))["Events"], json!([]));
}
