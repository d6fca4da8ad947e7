use prost::Message;
use serde_json::{Value, json};

use super::{
    Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, gunzipped_bytes,
};
use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
pub(super) struct Otlp;

#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_logs: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeLogs {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    log_records: Vec<LogRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct LogRecord {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    severity_number: i32,
    #[prost(string, tag = "3")]
    severity_text: String,
    #[prost(message, optional, tag = "5")]
    body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "11")]
    observed_time_unix_nano: u64,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 3, 4, 5")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(Array),
}

#[derive(Clone, PartialEq, Message)]
struct Array {
    #[prost(message, repeated, tag = "1")]
    values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Exported {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_log_records: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// All attributes have a value, and names are unique.
fn ensure_attributes(attributes: &[KeyValue]) -> Result<(), String> {
    let mut names: Vec<&str> = attributes.iter().map(|pair| pair.key.as_str()).collect();
    names.sort_unstable();
    ensure(names.windows(2).all(|pair| pair[0] != pair[1]), "a name twice")?;
    let has_value =
        |pair: &KeyValue| pair.value.as_ref().is_some_and(|value| value.value.is_some());
    ensure(attributes.iter().all(has_value), "an attribute without a value")
}

impl Contract for Otlp {
    fn kind(&self) -> &'static str {
        "otlp"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "otlp", "url": url, "headers": {"X-Api-Key": SECRET}})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/v1/logs")?;
        ensure_header(request, "x-api-key", SECRET)?;
        ensure_header(request, "content-type", "application/x-protobuf")?;
        let body = gunzipped_bytes(request, 4_000_000)?;
        let export = Export::decode(body.as_slice()).map_err(|error| error.to_string())?;
        let mut items = Vec::new();
        for logs in export.resource_logs {
            let resource = logs.resource.ok_or("no resource")?;
            ensure_attributes(&resource.attributes)?;
            for scope_logs in logs.scope_logs {
                let scope = scope_logs.scope.ok_or("no scope")?;
                ensure(scope.name == "logagg" && !scope.version.is_empty(), "another scope")?;
                for record in scope_logs.log_records {
                    ensure_attributes(&record.attributes)?;
                    ensure(record.time_unix_nano > 1_600_000_000_000_000_000, "no time")?;
                    let observed = record.observed_time_unix_nano;
                    ensure(observed > 1_600_000_000_000_000_000, "no observed time")?;
                    ensure((0..=24).contains(&record.severity_number), "no severity")?;
                    let Some(AnyValue { value: Some(Any::Text(line)) }) = record.body else {
                        return Err("no text as body".to_owned());
                    };
                    items.push(Item::new(line));
                }
            }
        }
        ensure(!items.is_empty(), "no records")?;
        Ok(items)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let (rejected, good): (Vec<Item>, Vec<Item>) = items.into_iter().partition(Item::is_poison);
        held.extend(good);
        // Collectors write an empty one if there is nothing to report.
        let mut partial_success = PartialSuccess::default();
        if let Some(first) = rejected.first() {
            partial_success.rejected_log_records = rejected.len() as i64;
            partial_success.error_message = format!("rejected: {}", first.message);
        }
        Response::new(200, Exported { partial_success: Some(partial_success) }.encode_to_vec())
            .with("content-type", "application/x-protobuf")
    }

    fn rejects(&self) -> Rejects {
        Rejects::Records
    }

    fn unauthorized(&self) -> Response {
        Response::new(401, "")
    }

    fn busy(&self) -> Response {
        Response::new(429, "")
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        let partial_success =
            Some(PartialSuccess { rejected_log_records: 1, error_message: String::new() });
        let response = Response::new(200, Exported { partial_success }.encode_to_vec());
        let name = "200 with `partial_success`, one `rejected_log_records`".to_owned();
        vec![OwnResponse { name, lines: 4, response }]
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }

    /// Only 429, 502, 503 and 504 are retryable.
    fn never_retried(&self) -> &'static [u16] {
        &[302, 404, 408, 500, 501]
    }

    fn retried(&self) -> &'static [u16] {
        &[502, 503, 504]
    }
}
