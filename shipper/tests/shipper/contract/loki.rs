use prost::Message;
use serde_json::{Value, json};

use super::{Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post};
use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>
pub(super) struct Loki;

#[derive(Clone, PartialEq, Message)]
struct Push {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn is_label(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

impl Contract for Loki {
    fn kind(&self) -> &'static str {
        "loki"
    }

    fn config(&self, url: &str) -> Value {
        json!({
            "type": "loki", "url": url, "tenant": "shop", "labels": {"env": "test"},
            "auth": {"type": "bearer", "token": SECRET},
        })
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/loki/api/v1/push")?;
        ensure_header(request, "authorization", &format!("Bearer {SECRET}"))?;
        // VictoriaLogs accepts only numbers.
        let tenant = request.header("x-scope-orgid");
        ensure(matches!(tenant, Some("shop" | "0")), "another tenant")?;
        ensure_header(request, "content-type", "application/x-protobuf")?;
        ensure_header(request, "content-encoding", "snappy")?;
        let body = snap::raw::Decoder::new()
            .decompress_vec(&request.body)
            .map_err(|error| format!("no Snappy: {error}"))?;
        ensure(body.len() <= 1_000_000, "a push over 1 MB")?;
        let push = Push::decode(body.as_slice()).map_err(|error| error.to_string())?;
        // The response to several streams is that of the last one that failed, whatever the result
        // of the others (grafana/loki, pkg/ingester/instance.go, `Push`).
        ensure(push.streams.len() == 1, "not one stream")?;
        let mut items = Vec::new();
        for stream in push.streams {
            let labels = stream.labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            for label in labels.ok_or("labels without braces")?.split(", ") {
                let (name, value) = label.split_once('=').ok_or("a label without a value")?;
                ensure(is_label(name), "no name of a label")?;
                let is_quoted = serde_json::from_str::<String>(value).is_ok();
                ensure(is_quoted, "a value without quotes")?;
            }
            for entry in stream.entries {
                let time = entry.timestamp.ok_or("no timestamp")?;
                ensure(time.seconds > 0 && (0..1_000_000_000).contains(&time.nanos), "no time")?;
                ensure(entry.line.len() <= 262_144, "a line over 256 KB")?;
                ensure(entry.metadata.iter().all(|pair| is_label(&pair.name)), "no good name")?;
                items.push(Item::new(entry.line));
            }
        }
        ensure(!items.is_empty(), "no entries")?;
        Ok(items)
    }

    /// Stores the valid entries and responds with 400 for the rest.
    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let total = items.len();
        let (ignored, good): (Vec<Item>, Vec<Item>) = items.into_iter().partition(Item::is_poison);
        held.extend(good);
        if ignored.is_empty() {
            return Response::new(204, "");
        }
        let text = format!(
            "entry with timestamp 2023-11-06 ignored, reason: 'entry too far behind', user 'shop', \
             total ignored: {} out of {total} for stream: {{env=\"test\"}}",
            ignored.len()
        );
        Response::new(400, text)
    }

    fn rejects(&self) -> Rejects {
        Rejects::Records
    }

    fn unauthorized(&self) -> Response {
        Response::new(401, "no org id\n")
    }

    fn busy(&self) -> Response {
        Response::new(429, "Ingestion rate limit exceeded for user shop\n")
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        ["... total ignored: 1 out of 4", "..."].map(|text| OwnResponse::new(4, 400, text)).into()
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
