//! The metadata of a record as flat attributes, for destinations without nested documents. The
//! names are those of the fields in [`document`](super::ecs_document), joined by dots.

use std::borrow::Cow;

use super::{RecordField, RecordFields, dataset, json};
use crate::line::{LambdaDetails, Level, Report, VpcFlow};
use crate::log_source::LogSource;
use crate::record::{Extent, Piece};
use crate::routing::NameField;

/// The name of an attribute.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: &'static str,
    /// As a member of a JSON object, after another member.
    in_json: [u8; Self::CAPACITY],
    in_json_bytes: usize,
}

impl Name {
    /// The longest name is not much shorter.
    const CAPACITY: usize = 48;

    const fn new(text: &'static str, written: &str) -> Self {
        let mut in_json = [0; Self::CAPACITY];
        in_json.split_at_mut(written.len()).0.copy_from_slice(written.as_bytes());
        Self { text, in_json, in_json_bytes: written.len() }
    }

    fn append_to(&self, body: &mut Vec<u8>) {
        // A constant length, so that the compiler copies without a call.
        body.extend_from_slice(&self.in_json);
        body.truncate(body.len() - (Self::CAPACITY - self.in_json_bytes));
    }
}

macro_rules! name {
    ($text:literal) => {
        const { &Name::new($text, concat!(",\"", $text, "\":")) }
    };
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'v> {
    Text(&'v str),
    /// A constant without characters to escape.
    Word(&'static str),
    Integer(u64),
    Number(f64),
}

/// The attributes of a log source.
fn of_log_source<'v>(
    log_source: &LogSource<'v>,
    fields: RecordFields,
    mut visit: impl FnMut(&'static Name, &'v str),
) {
    let attributes = [
        (RecordField::Account, name!("cloud.account.id"), Some(log_source.owner)),
        (RecordField::Region, name!("cloud.region"), log_source.region),
        (RecordField::Service, name!("cloud.service.name"), Some(log_source.service.name())),
        (RecordField::Dataset, name!("event.dataset"), Some(dataset::of(log_source.service))),
        (RecordField::LogGroup, name!("aws.cloudwatch.log_group"), Some(log_source.group)),
        (RecordField::LogStream, name!("aws.cloudwatch.log_stream"), Some(log_source.stream)),
        (RecordField::Function, name!("faas.name"), log_source.function),
        (RecordField::Version, name!("faas.version"), log_source.version),
    ];
    for (field, name, value) in attributes {
        if let Some(value) = value.filter(|_| fields.has(field)) {
            visit(name, value);
        }
    }
}

/// The attributes of a log source as further members of a JSON object: `,"name":"value",…`.
pub(super) fn json_of_log_source<'o>(
    log_source: &'o LogSource<'_>,
    fields: RecordFields,
) -> &'o [u8] {
    log_source.shared_fields.attributes.get(fields, || {
        let mut members = Vec::new();
        of_log_source(log_source, fields, |name, text| {
            name.append_to(&mut members);
            json::string(text, &mut members);
        });
        members
    })
}

/// The log group's name as a JSON string.
pub(super) fn json_of_group<'o>(log_source: &'o LogSource<'_>) -> &'o [u8] {
    log_source.shared_fields.group.get_or_init(|| json::string_of(log_source.group))
}

/// The function's name as a JSON string, or the log group's if the function is unknown.
pub(super) fn json_of_function<'o>(log_source: &'o LogSource<'_>) -> &'o [u8] {
    let name = || json::string_of(log_source.function.unwrap_or(log_source.group));
    log_source.shared_fields.function.get_or_init(name)
}

/// A name as a JSON string: the record's, or else the destination's own.
pub(super) fn json_of_name<'n>(
    piece: &Piece<'_>,
    field: NameField,
    own: Option<&'n [u8]>,
) -> Option<Cow<'n, [u8]>> {
    let named = piece.record.names.get(field);
    named.map(|name| Cow::Owned(json::string_of(name))).or_else(|| own.map(Cow::Borrowed))
}

/// The names of trace and span.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceNames {
    trace_id: &'static Name,
    span_id: &'static Name,
}

impl TraceNames {
    /// The Elastic Common Schema's and New Relic's.
    ///
    /// <https://docs.newrelic.com/docs/logs/logs-context/logs-in-context/>
    pub(super) const DOTTED: Self = Self { trace_id: name!("trace.id"), span_id: name!("span.id") };
    /// Splunk's, and those of OpenTelemetry for formats other than its own.
    ///
    /// <https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/>
    pub(super) const UNDERSCORED: Self =
        Self { trace_id: name!("trace_id"), span_id: name!("span_id") };
    /// Honeycomb's, where a log event is a child of its span.
    ///
    /// <https://docs.honeycomb.io/send-data/logs/structured/correlate-with-traces/>
    pub(super) const HONEYCOMB: Self =
        Self { trace_id: name!("trace.trace_id"), span_id: name!("trace.parent_id") };

