//! What the log services want of a request and how they answer, one file each, as their own
//! documentation has it. Whoever adds a destination adds it here, and has it tried with all others.

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

pub(crate) use aws::ensure_checksum;
pub(crate) use http::Http;
pub(crate) use splunk_hec::SplunkHec;

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::http::{Request, Response};
use crate::mock_server::POISON;
use crate::responses::OwnResponse;

/// A log service.
pub(crate) trait Contract: Send + Sync {
    /// Its name in `type`.
    fn kind(&self) -> &'static str;

    /// The part of a configuration that points to a service at `url`.
    fn config(&self, url: &str) -> Value;

    /// Makes sure that a request is as the service wants it, and gives what it carries.
    fn check(&self, request: &Request) -> Result<Vec<Item>, String>;

    /// What it says to whoever asks how it is set up.
    fn setup(&self, _request: &Request) -> Option<Response> {
        None
    }

    /// Takes what it takes of `items`, and answers.
    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response;

    /// A message for which it rejects a record.
    fn poison(&self) -> String {
        POISON.to_owned()
    }

    /// Whether it rejects single records.
    fn rejects(&self) -> Rejects;

    /// Its answer to wrong credentials.
    fn unauthorized(&self) -> Response;

    /// Its answer when it has too much to do.
    fn busy(&self) -> Response;

    /// Its answer with this status: in its own words, if it has any for that.
    fn says(&self, status: u16) -> Response {
        let own = [self.unauthorized(), self.busy()];
        let own = own.into_iter().find(|answer| answer.status == status);
        own.unwrap_or_else(|| Response::new(status, "<html>a gateway says no</html>"))
    }

    /// Its answer to so many records with which it has failed inside, if it answers for each.
    fn failed_inside(&self, _records: usize) -> Option<Response> {
        None
    }

    /// Statuses of a whole request after which it is never sent again.
    fn never_retried(&self) -> &'static [u16] {
        &[302, 404, 501]
    }

    /// Statuses of a whole request after which it is sent again.
    fn retried(&self) -> &'static [u16] {
        &[429, 500, 502, 503, 504]
    }

    /// What it says in words of its own, beside what it says to these.
    fn own_responses(&self) -> Vec<OwnResponse> {
        Vec::new()
    }

    /// What is known after a 2xx whose body is none of its own.
    fn foreign_success(&self) -> Success;
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// The key by which the service knows it again, if it does.
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
    /// It says or counts which records it does not take, and takes the others.
    Records,
    /// It takes a request whole or not at all.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Success {
    /// The status is enough.
    Delivered,
    /// Nobody knows what was taken.
    Unclear,
}

/// Every service there is a destination for.
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

/// What is said to a request, before which there were so many, where it is as it was when a case was
/// recorded with a third-party server; nothing where that is what the service itself says.
pub(crate) fn in_case(
    server: &str,
    case: &str,
    request: &Request,
    earlier: usize,
) -> Option<Response> {
    match server {
        "collector" => collector::answer(case, request),
        "opensearch-2" | "opensearch-3" => opensearch::answer(case, request, earlier),
        "victorialogs" => victorialogs::answer(case, request),
        _ => None,
    }
}

/// The request as the service itself would get it.
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

/// A request's body, whatever it is compressed with.
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

/// The text of a body that is gzip, of at most so many bytes.
fn gunzipped(request: &Request, max_bytes: usize) -> Result<String, String> {
    let bytes = gunzipped_bytes(request, max_bytes)?;
    String::from_utf8(bytes).map_err(|error| format!("no UTF-8: {error}"))
}

/// A body that is gzip, of at most so many bytes.
fn gunzipped_bytes(request: &Request, max_bytes: usize) -> Result<Vec<u8>, String> {
    ensure_header(request, "content-encoding", "gzip")?;
    let mut bytes = Vec::new();
    GzDecoder::new(request.body.as_slice())
        .read_to_end(&mut bytes)
        .map_err(|error| format!("no gzip: {error}"))?;
    ensure(bytes.len() <= max_bytes, "a body over the limit")?;
    Ok(bytes)
}

/// The documents of lines, of at most so many bytes each.
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
