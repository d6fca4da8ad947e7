//! The JSON document of a record, the same for all destinations that store documents.
//!
//! Field names follow the Elastic Common Schema. The fields of a JSON message are in the object
//! `json`, where they cannot collide with others.

use std::fmt::Display;

use serde::Serialize;

use super::shared_fields::SharedDocumentFields;
use super::{dataset, json};
use crate::line::{Report, VpcFlow};
use crate::log_source::LogSource;
use crate::record::{Extent, Piece};

/// Appends the document of `piece` on one line, without a line break.
pub(super) fn write(piece: &Piece<'_>, body: &mut Vec<u8>) {
    let record = piece.record;
    let line = &record.line;
    let shared = shared_of(record.log_source);
    body.extend_from_slice(b"{\"@timestamp\":\"");
    json::time(record.time, body);
    body.extend_from_slice(b"\",\"message\":");
    json::message(piece, body);
    if let Some(level) = line.level {
        body.extend_from_slice(b",\"log\":{\"level\":\"");
        body.extend_from_slice(level.name().as_bytes());
        body.extend_from_slice(b"\"}");
    }
    write_trace(piece, body);
    body.extend_from_slice(&shared.cloud);
    write_function(&shared.function, line.request_id.as_deref(), body);
    body.extend_from_slice(&shared.log_stream);
    json::string(&piece.id(), body);
    write_extracted(piece, body);
    body.push(b'}');
    if let Some(kind) = record.lambda_kind() {
        body.extend_from_slice(b",\"lambda\":{\"kind\":\"");
        body.extend_from_slice(kind.name().as_bytes());
        body.push(b'"');
        if let Some(report) = &line.report {
            body.extend_from_slice(b",\"report\":");
            serialize(&Figures::new(report), body);
        }
        body.push(b'}');
    }
    match &line.flow {
        Some(flow) => write_flow(flow, body),
        None => body.push(b'}'),
    }
    let logagg = Logagg::new(piece);
    if logagg != Logagg::default() {
        body.extend_from_slice(b",\"logagg\":");
        serialize(&logagg, body);
    }
    if let Some(json) = piece.json {
        body.extend_from_slice(b",\"json\":");
        write_in_one_line(json, body);
    }
    body.push(b'}');
}

/// Appends the fields of the document of `piece` to an object that has fields already, and closes
/// it.
pub(super) fn write_after(piece: &Piece<'_>, body: &mut Vec<u8>) {
    let start = body.len();
    write(piece, body);
    debug_assert_eq!(body[start], b'{');
    body[start] = b',';
}

/// The function that wrote the log event, as far as it is known.
fn write_function(shared: &[u8], request_id: Option<&str>, body: &mut Vec<u8>) {
    if shared.is_empty() && request_id.is_none() {
        return;
    }
    body.extend_from_slice(b",\"faas\":{");
    body.extend_from_slice(shared);
    if let Some(request_id) = request_id {
        if !shared.is_empty() {
            body.push(b',');
        }
        body.extend_from_slice(b"\"execution\":");
        json::string(request_id, body);
    }
    body.push(b'}');
}

/// The trace and the span.
fn write_trace(piece: &Piece<'_>, body: &mut Vec<u8>) {
    let Some(trace) = piece.record.line.trace.as_deref() else {
        return;
    };
    let mut object = |name: &[u8], id: &dyn Display| {
        body.extend_from_slice(name);
        json::quoted(&id.to_string(), body);
        body.push(b'}');
    };
    object(b",\"trace\":{\"id\":", &trace.trace_id);
    if let Some(span_id) = &trace.span_id {
        object(b",\"span\":{\"id\":", span_id);
    }
}

/// The fields of a flow, after other fields of `aws`.
fn write_flow(flow: &VpcFlow<'_>, body: &mut Vec<u8>) {
    body.extend_from_slice(b",\"vpcflow\":");
    serialize(&Interface::new(flow), body);
    body.extend_from_slice(b"},\"source\":");
    serialize(&Host { ip: flow.source_ip, port: flow.source_port }, body);
    body.extend_from_slice(b",\"destination\":");
    serialize(&Host { ip: flow.destination_ip, port: flow.destination_port }, body);
    body.extend_from_slice(b",\"network\":");
    let VpcFlow { protocol, packets, bytes, .. } = *flow;
    serialize(&Network { iana_number: protocol, packets, bytes }, body);
}

