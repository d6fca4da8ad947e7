//! Valid and invalid events of every kind.

use serde_json::{Value, json};

use crate::bulk::Bulk;
use crate::event::{self, GROUP};
use crate::lambda::{FunctionError, Lambda, OWN_LOG_GROUP};
use crate::logzio::Logzio;
use crate::settled::settled;
use crate::{PAYLOAD, SECRET};

const MEBIBYTE: usize = 1024 * 1024;

fn lambda(bulk: &Bulk) -> Lambda {
    Lambda::start(&json!({
        "destinations": {"search": bulk.config()},
        "max_decoded_bytes": MEBIBYTE,
    }))
}

/// Sends an event that fails with this error and reaches no destination.
#[track_caller]
fn check_error(event: &[u8], error_type: &str, message: &str) {
    let bulk = Bulk::start();
    let invoked = lambda(&bulk).invoke(event);
    let expected = FunctionError { error_type: error_type.to_owned(), message: message.to_owned() };
    assert_eq!(invoked.result, Err(expected));
    assert_eq!(invoked.summary["outcome"], "failed");
    assert_eq!(invoked.summary["error"], message);
    assert!(bulk.arrivals().is_empty());
}

#[test]
fn an_event_of_an_unknown_kind_is_an_error_that_names_its_fields() {
    let event = json!({"Record": [{"body": PAYLOAD}], "source": SECRET});
    check_error(
        event.to_string().as_bytes(),
        "Logagg.UnknownEvent",
        "unknown event: expected the field \"awslogs\" (a CloudWatch Logs subscription filter), \
         \"Records\" of Kinesis or SQS, or a schedule's event, found the fields Record, source; \
         remove the trigger that sends it",
    );
}

#[test]
fn a_subscription_event_without_data_is_an_error() {
    let event = json!({"awslogs": {"text": PAYLOAD}});
    check_error(
        event.to_string().as_bytes(),
        "Logagg.UnknownEvent",
        "cannot read the field \"awslogs\" of the event: expected {\"data\": \"…\"} as CloudWatch Logs sends it",
    );
}

#[test]
fn broken_base64_gzip_and_json_are_errors_of_their_own() {
    check_error(
        json!({"awslogs": {"data": PAYLOAD.repeat(3) + "%"}}).to_string().as_bytes(),
        "Logagg.UndecodableEvent",
        "cannot decode the event: its data is not base64",
    );
    let whole = event::gzip(event::delivery(GROUP, 0, &[PAYLOAD]).to_string().as_bytes());
    check_error(
        &event::wrap_bytes(&whole[..whole.len() - 5]),
        "Logagg.UndecodableEvent",
        "cannot decode the event: its data is not complete gzip",
    );
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    check_error(
        &event::wrap_bytes(&flipped),
        "Logagg.UndecodableEvent",
        "cannot decode the event: its data is not complete gzip",
    );
    check_error(
        &event::wrap(&json!({"messageType": PAYLOAD})),
        "Logagg.UndecodableEvent",
        "cannot decode the event: invalid CloudWatch Logs JSON (a missing field or a field of \
         another type at line 1 column 24)",
    );
}

#[test]
fn every_member_of_the_gzip_is_read() {
    let bulk = Bulk::start();
    let messages: Vec<String> = (0..6).map(event::message).collect();
    let json = event::delivery(GROUP, 0, &messages).to_string();
    let members: Vec<u8> = json.as_bytes().chunks(100).flat_map(event::gzip).collect();
    let invoked = lambda(&bulk).invoke(&event::wrap_bytes(&members));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("delivered"), 6);
}

#[test]
fn a_decompression_bomb_is_rejected_at_the_limit() {
    let bomb = event::gzip(&vec![b' '; MEBIBYTE]).repeat(200);
    check_error(
        &event::wrap_bytes(&bomb),
        "Logagg.UndecodableEvent",
        "cannot decode the event: more than 1048576 bytes after decompression; increase \
         \"max_decoded_bytes\" and the function's memory",
    );
}

