//! The known fields of a JSON object that a logger has written.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json_reader::member;
use super::lambda_details::{LambdaDetails, is_durable_execution};
use super::level::Level;
use super::request_id::{REQUEST_ID_BYTES, is_request_id};
use super::trace::{SpanId, Trace, TraceId};
use crate::escape::plain;

/// The known fields of an object; the first valid value of each.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fields<'a> {
    pub(super) level: Option<Level>,
    pub(super) lambda_request_id: Option<Cow<'a, str>>,
    pub(super) any_request_id: Option<Cow<'a, str>>,
    pub(super) line_type: Option<Cow<'a, str>>,
    pub(super) details: LambdaDetails<'a>,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    has_error_type: bool,
    has_error_message: bool,
}

impl<'a> Fields<'a> {
    /// Processes a known field, with its value as written.
    pub(super) fn note(&mut self, meaning: Meaning, value: &'a str) {
        match meaning {
            Meaning::Level => self.level = self.level.or_else(|| level(value)),
            Meaning::Log => self.level = self.level.or_else(|| level_inside(value)),
            Meaning::LambdaRequestId => {
                let id = self.lambda_request_id.take();
                self.lambda_request_id = id.or_else(|| request_id(value));
            }
            Meaning::RequestId => {
                let id = self.any_request_id.take();
                self.any_request_id = id.or_else(|| request_id(value));
            }
            Meaning::Span => {
                let id = self.any_request_id.take();
                self.any_request_id = id.or_else(|| request_id_of_span(value));
                self.note_span(member(value, &[b"id"]).and_then(|id| SpanId::parse(&string(id)?)));
            }
            Meaning::TenantId => {
                let id = self.details.tenant_id.take();
                self.details.tenant_id = id.or_else(|| string(value));
            }
            Meaning::Execution => {
                let arn = self.details.durable_execution_arn.take();
                self.details.durable_execution_arn =
                    arn.or_else(|| string(value).filter(|arn| is_durable_execution(arn)));
            }
            Meaning::TraceId => self.note_trace(string(value).and_then(|id| TraceId::parse(&id))),
            Meaning::SpanId => self.note_span(string(value).and_then(|id| SpanId::parse(&id))),
            Meaning::Trace => {
                self.note_trace(
                    member(value, &[b"id"]).and_then(|id| TraceId::parse(&string(id)?)),
                );
            }
            Meaning::Traceparent => {
                self.note_both(string(value).and_then(|text| Trace::parse_traceparent(&text)));
            }
            Meaning::XRay => {
                self.note_both(string(value).and_then(|text| Trace::parse_xray(&text)));
            }
            Meaning::DatadogTraceId => {
                self.note_trace(digits(value).and_then(|id| TraceId::parse_datadog(&id)));
            }
            Meaning::DatadogSpanId => {
                self.note_span(digits(value).and_then(|id| SpanId::parse_datadog(&id)));
            }
            Meaning::Datadog => {
                for (name, meaning) in [
                    (b"trace_id".as_slice(), Meaning::DatadogTraceId),
                    (b"span_id".as_slice(), Meaning::DatadogSpanId),
                ] {
                    if let Some(value) = member(value, &[name]) {
                        self.note(meaning, value);
                    }
                }
            }
            Meaning::LineType => {
                self.line_type = self.line_type.take().or_else(|| string(value));
            }
            Meaning::ErrorType => self.has_error_type |= value.starts_with('"'),
            Meaning::ErrorMessage => self.has_error_message |= value.starts_with('"'),
        }
    }

    /// The trace, if the object has the id of one.
    pub(super) fn trace(&self) -> Option<Box<Trace>> {
        let span_id = self.span_id;
        self.trace_id.map(|trace_id| Box::new(Trace { trace_id, span_id }))
    }

    fn note_trace(&mut self, id: Option<TraceId>) {
        self.trace_id = self.trace_id.or(id);
    }

    fn note_span(&mut self, id: Option<SpanId>) {
        self.span_id = self.span_id.or(id);
    }

    fn note_both(&mut self, trace: Option<Trace>) {
        self.note_trace(trace.map(|trace| trace.trace_id));
        self.note_span(trace.and_then(|trace| trace.span_id));
    }

    /// The level. An error object of Lambda's runtimes has none, and is an error.
    pub(super) fn level(&self) -> Option<Level> {
        let is_error = self.has_error_type && self.has_error_message;
        self.level.or(is_error.then_some(Level::Error))
    }
}

/// A string; `None` for other types.
fn string(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes() {
        [b'"', text @ .., b'"'] if plain(text) == text.len() => {
            Some(Cow::Borrowed(&value[1..value.len() - 1]))
        }
        [b'"', ..] => serde_json::from_str(value).ok().map(|Key(text)| text),
        _ => None,
    }
}

/// A string, or a number as written.
fn digits(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => string(value),
    }
}