    /// The attributes of a record's trace.
    pub(super) fn of_trace(self, piece: &Piece<'_>, mut visit: impl FnMut(&'static Name, &str)) {
        let Some(trace) = piece.record.line.trace.as_deref() else {
            return;
        };
        visit(self.trace_id, &trace.trace_id.to_string());
        if let Some(span_id) = trace.span_id {
            visit(self.span_id, &span_id.to_string());
        }
    }
}

/// Appends the attributes of a record as further members of a JSON object.
pub(super) fn json_of_piece(piece: &Piece<'_>, names: TraceNames, body: &mut Vec<u8>) {
    if piece.fields.has(RecordField::Trace) {
        names.of_trace(piece, |name, text| {
            name.append_to(body);
            json::quoted(text, body);
        });
    }
    of_piece(piece, |name, value| {
        name.append_to(body);
        match value {
            Value::Text(text) => json::string(text, body),
            Value::Word(word) => json::quoted(word, body),
            Value::Integer(number) => json::integer(number, body),
            Value::Number(number) => json::number(number, body),
        }
    });
    of_extracted(piece, |name, text| {
        body.push(b',');
        json::string(name, body);
        body.push(b':');
        json::string(text, body);
    });
}

/// The attributes for the fields that the filter pattern extracted.
pub(super) fn of_extracted(piece: &Piece<'_>, mut visit: impl FnMut(&str, &str)) {
    for (name, text) in piece.record.extracted.of_pattern() {
        visit(&format!("aws.cloudwatch.extracted_fields.{name}"), text);
    }
}

/// The attributes of a record.
pub(super) fn of_piece(piece: &Piece<'_>, mut visit: impl FnMut(&'static Name, Value<'_>)) {
    let record = piece.record;
    let line = &record.line;
    let has = |field| piece.fields.has(field);
    if has(RecordField::EventId) {
        visit(name!("aws.cloudwatch.event_id"), Value::Text(&piece.id()));
    }
    if let Some(kind) = record.lambda_kind().filter(|_| has(RecordField::Kind)) {
        visit(name!("aws.lambda.kind"), Value::Word(kind.name()));
    }
    if let Some(details) = line.details.as_ref().filter(|_| record.lambda_kind().is_some()) {
        of_details(details, &mut visit);
    }
    if let Some(level) = line.level.map(Level::name).filter(|_| has(RecordField::Level)) {
        visit(name!("log.level"), Value::Word(level));
    }
    if let Some(request_id) = line.request_id.as_ref().filter(|_| has(RecordField::Request)) {
        visit(name!("faas.execution"), Value::Text(request_id));
    }
    if line.request_id_is_inferred && has(RecordField::Request) {
        visit(name!("logagg.execution"), Value::Word("inferred"));
    }
    if let Some(report) = line.report.as_ref().filter(|_| has(RecordField::Report)) {
        of_report(report, &mut visit);
    }
    if let Some(flow) = &line.flow {
        of_flow(flow, &mut visit);
    }
    match piece.extent {
        Extent::Whole => {}
        Extent::Part { number, count } => {
            visit(name!("logagg.part.number"), Value::Integer(number as u64));
            visit(name!("logagg.part.count"), Value::Integer(count as u64));
        }
        Extent::Truncated { message_bytes } => {
            visit(name!("logagg.truncated.message_bytes"), Value::Integer(message_bytes as u64));
        }
    }
}

fn of_details(details: &LambdaDetails<'_>, visit: &mut impl FnMut(&'static Name, Value<'_>)) {
    let texts = [
        (name!("aws.lambda.tenant_id"), &details.tenant_id),
        (name!("aws.lambda.durable_execution_arn"), &details.durable_execution_arn),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            visit(name, Value::Text(text));
        }
    }
    let integers = [
        (name!("aws.lambda.dropped_records"), details.dropped_records),
        (name!("aws.lambda.dropped_bytes"), details.dropped_bytes),
    ];
    for (name, integer) in integers {
        if let Some(integer) = integer {
            visit(name, Value::Integer(integer));
        }
    }
}

fn of_flow(flow: &VpcFlow<'_>, visit: &mut impl FnMut(&'static Name, Value<'_>)) {
    let texts = [
        (name!("source.ip"), flow.source_ip),
        (name!("destination.ip"), flow.destination_ip),
        (name!("network.iana_number"), flow.protocol),
        (name!("aws.vpcflow.account_id"), Some(flow.account_id)),
        (name!("aws.vpcflow.interface_id"), Some(flow.interface_id)),
        (name!("aws.vpcflow.action"), flow.action),
        (name!("aws.vpcflow.log_status"), Some(flow.log_status)),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            visit(name, Value::Text(text));
        }
    }
    let integers = [
        (name!("source.port"), flow.source_port),
        (name!("destination.port"), flow.destination_port),
        (name!("network.packets"), flow.packets),
        (name!("network.bytes"), flow.bytes),
        (name!("aws.vpcflow.start"), Some(flow.start)),
        (name!("aws.vpcflow.end"), Some(flow.end)),
    ];
    for (name, integer) in integers {
        if let Some(integer) = integer {
            visit(name, Value::Integer(integer));
        }
    }
}

