//! OpenTelemetry: OTLP over HTTP, with protobuf.
//!
//! Attribute names follow the semantic conventions for logs and functions.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
//! <https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/>
//! <https://opentelemetry.io/docs/specs/semconv/resource/cloud-provider/aws/logs/>

mod message;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use prost::Message;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::attributes::{self, Value};
use super::{
    Ambiguity, BatchOutcome, Boundary, Deduplication, Destination, Endpoint, Limits, ReasonCode,
    RecordField, RecordGroup, Response, classify_status, protobuf, response::calls_it_too_large,
    tags,
};
use crate::line::Level;
use crate::record::{Piece, Record};
use crate::routing::NameField;
use crate::source_service::SourceService;
use message::{Any, AnyValue, KeyValue, LogRecord, Resource, Scope};

/// A request size that collectors accept by default: their gRPC limit is 4 MiB, which many also use
/// for HTTP.
pub const MAX_REQUEST_BYTES: usize = 4_000_000;

/// The maximum size of a record, far below that of a request.
pub const MAX_RECORD_BYTES: usize = 1_000_000;

/// The maximum size of a response that a client must accept.
///
/// <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The path of logs. Users have URLs with and without it, because OpenTelemetry's exporters append
/// it to `OTEL_EXPORTER_OTLP_ENDPOINT`, and not to `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`.
///
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>
const PATH: &str = "/v1/logs";

/// An OTLP receiver.
pub struct Otlp {
    endpoint: Endpoint,
    max_request_bytes: usize,
    resource_attributes: BTreeMap<String, String>,
}

impl Otlp {
    /// Sends to `/v1/logs` below `url`, unless `url` already ends with it, with these headers. The attributes replace those of the
    /// same name.
    pub fn new(
        mut url: Url,
        mut headers: HeaderMap,
        max_request_bytes: usize,
        resource_attributes: BTreeMap<String, String>,
    ) -> Self {
        let path = url.path().trim_end_matches('/');
        let path = format!("{}{PATH}", path.strip_suffix(PATH).unwrap_or(path));
        url.set_path(&path);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let endpoint =
            Endpoint { max_response_bytes: MAX_RESPONSE_BYTES, ..Endpoint::post(url, headers) };
        Self { endpoint, max_request_bytes, resource_attributes }
    }
}

impl Destination for Otlp {
    fn limits(&self) -> Limits {
        Limits::of_bytes(self.max_request_bytes, MAX_RECORD_BYTES.min(self.max_request_bytes))
    }

    fn deduplication(&self) -> Deduplication {
        Deduplication::None
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        protobuf::field(2, &log_record(piece), body);
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        match Boundary::by_names(before, piece) {
            Boundary::SameGroup => Boundary::by_log_source(before, piece, Boundary::NextGroup),
            // The names are of the resource.
            _ => Boundary::NextGroup,
        }
    }

    fn open(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        let mut resource = Vec::new();
        protobuf::field(1, &self.resource(record_group.first.record), &mut resource);
        let mut scope = Vec::new();
        let (name, version) = ("logagg".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        protobuf::field(1, &Scope { name, version }, &mut scope);
        let scope_bytes = scope.len().saturating_add(record_group.bytes);
        protobuf::open(2, scope_bytes, &mut resource);
        protobuf::open(1, resource.len().saturating_add(scope_bytes), body);
        body.extend_from_slice(&resource);
        body.extend_from_slice(&scope);
    }

    fn character_bytes(&self, character: char) -> usize {
        character.len_utf8()
    }

    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        // The lengths of the string, the body and the record are encoded too.
        max_bytes.checked_sub(other_bytes + 3 * protobuf::LENGTH_GROWTH)
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        let reason = ReasonCode::from_status(response.status);
        match response.status {
            // A partial success must not be retried.
            200..300 => match rejected(&response.body) {
                Some(rejected) => {
                    let count = usize::try_from(rejected).unwrap_or(0).min(sent);
                    let rejected = [(ReasonCode::new("rejected_log_record"), count)];
                    BatchOutcome::counted(sent, sent - count, &rejected)
                }
                None => BatchOutcome::from_success(sent, response),
            },
            400 | 413 => classify_status(response),
            500 if calls_it_too_large(&response.body) => BatchOutcome::TooLarge,
            429 | 503 => BatchOutcome::Retry(reason, Ambiguity::NothingAccepted),
            502 | 504 => BatchOutcome::Retry(reason, Ambiguity::Unclear),
            _ => BatchOutcome::Stop(reason),
        }
    }
}

