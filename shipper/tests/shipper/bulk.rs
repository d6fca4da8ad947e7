//! A mock server of Elasticsearch's `_bulk`: strict about requests, with faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use flate2::read::GzDecoder;
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::SECRET;
use crate::contract::opensearch::{self, Failure};
use crate::event;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::settled::Held;

/// How a request is handled instead of accepting it.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// Rejected with this response.
    RejectsWith(Response),
    /// Accepted, followed by this instead of the response.
    AcceptsThen(Reply),
    /// Accepted, with a truncated response.
    AcceptsThenTruncates,
    /// Not accepted; this happens.
    Does(Reply),
    /// The connection is reset before the body is read.
    ResetsBeforeBody,
    /// Items have these results by index; the others are accepted.
    Items(BTreeMap<usize, (u16, &'static str)>),
}

/// A cluster with one index.
pub(crate) struct Bulk {
    state: Arc<State>,
    server: Server,
}

pub(crate) struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    behaviors: VecDeque<Behavior>,
    documents: BTreeMap<String, Value>,
    violations: Vec<String>,
    arrivals: Vec<SystemTime>,
    sizes: Vec<usize>,
    limit_bytes: Option<usize>,
    rejects_json: bool,
    ignores_filter_path: bool,
    stops_at: Vec<String>,
    inspections: usize,
    /// The response to requests for the mapping, if it is not the template's.
    mapping: Option<Response>,
}

pub(crate) const INDEX: &str = "logs-lambda";

impl Behavior {
    /// Rejects the first document permanently, if its message is [`TOO_LONG`] for its field.
    pub(crate) fn rejects_the_first() -> Self {
        Self::Items(BTreeMap::from([(0, (400, "illegal_argument_exception"))]))
    }
}

/// More bytes than a Lucene term may have.
const TOO_LONG: usize = 33_000;

/// This many messages, of which the first is too long for a `keyword` field.
pub(crate) fn with_the_first_too_long(count: usize) -> Vec<String> {
    let mut messages: Vec<String> = (0..count).map(event::message).collect();
    messages[0] = "x".repeat(TOO_LONG);
    messages
}

impl Bulk {
    pub(crate) fn start() -> Self {
        Self::with_behaviors([])
    }

    /// A cluster that handles the first requests like this, and accepts all later ones.
    pub(crate) fn with_behaviors(behaviors: impl IntoIterator<Item = Behavior>) -> Self {
        let state = Arc::new(State {
            inner: Mutex::new(Inner {
                behaviors: behaviors.into_iter().collect(),
                ..Inner::default()
            }),
        });
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    /// A cluster with TLS.
    pub(crate) fn with_tls(tls: ServerConfig) -> Self {
        let state = Arc::new(State { inner: Mutex::new(Inner::default()) });
        let server = Server::start_with_tls(Arc::clone(&state), tls);
        Self { state, server }
    }

    /// Rejects larger bodies with 413.
    pub(crate) fn limited_to(self, bytes: usize) -> Self {
        self.state.inner.lock().unwrap().limit_bytes = Some(bytes);
        self
    }

    /// Rejects documents with JSON fields, as after a mapping conflict.
    pub(crate) fn rejecting_json(self) -> Self {
        self.state.inner.lock().unwrap().rejects_json = true;
        self
    }

    /// Sets the response to requests for the mapping.
    pub(crate) fn mapped(self, mapping: Response) -> Self {
        self.state.inner.lock().unwrap().mapping = Some(mapping);
        self
    }

    /// The number of requests for the mapping.
    pub(crate) fn inspections(&self) -> usize {
        self.state.lock().inspections
    }

    /// Returns complete responses, which quote documents: a gateway may drop an unknown parameter.
    pub(crate) fn ignoring_filter_path(self) -> Self {
        self.state.inner.lock().unwrap().ignores_filter_path = true;
        self
    }

    /// Blocks documents with one of these messages in every request.
    pub(crate) fn stop_at_messages(&self, messages: impl IntoIterator<Item = String>) {
        self.state.inner.lock().unwrap().stops_at.extend(messages);
    }

    pub(crate) fn add_behaviors(&self, behaviors: impl IntoIterator<Item = Behavior>) {
        self.state.inner.lock().unwrap().behaviors.extend(behaviors);
    }

    /// The destination's configuration for this server.
    pub(crate) fn config(&self) -> Value {
        json!({
            "type": "elasticsearch",
            "url": self.server.url(),
            "index": INDEX,
            "auth": {"type": "basic", "username": "logagg", "password": SECRET},
        })
    }

    pub(crate) fn documents(&self) -> Vec<Value> {
        self.state.lock().documents.values().cloned().collect()
    }

    /// The times of all requests, whatever their result.
    pub(crate) fn arrivals(&self) -> Vec<SystemTime> {
        self.state.lock().arrivals.clone()
    }

    /// The sizes of the received bodies before compression.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.state.lock().sizes.clone()
    }

