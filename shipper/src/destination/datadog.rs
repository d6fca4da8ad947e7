//! Datadog: the logs intake.
//!
//! Its 202 also covers logs that it does not keep: it silently truncates long logs and drops old
//! ones. So neither is sent.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{
    BatchOutcome, Deduplication, Destination, Endpoint, Limits, RecordField, RecordGroup, Response,
    attributes, classify_status, dataset, ecs_document, json, tags,
};
use crate::line::Level;
use crate::record::Piece;
use crate::routing::NameField;

/// The maximum size of a body.
///
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub const MAX_REQUEST_BYTES: usize = 5_000_000;

/// The maximum number of logs in a request.
///
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub const MAX_REQUEST_RECORDS: usize = 1_000;

/// The maximum size of a log; Datadog truncates longer ones.
///
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub const MAX_LOG_BYTES: usize = 1_000_000;

/// The maximum age of a log.
///
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub const MAX_AGE: Duration = Duration::from_secs(18 * 60 * 60);

const API_KEY: HeaderName = HeaderName::from_static("dd-api-key");

/// A Datadog organization.
pub struct Datadog {
    endpoint: Endpoint,
    /// The source as a JSON string, if it is the same for all logs.
    source: Option<Vec<u8>>,
    /// The tags that are the same for all logs.
    tags: Option<String>,
    /// The service as a JSON string, if it is the same for all logs.
    service: Option<Vec<u8>>,
}

impl Datadog {
    /// Sends to the intake at `url`. The source defaults to that of the AWS service. The service defaults to the tag `service`, the function, or the
    /// log group.
    pub fn new(
        mut url: Url,
        mut api_key: HeaderValue,
        source: Option<&str>,
        service: Option<&str>,
        tags: Option<&str>,
    ) -> Self {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v2", "logs"]);
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        api_key.set_sensitive(true);
        headers.insert(API_KEY, api_key);
        Self {
            endpoint: Endpoint::post(url, headers),
            source: source.map(json::string_of),
            tags: tags.map(str::to_owned),
            service: service.map(json::string_of),
        }
    }
}

impl Destination for Datadog {
    fn limits(&self) -> Limits {
        Limits {
            max_request_records: MAX_REQUEST_RECORDS,
            max_age: Some(MAX_AGE),
            ..Limits::of_bytes(MAX_REQUEST_BYTES, MAX_LOG_BYTES)
        }
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
        let log_source = piece.record.log_source;
        let names = piece.record.names;
        body.extend_from_slice(b"{\"ddsource\":");
        match attributes::json_of_name(piece, NameField::Source, self.source.as_deref()) {
            Some(source) => body.extend_from_slice(&source),
            None => json::quoted(dataset::datadog_source(log_source), body),
        }
        let configured = names.get(NameField::Tags).or(self.tags.as_deref());
        if let Some(tags) = tags::datadog(configured, log_source) {
            body.extend_from_slice(b",\"ddtags\":");
            json::string(&tags, body);
        }
        body.extend_from_slice(b",\"hostname\":");
        body.extend_from_slice(attributes::json_of_group(log_source));
        body.extend_from_slice(b",\"service\":");
        let tag = log_source.tag(tags::SERVICE).filter(|tag| !tag.is_empty());
        match (attributes::json_of_name(piece, NameField::Service, self.service.as_deref()), tag) {
            (Some(service), _) => body.extend_from_slice(&service),
            (None, Some(tag)) => json::string(tag, body),
            (None, None) => body.extend_from_slice(attributes::json_of_function(log_source)),
        }
        let level = piece.record.line.level.filter(|_| piece.fields.has(RecordField::Level));
        if let Some(level) = level.map(Level::name) {
            body.extend_from_slice(b",\"status\":");
            json::string(level, body);
        }
        let trace = piece.record.line.trace.as_deref();
        if let Some(trace) = trace.filter(|_| piece.fields.has(RecordField::Trace)) {
            body.extend_from_slice(b",\"dd\":{\"trace_id\":");
            json::quoted(&trace.trace_id.to_string(), body);
            if let Some(span_id) = trace.span_id {
                body.extend_from_slice(b",\"span_id\":");
                json::quoted(&span_id.to_string(), body);
            }
            body.push(b'}');
        }
        ecs_document::write_after(piece, b"", body);
    }

