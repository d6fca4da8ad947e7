//! Tag tables, whatever happens to listings and writes.

use std::time::Duration;

use serde_json::{Value, json};

use super::cloud::{ACCOUNT, Function, REGION, rejected};
use super::{config, swept};
use crate::enforcer::{EnforcerConfig, Summary, SweepEnd, TagTableCounts};
use crate::tags::{TagTable, Tags};

const MINUTE: Duration = Duration::from_secs(60);
const KEY: &str = "logagg/tags/123456789012/eu-west-1.json.gz";

fn tagged_config() -> Value {
    let mut config = config();
    config["tag_table"] = json!({"bucket": "tables", "keys": ["team", "env"]});
    config
}

/// A function in an account with tagged log groups, more than a page of them.
fn function() -> Function {
    let function = Function::start(&tagged_config());
    for number in 0..250 {
        let (resource, team) = (format!("logs log-group:/app/{number:03}"), format!("t{number}"));
        function.cloud().tag(&resource, &[("team", &team), ("cost", "7")]);
    }
    function.cloud().tag("lambda function:pay", &[("team", "payments")]);
    function
}

fn written(function: &Function) -> Option<TagTable> {
    let document = function.cloud().objects.get(KEY).cloned()?;
    Some(TagTable::decode(&document, ACCOUNT, REGION).unwrap().0)
}

fn team(table: &TagTable, log_group: &str, function: Option<&str>) -> Option<String> {
    table.tags(log_group, function).and_then(|tags: Tags| tags.get("team").cloned())
}

fn sweep(function: &Function) -> (Summary, Value) {
    let (summary, result) = function.invoke(&super::sweep(), MINUTE);
    (summary, result.unwrap())
}

fn counts(summary: &Summary) -> &TagTableCounts {
    summary.sweep.as_ref().unwrap().tag_tables.as_ref().unwrap()
}

#[track_caller]
fn warns(summary: &Summary, text: &str) {
    let warnings = json!(summary.warnings).to_string();
    assert!(warnings.contains(text), "{warnings}");
}

#[test]
fn a_page_that_fails_leaves_the_former_table() {
    let function = function();
    sweep(&function);
    let before = function.cloud().objects.clone();
    function.cloud().tag("lambda function:pay", &[("team", "audit")]);
    function.cloud().on(|_, operation, token| {
        let text = "User: x is not authorized to perform: tag:GetResources";
        let fails = operation == "GetResources" && token.ends_with("/app/098");
        fails.then(|| rejected("AccessDeniedException", text))
    });
    let (summary, response) = sweep(&function);
    assert_eq!((counts(&summary).failed, counts(&summary).written), (1, 0));
    assert_eq!(response["end"], "finished");
    assert_eq!(function.cloud().objects, before);
    warns(&summary, "the tags of eu-west-1 could not be written, the former table stays: ");
    warns(
        &summary,
        "User: x is not authorized to perform: tag:GetResources; grant the function's \
                     role tag:GetResources",
    );
    let metrics = summary.metrics("n", "f", std::time::SystemTime::now());
    assert_eq!(metrics[0]["failed_tag_tables"], 1);
}

#[test]
fn throttled_pages_are_retried_and_the_table_is_complete() {
    let function = function();
    let mut throttled = 0;
    function.cloud().on(move |_, operation, _| {
        let fails = operation == "GetResources" && throttled < 5;
        throttled += usize::from(fails);
        fails.then(|| rejected("ThrottledException", "Rate exceeded"))
    });
    let (summary, _) = sweep(&function);
    let counts = counts(&summary);
    assert_eq!((counts.written, counts.log_groups, counts.functions), (1, 250, 1));
    let table = written(&function).unwrap();
    assert_eq!(table.sizes(), (250, 1));
    assert_eq!(team(&table, "/app/249", None).as_deref(), Some("t249"));
    assert_eq!(team(&table, "/shop/all", Some("pay")).as_deref(), Some("payments"));
    assert_eq!(table.tags("/app/000", None).unwrap().len(), 1, "only chosen keys");
}

#[test]
fn what_is_deleted_during_the_listing_is_not_in_the_table() {
    let function = function();
    function.cloud().on(|cloud, operation, token| {
        if operation == "GetResources" && token.ends_with("/app/098") {
            cloud.tags.retain(|arn, _| !arn.ends_with("/app/150"));
            // What had tags before is listed without any.
            cloud.tag("logs log-group:/app/151", &[]);
        }
        None
    });
    sweep(&function);
    let table = written(&function).unwrap();
    assert_eq!(table.sizes(), (248, 1));
    assert_eq!(team(&table, "/app/150", None), None);
}

