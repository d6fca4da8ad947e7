//! The trace that a log event belongs to, in the forms that tracers write.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// The trace and the span of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub trace_id: TraceId,
    /// The span, if it is known.
    pub span_id: Option<SpanId>,
}

/// The id of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceId {
    /// 32 hexadecimal digits, as W3C Trace Context has them, or those of an X-Ray id.
    Hexadecimal(u128),
    /// A decimal number, as Datadog's tracers write it.
    Decimal(u64),
}

/// The id of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanId {
    /// 16 hexadecimal digits.
    Hexadecimal(u64),
    /// A decimal number, as Datadog's tracers write it.
    Decimal(u64),
}

impl TraceId {
    const DIGITS: usize = 32;

    /// The id in bytes, as OpenTelemetry has it.
    pub fn bytes(self) -> [u8; 16] {
        let id: u128 = match self {
            Self::Hexadecimal(id) => id,
            Self::Decimal(id) => id.into(),
        };
        id.to_be_bytes()
    }

    /// 32 hexadecimal digits, or an X-Ray id, alone or in a trace header.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let of_digits = || u128::from_str_radix(digits(text, Self::DIGITS)?, 16).ok();
        let id = of_digits().or_else(|| xray(root(text)))?;
        (id != 0).then_some(Self::Hexadecimal(id))
    }

    /// An id of Datadog: decimal, or 32 hexadecimal digits.
    pub(super) fn parse_datadog(text: &str) -> Option<Self> {
        decimal(text).map(Self::Decimal).or_else(|| Self::parse(text))
    }
}

impl SpanId {
    const DIGITS: usize = 16;

    /// The id in bytes, as OpenTelemetry has it.
    pub fn bytes(self) -> [u8; 8] {
        let (Self::Hexadecimal(id) | Self::Decimal(id)) = self;
        id.to_be_bytes()
    }

    /// 16 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = u64::from_str_radix(digits(text, Self::DIGITS)?, 16).ok()?;
        (id != 0).then_some(Self::Hexadecimal(id))
    }

    /// An id of Datadog: decimal, or 16 hexadecimal digits with a letter.
    pub(super) fn parse_datadog(text: &str) -> Option<Self> {
        decimal(text).map(Self::Decimal).or_else(|| Self::parse(text))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hexadecimal(id) => write!(formatter, "{id:032x}"),
            Self::Decimal(id) => write!(formatter, "{id}"),
        }
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hexadecimal(id) => write!(formatter, "{id:016x}"),
            Self::Decimal(id) => write!(formatter, "{id}"),
        }
    }
}

impl Trace {
    /// W3C's header: `00-<trace>-<span>-01`.
    ///
    /// <https://www.w3.org/TR/trace-context/#traceparent-header>
    pub(super) fn parse_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        digits(parts.next()?, 2)?;
        let trace_id = TraceId::parse(parts.next()?)?;
        Some(Self { trace_id, span_id: Some(SpanId::parse(parts.next()?)?) })
    }

    /// X-Ray's header, `Root=1-…;Parent=…;Sampled=1`, or what X-Ray's SDK for Java adds to log
    /// events, `AWS-XRAY-TRACE-ID: 1-…@…`.
    ///
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-java-configuration.html>
    pub(super) fn parse_xray(text: &str) -> Option<Self> {
        let text = text.strip_prefix(JAVA).unwrap_or(text).trim_start();
        let trace_id = TraceId::parse(text.split('@').next()?)?;
        let of_header = || text.split(';').find_map(|part| part.trim().strip_prefix("Parent="));
        let span = text.split('@').nth(1).or_else(of_header);
        let span = span.and_then(|text| text.get(..SpanId::DIGITS));
        Some(Self { trace_id, span_id: span.and_then(SpanId::parse) })
    }

    /// The trace in a message that is not JSON: `trace_id=… span_id=…`, also with `dd.` before, or
    /// one of X-Ray's forms.
    pub(super) fn find(message: &str) -> Option<Self> {
        const LONGEST: usize = 512;
        static PAIR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("trace_id="));
        static HEADER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("Root=1-"));
        static OF_JAVA: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(JAVA));

        let text = &message[..message.floor_char_boundary(LONGEST)];
        let behind = |finder: &Finder<'_>| text.get(finder.find(text.as_bytes())?..);
        if let Some(pair) = behind(&PAIR) {
            let is_datadog = text[..text.len() - pair.len()].ends_with("dd.");
            let id = word(pair.strip_prefix("trace_id=")?);
            let span = pair.split_once("span_id=").map(|(_, rest)| word(rest));
            let (trace_id, span_id) = if is_datadog {
                (TraceId::parse_datadog(id), span.and_then(SpanId::parse_datadog))
            } else {
                (TraceId::parse(id), span.and_then(SpanId::parse))
            };
            if let Some(trace_id) = trace_id {
                return Some(Self { trace_id, span_id });
            }
        }
        behind(&HEADER).or_else(|| behind(&OF_JAVA)).and_then(Self::parse_xray)
    }
}

