//! Chaos tests: a seed decides how S3, SQS and the destination handle each request, and when the
//! function is killed. Lambda, S3 notifications and the queue behave as documented. In the end every
//! log event is delivered, or a dead letter, or waits in the queue with its object; and every
//! duplicate was counted as a possible duplicate, or was delivered by an invocation that was killed.
//!
//! A long run takes any number of seeds:
//!
//! ```console
//! $ LOGAGG_CHAOS=0..5000 cargo test --release -p logagg-shipper --test shipper -- chaos
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{FutureExt, StreamExt, stream};
use logagg_shipper::delivery::Client;
use logagg_shipper::destination::Limits;
use logagg_shipper::{Config, Invocation, Shipper};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::contract::{ALL, Contract};
use crate::faults::limited::Limited;
use crate::http::Reply;
use crate::lambda::FunctionError;
use crate::mock_server::{Behavior, MockServer};
use crate::storage::{Storage, Strike, VISIBILITY_TIMEOUT};
use crate::{PAYLOAD, SECRET, event};

/// The variable with the seeds of a long run.
const SEEDS_VARIABLE: &str = "LOGAGG_CHAOS";

/// The seeds of `cargo test`.
const SEEDS: Range<u64> = 0..60;

/// Seeds that failed before.
const REGRESSIONS: [u64; 4] = [84, 85, 342, 627];

/// The number of seeds that run concurrently: they mostly wait.
const AT_ONCE: usize = 32;

const NAME: &str = "x";
const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:the-shipper";

/// The number of events and of messages in each.
const EVENTS: usize = 4;
const MESSAGES: usize = 6;

/// How many times Lambda invokes the function with an event before it writes an on-failure record.
const ATTEMPTS: u32 = 3;

/// A destination that deduplicates, and one that does not.
const KINDS: [&str; 2] = ["elasticsearch", "http"];

/// An event that Lambda retries.
struct Fresh {
    body: Vec<u8>,
    attempts: u32,
}

/// The state of a run.
struct Chaos {
    rng: fastrand::Rng,
    contract: &'static dyn Contract,
    mock_server: MockServer,
    storage: Storage,
    client: Client,
    shipper: Option<Shipper>,
    fresh: Vec<Fresh>,
    messages: Vec<String>,
    possible_duplicates: u64,
    /// What killed invocations have delivered without being counted. For a stored event the next
    /// attempt counts each record once.
    by_killed: u64,
    /// What the last killed invocation has delivered, to be counted by the next attempt.
    noted: usize,
    steps: String,
}

/// How an invocation ended.
enum End {
    Answered(Result<Value, FunctionError>),
    Killed,
}

