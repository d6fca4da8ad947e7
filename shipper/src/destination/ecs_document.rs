//! The JSON document of a record, the same for all destinations that store documents.
//!
//! Field names follow the Elastic Common Schema. The fields of a JSON message are in the object
//! `json`, where they cannot collide with others.

use std::fmt::Display;

use serde::Serialize;

use super::shared_fields::SharedDocumentFields;
use super::{RecordField, RecordFields, dataset, json, tags};
use crate::line::{LambdaDetails, Report, VpcFlow};
use crate::log_source::LogSource;
use crate::record::{Extent, Piece};

/// Appends the document of `piece` on one line, without a line break. What differs between records
/// of a log source comes first, and the message last: what they share is then one sequence of bytes,
/// which compresses best.
pub(super) fn write(piece: &Piece<'_>, body: &mut Vec<u8>) {
    write_with_labels(piece, tags::labels(piece.record.log_source), body);
}

fn write_with_labels(piece: &Piece<'_>, labels: &[u8], body: &mut Vec<u8>) {
    let record = piece.record;
    let line = &record.line;
    body.extend_from_slice(b"{\"@timestamp\":\"");
    json::time(record.time, body);
    body.push(b'"');
    if let Some(level) = line.level.filter(|_| piece.fields.has(RecordField::Level)) {
        body.extend_from_slice(b",\"log\":{\"level\":\"");
        body.extend_from_slice(level.name().as_bytes());
        body.extend_from_slice(b"\"}");
    }
    if piece.fields.has(RecordField::Trace) {
        write_trace(piece, body);
    }
    body.extend_from_slice(labels);
    let request_id = line.request_id.as_deref();
    let request_id = request_id.filter(|_| piece.fields.has(RecordField::Request));
    write_shared(shared_of(record.log_source, piece.fields), request_id, body);
    let mut before: &[u8] = b"";
    if piece.fields.has(RecordField::EventId) {
        body.extend_from_slice(if has_cloudwatch(piece.fields) { b"," } else { b"" });
        body.extend_from_slice(b"\"event_id\":");
        json::string(&piece.id(), body);
        before = b",";
    } else if has_cloudwatch(piece.fields) {
        before = b",";
    }
    write_extracted(piece, before, body);
    body.push(b'}');
    write_lambda(piece, body);
    match &line.flow {
        Some(flow) => write_flow(flow, body),
        None => body.push(b'}'),
    }
    let logagg = Logagg::new(piece);
    if logagg != Logagg::default() {
        body.extend_from_slice(b",\"logagg\":");
        serialize(&logagg, body);
    }
    body.extend_from_slice(b",\"message\":");
    json::message(piece, body);
    if let Some(json) = piece.json {
        body.extend_from_slice(b",\"json\":");
        write_in_one_line(json, body);
    }
    body.push(b'}');
}

/// Appends the fields of the document of `piece` to an object that has fields already, and closes
/// it. `labels` are [`tags::labels`], or nothing where tags are kept elsewhere.
pub(super) fn write_after(piece: &Piece<'_>, labels: &[u8], body: &mut Vec<u8>) {
    let start = body.len();
    write_with_labels(piece, labels, body);
    debug_assert_eq!(body[start], b'{');
    body[start] = b',';
}

/// What the records of a log source share, after the request in the object of the function.
fn write_shared(shared: &SharedDocumentFields, request_id: Option<&str>, body: &mut Vec<u8>) {
    let (function, rest) = shared.bytes.split_at(shared.rest);
    // The brace that closes the function.
    let is_function_known = function.len() > 1;
    match request_id {
        Some(request_id) => {
            body.extend_from_slice(b",\"faas\":{\"execution\":");
            json::string(request_id, body);
            if is_function_known {
                body.push(b',');
            }
            body.extend_from_slice(&shared.bytes);
        }
        None if is_function_known => {
            body.extend_from_slice(b",\"faas\":{");
            body.extend_from_slice(&shared.bytes);
        }
        None => body.extend_from_slice(rest),
    }
}

/// The fields of a log event of Lambda.
fn write_lambda(piece: &Piece<'_>, body: &mut Vec<u8>) {
    let Some(kind) = piece.record.lambda_kind() else {
        return;
    };
    let (line, fields) = (&piece.record.line, piece.fields);
    let report = line.report.as_ref().filter(|_| fields.has(RecordField::Report));
    if !fields.has(RecordField::Kind) && line.details.is_none() && report.is_none() {
        return;
    }
    body.extend_from_slice(b",\"lambda\":");
    json::object(body, |body| {
        if fields.has(RecordField::Kind) {
            body.extend_from_slice(b",\"kind\":\"");
            body.extend_from_slice(kind.name().as_bytes());
            body.push(b'"');
        }
        if let Some(details) = &line.details {
            write_details(details, body);
        }
        if let Some(report) = report {
            body.extend_from_slice(b",\"report\":");
            serialize(&Figures::new(report), body);
        }
    });
}