/// How deep JSON fields are nested at most.
const MAX_LEVELS: usize = 24;

/// The short name, and the number. A notice is more than an info.
///
/// <https://opentelemetry.io/docs/specs/otel/logs/data-model/#displaying-severity>
/// <https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/#appendix-b-severitynumber-example-mappings>
fn severity(level: Level) -> (&'static str, i32) {
    match level {
        Level::Trace => ("TRACE", 1),
        Level::Debug => ("DEBUG", 5),
        Level::Info => ("INFO", 9),
        Level::Notice => ("INFO2", 10),
        Level::Warn => ("WARN", 13),
        Level::Error => ("ERROR", 17),
        Level::Fatal => ("FATAL", 21),
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn log_record(piece: &Piece<'_>) -> LogRecord {
    let record = piece.record;
    let trace = record.line.trace.as_deref().filter(|_| piece.fields.has(RecordField::Trace));
    let level = record.line.level.filter(|_| piece.fields.has(RecordField::Level));
    let (severity_text, severity_number) = level.map(severity).unwrap_or_default();
    LogRecord {
        time_unix_nano: record.unix_millis().saturating_mul(1_000_000),
        observed_time_unix_nano: record.log_source.observed.map(nanos).unwrap_or_default(),
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(piece.message.as_ref().into()),
        attributes: attributes_of(piece),
        trace_id: trace.map(|trace| trace.trace_id.bytes().to_vec()).unwrap_or_default(),
        span_id: trace
            .and_then(|trace| trace.span_id)
            .map(|span_id| span_id.bytes().to_vec())
            .unwrap_or_default(),
    }
}

fn attributes_of(piece: &Piece<'_>) -> Vec<KeyValue> {
    let mut pairs = Vec::new();
    attributes::of_piece(piece, |name, value| {
        let name = match name.text {
            // It has a field of its own.
            "log.level" => return,
            "faas.execution" => "faas.invocation_id",
            "aws.cloudwatch.event_id" => "log.record.uid",
            "source.ip" => "source.address",
            "destination.ip" => "destination.address",
            name => name,
        };
        let value = match value {
            Value::Text(text) | Value::Word(text) => Any::Text(text.to_owned()),
            Value::Integer(number) => Any::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
            Value::Number(number) => Any::Double(number),
        };
        pairs.push(KeyValue::new(own_name(name), value));
    });
    attributes::of_extracted(piece, |name, text| pairs.push(KeyValue::new(own_name(name), text)));
    let json = piece.json.and_then(|json| serde_json::from_str(json).ok());
    if let Some(json) = json {
        pairs.push(KeyValue::new("json", AnyValue::of_json(&json, MAX_LEVELS)));
    }
    pairs
}

/// The name of an attribute: `aws.` is the namespace of the semantic conventions, so what these do
/// not know is in `logagg.`.
fn own_name(name: &str) -> Cow<'_, str> {
    match name.strip_prefix("aws.") {
        Some(rest) => Cow::Owned(format!("logagg.{rest}")),
        None => Cow::Borrowed(name),
    }
}

impl Otlp {
    fn resource(&self, record: &Record<'_>) -> Resource {
        let log_source = record.log_source;
        let mut attributes = Vec::new();
        let mut text = |name: &str, value: &str| attributes.push(KeyValue::new(name, value));
        let service = record.names.get(NameField::Service);
        let service = service.or(log_source.function).unwrap_or(log_source.group);
        text("service.name", service);
        text("cloud.provider", "aws");
        text("cloud.account.id", log_source.owner);
        if let Some(region) = log_source.region {
            text("cloud.region", region);
        }
        match log_source.service {
            SourceService::Lambda => text("cloud.platform", "aws_lambda"),
            SourceService::Ecs => text("cloud.platform", "aws_ecs"),
            SourceService::Eks => text("cloud.platform", "aws_eks"),
            _ => {}
        }
        text("logagg.service.name", log_source.service.name());
        if let Some(function) = log_source.function {
            text("faas.name", function);
            text("faas.instance", log_source.stream);
        }
        if let Some(version) = log_source.version {
            text("faas.version", version);
        }
        for (key, value) in tags::of_log_source(log_source) {
            text(&format!("aws.tag.{key}"), value);
        }
        let arn = log_source.group_arn();
        let lists = [
            ("aws.log.group.names", Some(log_source.group)),
            ("aws.log.group.arns", arn.as_deref()),
            ("aws.log.stream.names", Some(log_source.stream)),
        ];
        for (name, value) in lists.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            attributes.push(KeyValue::new(name, AnyValue::list_of(value)));
        }
        let named = record.names.get(NameField::Service).map(|_| "service.name");
        let configured = self.resource_attributes.iter();
        let configured = configured.filter(|(name, _)| Some(name.as_str()) != named);
        let is_configured = |name: &str| self.resource_attributes.contains_key(name);
        attributes.retain(|pair| Some(pair.key.as_str()) == named || !is_configured(&pair.key));
        attributes.extend(configured.map(|(name, value)| KeyValue::new(name, value.as_str())));
        Resource { attributes }
    }
}

