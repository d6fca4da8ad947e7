//! The fast path for JSON objects that loggers write: names without escapes, and limited nesting.
//! Takes a fraction of a complete parser's time. Anything else, including invalid JSON, is left to
//! the complete parser.

use std::borrow::Cow;
use std::str::FromStr;

use super::json::{
    Fields, Meaning, PlatformLine, PlatformMetrics, PlatformRecord, PlatformTracing,
};
use crate::escape::plain;
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

/// The value of the first field with one of these names.
pub(super) fn member<'a>(object: &'a str, names: &[&[u8]]) -> Option<&'a str> {
    let mut member = None;
    let mut reader = Reader { text: object, rest: object.as_bytes() };
    reader.object(|reader, name| {
        let start = reader.place();
        reader.pass_over_value()?;
        if member.is_none() && names.contains(&name) {
            member = object.get(start..reader.place());
        }
        Some(())
    })?;
    member
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

struct Reader<'a> {
    text: &'a str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn place(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Parses an object; `field` reads the value of each field.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        let mut is_first = true;
        self.take(b'{')?;
        self.blanks();
        while self.take(b'}').is_none() {
            if !is_first {
                self.take(b',')?;
                self.blanks();
            }
            is_first = false;
            let name = self.name()?;
            field(self, name)?;
            self.blanks();
        }
        Some(())
    }

    fn record(&mut self) -> Option<PlatformRecord<'a>> {
        let mut record = PlatformRecord::default();
        self.object(|reader, name| match name {
            b"requestId" => once(&mut record.request_id, reader.text()?),
            b"status" => once(&mut record.status, reader.text()?),
            b"errorType" => once(&mut record.error_type, reader.text()?),
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

    fn finite_number(&mut self) -> Option<f64> {
        self.number().filter(|finite_number: &f64| finite_number.is_finite())
    }

    fn number<T: FromStr>(&mut self) -> Option<T> {
        let start = self.place();
        self.pass_over_number()?;
        self.text.get(start..self.place())?.parse().ok()
    }

    /// The name of a field, up to its value.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let (name, rest) = self.rest.split_at_checked(plain(self.rest))?;
        self.rest = rest;
        self.take(b'"')?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        Some(name)
    }

    fn pass_over_value(&mut self) -> Option<()> {
        /// The bit above those of the enclosing values.
        const OUTSIDE: u64 = 1;

        // A bit for each enclosing object or array, the innermost last.
        let mut around = OUTSIDE;
        loop {
            match self.rest.first()? {
                b'{' | b'[' if around.leading_zeros() == 0 => return None,
                b'{' => {
                    self.take(b'{')?;
                    self.blanks();
                    if self.take(b'}').is_none() {
                        around <<= 1;
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.take(b'[')?;
                    self.blanks();
                    if self.take(b']').is_none() {
                        around = around << 1 | 1;
                        continue;
                    }
                }
                b'"' => self.pass_over_text()?,
                b't' => self.rest = self.rest.strip_prefix(b"true")?,
                b'f' => self.rest = self.rest.strip_prefix(b"false")?,
                b'n' => self.rest = self.rest.strip_prefix(b"null")?,
                _ => self.pass_over_number()?,
            }
            // A value has ended, and perhaps the values that contain it.
            loop {
                if around == OUTSIDE {
                    return Some(());
                }
                self.blanks();
                let is_in_list = around & 1 == 1;
                if self.take(b',').is_some() {
                    self.blanks();
                    if !is_in_list {
                        self.name()?;
                    }
                    break;
                }
                self.take(if is_in_list { b']' } else { b'}' })?;
                around >>= 1;
            }
        }
    }

    fn pass_over_text(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            match self.rest.get(plain(self.rest)..)? {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => {
                    self.rest = rest;
                }
                [b'\\', b'u', rest @ ..] => {
                    let (digits, rest) = rest.split_first_chunk::<4>()?;
                    self.rest = digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)?;
                }
                _ => return None,
            }
        }
    }

    fn pass_over_number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = rest;
            if let [b'+' | b'-', rest @ ..] = self.rest {
                self.rest = rest;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = &self.rest[count..];
        (count > 0).then_some(())
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
