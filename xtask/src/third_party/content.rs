//! What is shipped to a server and looked for there: log events of every shape, and many ordinary
//! ones. All is the same in every run: ids, times and text.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// The account of all log groups.
pub(crate) const ACCOUNT: &str = "123456789012";
const REQUEST: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
/// 23 November 2026.
const BEGIN_MS: i64 = 1_795_428_930_123;
/// CloudWatch Logs takes no longer message, and a little less here for what JSON adds.
const LONGEST: usize = 1_000_000;
/// A delivery's text before compression.
const DELIVERY_BYTES: usize = 2_000_000;

/// An event of CloudWatch Logs, and what the shipper should read in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEvent {
    /// Which shape it is; one of many ordinary ones has none.
    pub(crate) shape: &'static str,
    pub(crate) id: String,
    pub(crate) timestamp_ms: i64,
    pub(crate) message: String,
    pub(crate) function: &'static str,
    pub(crate) log_stream: String,
    pub(crate) level: Option<&'static str>,
    pub(crate) request_id: Option<String>,
    pub(crate) kind: &'static str,
}

impl LogEvent {
    pub(crate) fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.function)
    }
}

/// A record as a server has it. What a server does not keep is `None` in `has`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) message: String,
    pub(crate) timestamp_ms: i64,
    pub(crate) level: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) function: Option<String>,
    pub(crate) log_group: Option<String>,
    pub(crate) log_stream: Option<String>,
    /// Number and count of a part of a split message, counted from 1.
    pub(crate) part: Option<(u64, u64)>,
}