#[test]
fn an_expired_token_begins_the_listing_again() {
    let function = function();
    let mut expired = false;
    function.cloud().on(move |cloud, operation, token| {
        let expires = operation == "GetResources" && token.ends_with("/app/198") && !expired;
        expired |= expires;
        expires.then(|| {
            cloud.tags.retain(|arn, _| !arn.ends_with("/app/000"));
            rejected("PaginationTokenExpiredException", "valid for a maximum of 15 minutes")
        })
    });
    sweep(&function);
    assert_eq!(written(&function).unwrap().sizes(), (249, 1));
    function.cloud().on(|_, operation, token| {
        let expires = operation == "GetResources" && !token.is_empty();
        expires.then(|| rejected("PaginationTokenExpiredException", "again"))
    });
    let (summary, _) = sweep(&function);
    assert_eq!(counts(&summary).failed, 1);
    assert_eq!(written(&function).unwrap().sizes(), (249, 1));
}

#[test]
fn an_equal_table_is_not_written_again() {
    let function = function();
    sweep(&function);
    let (summary, _) = sweep(&function);
    assert_eq!((counts(&summary).written, counts(&summary).unchanged), (0, 1));
    assert_eq!(function.cloud().count("PutObject"), 1);
    function.cloud().tag("lambda function:pay", &[("team", "audit")]);
    let (summary, _) = sweep(&function);
    assert_eq!((counts(&summary).written, counts(&summary).unchanged), (1, 0));
    // Without the permission to read it, the table is written in every sweep.
    function
        .cloud()
        .on(|_, operation, _| (operation == "GetObject").then(|| rejected("AccessDenied", "no")));
    let (summary, _) = sweep(&function);
    assert_eq!((counts(&summary).written, counts(&summary).failed), (1, 0));
}

#[test]
fn a_denied_write_names_the_object_and_the_permission() {
    let function = function();
    function.cloud().create("/app/a");
    function.cloud().on(|_, operation, _| {
        (operation == "PutObject").then(|| rejected("AccessDenied", "Access Denied"))
    });
    let (summary, _) = sweep(&function);
    assert_eq!(counts(&summary).failed, 1);
    warns(
        &summary,
        "Access Denied; grant the function's role s3:PutObject on \
         s3://tables/logagg/tags/123456789012/eu-west-1.json.gz",
    );
    assert_eq!(summary.sweep.unwrap().counts.changed, 1, "the sweep goes on");
}

#[test]
fn tags_that_take_all_the_time_do_not_stop_the_sweep() {
    let mut config = tagged_config();
    config["requests_per_second"] = json!(0.5);
    let function = Function::start(&config);
    function.cloud().create("/app/a");
    for number in 0..2_000 {
        let resource = format!("logs log-group:/app/{number:04}");
        function.cloud().tag(&resource, &[("team", "a")]);
    }
    let (summary, result) = function.invoke(&super::sweep(), Duration::from_secs(20));
    assert!(function.cloud().time_left >= Duration::from_secs(1), "{summary:?}");
    assert_eq!((counts(&summary).failed, &result.unwrap()["end"]), (1, &json!("continued")));
    warns(&summary, "increase the function's timeout or \\\"requests_per_second\\\"");
    let next = function.cloud().invoked.pop().unwrap();
    let listed = function.cloud().count("GetResources");
    let (summary, _) = function.invoke_text(&next, MINUTE);
    let part = summary.sweep.unwrap();
    assert_eq!((part.end, part.counts.changed), (SweepEnd::Finished, 1));
    assert!(part.tag_tables.is_none());
    assert_eq!(function.cloud().count("GetResources"), listed);
    assert!(function.cloud().objects.is_empty());
}

#[test]
fn without_a_bucket_no_tags_are_listed() {
    let function = Function::start(&config());
    let summary = swept(&function, MINUTE);
    assert!(summary.sweep.unwrap().tag_tables.is_none());
    assert_eq!(function.cloud().count("GetResources"), 0);
}

#[test]
fn the_configuration_of_the_table_is_checked_at_once() {
    let mut wrong = tagged_config();
    wrong["tag_table"] = json!({"bucket": "arn:aws:s3:::b", "prefix": "/x", "keys": []});
    let error = EnforcerConfig::parse(&wrong.to_string()).unwrap_err().to_string();
    for text in [
        "tag_table.bucket: is \"arn:aws:s3:::b\", must be a bucket name",
        "tag_table.keys: must list 1 to 50 tag keys, each once",
        "tag_table.prefix: invalid prefix \"/x\": must end with a slash and not begin with one",
    ] {
        assert!(error.contains(text), "{error}");
    }
}