/// Whether the object `aws.cloudwatch` has fields that all records of a log source share.
fn has_cloudwatch(fields: RecordFields) -> bool {
    fields.has(RecordField::LogGroup) || fields.has(RecordField::LogStream)
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

/// Further fields of `lambda`.
fn write_details(details: &LambdaDetails<'_>, body: &mut Vec<u8>) {
    let start = body.len();
    serialize(&Details::new(details), body);
    // It has at least one field: the object goes on with them.
    body[start] = b',';
    body.pop();
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

/// The fields that the filter pattern extracted, after others or none.
fn write_extracted(piece: &Piece<'_>, separator: &[u8], body: &mut Vec<u8>) {
    let mut before: &[u8] = b"\"extracted_fields\":{";
    for (name, text) in piece.record.extracted.of_pattern() {
        body.extend_from_slice(if before == b"," { b"" } else { separator });
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

/// What the documents of a log source share, encoded once for each selection of fields.
fn shared_of<'s>(log_source: &'s LogSource<'_>, fields: RecordFields) -> &'s SharedDocumentFields {
    log_source.shared_fields.document.get(fields, || encode_shared(log_source, fields))
}

fn encode_shared(log_source: &LogSource<'_>, fields: RecordFields) -> SharedDocumentFields {
    let mut bytes = Vec::new();
    let function = log_source.function.filter(|_| fields.has(RecordField::Function));
    let version = log_source.version.filter(|_| fields.has(RecordField::Version));
    members([("name", function), ("version", version)], &mut bytes);
    bytes.push(b'}');
    let rest = bytes.len();
    bytes.extend_from_slice(b",\"cloud\":{\"provider\":\"aws\"");
    if fields.has(RecordField::Account) {
        bytes.extend_from_slice(b",\"account\":{\"id\":");
        json::string(log_source.owner, &mut bytes);
        bytes.push(b'}');
    }
    if let Some(region) = log_source.region.filter(|_| fields.has(RecordField::Region)) {
        bytes.extend_from_slice(b",\"region\":");
        json::string(region, &mut bytes);
    }
    if fields.has(RecordField::Service) {
        bytes.extend_from_slice(b",\"service\":{\"name\":");
        json::quoted(log_source.service.name(), &mut bytes);
        bytes.push(b'}');
    }
    bytes.push(b'}');
    if fields.has(RecordField::Dataset) {
        bytes.extend_from_slice(b",\"event\":{\"dataset\":");
        json::quoted(dataset::of(log_source.service), &mut bytes);
        bytes.push(b'}');
    }
    bytes.extend_from_slice(b",\"aws\":{\"cloudwatch\":{");
    let group = Some(log_source.group).filter(|_| fields.has(RecordField::LogGroup));
    let stream = Some(log_source.stream).filter(|_| fields.has(RecordField::LogStream));
    members([("log_group", group), ("log_stream", stream)], &mut bytes);
    SharedDocumentFields { bytes, rest }
}

/// Appends the members of an object that have a value.
fn members(members: [(&str, Option<&str>); 2], bytes: &mut Vec<u8>) {
    let mut before: &[u8] = b"\"";
    for (name, value) in members {
        if let Some(value) = value {
            bytes.extend_from_slice(before);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b"\":");
            json::string(value, bytes);
            before = b",\"";
        }
    }
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

#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durable_execution_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_bytes: Option<u64>,
}

impl<'a> Details<'a> {
    fn new(details: &'a LambdaDetails<'_>) -> Self {
        Self {
            tenant_id: details.tenant_id.as_deref(),
            durable_execution_arn: details.durable_execution_arn.as_deref(),
            dropped_records: details.dropped_records,
            dropped_bytes: details.dropped_bytes,
        }
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
        let is_inferred = piece.record.line.request_id_is_inferred;
        let is_sent = piece.fields.has(RecordField::Request);
        let execution = (is_inferred && is_sent).then_some("inferred");
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

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::decode::{Extracted, ExtractedFields};
    use crate::destination::attributes;
    use crate::log_source::LogSource;
    use crate::record::Record;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

    proptest! {
        /// Document and attributes are JSON, whatever fields are sent of whatever is known.
        #[test]
        fn any_selection_of_fields_is_json(omitted in prop::collection::vec(0_usize..14, 0..15)) {
            let fields = omitted.iter().map(|place| RecordField::ALL[*place]);
            let fields = RecordFields::all_but(&fields.collect::<Vec<_>>());
            let extracted: ExtractedFields<'_> = serde_json::from_str(r#"{"a":"b"}"#).unwrap();
            let flow = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK";
            let report = format!("REPORT RequestId: {ID}\tDuration: 1.5 ms\tBilled Duration: 2 ms\t\n");
            for group in ["/aws/lambda/orders", "/shop/web"] {
                let log_source = LogSource::new("123456789012", group, "s");
                for message in ["x", flow, &report, r#"{"level":"error"}"#] {
                    for extracted in [Extracted::NONE, Extracted::All(&extracted)] {
                        let record = Record { extracted, ..Record::of(&log_source, message) };
                        let piece = Piece { fields, ..Piece::whole(&record) };
                        let mut document = Vec::new();
                        write(&piece, &mut document);
                        let parsed = serde_json::from_slice::<serde_json::Value>(&document);
                        prop_assert!(parsed.is_ok(), "{}", String::from_utf8_lossy(&document));
                        let mut members = b"{\"a\":1".to_vec();
                        members.extend(attributes::json_of_log_source(&log_source, fields));
                        attributes::json_of_piece(&piece, attributes::TraceNames::DOTTED, &mut members);
                        members.push(b'}');
                        let parsed = serde_json::from_slice::<serde_json::Value>(&members);
                        prop_assert!(parsed.is_ok(), "{}", String::from_utf8_lossy(&members));
                    }
                }
            }
        }
    }

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
