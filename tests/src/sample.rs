//! What functions write: lines of every shape the runtimes have, each unlike any other.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::search::Search;

/// A line in the log of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which function wrote it.
    pub function: &'static str,
    /// In which request.
    pub request_id: String,
    /// The line itself.
    pub message: String,
}

/// The functions, each with a runtime and a log format of its own.
pub const FUNCTIONS: [&str; 3] = ["checkout", "thumbnails", "billing"];

/// A function that is deployed later than these.
pub const NEW_FUNCTION: &str = "invoicing";

/// The log group of a function.
pub fn group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// Everything a function writes in one request, in order.
///
/// # Panics
/// When it is none of [`FUNCTIONS`] and not [`NEW_FUNCTION`].
pub fn lines(function: &'static str, request: u32) -> Vec<Line> {
    let request_id = format!("{:08x}-1c3a-4b5d-9e7f-{:012x}", request, function.len());
    let messages = match function {
        "checkout" => node_text(&request_id, request),
        "thumbnails" => node_json(&request_id, request),
        "billing" | NEW_FUNCTION => python_text(&request_id, request),
        other => panic!("there is no function {other}"),
    };
    messages
        .into_iter()
        .map(|message| Line { function, request_id: request_id.clone(), message })
        .collect()
}

/// The event by which CloudWatch Logs delivers lines to a function.
///
/// # Errors
/// When they cannot be compressed.
pub fn event(messages: &[String]) -> anyhow::Result<Value> {
    let log_event = |(id, message): (usize, &String)| json!({"id": format!("{id:056}"), "timestamp": 1_795_428_930_123_i64, "message": message});
    let log_events: Vec<_> = messages.iter().enumerate().map(log_event).collect();
    let data = json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/checkout",
        "logStream": "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["ship"], "logEvents": log_events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data.to_string().as_bytes()).context("compressing an event")?;
    let data = gzip.finish().context("compressing an event")?;
    Ok(json!({"awslogs": {"data": BASE64_STANDARD.encode(data)}}))
}

/// Text lines with an error and its stack trace.
fn node_text(id: &str, request: u32) -> Vec<String> {
    let time = "2026-11-23T10:15:30.123Z";
    surround(
        id,
        vec![
            format!("{time}\t{id}\tINFO\torder {request} received"),
            format!("{time}\t{id}\tWARN\tprice list\tis stale\tby {request} s"),
            format!(
                "{time}\t{id}\tERROR\tInvoke Error \t{{\"errorType\":\"TypeError\",\
                 \"errorMessage\":\"Cannot read properties of undefined (reading 'total')\",\
                 \"stack\":[\"TypeError: Cannot read properties of undefined (reading 'total')\",\
                 \"    at handler (/var/task/index.js:{request}:17)\"]}}"
            ),
            format!(
                "{time}\t{id}\tERROR\tTypeError: order {request} has no total\n    \
                 at total (/var/task/order.js:12:9)\n    at handler (/var/task/index.js:7:17)"
            ),
        ],
    )
}

/// The JSON log format, the platform's own lines included.
fn node_json(id: &str, request: u32) -> Vec<String> {
    let time = "2026-11-23T10:15:30.123Z";
    vec![
        format!(
            "{{\"time\":\"{time}\",\"type\":\"platform.start\",\
             \"record\":{{\"requestId\":\"{id}\",\"version\":\"$LATEST\"}}}}"
        ),
        format!(
            "{{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"requestId\":\"{id}\",\
             \"message\":{{\"picture\":\"{request}.jpg\",\"width\":320,\"tags\":[\"cat\"]}}}}"
        ),
        format!(
            "{{\"timestamp\":\"{time}\",\"level\":\"ERROR\",\"requestId\":\"{id}\",\
             \"message\":\"{request}.gif is no picture\"}}"
        ),
        format!(
            "{{\"time\":\"{time}\",\"type\":\"platform.report\",\"record\":{{\
             \"requestId\":\"{id}\",\"status\":\"success\",\"metrics\":{{\"durationMs\":{request}.5,\
             \"billedDurationMs\":{request},\"memorySizeMB\":128,\"maxMemoryUsedMB\":71}}}}}}"
        ),
    ]
}

/// Text lines beyond ASCII.
fn python_text(id: &str, request: u32) -> Vec<String> {
    let time = "2026-11-23T10:15:30.123Z";
    surround(
        id,
        vec![
            format!("[INFO]\t{time}\t{id}\tRechnung {request} für Zoë Müller: 12,50 €"),
            format!("[WARNING]\t{time}\t{id}\t請求書 {request} を再送しました 🧾"),
        ],
    )
}

/// What Lambda writes around a request.
fn surround(id: &str, lines: Vec<String>) -> Vec<String> {
    let mut all = vec![format!("START RequestId: {id} Version: $LATEST\n")];
    all.extend(lines);
    all.push(format!("END RequestId: {id}\n"));
    all.push(format!(
        "REPORT RequestId: {id}\tDuration: 102.25 ms\tBilled Duration: 103 ms\t\
         Memory Size: 128 MB\tMax Memory Used: 71 MB\t\n"
    ));
    all
}

/// Searches for the lines of each request by function and request id, and expects what was
/// written: nothing lost, nothing twice, nothing else in the index.
///
/// # Errors
/// Says of the first request for which it is not so what was written and what was found.
pub fn expect_arrived(search: &Search, index: &str, written: &[Line]) -> anyhow::Result<()> {
    expect_found(search, index, written)?;
    let all = search.documents(index)?.len();
    if all != written.len() {
        bail!("{} lines were written, but {index} holds {all} documents", written.len());
    }
    Ok(())
}

/// The same, whatever else is in the index.
///
/// # Errors
/// Likewise.
pub fn expect_found(search: &Search, index: &str, written: &[Line]) -> anyhow::Result<()> {
    let mut requests: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for line in written {
        let request = (line.function, line.request_id.as_str());
        requests.entry(request).or_default().push(&line.message);
    }
    for ((function, request_id), mut expected) in requests {
        let query = json!({"bool": {"filter": [
            {"term": {"faas.name.keyword": function}},
            {"term": {"faas.execution.keyword": request_id}},
        ]}});
        let hits = search.find(index, &query)?;
        let message = |hit: &'_ Value| hit["message"].as_str().map(str::to_owned);
        let mut found: Vec<_> = hits.iter().filter_map(message).collect();
        expected.sort_unstable();
        found.sort_unstable();
        if expected != found {
            bail!(
                "of request {request_id} of {function} were written\n{expected:#?}\n\
                 but a search finds\n{found:#?}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_lines_are_alike() {
        let lines: Vec<_> = FUNCTIONS
            .iter()
            .flat_map(|function| (0..10).flat_map(|request| lines(function, request)))
            .collect();
        let messages: BTreeSet<_> = lines.iter().map(|line| &line.message).collect();
        assert_eq!(messages.len(), lines.len());
        assert!(lines.iter().all(|line| line.message.contains(&line.request_id)));
    }
}
