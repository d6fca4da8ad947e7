//! The JSON document of a piece, the same at every destination that stores documents.
//!
//! Names are those of the Elastic Common Schema where it has one for the thing. A structured
//! line's own fields are in one object, `json`, where they can collide with nothing.

use serde::{Serialize, Serializer};

use crate::line::{Level, Report};
use crate::record::{Extent, Piece};

/// Appends the document of `piece` in one line, without a line end.
pub(super) fn write(piece: &Piece<'_>, body: &mut Vec<u8>) {
    let document = Document::new(piece);
    serde_json::to_writer(&mut *body, &document)
        .expect("a document has string keys, and writing to memory cannot fail");
    let Some(json) = piece.json else {
        return;
    };
    // The object goes along as it was written, so that no number loses a digit. It was read as
    // valid JSON, where a line end can only stand between tokens.
    let end = body.pop();
    debug_assert_eq!(end, Some(b'}'));
    body.extend_from_slice(b",\"json\":");
    body.extend(json.bytes().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        _ => byte,
    }));
    body.push(b'}');
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp", serialize_with = "display")]
    timestamp: humantime::Rfc3339Timestamp,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Log>,
    cloud: Cloud<'a>,
    #[serde(skip_serializing_if = "Faas::is_empty")]
    faas: Faas<'a>,
    aws: Aws<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logagg: Option<Logagg>,
}

#[derive(Serialize)]
struct Log {
    level: &'static str,
}

#[derive(Serialize)]
struct Cloud<'a> {
    provider: &'static str,
    account: Account<'a>,
}

#[derive(Serialize)]
struct Account<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Faas<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<&'a str>,
}

#[derive(Serialize)]
struct Aws<'a> {
    cloudwatch: CloudWatch<'a>,
    lambda: Lambda<'a>,
}

#[derive(Serialize)]
struct CloudWatch<'a> {
    log_group: &'a str,
    log_stream: &'a str,
    event_id: &'a str,
}

#[derive(Serialize)]
struct Lambda<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Figures<'a>>,
}

#[derive(Serialize)]
struct Figures<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_size_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_memory_used_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
}

/// What the shipper did to the record.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Logagg {
    Part { number: usize, count: usize },
    Cut { message_bytes: usize },
}

impl<'a> Document<'a> {
    fn new(piece: &'a Piece<'_>) -> Self {
        let record = piece.record;
        let origin = record.origin;
        Self {
            timestamp: humantime::format_rfc3339_millis(record.time),
            message: &piece.message,
            log: record.line.level.map(Level::name).map(|level| Log { level }),
            cloud: Cloud { provider: "aws", account: Account { id: origin.owner } },
            faas: Faas {
                name: origin.function,
                version: origin.version,
                execution: record.line.request_id.as_deref(),
            },
            aws: Aws {
                cloudwatch: CloudWatch {
                    log_group: origin.group,
                    log_stream: origin.stream,
                    event_id: record.id,
                },
                lambda: Lambda {
                    kind: record.line.kind.name(),
                    report: record.line.report.as_ref().map(Figures::new),
                },
            },
            logagg: match piece.extent {
                Extent::Whole => None,
                Extent::Part { number, count } => Some(Logagg::Part { number, count }),
                Extent::Cut { message_bytes } => Some(Logagg::Cut { message_bytes }),
            },
        }
    }
}

impl Faas<'_> {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.version.is_none() && self.execution.is_none()
    }
}

impl<'a> Figures<'a> {
    fn new(report: &'a Report<'_>) -> Self {
        Self {
            duration_ms: report.duration_ms,
            billed_duration_ms: report.billed_duration_ms,
            memory_size_mb: report.memory_size_mb,
            max_memory_used_mb: report.max_memory_used_mb,
            init_duration_ms: report.init_duration_ms,
            restore_duration_ms: report.restore_duration_ms,
            trace_id: report.trace_id.as_deref(),
            status: report.status.as_deref(),
            error_type: report.error_type.as_deref(),
        }
    }
}

fn display<T: std::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::line::Line;
    use crate::origin::Origin;
    use crate::record::Record;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

    fn written(message: &str, change: impl for<'r> FnOnce(Piece<'r>) -> Piece<'r>) -> String {
        let origin = Origin::new(
            "123456789012",
            "/aws/lambda/orders",
            "2023/11/06/[3]0123456789abcdef0123456789abcdef",
        );
        let record = Record {
            origin: &origin,
            id: "77",
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123),
            message,
            line: Line::parse(message),
        };
        let mut body = Vec::new();
        write(&change(Piece::whole(&record)), &mut body);
        String::from_utf8(body).unwrap()
    }

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_text_line_of_a_function() {
        let message = format!("2023-11-06T10:00:00.000Z\t{ID}\tWARN\tkein Käse\nmehr\t\u{1F9C0}");
        assert_eq!(
            value(&written(&message, |piece| piece)),
            json!({
                "@timestamp": "2023-11-06T10:00:00.123Z",
                "message": message,
                "log": {"level": "warn"},
                "cloud": {"provider": "aws", "account": {"id": "123456789012"}},
                "faas": {"name": "orders", "version": "3", "execution": ID},
                "aws": {
                    "cloudwatch": {
                        "log_group": "/aws/lambda/orders",
                        "log_stream": "2023/11/06/[3]0123456789abcdef0123456789abcdef",
                        "event_id": "77",
                    },
                    "lambda": {"kind": "application"},
                },
            })
        );
    }

    #[test]
    fn a_report_line_has_its_figures_as_numbers() {
        let message = format!(
            "REPORT RequestId: {ID}\tDuration: 1.5 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t\n"
        );
        let lambda = value(&written(&message, |piece| piece))["aws"]["lambda"].take();
        assert_eq!(
            lambda,
            json!({
                "kind": "report",
                "report": {"duration_ms": 1.5, "billed_duration_ms": 2.0, "memory_size_mb": 128},
            })
        );
    }

    #[test]
    fn the_fields_of_a_structured_line_go_along_as_written_and_in_one_line() {
        let message = "{\n  \"big\": 12345678901234567890123,\r\n  \"text\": \"a\\nb\"\n}\n";
        let written = written(message, |piece| piece);
        assert!(!written.contains(['\n', '\r']), "{written}");
        assert!(
            written
                .ends_with(r#","json":{   "big": 12345678901234567890123,    "text": "a\nb" }}"#),
            "{written}"
        );
        assert_eq!(value(&written)["message"], json!(message));
    }

    #[test]
    fn pieces_say_what_they_are() {
        let part =
            written("x", |piece| Piece { extent: Extent::Part { number: 2, count: 3 }, ..piece });
        assert_eq!(value(&part)["logagg"], json!({"part": {"number": 2, "count": 3}}));
        let cut = written("x", |piece| Piece { extent: Extent::Cut { message_bytes: 9 }, ..piece });
        assert_eq!(value(&cut)["logagg"], json!({"cut": {"message_bytes": 9}}));
    }
}