/// A level by name or number; some loggers write an object with both.
fn level(value: &str) -> Option<Level> {
    match value.as_bytes().first()? {
        b'"' => Level::from_name(&string(value)?),
        b'0'..=b'9' => Level::from_number(value.parse().ok()?),
        b'{' => {
            let name = member(value, &[b"name", b"levelStr"])?;
            Level::from_name(&string(name)?)
        }
        _ => None,
    }
}

/// The level in an object about the logging itself.
fn level_inside(value: &str) -> Option<Level> {
    level(member(value, &[b"level"])?)
}

/// A request id in Lambda's form; `None` for other values.
fn request_id(value: &str) -> Option<Cow<'_, str>> {
    string(value).filter(|id| is_request_id(id))
}

/// The request id in the fields of the span that the Rust runtime creates for each request, alone
/// or followed by inner spans.
fn request_id_of_span(value: &str) -> Option<Cow<'_, str>> {
    const SPAN: &str = r#""name":"Lambda runtime invoke""#;
    const NAME: &str = r#""requestId":"#;

    memmem::find(value.as_bytes(), SPAN.as_bytes())?;
    let start = memmem::find(value.as_bytes(), NAME.as_bytes())? + NAME.len();
    request_id(value.get(start..start + REQUEST_ID_BYTES + r#""""#.len())?)
}

/// The meaning of a field.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    Level,
    /// An object that may contain a level.
    Log,
    /// The request id, by a field name that only Lambda's uses.
    LambdaRequestId,
    /// A request id, if it has Lambda's form.
    RequestId,
    /// One or more spans of Rust's `tracing`, one of which is the request's; or ECS's object with
    /// the id of a span.
    Span,
    TenantId,
    /// The ARN of an execution, if it is a durable one.
    Execution,
    /// The id of a trace, in W3C's or X-Ray's form.
    TraceId,
    SpanId,
    /// ECS's object with the id of a trace.
    Trace,
    /// W3C's header.
    Traceparent,
    /// X-Ray's id or header.
    XRay,
    /// The id of a trace in Datadog's form.
    DatadogTraceId,
    DatadogSpanId,
    /// An object with both.
    Datadog,
    LineType,
    ErrorType,
    ErrorMessage,
}

impl Meaning {
    /// The meaning of a field name, if it is known.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"level" | b"log.level" | b"severity" | b"levelname" | b"level_name" | b"log_level"
            | b"loglevel" | b"logLevel" | b"LogLevel" | b"Level" | b"LEVEL" | b"lvl" | b"@l"
            | b"@level" | b"Severity" | b"SEVERITY" | b"severity_text" | b"severityText"
            | b"SeverityText" => Some(Self::Level),
            b"log" | b"record" => Some(Self::Log),
            b"AWSRequestId"
            | b"AwsRequestId"
            | b"awsRequestId"
            | b"awsRequestID"
            | b"aws_request_id"
            | b"function_request_id"
            | b"functionRequestId"
            | b"lambda_request_id"
            | b"lambdaRequestId"
            | b"faas.execution"
            | b"faas.invocation_id" => Some(Self::LambdaRequestId),
            b"requestId" | b"request_id" | b"RequestId" | b"requestID" => Some(Self::RequestId),
            b"span" | b"spans" => Some(Self::Span),
            b"trace_id" | b"traceId" | b"traceID" | b"TraceId" | b"TraceID" | b"trace.id"
            | b"otelTraceID" | b"otelTraceId" | b"@tr" => Some(Self::TraceId),
            b"span_id" | b"spanId" | b"spanID" | b"SpanId" | b"SpanID" | b"span.id"
            | b"otelSpanID" | b"otelSpanId" | b"@sp" => Some(Self::SpanId),
            b"tenantId" => Some(Self::TenantId),
            b"executionArn"
            | b"execution_arn"
            | b"durableExecutionArn"
            | b"durable_execution_arn" => Some(Self::Execution),
            b"trace" => Some(Self::Trace),
            b"traceparent" => Some(Self::Traceparent),
            b"xray_trace_id" | b"xrayTraceId" | b"xRayTraceId" | b"xray-trace-id"
            | b"AWS-XRAY-TRACE-ID" | b"X-Amzn-Trace-Id" | b"x-amzn-trace-id"
            | b"_X_AMZN_TRACE_ID" => Some(Self::XRay),
            b"dd.trace_id" => Some(Self::DatadogTraceId),
            b"dd.span_id" => Some(Self::DatadogSpanId),
            b"dd" => Some(Self::Datadog),
            b"type" => Some(Self::LineType),
            b"errorType" => Some(Self::ErrorType),
            b"errorMessage" => Some(Self::ErrorMessage),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(Key(key)) = map.next_key()? {
                    match Meaning::of(key.as_bytes()) {
                        Some(meaning) => fields.note(meaning, map.next_value::<&RawValue>()?.get()),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A key, borrowed if it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
