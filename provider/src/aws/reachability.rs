//! Endpoints that refuse connections: detected with few attempts across all requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;
use tokio::time::Instant;

/// The endpoints that requests go to, by scheme, host and port.
#[derive(Debug, Default)]
pub(super) struct Endpoints(Mutex<BTreeMap<String, Arc<Endpoint>>>);

/// How an endpoint took connections so far.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    health: Mutex<Health>,
    /// Held by the one request that tries the endpoint while others wait.
    trial: Turn<()>,
}

#[derive(Debug, Default)]
struct Health {
    answered_once: bool,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Not tried yet.
    #[default]
    Unknown,
    /// Nothing speaks against it.
    Open,
    /// It refused so many connections in a row; the next attempt may be made then.
    Refusing { attempts: usize, next: Instant, why: String },
}

/// What a request met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// A response, whichever.
    Answer,
    /// A connection that was refused.
    Refusal(String),
    /// A connection that was closed before a response came. An endpoint that has answered before
    /// does so now and then; one that never did is as good as one that refuses.
    Close(String),
    /// What says nothing of the endpoint.
    Nothing,
}

/// An endpoint refused so many connections that no more are tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not connect to {url} after {attempts} attempts: {why}")]
pub(super) struct GivenUp {
    url: String,
    attempts: usize,
    why: String,
}

/// The time before each further attempt; after the last the endpoint is given up. A restart of some
/// seconds is waited for, and a misspelled port is reported soon.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

impl Endpoints {
    pub(super) fn of(&self, url: &reqwest::Url) -> Arc<Endpoint> {
        let origin = url.origin().ascii_serialization();
        let mut endpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint =
            endpoints.entry(origin).or_insert_with_key(|url| Arc::new(Endpoint::new(url.clone())));
        Arc::clone(endpoint)
    }
}

impl Endpoint {
    fn new(url: String) -> Self {
        Self { url, health: Mutex::default(), trial: Turn::default() }
    }

    /// Makes a request, which reports its outcome. Until the endpoint has accepted a connection,
    /// requests are sent one at a time.
    ///
    /// # Errors
    /// When the endpoint is given up, with this request or before it.
    pub(super) async fn reach<T>(
        &self,
        request: impl Future<Output = (Met, T)>,
    ) -> Result<T, GivenUp> {
        if matches!(self.health().state, State::Open) {
            let (met, answer) = request.await;
            self.health().learn(met);
            return Ok(answer);
        }
        let _trial = self.trial.lock().await;
        if let Some(next) = self.next_attempt()? {
            tokio::time::sleep_until(next).await;
        }
        let (met, answer) = request.await;
        self.health().learn_of_trial(met);
        self.next_attempt().map(|_| answer)
    }

    /// When the next attempt may be made, where that is not at once.
    fn next_attempt(&self) -> Result<Option<Instant>, GivenUp> {
        match &self.health().state {
            State::Unknown | State::Open => Ok(None),
            State::Refusing { attempts, why, .. } if *attempts > PAUSES.len() => {
                Err(GivenUp { url: self.url.clone(), attempts: *attempts, why: why.clone() })
            }
            State::Refusing { next, .. } => Ok(Some(*next)),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    /// From a request that was one of many: the first that is refused speaks for all of them.
    fn learn(&mut self, met: Met) {
        match met {
            Met::Answer => self.answered(),
            Met::Refusal(why) if matches!(self.state, State::Open) => self.refused(1, why),
            Met::Refusal(_) | Met::Close(_) | Met::Nothing => {}
        }
    }

    fn learn_of_trial(&mut self, met: Met) {
        let before = match self.state {
            State::Refusing { attempts, .. } => attempts,
            State::Unknown | State::Open => 0,
        };
        match met {
            Met::Answer => self.answered(),
            Met::Refusal(why) => self.refused(before + 1, why),
            Met::Close(why) if !self.answered_once => self.refused(before + 1, why),
            Met::Close(_) | Met::Nothing => self.state = State::Open,
        }
    }

    fn answered(&mut self) {
        *self = Self { answered_once: true, state: State::Open };
    }

    fn refused(&mut self, attempts: usize, why: String) {
        let pause = PAUSES.get(attempts - 1).copied().unwrap_or_default();
        self.state = State::Refusing { attempts, next: Instant::now() + pause, why };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint::new("http://127.0.0.1:9".to_owned())
    }

    fn refusal() -> Met {
        Met::Refusal("Connection refused".to_owned())
    }

    async fn reach(endpoint: &Endpoint, made: &AtomicUsize, met: Met) -> Result<(), GivenUp> {
        endpoint
            .reach(async {
                made.fetch_add(1, Ordering::Relaxed);
                (met, ())
            })
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_is_given_up_after_three_refused_connections_of_any_requests() {
        for met in [refusal(), Met::Close("closed".to_owned())] {
            let (endpoint, made) = (endpoint(), AtomicUsize::new(0));
            let start = Instant::now();
            let attempts = (0..20).map(|_| reach(&endpoint, &made, met.clone()));
            let given_up = futures_util::future::join_all(attempts).await;
            assert_eq!(given_up.iter().filter(|one| one.is_ok()).count(), 2, "{given_up:?}");
            assert_eq!(made.load(Ordering::Relaxed), 3);
            assert_eq!(start.elapsed(), PAUSES.iter().sum::<Duration>());
            let message = given_up[19].clone().unwrap_err().to_string();
            assert!(
                message.starts_with("could not connect to http://127.0.0.1:9 after 3 attempts: ")
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_comes_back_is_open_again() {
        let (endpoint, made) = (endpoint(), AtomicUsize::new(0));
        for _ in 0..10 {
            for met in [refusal(), refusal(), Met::Answer, Met::Answer] {
                reach(&endpoint, &made, met).await.unwrap();
            }
        }
        assert_eq!(made.load(Ordering::Relaxed), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_are_refused_at_once_are_one_attempt() {
        let endpoint = endpoint();
        reach(&endpoint, &AtomicUsize::new(0), Met::Answer).await.unwrap();
        let gate = tokio::sync::Semaphore::new(0);
        let held = (0..20).map(|_| {
            endpoint.reach(async {
                let _permit = gate.acquire().await;
                (refusal(), ())
            })
        });
        let open = async { gate.add_permits(20) };
        let (refused, ()) = tokio::join!(futures_util::future::join_all(held), open);
        assert!(refused.iter().all(Result::is_ok));
        reach(&endpoint, &AtomicUsize::new(0), Met::Answer).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_answers_may_close_connections() {
        let (endpoint, made) = (endpoint(), AtomicUsize::new(0));
        reach(&endpoint, &made, Met::Answer).await.unwrap();
        for _ in 0..10 {
            reach(&endpoint, &made, Met::Close("closed".to_owned())).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_inconclusive_failure_does_not_block_an_endpoint() {
        let (endpoint, made) = (endpoint(), AtomicUsize::new(0));
        for _ in 0..10 {
            reach(&endpoint, &made, Met::Nothing).await.unwrap();
        }
    }
}
