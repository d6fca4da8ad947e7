//! A stand-in of any log service: strict about every request, and moody on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustls::ServerConfig;
use serde_json::Value;

use crate::contract::{self, Contract, Item};
use crate::http::{Reply, Request, Response, Server, Service};
use crate::settled::Held;

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// It is taken and answered, as a service does that is well.
    Takes,
    /// It is taken, and the answer comes after so long.
    TakesSlowly(Duration),
    /// It is taken, and the answer says of itself that it is a web page.
    TakesThenMislabels,
    /// Nothing is taken; this happens.
    Does(Reply),
    /// Everything is taken, and then this happens instead of the answer.
    TakesThen(Reply),
    /// Everything is taken and answered, but the answer ends in its middle.
    TakesThenTruncates,
    /// A request with an event that cannot be parsed is rejected whole, without a word about which it is:
    /// <https://docs.datadoghq.com/api/latest/logs/#send-logs>,
    /// <https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/>, and `otlp_too_large` and
    /// `splunk_hec_too_large` among the recorded exchanges of the Collector.
    Parses,
    /// The connection is reset before the body was read.
    ResetsBeforeBody,
}

/// A service and what it has taken.
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
    moods: VecDeque<Mood>,
    /// How later requests are treated.
    lasting: Option<Mood>,
    held: Vec<Item>,
    violations: Vec<String>,
    requests: usize,
    max_bytes: Option<usize>,
    /// A third-party server and the case of it that is played.
    case: Option<(String, String)>,
    /// What came while it was.
    sent: Vec<Request>,
}

/// A message with this in it is one that the service rejects, if it ever rejects one.
pub(crate) const POISON: &str = "POISON";

impl MockServer {
    /// A service that treats one request after another so, and all later ones well.
    pub(crate) fn start(
        contract: &'static dyn Contract,
        moods: impl IntoIterator<Item = Mood>,
    ) -> Self {
        let inner = Inner { moods: moods.into_iter().collect(), ..Inner::default() };
        let state = Arc::new(State { contract, inner: Mutex::new(inner) });
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    /// Has all later requests treated so.
    pub(crate) fn lasting(self, mood: Mood) -> Self {
        self.state.lock().lasting = Some(mood);
        self
    }

    /// Treats the next requests so.
    pub(crate) fn add_moods(&self, moods: impl IntoIterator<Item = Mood>) {
        self.state.lock().moods.extend(moods);
    }

    /// Has all requests treated well from now on.
    pub(crate) fn recover(&self) {
        let mut inner = self.state.lock();
        inner.moods.clear();
        inner.lasting = None;
    }

    /// Another way to the same service.
    pub(crate) fn with_tls(&self, tls: ServerConfig) -> Server {
        Server::start_with_tls(Arc::clone(&self.state), tls)
    }

    /// Has every request answered with 413 whose body as sent is larger.
    pub(crate) fn limited_to(self, bytes: usize) -> Self {
        self.state.lock().max_bytes = Some(bytes);
        self
    }

    /// Has every request answered as a third-party server answers in a recorded case.
    pub(crate) fn in_case(self, server: &str, case: &str) -> Self {
        self.state.lock().case = Some((server.to_owned(), case.to_owned()));
        self
    }

    /// The part of a configuration that points here.
    pub(crate) fn config(&self) -> Value {
        self.config_at(&self.server.url())
    }

    /// The part of a configuration that looks for the service at another address.
    pub(crate) fn config_at(&self, url: &str) -> Value {
        self.state.contract.config(url)
    }

    /// How many requests came, whatever was done with them.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().requests
    }

    /// What was answered as a third-party server answers.
    pub(crate) fn sent(&self) -> Vec<Request> {
        self.state.lock().sent.clone()
    }

    /// What the service has taken, after making sure that every request was as it must be.
    pub(crate) fn held(&self) -> Held {
        let inner = self.state.lock();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        Held { messages: inner.held.iter().map(|item| item.message.clone()).collect() }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    /// How the next request is treated. One whose head came before it was its turn to be reset
    /// leaves that to the next.
    fn next_mood(&mut self) -> Mood {
        if matches!(self.moods.front(), Some(Mood::ResetsBeforeBody)) {
            return Mood::Takes;
        }
        self.moods.pop_front().or_else(|| self.lasting.clone()).unwrap_or(Mood::Takes)
    }
}

impl Service for State {
    fn resets_before_body(&self) -> bool {
        let mut inner = self.lock();
        let next = inner.moods.front().or(inner.lasting.as_ref());
        let resets = matches!(next, Some(Mood::ResetsBeforeBody));
        if resets {
            inner.moods.pop_front();
            inner.requests += 1;
        }
        resets
    }

    fn answer(&self, request: Request) -> Reply {
        let mut inner = self.lock();
        if let Some(answer) = self.contract.setup(&request) {
            return Reply::Response(answer);
        }
        inner.requests += 1;
        if let Some((server, case)) = &inner.case
            && let Some(answer) = contract::in_case(server, case, &request, inner.requests - 1)
        {
            inner.sent.push(request);
            return Reply::Response(answer);
        }
        let items = match self.contract.check(&request) {
            Ok(items) => items,
            Err(_) if matches!(inner.lasting, Some(Mood::Parses)) => {
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
        let mood = inner.next_mood();
        if let Mood::Does(reply) = mood {
            return reply;
        }
        if matches!(mood, Mood::Parses) && items.iter().any(|item| item.message.contains(POISON)) {
            return Reply::Response(Response::new(400, "malformed"));
        }
        let answer = self.contract.take(items, &mut inner.held);
        match mood {
            Mood::TakesSlowly(time) => Reply::Late(time, answer),
            Mood::TakesThenMislabels => Reply::Response(mislabelled(answer)),
            Mood::TakesThen(reply) => reply,
            Mood::TakesThenTruncates => Reply::Truncated(answer),
            Mood::Takes | Mood::Parses | Mood::Does(_) | Mood::ResetsBeforeBody => {
                Reply::Response(answer)
            }
        }
    }
}

/// The same answer as a web page.
fn mislabelled(mut answer: Response) -> Response {
    answer.headers.retain(|(name, _)| *name != "content-type");
    answer.with("content-type", "text/html; charset=utf-8")
}