    /// The documents of the cluster, after checking that every request was valid.
    pub(crate) fn held(&self) -> Held {
        let inner = self.state.lock();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        Held {
            messages: inner
                .documents
                .values()
                .map(|document| document["message"].as_str().unwrap().to_owned())
                .collect(),
        }
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Service for State {
    fn resets_before_body(&self) -> bool {
        let mut inner = self.lock();
        let resets = matches!(inner.behaviors.front(), Some(Behavior::ResetsBeforeBody));
        if resets {
            inner.behaviors.pop_front();
            inner.arrivals.push(SystemTime::now());
        }
        resets
    }

    fn response(&self, request: Request) -> Reply {
        let mut inner = self.lock();
        if let Some(response) = mapping(&request) {
            inner.inspections += 1;
            return Reply::Response(inner.mapping.clone().unwrap_or(response));
        }
        inner.arrivals.push(SystemTime::now());
        let (size, pieces) = match check(&request) {
            Ok(checked) => checked,
            Err(violation) => {
                let response = Response::new(400, violation.clone());
                inner.violations.push(violation);
                return Reply::Response(response);
            }
        };
        inner.sizes.push(size);
        if inner.limit_bytes.is_some_and(|limit| size > limit) {
            return Reply::Response(opensearch::too_large());
        }
        let none = BTreeMap::new();
        match inner.behaviors.pop_front() {
            None | Some(Behavior::ResetsBeforeBody) => Reply::Response(inner.take(pieces, &none)),
            Some(Behavior::Items(words)) => Reply::Response(inner.take(pieces, &words)),
            Some(Behavior::RejectsWith(response)) => Reply::Response(response),
            Some(Behavior::Does(reply)) => reply,
            Some(Behavior::AcceptsThen(reply)) => {
                inner.take(pieces, &none);
                reply
            }
            Some(Behavior::AcceptsThenTruncates) => Reply::Truncated(inner.take(pieces, &none)),
        }
    }
}

impl Inner {
    fn take(
        &mut self,
        pieces: Vec<(String, Value)>,
        words: &BTreeMap<usize, (u16, &'static str)>,
    ) -> Response {
        let mut failures = Vec::new();
        let mut quoted = Vec::new();
        for (index, (id, document)) in pieces.into_iter().enumerate() {
            let message = document["message"].as_str().unwrap_or_default();
            let stops = self.stops_at.iter().any(|stop| stop == message);
            let conflicts = self.rejects_json && document.get("json").is_some();
            let failure = if self.documents.contains_key(&id) {
                Some(opensearch::IS_THERE)
            } else if let Some(word) = words.get(&index) {
                Some(*word)
            } else if stops {
                Some((403, "cluster_block_exception"))
            } else if conflicts {
                Some((400, "mapper_parsing_exception"))
            } else {
                self.documents.insert(id.clone(), document.clone());
                None
            };
            failures.push(failure);
            quoted.push(quoting(&id, &document, failure));
        }
        if !self.ignores_filter_path {
            return opensearch::items(&failures);
        }
        let errors = failures.iter().any(Option::is_some);
        let body = json!({"took": 1, "errors": errors, "items": quoted});
        Response::new(200, serde_json::to_vec(&body).unwrap())
            .with("content-type", "application/json; charset=UTF-8")
    }
}

/// An item before `filter_path`. Its reason quotes the document, which must not be logged.
fn quoting(id: &str, document: &Value, failure: Option<Failure>) -> Value {
    match failure {
        None => {
            json!({"create": {"_index": INDEX, "_id": id, "status": 201, "result": "created"}})
        }
        Some((status, error)) => {
            let reason = format!("failed to parse: {document}");
            json!({"create": {"_index": INDEX, "_id": id, "status": status,
                "error": {"type": error, "reason": reason}}})
        }
    }
}

/// The response to requests for the mapping: the index template of the repository.
///
/// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-get-mapping>
pub(crate) fn mapping(request: &Request) -> Option<Response> {
    let path = format!("/{INDEX}/_mapping?filter_path=");
    (request.method == "GET" && request.target.starts_with(&path)).then(|| {
        let mappings =
            json!({"date_detection": false, "properties": {"json": {"type": "flattened"}}});
        Response::new(200, json!({INDEX: {"mappings": mappings}}).to_string())
    })
}

/// Checks a request by Elasticsearch's rules, and returns its size and documents.
pub(crate) fn check(request: &Request) -> Result<(usize, Vec<(String, Value)>), String> {
    let ensure = |holds: bool, violation: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("{violation}: {} {}", request.method, request.target))
        }
    };
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    ensure(request.method == "POST", "not POST")?;
    ensure(path == format!("/{INDEX}/_bulk"), "another path")?;
    let filter = "filter_path=items.*.status,items.*.error.type,items.*.failure_store";
    ensure(query == filter, "another query")?;
    ensure(request.header("content-type") == Some("application/x-ndjson"), "another Content-Type")?;
    ensure(request.header("content-encoding") == Some("gzip"), "another Content-Encoding")?;
    let authorization = request.header("authorization");
    ensure(authorization == Some("Basic bG9nYWdnOlMzQ1IzVA=="), "another Authorization")?;

    let mut body = String::new();
    GzDecoder::new(request.body.as_slice())
        .read_to_string(&mut body)
        .map_err(|error| format!("no gzip of UTF-8: {error}"))?;
    ensure(body.len() <= 10_000_000, "a body over 10 MB")?;
    ensure(body.ends_with('\n'), "no final newline")?;
    let lines: Vec<&str> = body.trim_end_matches('\n').split('\n').collect();
    ensure(lines.len().is_multiple_of(2), "an odd number of lines")?;
    let mut pieces = Vec::new();
    for pair in lines.chunks(2) {
        let action: Value = serde_json::from_str(pair[0]).map_err(|error| error.to_string())?;
        let id = action["create"]["_id"].as_str().unwrap_or_default();
        ensure(action == json!({"create": {"_id": id}}), "another action")?;
        ensure(!id.is_empty() && id.len() <= 512, "no good id")?;
        let document: Value = serde_json::from_str(pair[1]).map_err(|error| error.to_string())?;
        let timestamp = document["@timestamp"].as_str().unwrap_or_default();
        ensure(humantime::parse_rfc3339(timestamp).is_ok(), "no good @timestamp")?;
        ensure(document["message"].is_string(), "no message")?;
        pieces.push((id.to_owned(), document));
    }
    Ok((body.len(), pieces))
}
