//! The role of the shipper's module grants what the shipper and Lambda need for undelivered events,
//! and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use hcl_edit::structure::Body;
use serde_json::json;

use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::Lambda;
use crate::logzio::{self, Logzio};
use crate::queue::key;
use crate::storage::{BUCKET, Storage};

/// The permissions that an event source mapping needs.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const OF_THE_MAPPING: [&str; 3] =
    ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// The statements about bucket and queue.
const STATEMENTS: [&str; 3] = ["ListUndelivered", "Pointers", "Undelivered"];

/// The actions granted by these statements.
fn granted() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../modules/shipper/role.tf");
    let body: Body = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let mut actions = BTreeSet::new();
    let mut found = BTreeSet::new();
    for statement in body.get_blocks("data").flat_map(|data| data.body.get_blocks("statement")) {
        let sid = statement.body.get_attribute("sid").and_then(|sid| sid.value.as_str());
        let Some(sid) = sid.filter(|sid| STATEMENTS.contains(sid)) else { continue };
        found.insert(sid.to_owned());
        let list = &statement.body.get_attribute("actions").unwrap().value;
        let list = list.as_array().unwrap();
        actions.extend(list.iter().map(|action| action.as_str().unwrap().to_owned()));
    }
    assert_eq!(found.len(), STATEMENTS.len(), "{found:?}");
    actions
}

/// The action of a call.
fn action(operation: &str) -> &'static str {
    match operation {
        "PutObject" => "s3:PutObject",
        "GetObject" => "s3:GetObject",
        "DeleteObject" => "s3:DeleteObject",
        "ListObjectsV2" => "s3:ListBucket",
        "SendMessageBatch" => "sqs:SendMessage",
        "ChangeMessageVisibilityBatch" => "sqs:ChangeMessageVisibility",
        "GetQueueAttributes" => "sqs:GetQueueAttributes",
        other => panic!("another call: {other}"),
    }
}

#[test]
fn the_role_has_exactly_the_permissions_in_use() {
    let stop = || logzio::Behavior::Does(Reply::Response(Response::new(401, "")));
    let (logzio, storage) = (Logzio::with_behaviors([stop(), stop()]), Storage::start());
    let config = json!({
        "destinations": {"logs": logzio.config()}, "undelivered": storage.config_with_queue(),
        // Below the same prefix, as in the module.
        "tags": {"bucket": BUCKET, "bucket_owner": "123456789012", "accounts": ["123456789012"]},
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    lambda.invoke(&event::of(2));
    lambda.invoke(br#"{"awslogs":{"data":"AAAA"}}"#);
    storage.put(&key("logs", 1), "no gzip");
    let event: serde_json::Value = serde_json::from_slice(&event::of(1)).unwrap();
    let record = json!({
        "requestContext": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:the-shipper"},
        "requestPayload": event,
    });
    storage.put("aws/lambda/async/the-shipper/2026/11/29/a", record.to_string());
    // A foreign message stays in the queue, delayed.
    storage.send("no JSON");
    lambda.invoke(br#"{"logagg":"replay","dry_run":true}"#);
    lambda.invoke(br#"{"logagg":"replay"}"#);
    while let Some(event) = storage.receive(10) {
        let invoked = lambda.invoke(&event);
        storage.complete(&event, &invoked.result);
    }
    let used =
        storage.requests().iter().map(|operation| action(operation)).collect::<BTreeSet<_>>();
    let needed: BTreeSet<String> =
        used.into_iter().chain(OF_THE_MAPPING).map(str::to_owned).collect();
    assert_eq!(granted(), needed);
    let keys = storage.keys();
    let outside: Vec<&String> = keys
        .iter()
        .filter(|key| !key.starts_with("logagg/") && !key.starts_with("aws/lambda/"))
        .collect();
    assert!(!keys.is_empty() && outside.is_empty(), "{outside:?}");
    assert!(keys.iter().any(|key| key.starts_with("logagg/tags/")), "no table is read: {keys:?}");
}