/// `ExportLogsServiceResponse`.
#[derive(Clone, PartialEq, Message)]
struct Exported {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportLogsPartialSuccess`, without its message.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_log_records: i64,
}

/// The number of rejected records in a success response: protobuf, or the JSON that some receivers
/// return (<https://github.com/langfuse/langfuse/issues/16789>).
fn rejected(body: &[u8]) -> Option<i64> {
    if body.trim_ascii_start().starts_with(b"{") {
        let exported: serde_json::Value = serde_json::from_slice(body).ok()?;
        // JSON has 64-bit integers as strings.
        let count = &exported["partialSuccess"]["rejectedLogRecords"];
        return count.as_i64().or_else(|| count.as_str()?.parse().ok());
    }
    Some(Exported::decode(body).ok()?.partial_success?.rejected_log_records)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use std::time::Duration;

    use super::*;
    use crate::destination::{UNREADABLE_RESPONSE, sample};
    use crate::log_source::LogSource;

    fn otlp() -> Otlp {
        let url = Url::parse("https://otlp.example:4318/base").unwrap();
        Otlp::new(url, HeaderMap::new(), MAX_REQUEST_BYTES, BTreeMap::new())
    }

    #[track_caller]
    fn check(status: u16, body: &[u8], expected: &BatchOutcome) {
        let response = Response { status, retry_after: None, body: Bytes::copy_from_slice(body) };
        assert_eq!(&otlp().classify(5, &response), expected, "{status} {body:?}");
    }

    fn partial(rejected_log_records: i64) -> Vec<u8> {
        Exported { partial_success: Some(PartialSuccess { rejected_log_records }) }.encode_to_vec()
    }

    /// A record, as another implementation of `ExportLogsServiceRequest` has it.
    fn encoded(message: &str, json: Option<&str>) -> LogRecord {
        #[derive(Clone, PartialEq, Message)]
        struct Records {
            #[prost(message, repeated, tag = "2")]
            log_records: Vec<LogRecord>,
        }

        let log_source = LogSource::new("1", "/aws/lambda/orders", "s")
            .observed_at(SystemTime::UNIX_EPOCH + Duration::from_nanos(1_699_264_801_000_000_007));
        let record = Record {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(sample::MILLIS),
            ..Record::of(&log_source, message)
        };
        let mut body = Vec::new();
        otlp().encode(&Piece { json, ..Piece::whole(&record) }, &mut body);
        let mut records = Records::decode(body.as_slice()).unwrap().log_records;
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    fn attribute<'a>(pairs: &'a [KeyValue], name: &str) -> Option<&'a Any> {
        pairs.iter().find(|pair| pair.key == name)?.value.as_ref()?.value.as_ref()
    }

    #[test]
    fn a_record_has_the_fields_of_the_data_model() {
        const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
        let message =
            format!(r#"{{"level":"warning","traceparent":"00-{TRACE}-53995c3f42cd8ad8-01"}}"#);
        let record = encoded(&message, None);
        assert_eq!(record.time_unix_nano, 1_699_264_800_123_000_000);
        assert_eq!(record.observed_time_unix_nano, 1_699_264_801_000_000_007);
        assert_eq!((record.severity_text.as_str(), record.severity_number), ("WARN", 13));
        assert_eq!(record.trace_id, 0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793_u128.to_be_bytes());
        assert_eq!(record.span_id, 0x5399_5c3f_42cd_8ad8_u64.to_be_bytes());
        assert_eq!(record.body, Some(message.as_str().into()));
        let kind = attribute(&record.attributes, "logagg.lambda.kind");
        assert_eq!(kind, Some(&Any::Text("application".to_owned())));
        let names: Vec<&str> = record.attributes.iter().map(|pair| pair.key.as_str()).collect();
        assert!(names.iter().all(|name| !name.starts_with("aws.")), "{names:?}");
        let notice = encoded("NOTICE: low", None);
        assert_eq!((notice.severity_text.as_str(), notice.severity_number), ("INFO2", 10));
        let plain = encoded("low", None);
        assert_eq!((plain.severity_text.as_str(), plain.severity_number), ("", 0));
        assert!(plain.trace_id.is_empty());
    }

    #[test]
    fn json_fields_are_a_list_of_pairs() {
        let json = r#"{"sku":7,"price":1.5,"big":18446744073709551615,"paid":true,"none":null,
            "tags":["a",{"b":-1}],"deep":{"a":{}}}"#;
        let record = encoded("x", Some(json));
        let Some(Any::KeyValues(fields)) = attribute(&record.attributes, "json") else {
            panic!("no fields: {record:?}");
        };
        let of = |name| attribute(&fields.values, name);
        assert_eq!(of("sku"), Some(&Any::Integer(7)));
        assert_eq!(of("price"), Some(&Any::Double(1.5)));
        assert_eq!(of("big"), Some(&Any::Text("18446744073709551615".to_owned())));
        assert_eq!(of("paid"), Some(&Any::Bool(true)));
        assert_eq!(of("none"), None);
        let Some(Any::Array(tags)) = of("tags") else {
            panic!("no list: {record:?}");
        };
        assert_eq!(tags.values[0], "a".into());
        assert!(matches!(tags.values[1].value, Some(Any::KeyValues(_))));
    }

    #[test]
    fn what_is_nested_too_deep_for_decoders_is_its_json() {
        let json = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        let record = encoded("x", Some(&json));
        assert!(attribute(&record.attributes, "json").is_some());
    }

    #[test]
    fn attributes_of_the_resource_can_be_configured() {
        let configured = [("deployment.environment.name", "prod"), ("service.name", "shop")];
        let configured = configured.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let otlp = Otlp { resource_attributes: configured.into(), ..otlp() };
        let log_source =
            LogSource::new("1", "/aws/lambda/orders", "s").in_region(Some("eu-west-1"));
        let Resource { attributes } = otlp.resource(&Record::of(&log_source, "x"));
        let text = |name: &str| match attribute(&attributes, name) {
            Some(Any::Text(text)) => text.clone(),
            Some(Any::Array(list)) => format!("{:?}", list.values),
            other => format!("{other:?}"),
        };
        assert_eq!(text("service.name"), "shop");
        assert_eq!(text("deployment.environment.name"), "prod");
        assert_eq!(text("cloud.region"), "eu-west-1");
        let arn = "arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/orders";
        assert!(text("aws.log.group.arns").contains(arn));
        assert_eq!(attributes.iter().filter(|pair| pair.key == "service.name").count(), 1);
    }

    #[test]
    fn the_path_of_logs_may_be_in_the_url() {
        for (url, expected) in [
            ("https://otlp.example:4318", "https://otlp.example:4318/v1/logs"),
            ("https://otlp.example:4318/v1/logs", "https://otlp.example:4318/v1/logs"),
            ("https://otlp.example/base", "https://otlp.example/base/v1/logs"),
            ("https://otlp.example/base/", "https://otlp.example/base/v1/logs"),
            ("https://otlp.example/base/v1/logs/", "https://otlp.example/base/v1/logs"),
            // Other paths with the same end or beginning.
            ("https://otlp.example/dev1/logs", "https://otlp.example/dev1/logs/v1/logs"),
            ("https://otlp.example/v1/logs2", "https://otlp.example/v1/logs2/v1/logs"),
        ] {
            let url = Url::parse(url).unwrap();
            let otlp = Otlp::new(url, HeaderMap::new(), MAX_REQUEST_BYTES, BTreeMap::new());
            assert_eq!(otlp.endpoint().url.as_str(), expected);
        }
    }

    #[test]
    fn the_size_of_a_response_is_limited() {
        assert_eq!(otlp().endpoint().max_response_bytes, 4 * 1024 * 1024);
    }

    #[test]
    fn tags_are_attributes_of_the_resource() {
        sample::with_tagged_piece(&[("team", "pay")], |piece| {
            let Resource { attributes } = otlp().resource(piece.record);
            let tag = attribute(&attributes, "aws.tag.team");
            assert_eq!(tag, Some(&Any::Text("pay".to_owned())));
        });
    }

    #[test]
    fn a_partial_success_is_counted_and_never_retried() {
        let rejected = |delivered, rejected| BatchOutcome::Counted {
            delivered,
            rejected: vec![(ReasonCode::new("rejected_log_record"), rejected)],
        };
        check(200, b"", &BatchOutcome::delivered(5));
        check(200, &partial(2), &rejected(3, 2));
        check(200, &partial(99), &rejected(0, 5));
        // A message without a number is a warning.
        check(200, &partial(0), &BatchOutcome::delivered(5));
        check(200, &partial(-3), &BatchOutcome::delivered(5));
        let json = br#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no"}}"#;
        check(200, json, &rejected(3, 2));
        check(200, br#"{"partialSuccess":{"rejectedLogRecords":1}}"#, &rejected(4, 1));
    }

    #[test]
    fn an_unknown_success_body_counts_unless_it_is_html() {
        for body in ["{}", r#"{"partialSuccess":{}}"#, "{\"status\":\"ok\"}", "{", "ok"] {
            check(200, body.as_bytes(), &BatchOutcome::delivered(5));
        }
        check(200, b"<html>welcome</html>", &UNREADABLE_RESPONSE);
    }

    #[test]
    fn only_statuses_that_the_specification_calls_retryable_are_retried() {
        let reason = ReasonCode::from_status;
        for status in [429, 503] {
            check(status, b"", &BatchOutcome::Retry(reason(status), Ambiguity::NothingAccepted));
        }
        for status in [502, 504] {
            check(status, b"", &BatchOutcome::Retry(reason(status), Ambiguity::Unclear));
        }
        check(400, b"", &BatchOutcome::Split(reason(400)));
        for status in [401, 403, 404, 408, 500, 501, 505] {
            check(status, b"", &BatchOutcome::Stop(reason(status)));
        }
        check(413, b"", &BatchOutcome::TooLarge);
        let too_large = b"\x08\x03\x12\x1chttp: request body too large";
        check(400, too_large, &BatchOutcome::TooLarge);
        check(500, too_large, &BatchOutcome::TooLarge);
    }
}
