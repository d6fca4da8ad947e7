//! The fast path for JSON objects that loggers write: names without escapes, and limited nesting.
//! Takes a fraction of a complete parser's time. Anything else, including invalid JSON, is left to
//! the complete parser.

use std::borrow::Cow;

use super::json_fields::{Fields, Meaning};
use super::json_reader::Reader;
use super::platform_record::{PlatformLine, PlatformMetrics, PlatformRecord, PlatformTracing};
use crate::fast_path::{once, plain_text};

/// The known fields of the object `text`; `None` if it needs the complete parser.
pub(super) fn fields(text: &str) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    let mut reader = Reader { text, rest: text.as_bytes() };
    reader.object(|reader, name| {
        let start = reader.place();
        reader.pass_over_value()?;
        if let Some(meaning) = Meaning::of(name) {
            fields.note(meaning, text.get(start..reader.place())?);
        }
        Some(())
    })?;
    reader.rest.is_empty().then_some(fields)
}

/// Parses a platform log event; `None` if it needs the complete parser.
pub(super) fn platform(text: &str) -> Option<PlatformLine<'_>> {
    let mut record = None;
    let mut reader = Reader { text, rest: text.as_bytes() };
    reader.object(|reader, name| match name {
        b"record" => once(&mut record, reader.record()?),
        _ => reader.pass_over_value(),
    })?;
    reader.blanks();
    reader.rest.is_empty().then_some(PlatformLine { record: record? })
}