/// Something of every shape.
pub(crate) fn shapes() -> Vec<LogEvent> {
    let time = "2026-11-23T10:15:30.123Z";
    let error = r#"{"errorType":"TypeError","errorMessage":"no total","stack":["TypeError: no total","    at f (/var/task/i.js:1:17)"]}"#;
    let id = Some(REQUEST);
    let mut shapes = Shapes::default();

    // What the runtimes write around and in front of a message.
    shapes.add(
        "start",
        &format!("START RequestId: {REQUEST} Version: $LATEST\n"),
        None,
        id,
        "start",
    );
    shapes.add("end", &format!("END RequestId: {REQUEST}\n"), None, id, "end");
    shapes.add("report", &format!("REPORT RequestId: {REQUEST}\tDuration: 102.25 ms\tBilled Duration: 103 ms\tMemory Size: 128 MB\tMax Memory Used: 71 MB\tInit Duration: 234.56 ms\t\nXRAY TraceId: 1-5e1b4151-5ac6c58f5f0a1e2b3c4d5e6f\tSegmentId: 0123456789abcdef\tSampled: true\t\n"), None, id, "report");
    shapes.add("report of a timeout", &format!("REPORT RequestId: {REQUEST}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 71 MB\tStatus: timeout\n"), Some("error"), id, "report");
    shapes.add(
        "timeout",
        &format!("{time} {REQUEST} Task timed out after 3.00 seconds\n\n"),
        Some("error"),
        id,
        "timeout",
    );
    shapes.add("crash", &format!("RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"), Some("error"), id, "crash");
    shapes.add("init start", "INIT_START Runtime Version: nodejs:20.v51\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:0cdcfbdefbc5e7d3343f73c2e2dd3cba17d61dea0686b404502a0c9ce83931b9\n", None, None, "init_start");
    shapes.add(
        "extension",
        "EXTENSION\tName: collector\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
        None,
        None,
        "extension",
    );
    shapes.application(
        "node",
        &format!("{time}\t{REQUEST}\tINFO\torder 7 received\n"),
        Some("info"),
        id,
    );
    shapes.application(
        "node with tabs",
        &format!("{time}\t{REQUEST}\tWARN\tprice\tlist\tstale\n"),
        Some("warn"),
        id,
    );
    shapes.application(
        "node error",
        &format!("{time}\t{REQUEST}\tERROR\tInvoke Error \t{error}\n"),
        Some("error"),
        id,
    );
    shapes.application("node stack trace", &format!("{time}\t{REQUEST}\tERROR\tTypeError: no total\n    at total (/var/task/order.js:12:9)\n    at handler (/var/task/index.js:7:17)"), Some("error"), id);
    shapes.application(
        "node while loading",
        &format!("{time}\tundefined\tERROR\tUncaught Exception \t{error}\n"),
        Some("error"),
        None,
    );
    shapes.application(
        "python",
        &format!("[WARNING]\t{time}\t{REQUEST}\tstock is low\n"),
        Some("warn"),
        id,
    );
    shapes.application("python traceback", "[ERROR] KeyError: 'sku'\rTraceback (most recent call last):\r\u{a0}\u{a0}File \"/var/task/a.py\", line 3, in handler\r    total = order['sku']\r", Some("error"), None);
    shapes.application(
        "java",
        "2026-11-23 10:15:30 INFO  Orders:42 - order 7 received\n",
        Some("info"),
        None,
    );
    shapes.application("go", "2026/11/23 10:15:30 order 7 received\n", None, None);
    shapes.application("plain", "hello\n", None, None);

    // Lambda's JSON log format, and JSON of every sort.
    shapes.add("json start", &format!(r#"{{"time":"{time}","type":"platform.start","record":{{"requestId":"{REQUEST}","version":"$LATEST"}}}}"#), None, id, "start");
    shapes.add("json report", &format!(r#"{{"time":"{time}","type":"platform.report","record":{{"requestId":"{REQUEST}","status":"success","metrics":{{"durationMs":7.5,"billedDurationMs":8,"memorySizeMB":128,"maxMemoryUsedMB":71}}}}}}"#), None, id, "report");
    shapes.application("json of node", &format!(r#"{{"timestamp":"{time}","level":"ERROR","requestId":"{REQUEST}","message":"7.gif is no picture"}}"#), Some("error"), id);
    shapes.application("json message", &format!(r#"{{"timestamp":"{time}","level":"INFO","requestId":"{REQUEST}","message":{{"picture":"7.jpg","width":320,"tags":["cat",1,null,{{"a":[]}}]}}}}"#), Some("info"), id);
    shapes.application(
        "pino",
        r#"{"level":50,"time":1795428930123,"pid":8,"hostname":"169.254.1.2","msg":"no total"}"#,
        Some("error"),
        None,
    );
    shapes.application("json of all types", r#"{"a":1,"b":1.5,"c":-0.0,"d":1e300,"e":true,"f":null,"g":[],"h":{},"i":[1,"two",[3]],"j":"x"}"#, None, None);
    shapes.application("json numbers", r#"{"large":123456789012345678901234567890,"exact":0.1000000000000000055511151231257827,"int64":9223372036854775807,"uint64":18446744073709551615}"#, None, None);
    shapes.application(
        "json deep",
        &format!("{}1{}", r#"{"n":"#.repeat(18), "}".repeat(18)),
        None,
        None,
    );
    shapes.application(
        "json names",
        r#"{"":1,"a.b":2,"a":{"c":3},"with space":4,"ünï":5,"$type":6,"@timestamp":7}"#,
        None,
        None,
    );
    shapes.application("json twice", r#"{"a":1,"a":2}"#, None, None);
    shapes.application(
        "json escapes",
        r#"{"text":"tab\t quote\" slash\/ backslash\\ nul\u0000 snow\u2603 face\ud83d\ude00"}"#,
        None,
        None,
    );
    shapes.application("json conflict 1", r#"{"conflict":7}"#, None, None);
    shapes.application("json conflict 2", r#"{"conflict":{"a":1}}"#, None, None);
    shapes.application("json conflict 3", r#"{"conflict":"2026-11-23"}"#, None, None);
    shapes.application("json array", r#"[{"a":1},{"a":2}]"#, None, None);
    shapes.application("json text", r#""only a text""#, None, None);
    shapes.application(
        "json pretty",
        "{\n  \"level\": \"warn\",\n  \"a\": 1\n}\n",
        Some("warn"),
        None,
    );
    shapes.application("json cut", r#"{"level":"error","text":"cut of"#, Some("error"), None);
    shapes.application(
        "json behind columns",
        &format!("{time}\t{REQUEST}\tINFO\t{{\"sku\":7}}\n"),
        Some("info"),
        id,
    );
    shapes.application("many fields", &many_fields(40), None, None);

    // Text of every sort.
    shapes.application("latin", "Rechnung für Zoë Müller: 12,50 €", None, None);
    shapes.application("japanese", "請求書を再送しました", None, None);
    shapes.application("emoji", "👩‍👩‍👧‍👦 🧾 🏳️‍🌈", None, None);
    shapes.application("right to left", "שלום \u{202e}abc\u{202c} مرحبا", None, None);
    shapes.application("combining", "e\u{301} \u{1100}\u{1161}\u{11a8}", None, None);
    shapes.application("not characters", "\u{fffe}\u{ffff}\u{fdd0}\u{10ffff}\u{fffd}", None, None);
    shapes.application("byte order mark", "\u{feff}hello", None, None);
    shapes.application("line separators", "a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f", None, None);
    shapes.application(
        "control characters",
        "\u{1}\u{2}\u{7}\u{8}\u{1b}[31mred\u{1b}[0m\u{7f}\u{9f}",
        None,
        None,
    );
    shapes.application("nul", "before\0after", None, None);
    shapes.application("carriage returns", "a\r\nb\rc\r\n", None, None);
    shapes.application("markup", "<b>&amp;</b> %20 \\n ${jndi:x} {{ y }} '; --", None, None);
    shapes.application("blanks around", "  \t indented and trailing  \t ", None, None);
    shapes.application("blank", " ", None, None);
    shapes.application("newline", "\n", None, None);
    shapes.application("number", "42", None, None);
    shapes.application("date", "2026-11-23", None, None);
    shapes.application("null", "null", None, None);
    shapes.application("true", "true", None, None);

    // Long ones.
    shapes.application("33 kB", &"0123456789abcdef".repeat(2_062), None, None);
    shapes.application("200 kB of words", &"lorem ipsum dolor ".repeat(11_100), None, None);
    shapes.application("300 kB of quotes", &"\"\\\n".repeat(100_000), None, None);
    shapes.application("300 kB beyond ASCII", &"å→🧾".repeat(33_000), None, None);
    shapes.application("1 MB", &"x".repeat(LONGEST), None, None);
    shapes.0
}

/// So many ordinary events of several functions and log streams, no two alike.
pub(crate) fn fill(count: usize) -> Vec<LogEvent> {
    const FUNCTIONS: [&str; 3] = ["checkout", "thumbnails", "billing"];
    const LEVELS: [(&str, &str); 3] = [("INFO", "info"), ("WARN", "warn"), ("ERROR", "error")];

    let event = |number: usize| {
        let (written, level) = LEVELS[number % LEVELS.len()];
        let request = format!("{:08x}-1234-4697-b07a-ac58fc914c95", number / 5);
        LogEvent {
            shape: "",
            id: format!("{:056}", 1_000_000 + number),
            timestamp_ms: BEGIN_MS + i64::try_from(number).unwrap_or_default(),
            message: format!(
                "2026-11-23T10:15:30.123Z\t{request}\t{written}\torder {number:06} paid by card – 🧾\n"
            ),
            function: FUNCTIONS[number % FUNCTIONS.len()],
            log_stream: stream(number % 2),
            level: Some(level),
            request_id: Some(request),
            kind: "application",
        }
    };
    (0..count).map(event).collect()
}

/// The events of CloudWatch Logs that deliver these, in order by log stream.
pub(crate) fn deliveries(events: &[LogEvent]) -> anyhow::Result<Vec<Value>> {
    let mut streams: BTreeMap<_, Vec<&LogEvent>> = BTreeMap::new();
    for event in events {
        streams.entry((event.log_group(), &event.log_stream)).or_default().push(event);
    }
    let mut deliveries = Vec::new();
    for events in streams.values() {
        let mut delivery = Vec::new();
        let mut bytes = 0;
        for event in events {
            if bytes + event.message.len() > DELIVERY_BYTES {
                deliveries.push(self::delivery(&delivery)?);
                delivery.clear();
                bytes = 0;
            }
            bytes += event.message.len();
            delivery.push(*event);
        }
        deliveries.push(self::delivery(&delivery)?);
    }
    Ok(deliveries)
}

/// One event of CloudWatch Logs, of one log stream.
fn delivery(events: &[&LogEvent]) -> anyhow::Result<Value> {
    let first = events.first().context("a delivery has at least one event")?;
    let log_event = |event: &&LogEvent| json!({"id": event.id, "timestamp": event.timestamp_ms, "message": event.message});
    let data = json!({
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": first.log_group(),
        "logStream": first.log_stream,
        "subscriptionFilters": ["logagg"],
        "logEvents": events.iter().map(log_event).collect::<Vec<_>>(),
    });
    event(&data)
}

/// The event of a delivery.
pub(super) fn event(data: &Value) -> anyhow::Result<Value> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data.to_string().as_bytes()).context("compressing a delivery")?;
    let data = gzip.finish().context("compressing a delivery")?;
    Ok(json!({"awslogs": {"data": BASE64_STANDARD.encode(data)}}))
}

/// Holds what a server has against what was sent: every event there so many times, with message,
/// time, level, request id, kind and names as sent. A field that `keeps` does not name is not
/// compared: the server or its API does not have it.
pub(crate) fn compare(
    sent: &[LogEvent],
    found: Vec<Found>,
    times: usize,
    keeps: Keeps,
) -> anyhow::Result<String> {
    let records = found.len();
    let mut by_id: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for record in found {
        by_id.entry(event_id(&record)).or_default().push(record);
    }
    let mut wrong = Vec::new();
    for event in sent {
        let records = by_id.remove(&event.id).unwrap_or_default();
        if let Err(error) = compare_one(event, records, times, keeps) {
            wrong.push(format!("{} ({:?}): {error:#}", event.id, event.shape));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} events are not as sent, such as\n{}",
        wrong.len(),
        sent.len(),
        wrong.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n")
    );
    ensure!(by_id.is_empty(), "there is more than was sent, such as {:?}", by_id.pop_first());
    Ok(format!("{} events, {records} records", sent.len()))
}

/// The id of the event that a record is, or is a part of: a part has its number behind that.
fn event_id(record: &Found) -> String {
    let event = record.part.and_then(|(number, _)| record.id.strip_suffix(&format!("-{number}")));
    event.unwrap_or(&record.id).to_owned()
}

/// Which fields can be compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeps {
    pub(crate) level: bool,
    pub(crate) request_id: bool,
    pub(crate) kind: bool,
    pub(crate) names: bool,
}

impl Keeps {
    pub(crate) const ALL: Self = Self { level: true, request_id: true, kind: true, names: true };
}

fn compare_one(
    event: &LogEvent,
    mut records: Vec<Found>,
    times: usize,
    keeps: Keeps,
) -> anyhow::Result<()> {
    records.sort_by_key(|record| record.part);
    let parts = records.first().and_then(|record| record.part).map_or(1, |(_, count)| count);
    let parts = usize::try_from(parts).context("a count of parts")?;
    ensure!(records.len() == parts * times, "there {} times, in {parts} parts", records.len());
    for record in &records {
        ensure!(
            record.timestamp_ms == event.timestamp_ms,
            "time {} for {}",
            record.timestamp_ms,
            event.timestamp_ms
        );
        let compared = |keeps: bool, name: &str, found: &Option<String>, sent: Option<&str>| {
            ensure!(!keeps || found.as_deref() == sent, "{name} {found:?} for {sent:?}");
            Ok(())
        };
        compared(keeps.level, "level", &record.level, event.level)?;
        compared(keeps.request_id, "request id", &record.request_id, event.request_id.as_deref())?;
        compared(keeps.kind, "kind", &record.kind, Some(event.kind))?;
        compared(keeps.names, "function", &record.function, Some(event.function))?;
        compared(keeps.names, "log group", &record.log_group, Some(&event.log_group()))?;
        compared(keeps.names, "log stream", &record.log_stream, Some(&event.log_stream))?;
    }
    for delivery in 0..times {
        // Parts are in order, each as often as it was sent.
        let message: String =
            (0..parts).map(|part| records[part * times + delivery].message.as_str()).collect();
        ensure!(message == event.message, "message {}", shortened(&message, &event.message));
    }
    Ok(())
}

/// Where two texts part.
fn shortened(found: &str, sent: &str) -> String {
    let same = found.bytes().zip(sent.bytes()).take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(20);
    let cut = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[from..text.len().min(from + 60)]).into_owned()
    };
    format!(
        "differs from byte {same} on, of {} and {} bytes: …{:?} for …{:?}",
        found.len(),
        sent.len(),
        cut(found),
        cut(sent)
    )
}

fn stream(number: usize) -> String {
    format!("2026/11/23/[$LATEST]{number:032x}")
}

fn many_fields(count: usize) -> String {
    let fields: serde_json::Map<_, _> =
        (0..count).map(|number| (format!("field{number}"), json!(number))).collect();
    Value::Object(fields).to_string()
}

#[derive(Default)]
struct Shapes(Vec<LogEvent>);

impl Shapes {
    fn application(
        &mut self,
        shape: &'static str,
        message: &str,
        level: Option<&'static str>,
        request_id: Option<&str>,
    ) {
        self.add(shape, message, level, request_id, "application");
    }

    fn add(
        &mut self,
        shape: &'static str,
        message: &str,
        level: Option<&'static str>,
        request_id: Option<&str>,
        kind: &'static str,
    ) {
        let number = self.0.len();
        self.0.push(LogEvent {
            shape,
            id: format!("{number:056}"),
            // Not in steps of a millisecond, so that no rounding is hidden.
            timestamp_ms: BEGIN_MS + 7 * i64::try_from(number).unwrap_or_default(),
            message: message.to_owned(),
            function: "orders",
            log_stream: stream(0),
            level,
            request_id: request_id.map(str::to_owned),
            kind,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn found(event: &LogEvent) -> Found {
        Found {
            id: event.id.clone(),
            message: event.message.clone(),
            timestamp_ms: event.timestamp_ms,
            level: event.level.map(str::to_owned),
            request_id: event.request_id.clone(),
            kind: Some(event.kind.to_owned()),
            function: Some(event.function.to_owned()),
            log_group: Some(event.log_group()),
            log_stream: Some(event.log_stream.clone()),
            part: None,
        }
    }

    #[test]
    fn no_two_events_have_one_id_and_every_shape_has_a_name_of_its_own() {
        let events = [shapes(), fill(5_000)].concat();
        let ids: BTreeSet<_> = events.iter().map(|event| &event.id).collect();
        assert_eq!(ids.len(), events.len());
        let shapes = shapes();
        let names: BTreeSet<_> = shapes.iter().map(|event| event.shape).collect();
        assert_eq!(names.len(), shapes.len());
    }

    #[test]
    fn what_is_as_sent_passes_and_every_difference_is_found() {
        let sent = [shapes(), fill(10)].concat();
        let there = || sent.iter().map(found).collect::<Vec<_>>();
        let compared = |found| compare(&sent, found, 1, Keeps::ALL);
        assert!(compared(there()).is_ok());
        let changes: [fn(&mut Vec<Found>); 9] = [
            |found| drop(found.pop()),
            |found| found.push(found[0].clone()),
            |found| found[3].message.push(' '),
            |found| found[3].timestamp_ms += 1,
            |found| found[8].level = None,
            |found| found[8].request_id = None,
            |found| found[8].kind = Some("start".to_owned()),
            |found| found[8].log_stream = None,
            |found| found.push(Found { id: "another".to_owned(), ..Found::default() }),
        ];
        for change in changes {
            let mut found = there();
            change(&mut found);
            assert!(compared(found).is_err());
        }
    }

    #[test]
    fn parts_are_joined_in_order() {
        let sent = &shapes()[..1];
        let part = |number, message: &str| {
            let message = message.to_owned();
            let id = format!("{}-{number}", sent[0].id);
            Found { id, part: Some((number, 2)), message, ..found(&sent[0]) }
        };
        let (head, tail) = sent[0].message.split_at(7);
        let twice = vec![part(2, tail), part(1, head), part(1, head), part(2, tail)];
        assert!(compare(sent, twice.clone(), 2, Keeps::ALL).is_ok());
        assert!(compare(sent, twice, 1, Keeps::ALL).is_err());
        assert!(compare(sent, vec![part(1, head)], 1, Keeps::ALL).is_err());
    }
}
