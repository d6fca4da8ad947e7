//! Splunk's acknowledgement: what was parsed is delivered once it is indexed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::contract::{Contract, Item, SplunkHec};
use crate::event;
use crate::http::{Answer, Reply, Request, Server, Service};
use crate::lambda::Lambda;
use crate::settled::{Held, settled};
use crate::stand_in::{POISON, StandIn};

/// A collector that indexes what it takes after being asked about it so many times.
struct Indexer {
    asked_before_indexed: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    held: Vec<Item>,
    receipts: BTreeSet<u64>,
    channels: BTreeSet<String>,
    inquiries: usize,
    violations: Vec<String>,
}

impl Indexer {
    fn start(asked_before_indexed: usize) -> (Arc<Self>, Server) {
        let indexer = Arc::new(Self { asked_before_indexed, inner: Mutex::default() });
        let server = Server::start(Arc::clone(&indexer));
        (indexer, server)
    }

    fn config(server: &Server) -> Value {
        let mut config = SplunkHec.config(&server.url());
        config["acknowledgement"] = json!("await");
        // So that there are several requests, and as many receipts.
        config["max_request_bytes"] = json!(10_000);
        config
    }

    fn held(&self) -> Held {
        let inner = self.inner.lock().unwrap();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        assert_eq!(inner.channels.len(), 1, "several channels");
        Held { messages: inner.held.iter().map(|item| item.message.clone()).collect() }
    }
}

impl Service for Indexer {
    fn answer(&self, request: Request) -> Reply {
        let mut inner = self.inner.lock().unwrap();
        let channel = request.header("x-splunk-request-channel").unwrap_or_default().to_owned();
        if let Some(query) = request.target.strip_prefix("/services/collector/ack?") {
            if query != format!("channel={channel}") {
                inner.violations.push(format!("another channel: {query}"));
            }
            inner.inquiries += 1;
            let is_indexed = inner.inquiries > self.asked_before_indexed;
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let mut acks = serde_json::Map::new();
            for receipt in body["acks"].as_array().unwrap() {
                let receipt = receipt.as_u64().unwrap();
                let is_known = inner.receipts.contains(&receipt);
                acks.insert(receipt.to_string(), json!(is_known && is_indexed));
            }
            return Reply::Answer(Answer::new(200, json!({"acks": acks}).to_string()));
        }
        match SplunkHec.check(&request) {
            Ok(items) => inner.held.extend(items),
            Err(violation) => inner.violations.push(violation),
        }
        inner.channels.insert(channel);
        let receipt = inner.receipts.len() as u64;
        inner.receipts.insert(receipt);
        let body = json!({"text": "Success", "code": 0, "ackId": receipt});
        Reply::Answer(Answer::new(200, body.to_string()))
    }
}

fn messages() -> Vec<String> {
    (0..60).map(event::message).collect()
}

#[test]
fn what_is_indexed_is_delivered() {
    let (indexer, server) = Indexer::start(1);
    let config = json!({"destinations": {"x": Indexer::config(&server)}});
    let invoked = Lambda::start(&config).invoke(&event::of(60));
    let counts = settled(&invoked, "x", &messages(), &indexer.held());
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (60, 0));
    let receipts = indexer.inner.lock().unwrap().receipts.len() as u64;
    assert!(receipts > 1);
    assert_eq!(counts.get("requests"), receipts + 2);
}

#[test]
fn what_is_never_indexed_is_returned_to_source_in_time() {
    const RESERVE: Duration = Duration::from_secs(30);

    let (indexer, server) = Indexer::start(usize::MAX);
    let config = json!({
        "destinations": {"x": Indexer::config(&server)},
        "reserve_ms": RESERVE.as_millis() as u64,
    });
    let mut lambda = Lambda::start(&config);
    let invoked = lambda.invoke_within(&event::of(60), RESERVE + Duration::from_secs(4));
    let counts = settled(&invoked, "x", &messages(), &indexer.held());
    assert_eq!((counts.get("returned_to_source"), counts.get("possible_duplicates")), (60, 60));
    assert_eq!(counts.reasons("returned_to_source")["not_acknowledged"], 60);
}

/// Splunk takes no event that is blank after trimming, and of what stands behind one it takes nothing.
///
/// <https://github.com/splunk/splunk-connect-for-kubernetes/issues/64>,
/// <https://github.com/moby/moby/issues/35862>
#[test]
fn a_blank_event_is_never_sent_and_harms_no_other() {
    let splunk = StandIn::start(&SplunkHec, []);
    let messages: Vec<String> = (0..40)
        .map(|index| match index % 4 {
            1 => "\n".to_owned(),
            3 => " \t\r\n".to_owned(),
            _ => event::message(index),
        })
        .collect();
    let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
    let config = json!({"destinations": {"x": splunk.config()}});
    let invoked = Lambda::start(&config).invoke(&event::with(&texts));
    let counts = settled(&invoked, "x", &messages, &splunk.held());
    assert_eq!((counts.get("delivered"), counts.get("refused")), (20, 20));
    assert_eq!((counts.get("requests"), counts.get("possible_duplicates")), (1, 0));
    assert_eq!(counts.reasons("refused")["event_blank"], 20);
}

/// A bad event costs a request, and no wait: nothing is throttled.
#[test]
fn many_bad_events_cost_no_waits() {
    let splunk = StandIn::start(&SplunkHec, []);
    let messages: Vec<String> = (0..60)
        .map(|index| format!("{}{index}", if index % 2 == 0 { "" } else { POISON }))
        .collect();
    let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
    let config = json!({"destinations": {"x": splunk.config()}});
    let invoked =
        Lambda::start(&config).invoke_within(&event::with(&texts), Duration::from_secs(9));
    let counts = settled(&invoked, "x", &messages, &splunk.held());
    assert_eq!((counts.get("delivered"), counts.get("refused")), (30, 30));
}
