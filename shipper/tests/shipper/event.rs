//! Events of CloudWatch Logs.

use std::io::Write;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::PAYLOAD;

pub(crate) const GROUP: &str = "/aws/lambda/orders";

/// A delivery of CloudWatch Logs before compression. Every message contains the payload marker, and
/// has an id of `first_id` plus its index.
pub(crate) fn delivery(group: &str, first_id: usize, messages: &[impl AsRef<str>]) -> Value {
    let events: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            json!({
                "id": format!("{:056}", first_id + index),
                "timestamp": 1_699_264_800_123_u64 + index as u64,
                "message": message.as_ref(),
            })
        })
        .collect();
    json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "2023/11/06/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["logagg"],
        "logEvents": events,
    })
}

/// An event with this many marked messages.
pub(crate) fn of(count: usize) -> Vec<u8> {
    let messages: Vec<String> = (0..count).map(message).collect();
    wrap(&delivery(GROUP, 0, &messages))
}

/// An event with these messages.
pub(crate) fn with(messages: &[impl AsRef<str>]) -> Vec<u8> {
    wrap(&delivery(GROUP, 0, messages))
}

/// An event with these messages, written just now: some destinations keep nothing older.
pub(crate) fn fresh(messages: &[impl AsRef<str>]) -> Vec<u8> {
    wrap(&fresh_delivery(0, messages))
}

/// A delivery of messages that were written just now, before compression.
pub(crate) fn fresh_delivery(first_id: usize, messages: &[impl AsRef<str>]) -> Value {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut delivery = delivery(GROUP, first_id, messages);
    for event in delivery["logEvents"].as_array_mut().unwrap() {
        event["timestamp"] = json!(since.as_millis() as u64);
    }
    delivery
}

pub(crate) fn message(number: usize) -> String {
    format!("{PAYLOAD} line {number}\twith a tab, ünïcode \u{1F9C0}\nand a second line")
}

/// A delivery as an invocation's event.
pub(crate) fn wrap(delivery: &Value) -> Vec<u8> {
    wrap_bytes(&gzip(&serde_json::to_vec(delivery).unwrap()))
}

pub(crate) fn wrap_bytes(compressed: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&json!({"awslogs": {"data": STANDARD.encode(compressed)}})).unwrap()
}

/// Records of a stream with these data, with sequence numbers from 1 on.
pub(crate) fn stream(records: &[Vec<u8>]) -> Vec<u8> {
    let records: Vec<Value> = records
        .iter()
        .enumerate()
        .map(|(index, data)| {
            json!({
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "p",
                    "sequenceNumber": (index + 1).to_string(),
                    "data": STANDARD.encode(data),
                    "approximateArrivalTimestamp": 1_699_264_800.5,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": format!("shardId-000000000000:{}", index + 1),
                "eventName": "aws:kinesis:record",
                "awsRegion": "eu-west-1",
                "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/logs",
            })
        })
        .collect();
    serde_json::to_vec(&json!({"Records": records})).unwrap()
}

/// A delivery as a record of a stream contains it.
pub(crate) fn in_stream(first_id: usize, messages: &[impl AsRef<str>]) -> Vec<u8> {
    gzip(&serde_json::to_vec(&delivery(GROUP, first_id, messages)).unwrap())
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The test message of CloudWatch Logs.
pub(crate) fn control() -> Vec<u8> {
    let mut control = delivery("", 0, &["CWL CONTROL MESSAGE: Checking health of destination"]);
    control["messageType"] = json!("CONTROL_MESSAGE");
    wrap(&control)
}