fn of_report(report: &Report<'_>, visit: &mut impl FnMut(&'static Name, Value<'_>)) {
    let numbers = [
        (name!("aws.lambda.report.duration_ms"), report.duration_ms),
        (name!("aws.lambda.report.billed_duration_ms"), report.billed_duration_ms),
        (name!("aws.lambda.report.init_duration_ms"), report.init_duration_ms),
        (name!("aws.lambda.report.restore_duration_ms"), report.restore_duration_ms),
        (name!("aws.lambda.report.billed_restore_duration_ms"), report.billed_restore_duration_ms),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            visit(name, Value::Number(number));
        }
    }
    let integers = [
        (name!("aws.lambda.report.memory_size_mb"), report.memory_size_mb),
        (name!("aws.lambda.report.max_memory_used_mb"), report.max_memory_used_mb),
    ];
    for (name, integer) in integers {
        if let Some(integer) = integer {
            visit(name, Value::Integer(integer));
        }
    }
    let texts = [
        (name!("aws.lambda.report.trace_id"), &report.trace_id),
        (name!("aws.lambda.report.status"), &report.status),
        (name!("aws.lambda.report.error_type"), &report.error_type),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            visit(name, Value::Text(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value as Json;

    use super::*;
    use crate::decode::{Extracted, ExtractedFields};
    use crate::destination::ecs_document;
    use crate::record::Record;

    /// All leaves of a document, by their dotted names.
    fn leaves(prefix: &str, value: &Json, found: &mut BTreeMap<String, Json>) {
        match value {
            Json::Object(fields) => {
                for (name, value) in fields {
                    let name =
                        if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    leaves(&name, value, found);
                }
            }
            leaf => {
                found.insert(prefix.to_owned(), leaf.clone());
            }
        }
    }

    #[test]
    fn attributes_are_the_fields_of_the_document_with_dots() {
        const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
        let log_source = LogSource::new(
            "123456789012",
            "/aws/lambda/orders",
            "2023/11/06/[3]0123456789abcdef0123456789abcdef",
        )
        .in_region(Some("eu-west-1"));
        let fields: ExtractedFields<'_> = serde_json::from_str(
            r#"{"@aws.account":"123456789012","srcaddr":"10.0.0.1","dst":"a\"b","dst":"c"}"#,
        )
        .unwrap();
        let report = format!(
            "REPORT RequestId: {ID}\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 40 MB\tInit Duration: 9.25 ms\tRestore Duration: 5 ms\t\
             Billed Restore Duration: 6 ms\tXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\t\
             SegmentId: 53995c3f42cd8ad8\tStatus: timeout\tError Type: E\t\n"
        );
        let warning = format!("2023-11-06T10:00:00.000Z\t{ID}\tWARN\tlow");
        let details = format!(
            r#"{{"time":"t","type":"platform.logsDropped","record":{{"requestId":"{ID}","tenantId":"a","durableExecutionArn":"b","droppedRecords":1,"droppedBytes":2}}}}"#
        );
        let flow =
            "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK";
        for (message, request_id_is_inferred) in [
            (report.as_str(), false),
            (warning.as_str(), false),
            ("text", false),
            ("text", true),
            (flow, false),
            (details.as_str(), false),
        ] {
            let mut record = Record { id: "77", ..Record::of(&log_source, message) };
            record.line.request_id_is_inferred = request_id_is_inferred;
            record.extracted = Extracted::All(&fields);
            for extent in [
                Extent::Whole,
                Extent::Part { number: 2, count: 3 },
                Extent::Truncated { message_bytes: 9 },
            ] {
                let piece = Piece { extent, ..Piece::whole(&record) };
                let mut body = Vec::new();
                ecs_document::write(&piece, &mut body);
                let mut expected = BTreeMap::new();
                leaves("", &serde_json::from_slice(&body).unwrap(), &mut expected);
                for not_an_attribute in ["@timestamp", "message", "cloud.provider"] {
                    expected.remove(not_an_attribute);
                }

                let mut body = b"{".to_vec();
                body.extend_from_slice(
                    json_of_log_source(&log_source, RecordFields::ALL).split_first().unwrap().1,
                );
                json_of_piece(&piece, TraceNames::DOTTED, &mut body);
                body.push(b'}');
                let found: BTreeMap<String, Json> = serde_json::from_slice(&body).unwrap();
                assert_eq!(found, expected);
            }
        }
    }
}