/// What X-Ray's SDK for Java writes before an id.
const JAVA: &str = "AWS-XRAY-TRACE-ID:";

/// The X-Ray id in a trace header; any other string is one itself.
pub(super) fn root(text: &str) -> &str {
    let mut parts = text.split(';');
    parts.find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(text)
}

/// The digits of an X-Ray id, `1-<8 digits>-<24 digits>`, which may be followed by something else.
///
/// <https://opentelemetry.io/docs/specs/otel/context/api-propagators/#propagators-distribution>
fn xray(text: &str) -> Option<u128> {
    let (time, rest) = text.strip_prefix("1-")?.split_once('-')?;
    let id = rest.get(..24)?;
    if rest[24..].starts_with(|next: char| next.is_ascii_alphanumeric()) {
        return None;
    }
    let (time, id) = (digits(time, 8)?, digits(id, 24)?);
    Some(u128::from_str_radix(time, 16).ok()? << 96 | u128::from_str_radix(id, 16).ok()?)
}

/// `text`, if it consists of this many hexadecimal digits.
fn digits(text: &str, count: usize) -> Option<&str> {
    let is_of_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_of_digits.then_some(text)
}

/// A positive decimal number; one with leading zeros is hexadecimal.
fn decimal(text: &str) -> Option<u64> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    number.filter(|number| *number != 0 && !text.starts_with('0'))
}