impl Chaos {
    fn new(seed: u64, client: &Client) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let kind = KINDS[rng.usize(..KINDS.len())];
        let contract = *ALL.iter().find(|contract| contract.kind() == kind).unwrap();
        let storage = Storage::start();
        let mut messages = Vec::new();
        let mut fresh = Vec::new();
        for number in 0..EVENTS {
            let first = number * MESSAGES;
            let of_event: Vec<String> = (first..first + MESSAGES)
                .map(|id| {
                    let poison = if rng.u8(..) < 20 { contract.poison() } else { String::new() };
                    format!("{}{poison}", event::message(id))
                })
                .collect();
            fresh.push(Fresh {
                body: event::wrap(&event::fresh_delivery(first, &of_event)),
                attempts: 0,
            });
            messages.extend(of_event);
        }
        Self {
            rng,
            contract,
            mock_server: MockServer::start(contract, []),
            client: client.clone().in_environment(storage.environment()),
            storage,
            shipper: None,
            fresh,
            messages,
            possible_duplicates: 0,
            by_killed: 0,
            noted: 0,
            steps: format!("seed {seed}, {kind}\n"),
        }
    }

    fn shipper(&self) -> Shipper {
        let document = json!({
            "destinations": {NAME: self.mock_server.config()}, "undelivered": Storage::config(),
        });
        let mut config = Config::parse(&document.to_string()).unwrap();
        config.reserve = Duration::from_millis(500);
        config.request_timeout = Duration::from_secs(2);
        let mut destination = config.destinations.remove(NAME).unwrap();
        let limits = Limits { max_request_records: 2, ..destination.destination.limits() };
        destination.destination =
            Box::new(Limited { destination: destination.destination, limits });
        config.destinations.insert(NAME.to_owned(), destination);
        Shipper::new(config, None, self.client.clone())
    }

    /// Decides how the destination handles the next requests.
    fn upset_destination(&mut self) {
        let behaviors: Vec<Behavior> = (0..self.rng.usize(..6))
            .map(|_| match self.rng.u8(..9) {
                0 => Behavior::Does(Reply::Response(self.contract.says(503))),
                1 => Behavior::Does(Reply::Response(self.contract.says(401))),
                2 => Behavior::Does(Reply::Response(self.contract.says(429))),
                3 => Behavior::AcceptsThen(Reply::Reset),
                4 => Behavior::AcceptsThenTruncates,
                5 => Behavior::ResetsBeforeBody,
                6 => Behavior::AcceptsThen(Reply::Silence),
                _ => Behavior::Accepts,
            })
            .collect();
        let _ = writeln!(self.steps, "  destination: {behaviors:?}");
        self.mock_server.recover();
        self.mock_server.add_behaviors(behaviors);
    }

    /// Decides how S3 and SQS handle the next requests. The request that kills the function
    /// notifies `killed`.
    fn upset_storage(&mut self, killed: &Arc<Notify>) {
        let mut rng = self.rng.fork();
        let rate = [0, 10, 40][rng.usize(..3)];
        let kills_at = (rng.u8(..4) == 0).then(|| rng.usize(..8));
        let denied: &[&'static str] = match rng.u8(..12) {
            0 => &["DeleteObject"],
            1 => &["PutObject"],
            2 => &["GetObject"],
            3 => &["ChangeMessageVisibilityBatch"],
            _ => &[],
        };
        let _ = writeln!(
            self.steps,
            "  storage: {rate} % fail, killed at {kills_at:?}, denied {denied:?}"
        );
        self.storage.recover();
        self.storage.deny(denied.iter().copied());
        let killed = Arc::clone(killed);
        let mut request = 0;
        self.storage.strike(move || {
            request += 1;
            if kills_at == Some(request) {
                killed.notify_one();
                return if rng.bool() {
                    Strike::WithoutResponse
                } else {
                    Strike::DoneWithoutResponse
                };
            }
            match rng.u8(..100) {
                dice if dice < rate / 2 => Strike::Rejected,
                dice if dice < rate => Strike::ResponseLost,
                _ => Strike::Passes,
            }
        });
    }

    /// Invokes the function, which may be killed meanwhile.
    async fn invoke(&mut self, event: &[u8], killed: &Notify, time: Duration) -> End {
        if self.shipper.is_none() || self.rng.u8(..3) == 0 {
            self.shipper = Some(self.shipper());
        }
        let shipper = self.shipper.as_ref().unwrap();
        let invocation = Invocation {
            request_id: "invocation",
            deadline: SystemTime::now() + time,
            function_arn: Some(ARN),
        };
        let text = std::str::from_utf8(event).unwrap();
        let by_time = (self.rng.u8(..8) == 0).then(|| Duration::from_millis(self.rng.u64(..40)));
        let by_time = by_time.filter(|_| time < Duration::from_secs(30)).unwrap_or(time * 2);
        let (summary, result) = tokio::select! {
            shipped = shipper.ship(text, &invocation) => shipped,
            () = killed.notified() => {
                self.shipper = None;
                let _ = writeln!(self.steps, "  killed at a request");
                return End::Killed;
            }
            () = tokio::time::sleep(by_time) => {
                assert!(by_time < time, "the invocation was still running at its deadline");
                self.shipper = None;
                let _ = writeln!(self.steps, "  killed after {by_time:?}");
                return End::Killed;
            }
        };
        let mut written = Vec::new();
        summary.write(&[], &mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(!written.contains(PAYLOAD) && !written.contains(SECRET), "{written}");
        let _ = write!(self.steps, "  {written}");
        for counts in summary.destinations.values() {
            assert!(counts.add_up(), "{written}");
            self.possible_duplicates += counts.possible_duplicates;
        }
        End::Answered(match result {
            Ok(reply) => Ok(serde_json::to_value(reply.into_response(summary)).unwrap()),
            Err(error) => Err(FunctionError {
                error_type: error.error_type().to_owned(),
                message: error.to_string(),
            }),
        })
    }

    /// Lets Lambda invoke the function with an event, or the event source mapping with a batch.
    async fn step(&mut self, killed: &Notify, time: Duration) {
        let is_fresh = !self.fresh.is_empty() && self.rng.bool();
        let batch = if is_fresh { None } else { self.storage.receive(self.rng.usize(1..=4)) };
        if let Some(batch) = batch {
            let _ = writeln!(self.steps, " a batch of the queue");
            let before = self.mock_server.held().messages.len();
            match self.invoke(&batch, killed, time).await {
                End::Answered(result) => self.storage.complete(&batch, &result),
                End::Killed => {
                    let taken = self.taken_since(before).await;
                    let distinct: BTreeSet<&String> = taken.iter().collect();
                    // Without its note the delivery had ended, and only the summary was not
                    // written.
                    let is_noted = !self.storage.objects("logagg/delivering/").is_empty();
                    let known = if is_noted { distinct.len() } else { 0 };
                    // The count of the next attempt was in a summary that was not written either.
                    self.by_killed += (taken.len() - known + self.noted) as u64;
                    self.noted = known;
                }
            }
            return;
        }
        self.storage.advance(VISIBILITY_TIMEOUT);
        if self.fresh.is_empty() {
            return;
        }
        let place = self.rng.usize(..self.fresh.len());
        let mut fresh = self.fresh.swap_remove(place);
        fresh.attempts += 1;
        let _ = writeln!(self.steps, " an event, attempt {}", fresh.attempts);
        let before = self.mock_server.held().messages.len();
        match self.invoke(&fresh.body, killed, time).await {
            End::Answered(Ok(_)) => return,
            End::Answered(Err(_)) => {}
            End::Killed => {
                // What it has stored is delivered from there, and again with the event.
                let taken = self.taken_since(before).await.len();
                let stored = self.storage.messages_in("logagg/undelivered/").len().min(MESSAGES);
                self.by_killed += (taken + stored) as u64;
            }
        }
        if fresh.attempts < ATTEMPTS {
            self.fresh.push(fresh);
            return;
        }
        let event: Value = serde_json::from_slice(&fresh.body).unwrap();
        let record = json!({
            "requestContext": {"functionArn": format!("{ARN}:$LATEST"), "condition": "RetriesExhausted"},
            "requestPayload": event,
        });
        let key = format!("aws/lambda/async/the-shipper/2026/11/29/{}", self.rng.u64(..));
        let _ = writeln!(self.steps, " recorded by Lambda");
        self.storage.put(&key, record.to_string());
    }

    /// What was delivered since the destination held this many messages, including the request in
    /// flight when the function was killed.
    async fn taken_since(&self, before: usize) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.mock_server.held().messages.split_off(before)
    }

    /// Runs to the end, after which nothing is missing.
    async fn play(&mut self) {
        let killed = Arc::new(Notify::new());
        for _ in 0..self.rng.usize(6..20) {
            self.upset_destination();
            self.upset_storage(&killed);
            self.step(&killed, Duration::from_secs(8)).await;
        }
        // A late notification must not kill the next invocation.
        let killed = Notify::new();
        self.storage.recover();
        self.mock_server.recover();
        self.shipper = None;
        let _ = writeln!(self.steps, " all is well again");
        let mut rounds = 0;
        while !(self.fresh.is_empty() && self.storage.queue().is_empty()) {
            self.step(&killed, Duration::from_secs(60)).await;
            rounds += 1;
            assert!(rounds < 200, "it does not end: {:?}", self.storage.queue());
        }
        self.check();
    }

    fn check(&self) {
        let held = self.mock_server.held();
        let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
        for message in &held.messages {
            *copies.entry(message).or_default() += 1;
        }
        let rejected = self.storage.messages_in("logagg/rejected/");
        for message in &self.messages {
            let is_accounted_for =
                copies.contains_key(message.as_str()) || rejected.contains(message);
            assert!(is_accounted_for, "lost: {message}");
        }
        let undelivered: Vec<String> =
            self.storage.objects("logagg/undelivered/").into_keys().collect();
        assert!(undelivered.is_empty(), "without a pointer: {undelivered:?}");
        assert!(self.storage.dead_letters().is_empty());
        assert!(self.storage.objects("aws/lambda/").is_empty());
        let additional: u64 = copies.values().map(|count| count - 1).sum();
        let counted = self.possible_duplicates + self.by_killed;
        assert!(additional <= counted, "{additional} duplicates, {counted} counted");
        if self.contract.kind() == KINDS[0] {
            assert_eq!(additional, 0, "twice at a destination with ids");
        }
    }
}

fn seeds() -> Vec<u64> {
    let Ok(text) = std::env::var(SEEDS_VARIABLE) else {
        return REGRESSIONS.into_iter().chain(SEEDS).collect();
    };
    let range = text
        .split_once("..")
        .and_then(|(first, end)| Some(first.parse::<u64>().ok()?..end.parse::<u64>().ok()?));
    range.expect("seeds such as 0..5000").collect()
}

#[test]
fn every_event_is_delivered_or_stored_whatever_fails_or_is_killed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failed: Vec<u64> = runtime.block_on(async {
        let client = Client::default();
        let playing = seeds().into_iter().map(async |seed| {
            let mut chaos = Chaos::new(seed, &client);
            let played = AssertUnwindSafe(chaos.play()).catch_unwind().await;
            played.is_err().then(|| {
                eprintln!("{}", chaos.steps);
                seed
            })
        });
        stream::iter(playing)
            .buffer_unordered(AT_ONCE)
            .filter_map(async |failed| failed)
            .collect()
            .await
    });
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}
