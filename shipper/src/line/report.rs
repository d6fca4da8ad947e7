//! The metrics of an invocation, in both of Lambda's log formats.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use super::trace::{SpanId, Trace, TraceId};

/// The metrics of an invocation. A metric that Lambda omits is absent, never zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report<'a> {
    /// The duration of the handler, in milliseconds.
    pub duration_ms: Option<f64>,
    /// The billed duration, in milliseconds.
    pub billed_duration_ms: Option<f64>,
    /// The function's memory, in MB.
    pub memory_size_mb: Option<u64>,
    /// The maximum used memory, in MB.
    pub max_memory_used_mb: Option<u64>,
    /// The duration of a cold start, in milliseconds.
    pub init_duration_ms: Option<f64>,
    /// The duration of restoring a snapshot, in milliseconds.
    pub restore_duration_ms: Option<f64>,
    /// The billed duration of the restore, in milliseconds.
    pub billed_restore_duration_ms: Option<f64>,
    /// The X-Ray trace id.
    pub trace_id: Option<Cow<'a, str>>,
    /// `success`, `timeout`, `error` and others. The text format has none after a success.
    pub status: Option<Cow<'a, str>>,
    /// The X-Ray segment of the invocation, in the text format.
    pub(super) segment_id: Option<&'a str>,
    /// Lambda's error type.
    pub error_type: Option<Cow<'a, str>>,
}

impl<'a> Report<'a> {
    /// Parses the fields of a report, separated by tabs and line breaks.
    pub(super) fn parse_text(fields: &'a str) -> Self {
        let mut report = Self::default();
        let mut rest = fields;
        while !rest.is_empty() {
            let field;
            (field, rest) = match memchr3(b'\t', b'\n', b'\r', rest.as_bytes()) {
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None => (rest, ""),
            };
            let colon = memchr(b':', field.as_bytes()).unwrap_or(field.len());
            let Some(value) = field[colon..].strip_prefix(": ") else {
                continue;
            };
            let value = value.trim_end_matches(' ');
            match field[..colon].trim_start_matches(' ') {
                "Duration" => report.duration_ms = millis(value),
                "Billed Duration" => report.billed_duration_ms = millis(value),
                "Memory Size" => report.memory_size_mb = finite_number(value, " MB"),
                "Max Memory Used" => report.max_memory_used_mb = finite_number(value, " MB"),
                "Init Duration" => report.init_duration_ms = millis(value),
                "Restore Duration" => report.restore_duration_ms = millis(value),
                "Billed Restore Duration" => report.billed_restore_duration_ms = millis(value),
                "XRAY TraceId" => report.trace_id = Some(value.into()),
                "SegmentId" => report.segment_id = Some(value),
                "Status" => report.status = Some(value.into()),
                "Error Type" => report.error_type = Some(value.into()),
                _ => {}
            }
        }
        report
    }

    /// The trace of the invocation.
    pub(super) fn trace(&self) -> Option<Box<Trace>> {
        let trace_id = TraceId::parse(self.trace_id.as_deref()?)?;
        Some(Box::new(Trace { trace_id, span_id: self.segment_id.and_then(SpanId::parse) }))
    }

    /// Whether the invocation failed.
    pub(super) fn failed(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status != "success")
    }
}

fn finite_number<T: std::str::FromStr>(value: &str, unit: &str) -> Option<T> {
    value.strip_suffix(unit)?.parse().ok()
}

/// A duration; words such as `inf` are not one.
fn millis(value: &str) -> Option<f64> {
    finite_number(value, " ms").filter(|millis: &f64| millis.is_finite())
}