/// The word at the beginning of a string.
fn word(text: &str) -> &str {
    let end = text.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::super::Line;

    const HEX: &str = "5759e988bd862e3fe1be46a994272793";
    const XRAY: &str = "1-5759e988-bd862e3fe1be46a994272793";
    const SPAN: &str = "53995c3f42cd8ad8";

    #[track_caller]
    fn check(message: &str, trace_id: Option<&str>, span_id: Option<&str>) {
        let trace = Line::parse(message).trace;
        let found = trace.as_ref().map(|trace| trace.trace_id.to_string());
        let span = trace.and_then(|trace| trace.span_id).map(|span| span.to_string());
        assert_eq!((found.as_deref(), span.as_deref()), (trace_id, span_id), "{message}");
    }

    #[test]
    fn a_trace_in_json_has_the_names_of_tracers() {
        let (hex, span) = (Some(HEX), Some(SPAN));
        for fields in [
            format!(r#""trace_id":"{HEX}","span_id":"{SPAN}""#),
            format!(r#""traceId":"{HEX}","spanId":"{SPAN}""#),
            format!(r#""trace.id":"{HEX}","span.id":"{SPAN}""#),
            format!(r#""trace":{{"id":"{HEX}"}},"span":{{"id":"{SPAN}"}}"#),
            format!(r#""otelTraceID":"{HEX}","otelSpanID":"{SPAN}""#),
            format!(r#""@tr":"{HEX}","@sp":"{SPAN}""#),
            format!(r#""traceparent":"00-{HEX}-{SPAN}-01""#),
            format!(r#""AWS-XRAY-TRACE-ID":"AWS-XRAY-TRACE-ID: {XRAY}@{SPAN}""#),
            format!(r#""xray_trace_id":"Root={XRAY};Parent={SPAN};Sampled=1""#),
        ] {
            check(&format!("{{{fields}}}"), hex, span);
        }
        check(&format!(r#"{{"xray_trace_id":"{XRAY}"}}"#), hex, None);
        check(&format!(r#"{{"trace_id":"{XRAY}"}}"#), hex, None);
    }

    #[test]
    fn ids_of_datadog_stay_decimal() {
        let (id, span) = (Some("4340578901234567890"), Some("9876543210"));
        check(r#"{"dd.trace_id":"4340578901234567890","dd.span_id":"9876543210"}"#, id, span);
        check(r#"{"dd":{"trace_id":"4340578901234567890","span_id":9876543210}}"#, id, span);
        check(
            &format!(r#"{{"dd":{{"trace_id":"{HEX}","span_id":"9876543210"}}}}"#),
            Some(HEX),
            span,
        );
        check(
            "[dd.service=x dd.trace_id=4340578901234567890 dd.span_id=9876543210] paid",
            id,
            span,
        );
    }

    #[test]
    fn a_trace_in_text_is_a_pair_or_a_header() {
        let (hex, span) = (Some(HEX), Some(SPAN));
        check(
            &format!("INFO [trace_id={HEX} span_id={SPAN} resource.service.name=x] paid"),
            hex,
            span,
        );
        check(&format!("got X-Amzn-Trace-Id: Root={XRAY};Parent={SPAN};Sampled=1"), hex, span);
        check(&format!("AWS-XRAY-TRACE-ID: {XRAY}@{SPAN} INFO paid"), hex, span);
        check(&format!("INFO Root={XRAY} paid"), hex, None);
    }

    #[test]
    fn a_platform_log_event_has_the_same_trace_in_both_formats() {
        const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
        let text = format!(
            "REPORT RequestId: {ID}\tDuration: 1.5 ms\tBilled Duration: 2 ms\t\n\
             XRAY TraceId: {XRAY}\tSegmentId: {SPAN}\tSampled: true\t\n"
        );
        let json = format!(
            r#"{{"time":"t","type":"platform.report","record":{{"requestId":"{ID}","metrics":{{"durationMs":1.5,"billedDurationMs":2}},"tracing":{{"spanId":"{SPAN}","type":"X-Amzn-Trace-Id","value":"Root={XRAY};Parent=0000000000000001;Sampled=1"}},"status":"success"}}}}"#
        );
        for message in [&text, &json] {
            check(message, Some(HEX), Some(SPAN));
            let report = Line::parse(message).report.unwrap();
            assert_eq!(report.trace_id.as_deref(), Some(XRAY));
            assert_eq!(report.status.as_deref(), Some("success"));
        }
    }

    #[test]
    fn what_is_not_of_the_form_is_no_trace() {
        for message in [
            r#"{"trace_id":"4340578901234567890"}"#,
            r#"{"trace_id":"00000000000000000000000000000000"}"#,
            r#"{"trace_id":7,"xray_trace_id":null,"traceparent":"00-1-2-01"}"#,
            r#"{"span_id":"53995c3f42cd8ad8"}"#,
            "trace_id=7",
            "Root=1-5759e988-bd86",
            "AWS-XRAY-TRACE-ID: none",
        ] {
            check(message, None, None);
        }
    }

    #[test]
    fn ids_have_the_bytes_of_open_telemetry() {
        let trace = Line::parse(&format!("trace_id={HEX} span_id={SPAN}")).trace.unwrap();
        assert_eq!(
            u128::from_be_bytes(trace.trace_id.bytes()),
            0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793
        );
        assert_eq!(trace.span_id.unwrap().bytes(), 0x5399_5c3f_42cd_8ad8_u64.to_be_bytes());
        let trace = Line::parse("dd.trace_id=258 dd.span_id=3").trace.unwrap();
        assert_eq!(trace.trace_id.bytes()[14..], [1, 2]);
    }
}