    fn separator(&self) -> &'static [u8] {
        b","
    }

    fn open(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.push(b'[');
    }

    fn close(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        body.push(b']');
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 => BatchOutcome::from_success(sent, response),
            _ => classify_status(response),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, sample};

    fn datadog(service: Option<&str>, tags: Option<&str>) -> Datadog {
        let url = Url::parse("https://http-intake.logs.datadoghq.eu").unwrap();
        Datadog::new(url, HeaderValue::from_static("k"), None, service, tags)
    }

    fn encoded(datadog: &Datadog, group: &str, message: &str) -> Value {
        let mut body = Vec::new();
        sample::with_piece_of(group, message, |piece| datadog.encode(piece, &mut body));
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_log_is_the_document_with_the_attributes_that_datadog_reserves() {
        let log = encoded(&datadog(None, Some("env:prod")), sample::GROUP, "[ERROR] {\"a\":1}");
        assert_eq!(log["ddsource"], "lambda");
        assert_eq!(log["ddtags"], "env:prod");
        assert_eq!(log["hostname"], sample::GROUP);
        assert_eq!(log["service"], "orders");
        assert_eq!(log["status"], "error");
        assert_eq!(log["message"], "[ERROR] {\"a\":1}");
        assert_eq!(log["@timestamp"], "2023-11-06T10:00:00.123Z");
        assert_eq!(log["aws"]["cloudwatch"]["event_id"], sample::ID);
        assert_eq!(datadog(None, None).endpoint().url.path(), "/api/v2/logs");
    }

    /// <https://docs.datadoghq.com/tracing/other_telemetry/connect_logs_and_traces/opentelemetry/>
    #[test]
    fn a_trace_has_the_attributes_by_which_datadog_correlates() {
        let message =
            r#"{"traceparent":"00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"}"#;
        let log = encoded(&datadog(None, None), sample::GROUP, message);
        let expected = json!({
            "trace_id": "5759e988bd862e3fe1be46a994272793", "span_id": "53995c3f42cd8ad8",
        });
        assert_eq!(log["dd"], expected);
        let message = r#"{"dd.trace_id":"4340578901234567890","dd.span_id":"987654321"}"#;
        let log = encoded(&datadog(None, None), sample::GROUP, message);
        assert_eq!(log["dd"], json!({"trace_id": "4340578901234567890", "span_id": "987654321"}));
        assert_eq!(log["trace"]["id"], "4340578901234567890");
    }

    #[test]
    fn the_service_defaults_to_the_function_or_the_log_group() {
        let of_another_kind = encoded(&datadog(None, None), "/ecs/web", "x");
        assert_eq!(of_another_kind["service"], "/ecs/web");
        assert_eq!(of_another_kind["ddsource"], "lambda");
        assert_eq!(of_another_kind.get("ddtags"), None);
        assert_eq!(of_another_kind.get("status"), None);
        assert_eq!(encoded(&datadog(Some("shop"), None), "g", "x")["service"], "shop");
        let with_fields = encoded(&datadog(None, None), "g", "{\"a\":1}");
        assert_eq!(with_fields["json"], json!({"a": 1}));
    }

    #[test]
    fn tags_of_the_log_source_are_ddtags_and_the_service_unless_they_are_configured() {
        let encoded = |datadog: &Datadog| -> Value {
            let mut body = Vec::new();
            let tags = [("env", "test"), ("service", "pay")];
            sample::with_tagged_piece(&tags, |piece| datadog.encode(piece, &mut body));
            serde_json::from_slice(&body).unwrap()
        };
        let log = encoded(&datadog(None, None));
        assert_eq!((&log["ddtags"], &log["service"]), (&json!("env:test"), &json!("pay")));
        assert_eq!(log.get("labels"), None);
        let log = encoded(&datadog(Some("shop"), Some("env:prod,a:b")));
        assert_eq!((&log["ddtags"], &log["service"]), (&json!("env:prod,a:b"), &json!("shop")));
    }

    #[test]
    fn every_response_is_about_the_whole_request() {
        let check = |status, expected: BatchOutcome| {
            let body = bytes::Bytes::from_static(b"{\"errors\":[{\"detail\":\"quotes\"}]}");
            let response = Response { status, retry_after: None, body };
            assert_eq!(datadog(None, None).classify(4, &response), expected, "{status}");
        };
        check(202, BatchOutcome::delivered(4));
        check(413, BatchOutcome::TooLarge);
        check(400, BatchOutcome::Split(ReasonCode::from_status(400)));
        for status in [401, 403] {
            check(status, BatchOutcome::Stop(ReasonCode::from_status(status)));
        }
        for status in [408, 500] {
            check(status, BatchOutcome::Retry(ReasonCode::from_status(status), Ambiguity::Unclear));
        }
        for status in [429, 503] {
            check(
                status,
                BatchOutcome::Retry(ReasonCode::from_status(status), Ambiguity::NothingAccepted),
            );
        }
    }
}