#[test]
fn a_control_message_is_not_a_log_event() {
    let bulk = Bulk::start();
    let invoked = lambda(&bulk).invoke(&event::control());
    assert!(invoked.result.is_ok());
    assert_eq!(invoked.summary["message_type"], "CONTROL_MESSAGE");
    assert_eq!(invoked.summary["destinations"], json!({}));
    assert!(bulk.arrivals().is_empty());
}

/// A central stream contains the log groups of many accounts, each with a shipper of the same name.
#[test]
fn a_log_group_of_the_same_name_in_another_account_is_not_the_shippers_own() {
    let bulk = Bulk::start();
    let messages = [event::message(0), event::message(1)];
    let mut delivery = event::delivery(OWN_LOG_GROUP, 0, &messages);
    delivery["owner"] = json!("210987654321");
    let invoked = lambda(&bulk).invoke(&event::wrap(&delivery));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("dropped")), (2, 0));
}

/// Functions that share a log group have their names in the log streams.
#[test]
fn in_a_log_group_that_functions_share_only_what_the_shipper_wrote_is_its_own() {
    for (function, dropped) in [("orders", 0), ("the-shipper", 2)] {
        let bulk = Bulk::start();
        let messages = [event::message(0), event::message(1)];
        let mut delivery = event::delivery(OWN_LOG_GROUP, 0, &messages);
        delivery["logStream"] =
            json!(format!("2023/11/06/{function}[$LATEST]0123456789abcdef0123456789abcdef"));
        let invoked = lambda(&bulk).invoke(&event::wrap(&delivery));
        let counts = settled(&invoked, "search", &messages, &bulk.held());
        assert_eq!((counts.get("delivered"), counts.get("dropped")), (2 - dropped, dropped));
    }
}

/// A log event without a request id is between the START and the END of its request.
#[test]
fn a_printed_log_event_has_the_enclosing_request_id() {
    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
    let logzio = Logzio::start();
    let messages = [
        format!("START RequestId: {ID} Version: $LATEST\n"),
        event::message(1),
        format!("END RequestId: {ID}\n"),
        event::message(3),
    ];
    let config = json!({"destinations": {"logs": logzio.config()}});
    Lambda::start(&config).invoke(&event::with(&messages));
    let executions: Vec<Value> = logzio
        .lines()
        .iter()
        .map(|line| json!([line["faas"].get("execution"), line.get("logagg")]))
        .collect();
    let inferred = json!([ID, {"execution": "inferred"}]);
    let expected = [json!([ID, null]), inferred, json!([ID, null]), json!([null, null])];
    assert_eq!(executions, expected);
}

#[test]
fn the_shippers_own_log_group_is_dropped_with_a_warning() {
    let bulk = Bulk::start();
    let messages = [event::message(0), event::message(1)];
    let invoked = lambda(&bulk).invoke(&event::wrap(&event::delivery(OWN_LOG_GROUP, 0, &messages)));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("dropped"), 2);
    assert_eq!(counts.reasons("dropped")["own_log_group"], 2);
    assert_eq!(
        invoked.summary["warnings"],
        json!(["dropped log events of the shipper's own log group (log recursion); remove the \
             subscription filter from that log group"])
    );
    assert!(bulk.arrivals().is_empty());
}