/// The fields that the filter pattern extracted.
fn write_extracted(piece: &Piece<'_>, body: &mut Vec<u8>) {
    let mut before: &[u8] = b",\"extracted_fields\":{";
    for (name, text) in piece.record.extracted.of_pattern() {
        body.extend_from_slice(before);
        json::string(name, body);
        body.push(b':');
        json::string(text, body);
        before = b",";
    }
    if before == b"," {
        body.push(b'}');
    }
}

/// Copies a JSON object as written, so that no number loses precision. It is valid JSON, where a
/// line break can only occur between tokens.
fn write_in_one_line(json: &str, body: &mut Vec<u8>) {
    let start = body.len();
    body.extend_from_slice(json.as_bytes());
    if memchr::memchr2(b'\n', b'\r', &body[start..]).is_some() {
        for byte in &mut body[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn serialize(value: &impl Serialize, body: &mut Vec<u8>) {
    serde_json::to_writer(body, value)
        .expect("what is written here has string keys, and writing to memory cannot fail");
}

/// The shared parts of the documents of a log source, encoded once.
fn shared_of<'s>(log_source: &'s LogSource<'_>) -> &'s SharedDocumentFields {
    log_source.shared_fields.document.get_or_init(|| encode_shared(log_source))
}

fn encode_shared(log_source: &LogSource<'_>) -> SharedDocumentFields {
    let mut cloud = Vec::new();
    cloud.extend_from_slice(b",\"cloud\":{\"provider\":\"aws\",\"account\":{\"id\":");
    json::string(log_source.owner, &mut cloud);
    cloud.push(b'}');
    if let Some(region) = log_source.region {
        cloud.extend_from_slice(b",\"region\":");
        json::string(region, &mut cloud);
    }
    cloud.extend_from_slice(b",\"service\":{\"name\":");
    json::quoted(log_source.service.name(), &mut cloud);
    cloud.extend_from_slice(b"}},\"event\":{\"dataset\":");
    json::quoted(dataset::of(log_source.service), &mut cloud);
    cloud.push(b'}');
    let mut function = Vec::new();
    if let Some(name) = log_source.function {
        function.extend_from_slice(b"\"name\":");
        json::string(name, &mut function);
    }
    if let Some(version) = log_source.version {
        let name: &[u8] = if function.is_empty() { b"\"version\":" } else { b",\"version\":" };
        function.extend_from_slice(name);
        json::string(version, &mut function);
    }
    let mut log_stream = Vec::new();
    log_stream.extend_from_slice(b",\"aws\":{\"cloudwatch\":{\"log_group\":");
    json::string(log_source.group, &mut log_stream);
    log_stream.extend_from_slice(b",\"log_stream\":");
    json::string(log_source.stream, &mut log_stream);
    log_stream.extend_from_slice(b",\"event_id\":");
    SharedDocumentFields { cloud, function, log_stream }
}

#[derive(Serialize)]
struct Figures<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_size_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_memory_used_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_restore_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

#[derive(Serialize)]
struct Host<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u64>,
}

#[derive(Serialize)]
struct Network<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iana_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

/// The fields of a flow for which the Elastic Common Schema has no names; those of Elastic's
/// integration.
#[derive(Serialize)]
struct Interface<'a> {
    account_id: &'a str,
    interface_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    log_status: &'a str,
    start: u64,
    end: u64,
}

impl<'a> Interface<'a> {
    fn new(flow: &VpcFlow<'a>) -> Self {
        let VpcFlow { account_id, interface_id, action, log_status, start, end, .. } = *flow;
        Self { account_id, interface_id, action, log_status, start, end }
    }
}

/// What the shipper changed.
#[derive(Default, PartialEq, Serialize)]
struct Logagg {
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

#[derive(PartialEq, Serialize)]
struct Part {
    number: usize,
    count: usize,
}

#[derive(PartialEq, Serialize)]
struct Truncated {
    message_bytes: usize,
}

impl Logagg {
    fn new(piece: &Piece<'_>) -> Self {
        let execution = piece.record.line.request_id_is_inferred.then_some("inferred");
        let (part, truncated) = match piece.extent {
            Extent::Whole => (None, None),
            Extent::Part { number, count } => (Some(Part { number, count }), None),
            Extent::Truncated { message_bytes } => (None, Some(Truncated { message_bytes })),
        };
        Self { execution, part, truncated }
    }
}

impl<'a> Figures<'a> {
    fn new(report: &'a Report<'_>) -> Self {
        Self {
            duration_ms: report.duration_ms,
            billed_duration_ms: report.billed_duration_ms,
            memory_size_mb: report.memory_size_mb,
            max_memory_used_mb: report.max_memory_used_mb,
            init_duration_ms: report.init_duration_ms,
            restore_duration_ms: report.restore_duration_ms,
            billed_restore_duration_ms: report.billed_restore_duration_ms,
            trace_id: report.trace_id.as_deref(),
            status: report.status.as_deref(),
            error_type: report.error_type.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::log_source::LogSource;
    use crate::record::Record;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

    fn written(message: &str, change: impl for<'r> FnOnce(Piece<'r>) -> Piece<'r>) -> String {
        let log_source = LogSource::new(
            "123456789012",
            "/aws/lambda/orders",
            "2023/11/06/[3]0123456789abcdef0123456789abcdef",
        );
        let record = Record {
            id: "77",
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123),
            ..Record::of(&log_source, message)
        };
        let mut body = Vec::new();
        write(&change(Piece::whole(&record)), &mut body);
        String::from_utf8(body).unwrap()
    }

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_text_message_of_a_function() {
        let message = format!("2023-11-06T10:00:00.000Z\t{ID}\tWARN\tkein Käse\nmehr\t\u{1F9C0}");
        assert_eq!(
            value(&written(&message, |piece| piece)),
            json!({
                "@timestamp": "2023-11-06T10:00:00.123Z",
                "message": message,
                "log": {"level": "warn"},
                "cloud": {
                    "provider": "aws", "account": {"id": "123456789012"},
                    "service": {"name": "lambda"},
                },
                "event": {"dataset": "aws.lambda_logs"},
                "faas": {"name": "orders", "version": "3", "execution": ID},
                "aws": {
                    "cloudwatch": {
                        "log_group": "/aws/lambda/orders",
                        "log_stream": "2023/11/06/[3]0123456789abcdef0123456789abcdef",
                        "event_id": "77",
                    },
                    "lambda": {"kind": "application"},
                },
            })
        );
    }

    #[test]
    fn only_log_events_of_lambda_have_a_kind() {
        let log_source = LogSource::new("1", "/network", "eni-1-all");
        const FLOW: &str =
            "2 1 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
        let record = Record::of(&log_source, FLOW);
        let mut body = Vec::new();
        write(&Piece::whole(&record), &mut body);
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["cloud"]["service"], json!({"name": "vpc"}));
        assert_eq!(document["event"], json!({"dataset": "aws.vpcflow"}));
        assert_eq!(document["aws"].get("lambda"), None);
        assert_eq!(document["destination"], json!({"ip": "10.0.0.2", "port": 22}));
        // Wherever it is, a platform log event is Lambda's.
        let record = Record::of(&log_source, "EXTENSION\tName: agent\tState: Ready\tEvents: []");
        body.clear();
        write(&Piece::whole(&record), &mut body);
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["aws"]["lambda"], json!({"kind": "extension"}));
    }

    #[test]
    fn a_report_has_numeric_metrics() {
        let message = format!(
            "REPORT RequestId: {ID}\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t\n"
        );
        let lambda = value(&written(&message, |piece| piece))["aws"]["lambda"].take();
        assert_eq!(
            lambda,
            json!({
                "kind": "report",
                "report": {
                    "duration_ms": 1.5, "billed_duration_ms": 2.0, "memory_size_mb": 128,
                    "status": "success",
                },
            })
        );
    }

    #[test]
    fn json_fields_are_sent_as_written_on_one_line() {
        let message = "{\n  \"big\": 12345678901234567890123,\r\n  \"text\": \"a\\nb\"\n}\n";
        let written = written(message, |piece| piece);
        assert!(!written.contains(['\n', '\r']), "{written}");
        assert!(
            written
                .ends_with(r#","json":{   "big": 12345678901234567890123,    "text": "a\nb" }}"#),
            "{written}"
        );
        assert_eq!(value(&written)["message"], json!(message));
    }

    #[test]
    fn parts_are_numbered() {
        let part =
            written("x", |piece| Piece { extent: Extent::Part { number: 2, count: 3 }, ..piece });
        assert_eq!(value(&part)["logagg"], json!({"part": {"number": 2, "count": 3}}));
        assert_eq!(value(&part)["aws"]["cloudwatch"]["event_id"], "77-2");
        let truncated =
            written("x", |piece| Piece { extent: Extent::Truncated { message_bytes: 9 }, ..piece });
        assert_eq!(value(&truncated)["logagg"], json!({"truncated": {"message_bytes": 9}}));
    }
}
