//! Splunk's indexer acknowledgement: what was parsed is delivered once it is indexed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::contract::{Contract, Item, SplunkHec};
use crate::event;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::lambda::Lambda;
use crate::mock_server::{MockServer, POISON};
use crate::settled::{Held, settled};

/// A collector that indexes events after this many acknowledgement requests.
struct Indexer {
    asked_before_indexed: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    held: Vec<Item>,
    acknowledgements: BTreeSet<u64>,
    channels: BTreeSet<String>,
    acknowledgement_requests: usize,
    violations: Vec<String>,
}

impl Indexer {
    fn new(asked_before_indexed: usize) -> Self {
        Self { asked_before_indexed, inner: Mutex::default() }
    }

    fn start(asked_before_indexed: usize) -> (Arc<Self>, Server) {
        let indexer = Arc::new(Self::new(asked_before_indexed));
        let server = Server::start(Arc::clone(&indexer));
        (indexer, server)
    }

    fn config(server: &Server) -> Value {
        let mut config = SplunkHec.config(&server.url());
        config["indexer_acknowledgement"] = json!(true);
        // For several requests and as many acknowledgement ids.
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
    fn response(&self, request: Request) -> Reply {
        let mut inner = self.inner.lock().unwrap();
        let channel = request.header("x-splunk-request-channel").unwrap_or_default().to_owned();
        if let Some(query) = request.target.strip_prefix("/services/collector/ack?") {
            if query != format!("channel={channel}") {
                inner.violations.push(format!("another channel: {query}"));
            }
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            // The first request only checks whether acknowledgement is supported.
            inner.acknowledgement_requests += usize::from(!inner.acknowledgements.is_empty());
            let is_indexed = inner.acknowledgement_requests > self.asked_before_indexed;
            let mut acks = serde_json::Map::new();
            for acknowledgement_id in body["acks"].as_array().unwrap() {
                let acknowledgement_id = acknowledgement_id.as_u64().unwrap();
                let is_known = inner.acknowledgements.contains(&acknowledgement_id);
                acks.insert(acknowledgement_id.to_string(), json!(is_known && is_indexed));
            }
            return Reply::Response(Response::new(200, json!({"acks": acks}).to_string()));
        }
        inner.channels.insert(channel);
        match SplunkHec.check(&request) {
            Ok(items) => {
                if let Some(bad) = items.iter().position(Item::is_poison) {
                    // The events before it were parsed, and are lost before they are indexed,
                    // without an acknowledgement id that would show it.
                    let body = json!({
                        "text": "Invalid data format", "code": 6, "invalid-event-number": bad,
                    });
                    return Reply::Response(Response::new(400, body.to_string()));
                }
                inner.held.extend(items);
            }
            Err(violation) => inner.violations.push(violation),
        }
        let acknowledgement_id = inner.acknowledgements.len() as u64;
        inner.acknowledgements.insert(acknowledgement_id);
        let body = json!({"text": "Success", "code": 0, "ackId": acknowledgement_id});
        Reply::Response(Response::new(200, body.to_string()))
    }
}

fn messages() -> Vec<String> {
    (0..60).map(event::message).collect()
}

#[test]
fn indexed_events_are_delivered() {
    let (indexer, server) = Indexer::start(1);
    let config = json!({"destinations": {"x": Indexer::config(&server)}});
    let invoked = Lambda::start(&config).invoke(&event::of(60));
    let counts = settled(&invoked, "x", &messages(), &indexer.held());
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (60, 0));
    let acknowledgements = indexer.inner.lock().unwrap().acknowledgements.len() as u64;
    assert!(acknowledgements > 1);
    // One checks for support, and two are about these ids.
    assert_eq!(counts.get("requests"), acknowledgements + 3);
}

/// An event before an invalid one was parsed, and without acknowledgement it is not known to be
/// indexed.
#[test]
fn events_before_an_invalid_one_are_not_delivered_before_acknowledgement() {
    let (indexer, server) = Indexer::start(0);
    let config = json!({"destinations": {"x": Indexer::config(&server)}});
    let messages: Vec<String> = (0..60)
        .map(|index| format!("{}{}", if index == 40 { POISON } else { "" }, event::message(index)))
        .collect();
    let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
    let invoked = Lambda::start(&config).invoke(&event::with(&texts));
    let counts = settled(&invoked, "x", &messages, &indexer.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (59, 1));
    assert!(counts.get("possible_duplicates") > 0, "the request may have been indexed in part");
}