impl<'a> Reader<'a> {
    fn record(&mut self) -> Option<PlatformRecord<'a>> {
        let mut record = PlatformRecord::default();
        self.object(|reader, name| match name {
            b"requestId" => once(&mut record.request_id, reader.text()?),
            b"status" => once(&mut record.status, reader.text()?),
            b"errorType" => once(&mut record.error_type, reader.text()?),
            b"tenantId" => once(&mut record.tenant_id, reader.text()?),
            b"durableExecutionArn" => once(&mut record.durable_execution_arn, reader.text()?),
            b"initializationType" => once(&mut record.initialization_type, reader.text()?),
            b"droppedRecords" => once(&mut record.dropped_records, reader.number()?),
            b"droppedBytes" => once(&mut record.dropped_bytes, reader.number()?),
            b"metrics" => once(&mut record.metrics, reader.metrics()?),
            b"tracing" => once(&mut record.tracing, reader.tracing()?),
            _ => reader.pass_over_value(),
        })?;
        Some(record)
    }

    fn metrics(&mut self) -> Option<PlatformMetrics> {
        let mut metrics = PlatformMetrics::default();
        self.object(|reader, name| match name {
            b"durationMs" => once(&mut metrics.duration_ms, reader.finite_number()?),
            b"billedDurationMs" => once(&mut metrics.billed_duration_ms, reader.finite_number()?),
            b"memorySizeMB" => once(&mut metrics.memory_size_mb, reader.number()?),
            b"maxMemoryUsedMB" => once(&mut metrics.max_memory_used_mb, reader.number()?),
            b"initDurationMs" => once(&mut metrics.init_duration_ms, reader.finite_number()?),
            b"restoreDurationMs" => once(&mut metrics.restore_duration_ms, reader.finite_number()?),
            b"billedRestoreDurationMs" => {
                once(&mut metrics.billed_restore_duration_ms, reader.finite_number()?)
            }
            _ => reader.pass_over_value(),
        })?;
        Some(metrics)
    }

    fn tracing(&mut self) -> Option<PlatformTracing<'a>> {
        let mut tracing = PlatformTracing::default();
        self.object(|reader, name| match name {
            b"spanId" => once(&mut tracing.span_id, reader.text()?),
            b"value" => once(&mut tracing.value, reader.text()?),
            _ => reader.pass_over_value(),
        })?;
        Some(tracing)
    }

    /// A string without escapes.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        plain_text(self.text, &mut self.rest).map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The result is the same as that of the complete parser.
    #[track_caller]
    fn check(text: &str) -> Option<Fields<'_>> {
        let read = fields(text);
        if read.is_some() {
            assert_eq!(serde_json::from_str(text).ok(), read, "{text}");
        }
        read
    }

    #[test]
    fn the_fast_path_covers_what_loggers_write() {
        for text in [
            "{}",
            " {}".trim(),
            r#"{"level":"INFO","requestId":"x","type":"y","n":[],"o":{}}"#,
            r#"{"level": 30, "a": [1, -2.5e+3, {"b": {"c": [true, false, null]}}, "é\u00e9\n"]}"#,
            "{\n\t\"level\" : \"warn\" ,\r\n \"level\":{\"a\":[[]]} }",
            r#"{"level":["x"],"severity":true,"type":{"a":0}}"#,
            r#"{"level":"\u0061","requestId":"\ud83d","log":{"level":1e999}}"#,
        ] {
            assert!(check(text).is_some(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_left_to_the_complete_parser() {
        for text in [
            "",
            "{",
            "{}x",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1}"#,
            r#"{"a":{"b":1]}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u00g0"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":nul}"#,
            r#"{"\u0061":1}"#,
        ] {
            assert!(check(text).is_none(), "{text}");
        }
        for (depth, is_fast) in [(60, true), (70, false), (100_000, false)] {
            let text = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(check(&text).is_some(), is_fast, "{depth}");
        }
    }

    #[test]
    fn the_fast_path_covers_platform_log_events() {
        for text in [
            r#"{"time":"t","type":"platform.start","record":{"requestId":"r","version":"$LATEST"}}"#,
            "{\"record\":{\"requestId\":\"r\",\"metrics\":{\"durationMs\":7.25,\"billedDurationMs\":8,\
             \"memorySizeMB\":128,\"maxMemoryUsedMB\":60,\"initDurationMs\":80.25},\
             \"tracing\":{\"type\":\"x\",\"value\":\"Root=1\"},\"spans\":[{\"a\":1}],\"status\":\"success\"}} \n",
            r#"{"record":{"status":"error","errorType":"e","metrics":{"restoreDurationMs":1,"billedRestoreDurationMs":2}}}"#,
        ] {
            assert!(check_platform(text).is_some(), "{text}");
        }
        for text in [
            r#"{"record":{"requestId":null}}"#,
            r#"{"record":{"requestId":"\u0061"}}"#,
            r#"{"record":{"status":"a","status":"b"}}"#,
            r#"{"record":{},"record":{}}"#,
            r#"{"record":{"metrics":{"memorySizeMB":1.5}}}"#,
            r#"{"record":{"metrics":{"durationMs":1e999}}}"#,
            r#"{"record":{}}x"#,
            r#"{"time":"t"}"#,
        ] {
            assert!(check_platform(text).is_none(), "{text}");
        }
    }

    #[track_caller]
    fn check_platform(text: &str) -> Option<PlatformLine<'_>> {
        let read = platform(text);
        if read.is_some() {
            assert_eq!(serde_json::from_str(text).ok(), read, "{text}");
        }
        read
    }

    proptest! {
        #[test]
        fn the_fast_path_reads_platform_log_events_like_serde(
            text in "(\\{\"(record|time)\":(\\{(\"(requestId|status|metrics|tracing|x)\":(\"[a\\\\n]{0,3}\"|null|-?[0-9]{1,3}|\\{(\"(durationMs|memorySizeMB|value|x)\":(\"a\"|null|-?[0-9]{1,3}(\\.[05])?),?){0,2}\\}),?){0,3}\\}|1),?\\}\n?)",
        ) {
            check_platform(&text);
        }

        #[test]
        fn the_fast_path_reads_like_serde(
            text in "(\\{(\"(a|level|type|requestId)\" ?: ?(\"[a\\\\n\"u0é]{0,6}\"|-?[0-9]{1,3}(\\.[0-9])?|[\\[\\]{},:\"a1]{0,6}|true|null|\\[1, ?\\{\\}\\]),? ?){0,4}\\})",
        ) {
            check(&text);
        }
    }
}
