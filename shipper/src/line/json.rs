//! JSON log events: Lambda's JSON log format, and JSON written by the function's logger.
//!
//! A message is parsed in one pass, which also validates it. Only the few known fields are kept;
//! the object itself remains as written.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>

use std::borrow::Cow;

use serde::Deserialize;

use super::platform_record::{PlatformLine, PlatformRecord};
use super::request_id::{REQUEST_ID_BYTES, is_request_id};
use super::trace::{self, SpanId, Trace};
use super::{Kind, LambdaDetails, Level, Line, Report, fast_path, loose};
use crate::fast_path::plain_text;

/// A message that is a JSON object.
pub(super) struct Object<'a> {
    /// The object as written, without surrounding white space.
    pub(super) text: &'a str,
    /// The level, by the field names of common loggers.
    pub(super) level: Option<Level>,
    /// The trace, by the field names of common tracers.
    pub(super) trace: Option<Box<Trace>>,
    /// The tenant and the durable execution.
    pub(super) details: Option<Box<LambdaDetails<'a>>>,
    /// The request id, by a field name that only Lambda's uses.
    pub(super) lambda_request_id: Option<Cow<'a, str>>,
    /// The request id, by a field name that has other uses.
    any_request_id: Option<Cow<'a, str>>,
    /// `type`, which marks platform log events.
    line_type: Option<Cow<'a, str>>,
}

/// Parses a message that begins like a platform log event.
pub(super) fn lambdas(message: &str) -> Option<Line<'_>> {
    let mut rest = message.as_bytes().strip_prefix(br#"{"time":""#)?;
    plain_text(message, &mut rest)?;
    rest = rest.strip_prefix(br#","type":"platform."#)?;
    let name = plain_text(message, &mut rest)?;
    let line = fast_path::platform(message).or_else(|| serde_json::from_str(message).ok())?;
    Some(platform_line(name, line.record))
}

/// Parses `message` if it is a single JSON object.
pub(super) fn object(message: &str) -> Option<Object<'_>> {
    let text = message.trim_matches([' ', '\t', '\r', '\n']);
    if !(text.starts_with('{') && text.ends_with('}')) {
        return None;
    }
    let mut fields = fast_path::fields(text).or_else(|| serde_json::from_str(text).ok())?;
    // The runtimes' JSON format has both; an application may have tenants of its own.
    if fields.any_request_id.is_none() && fields.lambda_request_id.is_none() {
        fields.details.tenant_id = None;
    }
    Some(Object {
        text,
        level: fields.level(),
        trace: fields.trace(),
        details: fields.details.boxed(),
        lambda_request_id: fields.lambda_request_id,
        any_request_id: fields.any_request_id,
        line_type: fields.line_type,
    })
}

/// Parses an invalid object, such as one with `NaN`. It is not sent as JSON, because not every
/// destination would accept it.
pub(super) fn broken(text: &str) -> Line<'_> {
    let fields = loose::fields(text);
    let (level, trace) = (fields.level(), fields.trace());
    let request_id = fields.lambda_request_id.or(fields.any_request_id);
    Line { level, request_id, trace, ..Line::default() }
}

/// The non-empty object at the end of a message, after a label.
pub(super) fn behind_label(message: &str) -> Option<(&str, Object<'_>)> {
    const LONGEST_LABEL: usize = 512;
    const MOST_TRIED: usize = 4;

    if !message.ends_with('}') {
        return None;
    }
    let start = &message.as_bytes()[..message.len().min(LONGEST_LABEL)];
    let may_begin = |at: &usize| message[at + 1..].trim_ascii_start().starts_with('"');
    memchr::memchr_iter(b'{', start)
        .filter(may_begin)
        .take(MOST_TRIED)
        .find_map(|at| Some((&message[..at], object(&message[at..])?)))
}

/// Distinguishes platform log events from those of the function.
pub(super) fn parse(object: Object<'_>) -> Line<'_> {
    let platform =
        object.line_type.as_deref().and_then(|line_type| line_type.strip_prefix("platform."));
    let record = platform.and_then(|_| serde_json::from_str::<PlatformLine<'_>>(object.text).ok());
    match (platform, record) {
        (Some(name), Some(line)) => platform_line(name, line.record),
        (Some("fault"), None) => fault(object.text).unwrap_or_else(|| application(object)),
        _ => application(object),
    }
}

/// A crashed process, whose record is a string: `RequestId: … Process exited before completing
/// request`.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html>, `platform.fault`
fn fault(text: &str) -> Option<Line<'static>> {
    #[derive(Deserialize)]
    struct Fault<'a> {
        #[serde(borrow)]
        record: Cow<'a, str>,
    }

    let fault: Fault<'_> = serde_json::from_str(text).ok()?;
    let id = fault.record.strip_prefix("RequestId: ").and_then(|rest| rest.get(..REQUEST_ID_BYTES));
    let request_id = id.filter(|id| is_request_id(id)).map(|id| Cow::Owned(id.to_owned()));
    Some(Line { kind: Kind::Crash, level: Some(Level::Error), request_id, ..Line::default() })
}

