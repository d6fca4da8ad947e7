//! OpenTelemetry: OTLP over HTTP, with protobuf.
//!
//! Attribute names follow the semantic conventions for logs and functions.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
//! <https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/>
//! <https://opentelemetry.io/docs/specs/semconv/resource/cloud-provider/aws/logs/>

use prost::Message;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::attributes::{self, Value};
use super::{
    Ambiguity, BatchOutcome, Boundary, Deduplication, Destination, Endpoint, Limits, ReasonCode,
    RecordGroup, Response, classify_status, protobuf, response::calls_it_too_large,
};
use crate::line::Level;
use crate::log_source::LogSource;
use crate::record::Piece;
use crate::source_service::SourceService;

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
}

impl Otlp {
    /// Sends to `/v1/logs` below `url`, unless `url` already ends with it, with these headers.
    pub fn new(mut url: Url, mut headers: HeaderMap, max_request_bytes: usize) -> Self {
        let path = url.path().trim_end_matches('/');
        let path = format!("{}{PATH}", path.strip_suffix(PATH).unwrap_or(path));
        url.set_path(&path);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let endpoint =
            Endpoint { max_response_bytes: MAX_RESPONSE_BYTES, ..Endpoint::post(url, headers) };
        Self { endpoint, max_request_bytes }
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
        let nanos = piece.record.unix_millis().saturating_mul(1_000_000);
        protobuf::message(2, body, |record| {
            protobuf::fixed64(1, nanos, record);
            if let Some(level) = piece.record.line.level {
                protobuf::integer(2, severity(level), record);
                protobuf::text(3, level.name(), record);
            }
            protobuf::message(5, record, |body| protobuf::text(1, &piece.message, body));
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
                attribute(6, name, record, |any| match value {
                    Value::Text(text) | Value::Word(text) => protobuf::text(1, text, any),
                    Value::Integer(number) => protobuf::integer(3, number, any),
                    Value::Number(number) => protobuf::double(4, number, any),
                });
            });
            if let Some(trace) = piece.record.line.trace.as_deref() {
                protobuf::bytes(9, &trace.trace_id.bytes(), record);
                if let Some(span_id) = trace.span_id {
                    protobuf::bytes(10, &span_id.bytes(), record);
                }
            }
            attributes::of_extracted(piece, |name, text| {
                attribute(6, name, record, |any| protobuf::text(1, text, any));
            });
        });
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        Boundary::by_log_source(before, piece, Boundary::NextGroup)
    }

    fn open(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        let mut resource = Vec::new();
        protobuf::message(1, &mut resource, |resource| {
            write_resource(record_group.first.record.log_source, resource);
        });
        let mut scope = Vec::new();
        protobuf::message(1, &mut scope, |scope| {
            protobuf::text(1, "logagg", scope);
            protobuf::text(2, env!("CARGO_PKG_VERSION"), scope);
        });
        let scope_bytes = scope.len().saturating_add(record_group.bytes);
        protobuf::open(2, scope_bytes, &mut resource);
        protobuf::open(1, resource.len().saturating_add(scope_bytes), body);
        body.extend_from_slice(&resource);
        body.extend_from_slice(&scope);
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

/// <https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>
fn severity(level: Level) -> u64 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
        Level::Fatal => 21,
    }
}

fn write_resource(log_source: &LogSource<'_>, resource: &mut Vec<u8>) {
    let mut text = |name: &str, value: &str| {
        attribute(1, name, resource, |any| protobuf::text(1, value, any));
    };
    text("service.name", log_source.function.unwrap_or(log_source.group));
    text("cloud.provider", "aws");
    text("cloud.account.id", log_source.owner);
    if let Some(region) = log_source.region {
        text("cloud.region", region);
    }
    text("cloud.service.name", log_source.service.name());
    match log_source.service {
        SourceService::Lambda => text("cloud.platform", "aws_lambda"),
        SourceService::Ecs => text("cloud.platform", "aws_ecs"),
        SourceService::Eks => text("cloud.platform", "aws_eks"),
        _ => {}
    }
    if let Some(function) = log_source.function {
        text("faas.name", function);
        text("faas.instance", log_source.stream);
    }
    if let Some(version) = log_source.version {
        text("faas.version", version);
    }
    let arn = log_source.group_arn();
    let lists = [
        ("aws.log.group.names", Some(log_source.group)),
        ("aws.log.group.arns", arn.as_deref()),
        ("aws.log.stream.names", Some(log_source.stream)),
    ];
    for (name, value) in lists.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        attribute(1, name, resource, |any| {
            protobuf::message(5, any, |array| {
                protobuf::message(1, array, |any| protobuf::text(1, value, any));
            });
        });
    }
}

/// Appends an attribute whose value is written by `write`.
fn attribute(field: u8, name: &str, body: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    protobuf::message(field, body, |pair| {
        protobuf::text(1, name, pair);
        protobuf::message(2, pair, write);
    });
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

    use super::*;
    use crate::destination::UNREADABLE_RESPONSE;

    fn otlp() -> Otlp {
        let url = Url::parse("https://otlp.example:4318/base").unwrap();
        Otlp::new(url, HeaderMap::new(), MAX_REQUEST_BYTES)
    }

    #[track_caller]
    fn check(status: u16, body: &[u8], expected: &BatchOutcome) {
        let response = Response { status, retry_after: None, body: Bytes::copy_from_slice(body) };
        assert_eq!(&otlp().classify(5, &response), expected, "{status} {body:?}");
    }

    fn partial(rejected_log_records: i64) -> Vec<u8> {
        Exported { partial_success: Some(PartialSuccess { rejected_log_records }) }.encode_to_vec()
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
            let otlp = Otlp::new(url, HeaderMap::new(), MAX_REQUEST_BYTES);
            assert_eq!(otlp.endpoint().url.as_str(), expected);
        }
    }

    #[test]
    fn the_size_of_a_response_is_limited() {
        assert_eq!(otlp().endpoint().max_response_bytes, 4 * 1024 * 1024);
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
