//! The fuzz targets, run with any bytes by `cargo fuzz` without limit, and by `cargo test` a
//! limited number of times. A target panics on an error.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use logagg_shipper::Config;
use logagg_shipper::config::TYPES;
use logagg_shipper::decode;
use logagg_shipper::destination::{BatchOutcome, Response};
use logagg_shipper::event::{self, Event};
use logagg_shipper::line::Line;
use logagg_shipper::log_source::LogSource;
use logagg_shipper::record::{Piece, Record};

/// The maximum decompressed size.
pub(crate) const CAP_BYTES: usize = 64 * 1024;

/// Configurations of every destination type, in separate documents because not all of them can be
/// combined.
const CONFIGURATIONS: [&str; TYPES.len()] = [
    r#"{"destinations":{"a":{"type":"datadog","api_key":"k"}}}"#,
    r#"{"destinations":{"a":{"type":"elasticsearch","url":"http://127.0.0.1","index":"logs"}}}"#,
    r#"{"destinations":{"a":{"type":"firehose","stream_arn":"arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs"}}}"#,
    r#"{"destinations":{"a":{"type":"honeycomb","api_key":"k","dataset":"d"}}}"#,
    r#"{"destinations":{"a":{"type":"http","url":"http://127.0.0.1"}}}"#,
    r#"{"destinations":{"a":{"type":"kinesis","stream_arn":"arn:aws:kinesis:eu-west-1:123456789012:stream/logs"}}}"#,
    r#"{"destinations":{"a":{"type":"loggly","token":"t"}}}"#,
    r#"{"destinations":{"a":{"type":"logzio","token":"t"}}}"#,
    r#"{"destinations":{"a":{"type":"loki","url":"http://127.0.0.1"}}}"#,
    r#"{"destinations":{"a":{"type":"newrelic","license_key":"k"}}}"#,
    r#"{"destinations":{"a":{"type":"otlp","url":"http://127.0.0.1"}}}"#,
    r#"{"destinations":{"a":{"type":"s3","bucket":"logs","region":"eu-west-1"}}}"#,
    r#"{"destinations":{"a":{"type":"splunk_hec","url":"http://127.0.0.1","token":"t"}}}"#,
    r#"{"destinations":{"a":{"type":"sumologic","url":"http://127.0.0.1/t"}}}"#,
];

/// A Lambda event, up to its log events.
pub(crate) fn event(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(Event::Subscription { data }) = event::parse(&text) {
        undo(&data);
    }
}

/// The data of an event: its decoded size is within the limit.
pub(crate) fn gzip(data: &[u8]) {
    undo(&STANDARD.encode(data));
}

fn undo(data: &str) {
    if let Ok(decoded) = decode::inflate(data, CAP_BYTES, Vec::new()) {
        assert!(decoded.len() <= CAP_BYTES, "{} bytes", decoded.len());
        delivery(&decoded);
    }
}

/// Decoded JSON, up to documents: each is JSON on one line and contains the unchanged message.
pub(crate) fn delivery(data: &[u8]) {
    let mut texts = Vec::new();
    let Ok(delivery) = decode::parse(data, &mut texts) else {
        return;
    };
    let log_source = LogSource::new(&delivery.owner, &delivery.log_group, &delivery.log_stream);
    let records = delivery.log_events.iter().map(|event| Record::new(&log_source, event));
    let records: Vec<Record<'_>> = records.collect();
    for config in configurations() {
        for destination in config.destinations.values() {
            let mut body = Vec::new();
            for record in &records {
                body.clear();
                destination.destination.encode(&Piece::whole(record), &mut body);
                // JSON that is nested too deep for serde here is sent as a string.
                if record.line.json.is_none() {
                    assert!(has_message(&body, record.message), "{}", record.message);
                }
            }
        }
    }
}

/// Whether an encoded record contains its message, unchanged.
fn has_message(body: &[u8], message: &str) -> bool {
    if !body.starts_with(b"{") {
        // Protobuf contains strings unescaped.
        let mut places = body.windows(message.len().max(1));
        return message.is_empty() || places.any(|place| place == message.as_bytes());
    }
    let lines = body.strip_suffix(b"\n").unwrap_or(body);
    let document = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let document: serde_json::Value = serde_json::from_slice(document).unwrap();
    if let Some(data) = document.get("Data") {
        return has_message(&STANDARD.decode(data.as_str().unwrap()).unwrap(), message);
    }
    [&document["event"], &document["message"], &document["data"]["message"]]
        .iter()
        .any(|found| *found == message)
}

/// A message: parsed values are part of it.
pub(crate) fn line(data: &[u8]) {
    let message = String::from_utf8_lossy(data);
    let line = Line::parse(&message);
    if let Some(json) = line.json {
        assert!(message.contains(json), "{message}");
        assert!(json.starts_with('{') && json.ends_with('}'), "{message}");
    }
}

/// A response: whatever it contains, every record of the request has one outcome.
pub(crate) fn classify(data: &[u8]) {
    let [high, low, sent, body @ ..] = data else {
        return;
    };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let sent = usize::from(*sent).max(1);
    let response = Response { status, retry_after: None, body: Bytes::copy_from_slice(body) };
    for config in configurations() {
        for destination in config.destinations.values() {
            match destination.destination.classify(sent, &response) {
                BatchOutcome::Each(outcomes) => assert_eq!(outcomes.len(), sent),
                BatchOutcome::Counted { delivered, rejected } => {
                    let rejected: usize = rejected.iter().map(|(_, count)| count).sum();
                    assert_eq!(delivered + rejected, sent);
                }
                _ => {}
            }
        }
    }
}

/// A configuration: accepted, or rejected with errors.
pub(crate) fn configuration(data: &[u8]) {
    if let Err(error) = Config::parse(&String::from_utf8_lossy(data)) {
        assert!(error.to_string().contains(':'), "{error}");
    }
}

fn configurations() -> Vec<Config> {
    CONFIGURATIONS.iter().map(|document| Config::parse(document).unwrap()).collect()
}
