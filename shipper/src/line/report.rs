//! The figures of an invocation, from either form in which Lambda reports them.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

/// What an invocation took. A figure that Lambda left out is absent, never zero.
#[derive(Debug, Default, PartialEq)]
pub struct Report<'a> {
    /// How long the handler ran, in milliseconds.
    pub duration_ms: Option<f64>,
    /// How long is paid for, in milliseconds.
    pub billed_duration_ms: Option<f64>,
    /// The memory the function has, in MB.
    pub memory_size_mb: Option<u64>,
    /// The most memory it used, in MB.
    pub max_memory_used_mb: Option<u64>,
    /// How long a cold start took, in milliseconds.
    pub init_duration_ms: Option<f64>,
    /// How long restoring a snapshot took, in milliseconds.
    pub restore_duration_ms: Option<f64>,
    /// How long is paid for restoring it, in milliseconds.
    pub billed_restore_duration_ms: Option<f64>,
    /// The X-Ray trace.
    pub trace_id: Option<Cow<'a, str>>,
    /// `timeout`, `error` and the like; absent in a text line that reports success.
    pub status: Option<Cow<'a, str>>,
    /// The error's type as Lambda names it.
    pub error_type: Option<Cow<'a, str>>,
}

impl<'a> Report<'a> {
    /// Reads the fields of a line that reports, separated by tabs and line ends.
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
                "Memory Size" => report.memory_size_mb = figure(value, " MB"),
                "Max Memory Used" => report.max_memory_used_mb = figure(value, " MB"),
                "Init Duration" => report.init_duration_ms = millis(value),
                "Restore Duration" => report.restore_duration_ms = millis(value),
                "Billed Restore Duration" => report.billed_restore_duration_ms = millis(value),
                "XRAY TraceId" => report.trace_id = Some(value.into()),
                "Status" => report.status = Some(value.into()),
                "Error Type" => report.error_type = Some(value.into()),
                _ => {}
            }
        }
        report
    }

    /// Whether the invocation went wrong.
    pub(super) fn failed(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status != "success")
    }
}

fn figure<T: std::str::FromStr>(value: &str, unit: &str) -> Option<T> {
    value.strip_suffix(unit)?.parse().ok()
}

/// A duration, which is a number and no word for one.
fn millis(value: &str) -> Option<f64> {
    figure(value, " ms").filter(|millis: &f64| millis.is_finite())
}
