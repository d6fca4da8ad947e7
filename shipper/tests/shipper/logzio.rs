//! A mock server of Logz.io's listener: strict about requests, with faults on demand.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::SECRET;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::settled::Held;

/// How a request is handled instead of accepting it.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// Not accepted; this happens.
    Does(Reply),
    /// Accepted, followed by this instead of the response.
    AcceptsThen(Reply),
    /// Logs at these indices are malformed; the others are accepted.
    Malformed(Vec<usize>),
    /// The connection is reset before the body is read.
    ResetsBeforeBody,
}

/// A listener and the logs that it has accepted.
pub(crate) struct Logzio {
    state: Arc<State>,
    server: Server,
}

pub(crate) struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    behaviors: VecDeque<Behavior>,
    lines: Vec<Value>,
    violations: Vec<String>,
    requests: usize,
}

impl Logzio {
    pub(crate) fn start() -> Self {
        Self::with_behaviors([])
    }

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

    pub(crate) fn config(&self) -> Value {
        json!({"type": "logzio", "token": SECRET, "url": self.server.url()})
    }

    /// Accepts all requests from now on.
    pub(crate) fn recover(&self) {
        self.state.inner.lock().unwrap().behaviors.clear();
    }

    pub(crate) fn add_behaviors(&self, behaviors: impl IntoIterator<Item = Behavior>) {
        self.state.inner.lock().unwrap().behaviors.extend(behaviors);
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.state.inner.lock().unwrap().lines.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.inner.lock().unwrap().requests
    }

    /// The accepted logs, after checking that every request was valid.
    pub(crate) fn held(&self) -> Held {
        let inner = self.state.inner.lock().unwrap();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        Held {
            messages: inner
                .lines
                .iter()
                .map(|line| line["message"].as_str().unwrap().to_owned())
                .collect(),
        }
    }
}

impl Service for State {
    fn resets_before_body(&self) -> bool {
        let mut inner = self.inner.lock().unwrap();
        let resets = matches!(inner.behaviors.front(), Some(Behavior::ResetsBeforeBody));
        if resets {
            inner.behaviors.pop_front();
            inner.requests += 1;
        }
        resets
    }

    fn response(&self, request: Request) -> Reply {
        let mut inner = self.inner.lock().unwrap();
        inner.requests += 1;
        let lines = match check(&request) {
            Ok(lines) => lines,
            Err(violation) => {
                inner.violations.push(violation);
                return Reply::Response(Response::new(400, ""));
            }
        };
        match inner.behaviors.pop_front() {
            None | Some(Behavior::ResetsBeforeBody) => {
                inner.lines.extend(lines);
                Reply::Response(Response::new(200, ""))
            }
            Some(Behavior::Does(reply)) => reply,
            Some(Behavior::AcceptsThen(reply)) => {
                inner.lines.extend(lines);
                reply
            }
            Some(Behavior::Malformed(places)) => {
                let sent = lines.len();
                let good = lines.into_iter().enumerate();
                let good = good.filter(|(index, _)| !places.contains(index));
                inner.lines.extend(good.map(|(_, line)| line));
                let body = json!({
                    "malformedLines": places.len(), "successfulLines": sent - places.len(),
                    "oversizedLines": 0, "emptyLogLines": 0,
                });
                Reply::Response(Response::new(400, body.to_string()))
            }
        }
    }
}

/// Checks a request by Logz.io's rules, and returns its logs.
pub(crate) fn check(request: &Request) -> Result<Vec<Value>, String> {
    let ensure = |holds: bool, violation: &str| {
        if holds { Ok(()) } else { Err(violation.to_owned()) }
    };
    ensure(request.method == "POST", "not POST")?;
    let target = format!("/?token={SECRET}&type=lambda");
    ensure(request.target == target, "another path, token or type")?;
    ensure(request.header("content-type") == Some("text/plain"), "another Content-Type")?;
    ensure(request.header("content-encoding") == Some("gzip"), "another Content-Encoding")?;
    let mut body = String::new();
    GzDecoder::new(request.body.as_slice())
        .read_to_string(&mut body)
        .map_err(|error| format!("no gzip of UTF-8: {error}"))?;
    ensure(body.len() <= 10_485_760, "a body over the limit")?;
    ensure(body.ends_with('\n'), "no final newline")?;
    body.trim_end_matches('\n')
        .split('\n')
        .map(|line| {
            ensure(line.len() < 500_000, "a line over the limit")?;
            let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            ensure(line.is_object() && line["message"].is_string(), "no object")?;
            Ok(line)
        })
        .collect()
}