/// Each costs a few requests, so their number has no limit.
#[test]
fn many_invalid_events_affect_no_other_with_acknowledgement() {
    let (indexer, server) = Indexer::start(0);
    let config = json!({"destinations": {"x": Indexer::config(&server)}});
    let messages: Vec<String> = (0..600)
        .map(|index| format!("{}{}", ["", "", POISON][index % 3], event::message(index)))
        .collect();
    let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
    let invoked = Lambda::start(&config).invoke(&event::with(&texts));
    let counts = settled(&invoked, "x", &messages, &indexer.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (400, 200));
    assert!(counts.get("requests") <= 800, "{} requests", counts.get("requests"));
}

/// A load balancer in front of indexers, each of which knows only its own requests: an
/// acknowledgement must be requested from the same one, selected by the balancer's cookie.
///
/// <https://help.splunk.com/en/splunk-enterprise/get-started/get-data-in/9.4/get-data-with-http-event-collector/about-http-event-collector-indexer-acknowledgment>
struct Balancer {
    indexers: [Indexer; 2],
    next: Mutex<usize>,
}

impl Service for Balancer {
    fn response(&self, request: Request) -> Reply {
        let cookie = request.header("cookie").unwrap_or_default();
        let indexer = match cookie.strip_prefix("AWSALB=").map(str::parse) {
            Some(Ok(indexer)) => indexer,
            _ => {
                let mut next = self.next.lock().unwrap();
                *next += 1;
                *next % 2
            }
        };
        match self.indexers[indexer].response(request) {
            Reply::Response(response) => {
                Reply::Response(response.with("set-cookie", format!("AWSALB={indexer}; Path=/")))
            }
            other => other,
        }
    }
}

#[test]
fn acknowledgement_uses_the_same_indexer_behind_a_load_balancer() {
    let balancer =
        Arc::new(Balancer { indexers: [0, 0].map(Indexer::new), next: Mutex::default() });
    let server = Server::start(Arc::clone(&balancer));
    let config = json!({"destinations": {"x": Indexer::config(&server)}});
    let invoked = Lambda::start(&config).invoke(&event::of(60));
    let held = |indexer: &Indexer| indexer.inner.lock().unwrap().held.len();
    let [first, second] = balancer.indexers.each_ref().map(held);
    assert!(first.min(second) == 0 && first.max(second) == 60, "{first} {second}");
    assert_eq!(invoked.summary["destinations"]["x"]["delivered"], 60, "{}", invoked.summary);
}

/// A collector whose token has no indexer acknowledgement, and says so when it is requested.
///
/// <https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector>, code
/// 14
struct WithoutAcknowledgement(Mutex<usize>);

impl Service for WithoutAcknowledgement {
    fn response(&self, request: Request) -> Reply {
        if request.target.starts_with("/services/collector/ack?") {
            return Reply::Response(Response::new(400, r#"{"text":"ACK is disabled","code":14}"#));
        }
        *self.0.lock().unwrap() += 1;
        Reply::Response(Response::new(200, r#"{"text":"Success","code":0}"#))
    }
}

#[test]
fn nothing_is_sent_without_acknowledgement_support() {
    let collector = Arc::new(WithoutAcknowledgement(Mutex::default()));
    let server = Server::start(Arc::clone(&collector));
    let config = json!({"destinations": {"x": Indexer::config(&server)}});
    let invoked = Lambda::start(&config).invoke(&event::of(60));
    let counts = settled(&invoked, "x", &messages(), &Held { messages: Vec::new() });
    assert_eq!(counts.reasons("returned_to_source")["acknowledgement_disabled"], 60);
    assert_eq!((counts.get("requests"), *collector.0.lock().unwrap()), (1, 0));
}

#[test]
fn unindexed_events_return_to_source_in_time() {
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

/// Splunk rejects an event of white space only, and everything after it.
///
/// <https://github.com/splunk/splunk-connect-for-kubernetes/issues/64>,
/// <https://github.com/moby/moby/issues/35862>
#[test]
fn a_blank_event_is_never_sent_and_affects_no_other() {
    let splunk = MockServer::start(&SplunkHec, []);
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
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (20, 20));
    assert_eq!((counts.get("requests"), counts.get("possible_duplicates")), (1, 0));
    assert_eq!(counts.reasons("rejected")["event_blank"], 20);
}

/// An invalid event costs a request, and no wait: nothing is throttled.
#[test]
fn many_invalid_events_cause_no_waits() {
    let splunk = MockServer::start(&SplunkHec, []);
    let messages: Vec<String> = (0..60)
        .map(|index| format!("{}{index}", if index % 2 == 0 { "" } else { POISON }))
        .collect();
    let texts: Vec<&str> = messages.iter().map(String::as_str).collect();
    let config = json!({"destinations": {"x": splunk.config()}});
    let invoked =
        Lambda::start(&config).invoke_within(&event::with(&texts), Duration::from_secs(9));
    let counts = settled(&invoked, "x", &messages, &splunk.held());
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (30, 30));
}