/// A centralization rule copies the shipper's own log group under another name, beside others'. The
/// owner of the copy is the central account; system fields have the source.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_Centralization.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>
#[test]
fn of_centralized_log_events_only_the_shippers_own_are_dropped() {
    let bulk = Bulk::start();
    let messages = [event::message(0), event::message(1), event::message(2)];
    let mut delivery = event::delivery("/central/123456789012/eu-west-1", 0, &messages);
    let source = |account: &str, region: &str| json!({"@aws.account": account, "@aws.region": region, "@source.log": OWN_LOG_GROUP});
    let owner = delivery["owner"].as_str().unwrap().to_owned();
    delivery["logEvents"][0]["extractedFields"] = source("210987654321", "eu-west-1");
    delivery["logEvents"][1]["extractedFields"] = source(&owner, "eu-west-1");
    delivery["logEvents"][2]["extractedFields"] = source(&owner, "us-east-2");
    let invoked = lambda(&bulk).invoke(&event::wrap(&delivery));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("dropped")), (2, 1));
    assert_eq!(counts.reasons("dropped")["own_log_group"], 1);
    assert!(invoked.summary["warnings"][0].as_str().unwrap().contains("log recursion"));
}

#[test]
fn an_event_without_log_events_sends_nothing() {
    let bulk = Bulk::start();
    let invoked = lambda(&bulk).invoke(&event::of(0));
    let counts = settled(&invoked, "search", &[], &bulk.held());
    assert_eq!((counts.get("received"), counts.get("requests")), (0, 0));
}

#[test]
fn unknown_fields_are_ignored() {
    let bulk = Bulk::start();
    let messages = [event::message(0)];
    let mut delivery = event::delivery(GROUP, 0, &messages);
    delivery["@aws.region"] = json!("eu-west-1");
    delivery["logEvents"][0]["unknown"] = json!({"a": "b"});
    delivery["policyLevel"] = json!("ACCOUNT");
    let invoked = lambda(&bulk).invoke(&event::wrap(&delivery));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("delivered"), 1);
}

/// The form of `extractedFields`:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>, its system
/// fields: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>
#[test]
fn centralized_log_events_have_the_source_that_each_names() {
    let bulk = Bulk::start();
    let messages = [event::message(0), event::message(1)];
    let mut delivery = event::delivery(GROUP, 0, &messages);
    delivery["logEvents"][1]["extractedFields"] = json!({
        "@aws.account": "210987654321", "@aws.region": "us-east-2",
        "@source.log": "/aws/lambda/other", "srcaddr": "10.0.1.2",
    });
    let mut lambda = lambda(&bulk);
    let invoked = lambda.invoke(&event::wrap(&delivery));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("delivered"), 2);
    let documents = bulk.documents();
    let of = |region: &str| {
        let found = documents.iter().find(|document| document["cloud"]["region"] == region);
        found.unwrap_or_else(|| panic!("no document of {region}: {documents:?}"))
    };
    let (own, other) = (of("eu-west-1"), of("us-east-2"));
    assert_eq!(own["aws"]["cloudwatch"].get("extracted_fields"), None);
    let cloud = json!({
        "provider": "aws", "account": {"id": "210987654321"}, "region": "us-east-2",
        "service": {"name": "lambda"},
    });
    assert_eq!(other["cloud"], cloud);
    assert_eq!(other["faas"]["name"], "other");
    assert_eq!(other["aws"]["cloudwatch"]["log_group"], "/aws/lambda/other");
    assert_eq!(other["aws"]["cloudwatch"]["extracted_fields"], json!({"srcaddr": "10.0.1.2"}));
    // The same log event without the fields has the same id.
    delivery["logEvents"][1].as_object_mut().unwrap().remove("extractedFields");
    let again = lambda.invoke(&event::wrap(&delivery));
    assert_eq!(again.summary["destinations"]["search"]["deduplicated"], 2);
}

#[test]
fn a_large_event_is_sent_in_several_requests() {
    let bulk = Bulk::start();
    let messages: Vec<String> =
        (0..60).map(|number| format!("{number} {}", "x".repeat(20_000))).collect();
    let mut config = json!({"destinations": {"search": bulk.config()}});
    config["destinations"]["search"]["max_request_bytes"] = json!(1_000_000);
    let invoked = Lambda::start(&config).invoke(&event::with(&messages));
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("delivered"), 60);
    assert_eq!(counts.get("requests"), 2);
    assert!(bulk.sizes().iter().all(|size| *size <= 1_000_000));
}