/// A log event of the function.
pub(super) fn application(object: Object<'_>) -> Line<'_> {
    Line {
        kind: Kind::Application,
        request_id: object.lambda_request_id.or(object.any_request_id),
        level: object.level,
        trace: object.trace,
        details: object.details,
        json: Some(object.text),
        ..Line::default()
    }
}

/// A platform log event. It is not sent as JSON: the relevant fields have their own, and `record`
/// or `time` may have other types in the function's log events.
fn platform_line<'a>(name: &str, record: PlatformRecord<'a>) -> Line<'a> {
    let kind = match name {
        "initStart" => Kind::InitStart,
        "start" => Kind::Start,
        "runtimeDone" => Kind::End,
        "report" => Kind::Report,
        "extension" | "telemetrySubscription" => Kind::Extension,
        _ => Kind::Platform,
    };
    let end = name.len().saturating_sub("report".len());
    let details = LambdaDetails {
        tenant_id: record.tenant_id,
        durable_execution_arn: record.durable_execution_arn,
        dropped_records: record.dropped_records,
        dropped_bytes: record.dropped_bytes,
    };
    // <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>
    let is_of_managed_instance =
        record.initialization_type.as_deref() == Some("lambda-managed-instances");
    let is_report = name.as_bytes()[end..].eq_ignore_ascii_case(b"report");
    let metrics = record.metrics.unwrap_or_default();
    let duration_ms = metrics.duration_ms;
    // The duration of an init or restore report is that of the phase.
    let (duration_ms, init_ms, restore_ms) = match name {
        "initReport" => (None, duration_ms, None),
        "restoreReport" => (None, None, duration_ms),
        _ => (duration_ms, None, None),
    };
    let tracing = record.tracing.unwrap_or_default();
    let header = tracing.value.as_deref().and_then(Trace::parse_xray);
    let span_id = tracing.span_id.as_deref().and_then(SpanId::parse);
    let trace = header.map(|trace| Trace { span_id: span_id.or(trace.span_id), ..trace });
    let report = Report {
        duration_ms,
        billed_duration_ms: metrics.billed_duration_ms,
        memory_size_mb: metrics.memory_size_mb,
        max_memory_used_mb: metrics.max_memory_used_mb,
        init_duration_ms: init_ms.or(metrics.init_duration_ms),
        restore_duration_ms: restore_ms.or(metrics.restore_duration_ms),
        billed_restore_duration_ms: metrics.billed_restore_duration_ms,
        // As in text: without the rest of the header.
        trace_id: tracing.value.map(|value| match value {
            Cow::Borrowed(value) => Cow::Borrowed(trace::root(value)),
            Cow::Owned(value) => Cow::Owned(trace::root(&value).to_owned()),
        }),
        segment_id: None,
        status: record.status,
        error_type: record.error_type,
    };
    Line {
        kind,
        request_id: record.request_id,
        level: (report.failed() || report.error_type.is_some()).then_some(Level::Error),
        trace: trace.map(Box::new),
        details: details.boxed(),
        is_of_managed_instance,
        report: is_report.then(|| Box::new(report)),
        ..Line::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

    #[test]
    fn a_field_is_read_however_it_is_written() {
        for (message, level) in [
            (r#"{"level":{"nested":[1,{"a":2}]},"requestId":17}"#, None),
            (r#"{"lev\u0065l":"debug"}"#, Some(Level::Debug)),
            (r#"{"level":"d\u0065bug"}"#, Some(Level::Debug)),
            (r#"{"level":null,"severity":"ERROR"}"#, Some(Level::Error)),
            (r#"{"lev\u0065l":"x","log": {"level" : "debug"} }"#, Some(Level::Debug)),
        ] {
            let line = Line::parse(message);
            assert_eq!((line.kind, line.level), (Kind::Application, level), "{message}");
            assert_eq!((line.request_id, line.json), (None, Some(message)));
        }
    }

    #[test]
    fn the_object_stays_as_written() {
        let line = Line::parse(" {\"big\": 12345678901234567890123, \"f\": 1.10}\n");
        assert_eq!(line.json, Some("{\"big\": 12345678901234567890123, \"f\": 1.10}"));
    }

    #[test]
    fn a_message_that_is_not_one_json_object_is_text() {
        for message in ["{", "{}x", "{\"a\":1} {\"b\":2}", "[1]", "{a:1}", "{\"a\":\"\n\"}"] {
            assert_eq!(Line::parse(message).json, None, "{message}");
        }
    }

    #[test]
    fn parses_a_report_in_the_json_format() {
        let message = format!(
            r#"{{"time":"2023-11-06T10:00:00.000Z","type":"platform.report","record":{{"requestId":"{ID}","metrics":{{"durationMs":7.5,"billedDurationMs":8,"memorySizeMB":128,"maxMemoryUsedMB":60,"initDurationMs":80.25}},"tracing":{{"type":"X-Amzn-Trace-Id","value":"Root=1-2","spanId":"x"}},"spans":[],"status":"success"}}}}"#
        );
        let line = Line::parse(&message);
        assert_eq!(line.kind, Kind::Report);
        assert_eq!(line.request_id.as_deref(), Some(ID));
        assert_eq!((line.level, line.json), (None, None));
        let report = line.report.unwrap();
        assert_eq!(report.duration_ms, Some(7.5));
        assert_eq!(report.billed_duration_ms, Some(8.0));
        assert_eq!(report.max_memory_used_mb, Some(60));
        assert_eq!(report.init_duration_ms, Some(80.25));
        assert_eq!(report.trace_id.as_deref(), Some("1-2"));
        assert_eq!(report.status.as_deref(), Some("success"));
    }

    #[test]
    fn init_and_restore_have_metrics_too() {
        let report = |name: &str| {
            let message = format!(
                r#"{{"time":"t","type":"platform.{name}","record":{{"initializationType":"on-demand","phase":"init",
                    "status":"error","errorType":"Runtime.ExitError","metrics":{{"durationMs":125.33}}}}}}"#
            );
            let line = Line::parse(&message);
            assert_eq!((line.kind, line.level), (Kind::Platform, Some(Level::Error)));
            let report = line.report.unwrap();
            assert_eq!(report.error_type.as_deref(), Some("Runtime.ExitError"));
            (report.duration_ms, report.init_duration_ms, report.restore_duration_ms)
        };
        assert_eq!(report("initReport"), (None, Some(125.33), None));
        assert_eq!(report("restoreReport"), (None, None, Some(125.33)));
    }

    #[test]
    fn parses_other_platform_log_events_and_their_failures() {
        for (name, kind) in [
            ("start", Kind::Start),
            ("runtimeDone", Kind::End),
            ("initStart", Kind::InitStart),
            ("extension", Kind::Extension),
            ("logsDropped", Kind::Platform),
        ] {
            let message = format!(
                r#"{{"time":"t","type":"platform.{name}","record":{{"requestId":"{ID}","status":"timeout"}}}}"#
            );
            let line = Line::parse(&message);
            assert_eq!((line.kind, line.level), (kind, Some(Level::Error)), "{message}");
        }
    }

    proptest! {
        #[test]
        fn messages_like_platform_log_events_are_read_like_any_other(
            time in "[0-9a\\\\\"]{0,3}", name in "start|report|st\\\\u0061rt|[a-zR\"\\\\]{0,3}",
            rest in ",\"record\":(\\{(\"requestId\":\"x\")?\\}|5)(,\"(type|level)\":\"a\")?\\}[ \n]?|\\}",
        ) {
            let text = format!(r#"{{"time":"{time}","type":"platform.{name}"{rest}"#);
            if let Some(line) = lambdas(&text) {
                prop_assert_eq!(Some(line), object(&text).map(parse), "{}", text);
            }
        }
    }

    #[test]
    fn an_application_may_have_a_type_of_its_own() {
        for message in [r#"{"type":"order","record":5}"#, r#"{"type":"platform.x","record":5}"#] {
            let line = Line::parse(message);
            assert_eq!((line.kind, line.json), (Kind::Application, Some(message)));
        }
    }

    #[test]
    fn a_fault_is_a_crash_of_its_request() {
        let text = format!(
            r#"{{"time":"2020-08-20T12:31:32.123Z","type":"platform.fault","record":"RequestId: {ID} Process exited before completing request"}}"#
        );
        let line = parse(object(&text).unwrap());
        assert_eq!((line.kind, line.level), (Kind::Crash, Some(Level::Error)));
        assert_eq!(line.request_id.as_deref(), Some(ID));
        assert_eq!(line.json, None);
    }
}
