//! The contracts of all destinations: what they require of a request and how they respond, by their
//! documentation, one file each. A new destination is added here and tested with all others.

mod aws;
mod collector;
mod datadog;
mod elasticsearch;
mod firehose;
mod honeycomb;
mod http;
mod kinesis;
mod loggly;
mod logzio;
mod loki;
mod newrelic;
pub(crate) mod opensearch;
mod otlp;
mod s3;
mod splunk_hec;
mod sumologic;
mod victorialogs;

pub(crate) use aws::{ensure_checksum, ensure_signed};
pub(crate) use http::Http;
pub(crate) use splunk_hec::SplunkHec;

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::http::{Request, Response};
use crate::mock_server::POISON;
use crate::responses::OwnResponse;

/// The contract of a destination.
pub(crate) trait Contract: Send + Sync {
    /// Its name in `type`.
    fn kind(&self) -> &'static str;

    /// The destination's configuration for a server at `url`.
    fn config(&self, url: &str) -> Value;

    /// Checks a request by the destination's rules, and returns its items.
    fn check(&self, request: &Request) -> Result<Vec<Item>, String>;

    /// The response to an inspection of its setup.
    fn setup(&self, _request: &Request) -> Option<Response> {
        None
    }

    /// Stores the valid `items` and responds.
    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response;

    /// A message because of which it rejects a record.
    fn poison(&self) -> String {
        POISON.to_owned()
    }

    /// How it rejects records.
    fn rejects(&self) -> Rejects;

    /// The response to invalid credentials.
    fn unauthorized(&self) -> Response;

    /// The response when it is throttling.
    fn busy(&self) -> Response;

    /// The response with this status, in its own form if it has one.
    fn says(&self, status: u16) -> Response {
        let own = [self.unauthorized(), self.busy()];
        let own = own.into_iter().find(|response| response.status == status);
        own.unwrap_or_else(|| Response::new(status, "<html>a gateway says no</html>"))
    }

    /// The response after internal errors of this many records, if it has a result for each.
    fn failed_inside(&self, _records: usize) -> Option<Response> {
        None
    }

    /// The statuses after which a request is never retried.
    fn never_retried(&self) -> &'static [u16] {
        &[302, 404, 501]
    }

    /// The statuses after which a request is retried.
    fn retried(&self) -> &'static [u16] {
        &[429, 500, 502, 503, 504]
    }

    /// Its other responses.
    fn own_responses(&self) -> Vec<OwnResponse> {
        Vec::new()
    }

    /// The meaning of a 2xx with an unknown body.
    fn foreign_success(&self) -> Success;
}

/// An item of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// The id by which the destination deduplicates it, if it does.
    pub(crate) key: Option<String>,
    pub(crate) message: String,
}

impl Item {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { key: None, message: message.into() }
    }

    pub(crate) fn is_poison(&self) -> bool {
        self.message.contains(POISON)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rejects {
    /// It identifies or counts rejected records, and accepts the others.
    Records,
    /// It accepts or rejects a request as a whole.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Success {
    /// The status is sufficient.
    Delivered,
    /// The result is unknown.
    Unclear,
}

/// The contracts of all destinations.
pub(crate) const ALL: &[&dyn Contract] = &[
    &datadog::Datadog,
    &elasticsearch::Elasticsearch,
    &firehose::Firehose,
    &honeycomb::Honeycomb,
    &Http,
    &kinesis::Kinesis,
    &loggly::Loggly,
    &logzio::Logzio,
    &loki::Loki,
    &newrelic::NewRelic,
    &otlp::Otlp,
    &s3::S3,
    &SplunkHec,
    &sumologic::SumoLogic,
];

/// The recorded response of a third-party server in a case, to a request that was preceded by this
/// many; `None` if it is the same as the destination's own.
pub(crate) fn in_case(
    server: &str,
    case: &str,
    request: &Request,
    earlier: usize,
) -> Option<Response> {
    match server {
        "collector" => collector::response(case, request),
        "opensearch-2" | "opensearch-3" => opensearch::response(case, request, earlier),
        "victorialogs" => victorialogs::response(case, request),
        _ => None,
    }
}

/// The request with the destination's own path.
pub(crate) fn at_its_own_path(request: &Request) -> Request {
    let mut request = request.clone();
    for path in victorialogs::PATHS {
        if let Some(own) = request.target.strip_prefix(path) {
            request.target = own.to_owned();
        }
    }
    // Loki's paths begin with its name.
    if let Some(own) = request.target.strip_prefix("/insert/loki") {
        request.target = format!("/loki{own}");
    }
    request
}

/// A request's decompressed body.
pub(crate) fn decompressed(request: &Request) -> Vec<u8> {
    let body = request.body.as_slice();
    match request.header("content-encoding") {
        Some("gzip") => {
            let mut bytes = Vec::new();
            let is_gzip = GzDecoder::new(body).read_to_end(&mut bytes).is_ok();
            if is_gzip { bytes } else { body.to_vec() }
        }
        Some("snappy") => {
            snap::raw::Decoder::new().decompress_vec(body).unwrap_or_else(|_| body.to_vec())
        }
        _ => body.to_vec(),
    }
}

fn ensure(holds: bool, violation: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(violation.to_owned()) }
}

fn ensure_post(request: &Request, target: &str) -> Result<(), String> {
    ensure(request.method == "POST", "not POST")?;
    ensure(request.target == target, "another path or query")
}

fn ensure_header(request: &Request, name: &str, value: &str) -> Result<(), String> {
    ensure(request.header(name) == Some(value), &format!("no header {name}: {value}"))
}

/// Gzip decompressed to at most this many bytes, as a string.
fn gunzipped(request: &Request, max_bytes: usize) -> Result<String, String> {
    let bytes = gunzipped_bytes(request, max_bytes)?;
    String::from_utf8(bytes).map_err(|error| format!("no UTF-8: {error}"))
}

/// Gzip decompressed to at most this many bytes.
fn gunzipped_bytes(request: &Request, max_bytes: usize) -> Result<Vec<u8>, String> {
    ensure_header(request, "content-encoding", "gzip")?;
    let mut bytes = Vec::new();
    GzDecoder::new(request.body.as_slice())
        .read_to_end(&mut bytes)
        .map_err(|error| format!("no gzip: {error}"))?;
    ensure(bytes.len() <= max_bytes, "a body over the limit")?;
    Ok(bytes)
}

/// JSON documents, one per line, of at most this many bytes each.
fn json_lines(text: &str, max_bytes: usize) -> Result<Vec<Item>, String> {
    ensure(text.ends_with('\n'), "no final newline")?;
    let item = |line: &str| {
        ensure(line.len() <= max_bytes, "a line over the limit")?;
        let document = parsed(line)?;
        text_of(&document, "@timestamp")?;
        Ok(Item::new(text_of(&document, "message")?))
    };
    text.lines().map(item).collect()
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))
}

fn text_of(value: &Value, field: &str) -> Result<String, String> {
    value[field].as_str().map(str::to_owned).ok_or_else(|| format!("no text in {field}"))
}
