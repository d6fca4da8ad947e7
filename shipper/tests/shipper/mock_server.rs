//! A mock server of any destination: strict about requests, with faults on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use logagg_shipper::destination::RecordField;
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::contract::{self, Contract, Item};
use crate::http::{Reply, Request, Response, Server, Service};
use crate::settled::Held;

/// How a request is handled.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    /// Accepted.
    Accepts,
    /// Accepted, with a response after this time.
    AcceptsSlowly(Duration),
    /// Accepted, with a response whose content type is HTML.
    AcceptsThenMislabels,
    /// Not accepted; this happens.
    Does(Reply),
    /// Accepted, followed by this instead of the response.
    AcceptsThen(Reply),
    /// Accepted, with a truncated response.
    AcceptsThenTruncates,
    /// A request with an event that cannot be parsed is rejected as a whole, without its number:
    /// <https://docs.datadoghq.com/api/latest/logs/#send-logs>,
    /// <https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/>, and `otlp_too_large`
    /// and `splunk_hec_too_large` among the recorded exchanges of the Collector.
    Parses,
    /// The connection is reset before the body is read.
    ResetsBeforeBody,
}

/// A destination and the items that it has accepted.
pub(crate) struct MockServer {
    state: Arc<State>,
    server: Server,
}

struct State {
    contract: &'static dyn Contract,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    behaviors: VecDeque<Behavior>,
    /// How later requests are handled.
    lasting: Option<Behavior>,
    held: Vec<Item>,
    violations: Vec<String>,
    requests: usize,
    max_bytes: Option<usize>,
    /// The third-party server and the case that it replays.
    case: Option<(String, String)>,
    /// The requests during the case.
    sent: Vec<Request>,
}

/// Marks a message that the destination rejects, if it ever rejects one.
pub(crate) const POISON: &str = "POISON";

impl MockServer {
    /// A server that handles the first requests like this, and accepts all later ones.
    pub(crate) fn start(
        contract: &'static dyn Contract,
        behaviors: impl IntoIterator<Item = Behavior>,
    ) -> Self {
        let inner = Inner { behaviors: behaviors.into_iter().collect(), ..Inner::default() };
        let state = Arc::new(State { contract, inner: Mutex::new(inner) });
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    /// Handles all later requests like this.
    pub(crate) fn lasting(self, behavior: Behavior) -> Self {
        self.state.lock().lasting = Some(behavior);
        self
    }

    /// Handles the next requests like this.
    pub(crate) fn add_behaviors(&self, behaviors: impl IntoIterator<Item = Behavior>) {
        self.state.lock().behaviors.extend(behaviors);
    }

    /// Accepts all requests from now on.
    pub(crate) fn recover(&self) {
        let mut inner = self.state.lock();
        inner.behaviors.clear();
        inner.lasting = None;
    }

    /// Another server for the same destination.
    pub(crate) fn with_tls(&self, tls: ServerConfig) -> Server {
        Server::start_with_tls(Arc::clone(&self.state), tls)
    }

    /// Rejects larger bodies (as sent) with 413.
    pub(crate) fn limited_to(self, bytes: usize) -> Self {
        self.state.lock().max_bytes = Some(bytes);
        self
    }

    /// Responds like a third-party server in a recorded case.
    pub(crate) fn in_case(self, server: &str, case: &str) -> Self {
        self.state.lock().case = Some((server.to_owned(), case.to_owned()));
        self
    }

    /// The destination's configuration for this server.
    pub(crate) fn config(&self) -> Value {
        self.config_at(&self.server.url())
    }

    /// The destination's configuration for another URL.
    pub(crate) fn config_at(&self, url: &str) -> Value {
        with_all_fields(self.state.contract.config(url))
    }

    /// The number of requests, whatever their result.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().requests
    }

    /// The requests that were answered like a third-party server.
    pub(crate) fn sent(&self) -> Vec<Request> {
        self.state.lock().sent.clone()
    }

    /// The accepted items, after checking that every request was valid.
    pub(crate) fn held(&self) -> Held {
        let inner = self.state.lock();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        Held { messages: inner.held.iter().map(|item| item.message.clone()).collect() }
    }
}

/// A destination that gets every field, so that tests can tell log events apart.
pub(crate) fn with_all_fields(mut destination: Value) -> Value {
    destination["record_fields"] = json!({"add": RecordField::ALL.map(RecordField::name)});
    destination
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    /// How the next request is handled. A request whose head was read before leaves a reset to the
    /// next one.
    fn next_behavior(&mut self) -> Behavior {
        if matches!(self.behaviors.front(), Some(Behavior::ResetsBeforeBody)) {
            return Behavior::Accepts;
        }
        self.behaviors.pop_front().or_else(|| self.lasting.clone()).unwrap_or(Behavior::Accepts)
    }
}

impl Service for State {
    fn resets_before_body(&self) -> bool {
        let mut inner = self.lock();
        let next = inner.behaviors.front().or(inner.lasting.as_ref());
        let resets = matches!(next, Some(Behavior::ResetsBeforeBody));
        if resets {
            inner.behaviors.pop_front();
            inner.requests += 1;
        }
        resets
    }

    fn response(&self, request: Request) -> Reply {
        let mut inner = self.lock();
        if let Some(response) = self.contract.setup(&request) {
            return Reply::Response(response);
        }
        inner.requests += 1;
        if let Some((server, case)) = &inner.case
            && let Some(response) = contract::in_case(server, case, &request, inner.requests - 1)
        {
            inner.sent.push(request);
            return Reply::Response(response);
        }
        let items = match self.contract.check(&request) {
            Ok(items) => items,
            Err(_) if matches!(inner.lasting, Some(Behavior::Parses)) => {
                return Reply::Response(Response::new(400, "malformed"));
            }
            Err(violation) => {
                inner.violations.push(violation);
                return Reply::Response(Response::new(400, ""));
            }
        };
        if inner.max_bytes.is_some_and(|limit| request.body.len() > limit) {
            return Reply::Response(Response::new(413, "too large"));
        }
        let behavior = inner.next_behavior();
        if let Behavior::Does(reply) = behavior {
            return reply;
        }
        if matches!(behavior, Behavior::Parses)
            && items.iter().any(|item| item.message.contains(POISON))
        {
            return Reply::Response(Response::new(400, "malformed"));
        }
        let response = self.contract.take(items, &mut inner.held);
        match behavior {
            Behavior::AcceptsSlowly(time) => Reply::Late(time, response),
            Behavior::AcceptsThenMislabels => Reply::Response(mislabelled(response)),
            Behavior::AcceptsThen(reply) => reply,
            Behavior::AcceptsThenTruncates => Reply::Truncated(response),
            Behavior::Accepts
            | Behavior::Parses
            | Behavior::Does(_)
            | Behavior::ResetsBeforeBody => Reply::Response(response),
        }
    }
}

/// The same response with an HTML content type.
fn mislabelled(mut response: Response) -> Response {
    response.headers.retain(|(name, _)| *name != "content-type");
    response.with("content-type", "text/html; charset=utf-8")
}
