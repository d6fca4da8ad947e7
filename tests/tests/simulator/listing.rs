//! Log groups, page by page and filtered.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Class, Group, Simulator};
use serde_json::{Value, json};
use std::time::Duration;

use super::{Simulated, each, refused};

#[test]
fn a_pattern_is_case_sensitive_and_hides_the_retention() {
    let simulated = Simulated::new();
    let group = |name: &str| Group::named(name).retention(30);
    simulated.here.add_groups([group("/app/DataLogs"), group("/app/datalogs")]);
    let found = simulated.logs("DescribeLogGroups", json!({"logGroupNamePattern": "Data"}));
    let found = found.unwrap();
    assert_eq!(each(&found, "logGroups", "logGroupName"), ["/app/DataLogs"]);
    let mut fields: Vec<_> = found["logGroups"][0].as_object().unwrap().keys().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["arn", "creationTime", "logGroupName"]);
    let both = json!({"logGroupNamePattern": "a", "logGroupNamePrefix": "a"});
    let refusal = simulated.logs("DescribeLogGroups", both).unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterException");
}

#[test]
fn everything_is_shown_of_a_group() {
    let simulated = Simulated::new();
    simulated.here.add_groups([Group::named("/a").retention(7).stored_bytes(123)]);
    let found = simulated.logs("DescribeLogGroups", json!({})).unwrap();
    let arn = format!("arn:aws:logs:{REGION}:{}:log-group:/a", simulated.account.id());
    let created = found["logGroups"][0]["creationTime"].clone();
    assert!(created.as_u64().unwrap() > 0);
    assert_eq!(
        found["logGroups"],
        json!([{
            "logGroupName": "/a",
            "creationTime": created,
            "retentionInDays": 7,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "storedBytes": 123,
            "logGroupClass": "STANDARD",
            "deletionProtectionEnabled": false,
        }])
    );
}

#[test]
fn a_token_is_good_for_its_listing_and_a_day() {
    let simulated = Simulated::with(Simulator::builder().speed(0.0));
    simulated.here.add_groups_named(["/a", "/b", "/c"]);
    let page = simulated.logs("DescribeLogGroups", json!({"limit": 1})).unwrap();
    let with = |token: &Value| json!({"limit": 1, "nextToken": token});
    let expected = "400 InvalidParameterException: The specified nextToken is invalid.";
    refused(simulated.logs("DescribeLogGroups", with(&json!("made-up"))), expected);
    let mut other = with(&page["nextToken"]);
    other["logGroupNamePrefix"] = "/".into();
    refused(simulated.logs("DescribeLogGroups", other), expected);

    simulated.here.call("DeleteLogGroup", json!({"logGroupName": "/a"})).unwrap();
    let next = simulated.logs("DescribeLogGroups", with(&page["nextToken"])).unwrap();
    assert_eq!(each(&next, "logGroups", "logGroupName"), ["/b"]);
    simulated.aws.advance(Duration::from_hours(24));
    refused(simulated.logs("DescribeLogGroups", with(&next["nextToken"])), expected);
}

#[test]
fn groups_are_found_by_name_and_class() {
    let simulated = Simulated::new();
    let rare = |name| Group::named(name).class(Class::InfrequentAccess);
    simulated.here.add_groups([Group::named("/a"), rare("/b"), Group::named("/c")]);
    let found = |input| {
        let found = simulated.logs("DescribeLogGroups", input).unwrap();
        each(&found, "logGroups", "logGroupName").join(" ")
    };
    assert_eq!(found(json!({"logGroupClass": "INFREQUENT_ACCESS"})), "/b");
    assert_eq!(found(json!({"logGroupIdentifiers": ["/c", "/nowhere"]})), "/c");
}

#[test]
fn a_list_is_a_thousand_groups_a_page_and_says_little() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named((0..1_500).map(|n| format!("/app/{n:04}")));
    let first = simulated.logs("ListLogGroups", json!({"limit": 1_000})).unwrap();
    assert_eq!(first["logGroups"].as_array().unwrap().len(), 1_000);
    let arn = format!("arn:aws:logs:{REGION}:{}:log-group:/app/0000", simulated.account.id());
    assert_eq!(
        first["logGroups"][0],
        json!({"logGroupName": "/app/0000", "logGroupArn": arn, "logGroupClass": "STANDARD"})
    );
    let input = json!({"limit": 1_000, "nextToken": first["nextToken"]});
    let rest = simulated.logs("ListLogGroups", input).unwrap();
    assert_eq!(rest["logGroups"].as_array().unwrap().len(), 500);
    assert_eq!(rest["nextToken"], Value::Null);
}

#[test]
fn a_list_is_filtered_by_tags_and_name() {
    let simulated = Simulated::new();
    simulated.here.add_groups([
        Group::named("/a").tag("env", "prod").tag("team", "x"),
        Group::named("/b").tag("env", "Production"),
        Group::named("/c").tag("env", "test"),
        Group::named("/discovery"),
    ]);
    let found = |input| {
        let found = simulated.logs("ListLogGroups", input).unwrap();
        each(&found, "logGroups", "logGroupName").join(" ")
    };
    let tags = |key: &str, values: &[&str]| {
        let values: Vec<_> = values.to_vec();
        json!({"logGroupTags": [{"key": key, "values": values}]})
    };
    assert_eq!(found(tags("env", &[])), "/a /b /c");
    assert_eq!(found(tags("env", &["prod"])), "/a");
    assert_eq!(found(tags("env", &["prod*"])), "/a /b");
    assert_eq!(found(tags("env", &["!prod"])), "/b /c");
    assert_eq!(found(tags("env", &["prod", "test"])), "/a /c");
    let both = json!([{"key": "env", "values": ["p*"]}, {"key": "team"}]);
    assert_eq!(found(json!({"logGroupTags": both})), "/a");
    assert_eq!(found(json!({"logGroupNamePattern": "^dis|cover"})), "/discovery");
    let short = simulated.logs("ListLogGroups", json!({"logGroupNamePattern": "^/a|cover"}));
    assert_eq!(short.unwrap_err().code, "InvalidParameterException");
    let six: Vec<_> = (0..6).map(|n| json!({"key": format!("k{n}")})).collect();
    let refusal = simulated.logs("ListLogGroups", json!({"logGroupTags": six})).unwrap_err();
    assert_eq!(refusal.code, "InvalidParameterException");
}

#[test]
fn fifty_thousand_groups_are_listed_whole() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named((0..50_000).map(|n| format!("/app/{n:05}")));
    let groups = simulated.account.logs().groups().unwrap();
    assert_eq!(groups.len(), 50_000);
    assert!(groups.is_sorted());
    assert_eq!(simulated.aws.counts().of("DescribeLogGroups"), 1_000);
}
