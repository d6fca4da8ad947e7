//! A stand-in of any log service: strict about every request, and moody on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use crate::contract::{Contract, Item};
use crate::http::{Answer, Reply, Request, Server, Service};
use crate::settled::Held;

/// What is done with a request instead of taking it.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// Nothing is taken; this happens.
    Does(Reply),
    /// Everything is taken, and then this happens instead of the answer.
    TakesThen(Reply),
    /// Everything is taken and answered, but the answer ends in its middle.
    TakesThenTruncates,
    /// The connection is reset before the body was read.
    ResetsBeforeBody,
}

/// A service and what it has taken.
pub(crate) struct StandIn {
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
    held: Vec<Item>,
    violations: Vec<String>,
    requests: usize,
    max_bytes: Option<usize>,
}

/// A message with this in it is one that the service refuses, if it ever refuses one.
pub(crate) const POISON: &str = "POISON";

impl StandIn {
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

    /// Has every request answered with 413 whose body as sent is larger.
    pub(crate) fn limited_to(self, bytes: usize) -> Self {
        self.state.lock().max_bytes = Some(bytes);
        self
    }

    /// The part of a configuration that points here.
    pub(crate) fn config(&self) -> Value {
        self.state.contract.config(&self.server.url())
    }

    /// How many requests came, whatever was done with them.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().requests
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

impl Service for State {
    fn resets_before_body(&self) -> bool {
        let mut inner = self.lock();
        let resets = matches!(inner.moods.front(), Some(Mood::ResetsBeforeBody));
        if resets {
            inner.moods.pop_front();
            inner.requests += 1;
        }
        resets
    }

    fn answer(&self, request: Request) -> Reply {
        let mut inner = self.lock();
        inner.requests += 1;
        let items = match self.contract.check(&request) {
            Ok(items) => items,
            Err(violation) => {
                inner.violations.push(violation);
                return Reply::Answer(Answer::new(400, ""));
            }
        };
        if inner.max_bytes.is_some_and(|limit| request.body.len() > limit) {
            return Reply::Answer(Answer::new(413, "too large"));
        }
        match inner.moods.pop_front() {
            None | Some(Mood::ResetsBeforeBody) => {
                Reply::Answer(self.contract.take(items, &mut inner.held))
            }
            Some(Mood::Does(reply)) => reply,
            Some(Mood::TakesThen(reply)) => {
                self.contract.take(items, &mut inner.held);
                reply
            }
            Some(Mood::TakesThenTruncates) => {
                Reply::Truncated(self.contract.take(items, &mut inner.held))
            }
        }
    }
}
