//! Routes: which destination gets a log event, and under which names.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::contract::{self, ALL, Contract};
use crate::http::{Reply, Request, Response, Server, Service};
use crate::lambda::{Invoked, Lambda};
use crate::mock_server::MockServer;
use crate::queue;
use crate::settled::Counts;
use crate::storage::Storage;
use crate::{PAYLOAD, event};

/// A destination that takes every request under whatever names, unless its credentials are invalid.
struct Recorder {
    contract: &'static dyn Contract,
    requests: Mutex<Vec<Request>>,
    is_down: AtomicBool,
    /// A tenant that a proxy in front of Loki does not allow. Loki itself allows all:
    /// <https://grafana.com/docs/loki/latest/operations/authentication/>. The status is that of RFC
    /// 9110, section 15.5.4.
    rejected_tenant: Option<&'static str>,
}

impl Service for Recorder {
    fn response(&self, request: Request) -> Reply {
        if self.is_down.load(Ordering::SeqCst) {
            return Reply::Response(self.contract.unauthorized());
        }
        if self.rejected_tenant.is_some() && request.header("x-scope-orgid") == self.rejected_tenant
        {
            return Reply::Response(Response::new(403, ""));
        }
        // A contract knows the names of its own configuration only.
        let items = self.contract.check(&request).unwrap_or_default();
        self.requests.lock().unwrap().push(request);
        Reply::Response(self.contract.take(items, &mut Vec::new()))
    }
}

impl Recorder {
    fn start(kind: &str) -> (Arc<Self>, Server) {
        Self::start_without(kind, None)
    }

    /// A destination that does not accept a tenant.
    fn start_without(kind: &str, rejected_tenant: Option<&'static str>) -> (Arc<Self>, Server) {
        let (requests, is_down) = Default::default();
        let recorder =
            Arc::new(Self { contract: contract_of(kind), requests, is_down, rejected_tenant });
        let server = Server::start(Arc::clone(&recorder));
        (recorder, server)
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// The decompressed body as text, with U+FFFD where it is none.
fn text(request: &Request) -> String {
    String::from_utf8_lossy(&contract::decompressed(request)).into_owned()
}

fn counts(invoked: &Invoked, destination: &str) -> Counts {
    Counts(invoked.summary["destinations"][destination].clone())
}

fn line(level: &str, number: usize) -> String {
    format!(r#"{{"level":"{level}","message":"{PAYLOAD} {number}"}}"#)
}

fn contract_of(kind: &str) -> &'static dyn Contract {
    *ALL.iter().find(|it| it.kind() == kind).unwrap()
}

fn config_of(kind: &str, url: &str) -> Value {
    contract_of(kind).config(url)
}

#[test]
fn each_destination_has_the_names_of_the_route_where_it_keeps_them() {
    let set = json!({
        "host": "h-{function}", "source": "s-{function}", "sourcetype": "t:{kind}",
        "index": "i-{function}", "service": "v-{function}", "tags": "g-{function}",
        "dataset": "d-{function}", "category": "c/{function}", "name": "n-{function}",
        "prefix": "p{log_group}/", "tenant": "n-{function}", "partition_key": "k-{function}",
        "labels": {"team": "l-{function}"},
    });
    // By type: the fields of `set`, and what a request contains because of them.
    let expected: [(&str, &[&str], &[&str]); 10] = [
        (
            "datadog",
            &["source", "service", "tags"],
            &[r#""ddsource":"s-orders""#, r#""service":"v-orders""#, r#""ddtags":"g-orders""#],
        ),
        ("elasticsearch", &["index"], &[r#""_index":"i-orders""#]),
        ("honeycomb", &["dataset"], &["/1/batch/d-orders"]),
        ("kinesis", &["partition_key"], &[r#""PartitionKey":"k-orders""#]),
        ("loggly", &["tags"], &["/tag/g-orders/"]),
        (
            "loki",
            &["service", "tenant", "labels"],
            &[r#"service_name="v-orders""#, r#"team="l-orders""#, "x-scope-orgid: n-orders"],
        ),
        ("otlp", &["service"], &["v-orders"]),
        ("s3", &["prefix"], &["/paws/lambda/orders/"]),
        (
            "splunk_hec",
            &["host", "source", "sourcetype", "index"],
            &[
                r#""host":"h-orders""#,
                r#""source":"s-orders""#,
                r#""sourcetype":"t:application""#,
                r#""index":"i-orders""#,
            ],
        ),
        (
            "sumologic",
            &["category", "host", "name"],
            &["x-sumo-category: c/orders", "x-sumo-host: h-orders", "x-sumo-name: n-orders"],
        ),
    ];
    for (kind, fields, expected) in expected {
        let (recorder, server) = Recorder::start(kind);
        let names: BTreeMap<&str, &Value> =
            fields.iter().map(|field| (*field, &set[*field])).collect();
        let config = json!({
            "destinations": {"x": config_of(kind, &server.url())},
            "routes": [{"name": "all", "destinations": ["x"], "set": names}],
        });
        // A response may lack the items of a request whose names the contract does not know.
        Lambda::start_with_aws(&config, &server.url())
            .invoke_within(&event::fresh(&[line("info", 1)]), Duration::from_secs(2));
        let requests = recorder.requests();
        let request = requests
            .iter()
            .find(|request| text(request).contains(PAYLOAD) || kind == "kinesis")
            .unwrap_or_else(|| panic!("{kind}: {requests:?}"));
        let headers: Vec<String> =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let all = format!("{}\n{}\n{}", request.target, headers.join("\n"), text(request));
        for part in expected {
            assert!(all.contains(part), "{kind} lacks {part}: {all}");
        }
    }
}

#[test]
fn each_team_gets_its_log_events_and_the_archive_gets_all() {
    let splunk = MockServer::start(&contract::SplunkHec, []);
    let (archive, server) = Recorder::start("s3");
    let config = json!({
        "destinations": {"splunk": splunk.config(), "archive": config_of("s3", &server.url())},
        "undelivered": Storage::config(),
        "metrics": {},
        "processing": {"exclude": [{"name": "trace", "levels": ["trace"]}]},
        "routes": [
            {"name": "everything", "destinations": ["archive"], "continue": true},
            {"name": "payments", "match": {"message": "pay"}, "destinations": ["splunk"]},
            {"name": "errors", "match": {"levels": ["error"]}, "destinations": ["splunk"]},
        ],
    });
    let mut lambda = Lambda::start_with_aws(&config, &server.url());
    let lines = [
        line("info", 1),
        line("error", 2),
        format!(r#"{{"level":"error","message":"{PAYLOAD} pay"}}"#),
        line("trace", 4),
    ];
    let invoked = lambda.invoke(&event::fresh(&lines));
    let (to_splunk, to_archive) = (counts(&invoked, "splunk"), counts(&invoked, "archive"));
    for counts in [&to_splunk, &to_archive] {
        assert_eq!(counts.get("received"), counts.get("delivered") + counts.get("dropped"));
    }
    // What a rule drops counts where it would have been sent.
    assert_eq!((to_archive.get("received"), to_archive.get("dropped")), (4, 1));
    assert_eq!((to_splunk.get("received"), to_splunk.get("dropped")), (2, 0));
    assert_eq!(
        to_splunk.0["routes"],
        json!({
            "errors": {"received": 1, "rejected": 0, "undelivered": 0},
            "payments": {"received": 1, "rejected": 0, "undelivered": 0},
        })
    );
    assert_eq!(invoked.summary.get("no_route"), None);
    assert_eq!(splunk.held().messages.len(), 2);
    assert_eq!(archive.requests().len(), 1);
    let metrics = lambda.metrics(6);
    let of_route = metrics.iter().find(|line| line["route"] == "payments").unwrap();
    assert_eq!((&of_route["destination"], &of_route["received"]), (&json!("splunk"), &json!(1)));
}

#[test]
fn what_no_route_matches_is_counted_once_and_not_sent() {
    let splunk = MockServer::start(&contract::SplunkHec, []);
    let config = json!({
        "destinations": {"splunk": splunk.config()},
        "routes": [{"name": "errors", "match": {"levels": ["error"]}, "destinations": ["splunk"]}],
    });
    let invoked =
        Lambda::start(&config).invoke(&event::fresh(&[line("info", 1), line("error", 2)]));
    assert_eq!(invoked.summary["no_route"], 1);
    assert_eq!(invoked.summary["log_events"], 2);
    assert_eq!(counts(&invoked, "splunk").get("received"), 1);
    assert_eq!(splunk.held().messages, [line("error", 2)]);
}

#[test]
fn a_stored_event_is_delivered_under_the_names_that_it_had() {
    let (splunk, server) = Recorder::start("splunk_hec");
    splunk.is_down.store(true, Ordering::SeqCst);
    let storage = Storage::start();
    let config = |routes: Value| {
        json!({
            "destinations": {"splunk": config_of("splunk_hec", &server.url())},
            "undelivered": Storage::config(),
            "routes": routes,
        })
    };
    let by_level = config(json!([
        {"name": "teams", "destinations": ["splunk"], "set": {"index": "level-{level|none}"}},
    ]));
    let lines = [line("error", 1), line("info", 2)];
    let invoked = Lambda::start_with_aws(&by_level, &storage.url()).invoke(&event::fresh(&lines));
    let stored = counts(&invoked, "splunk");
    assert_eq!(stored.get("stored"), 2);
    assert_eq!(stored.0["routes"]["teams"]["undelivered"], 2);
    let documents = storage.documents("logagg/undelivered/splunk/");
    let events = documents[0]["logEvents"].as_array().unwrap();
    assert_eq!(
        (&events[0]["route"], &events[0]["names"]),
        (&json!("teams"), &json!({"index": "level-error"}))
    );

    splunk.is_down.store(false, Ordering::SeqCst);
    let other = config(json!([
        {"name": "rest", "destinations": ["splunk"], "set": {"index": "other"}},
    ]));
    let mut lambda = Lambda::start_with_aws(&other, &storage.url());
    let invoked = queue::consume(&mut lambda, &storage);
    let replayed = counts(&invoked, "splunk");
    assert_eq!((replayed.get("received"), replayed.get("delivered")), (2, 2));
    assert_eq!(replayed.0["routes"]["teams"]["received"], 2);
    let sent: String = splunk.requests().iter().map(text).collect();
    assert!(sent.contains(r#""index":"level-error""#), "{sent}");
    assert!(sent.contains(r#""index":"level-info""#), "{sent}");
    assert!(!sent.contains(r#""index":"other""#), "{sent}");
}

#[test]
fn names_that_are_part_of_a_request_divide_requests_but_lose_nothing() {
    for (kind, field) in
        [("loggly", "tags"), ("loki", "tenant"), ("s3", "prefix"), ("sumologic", "category")]
    {
        let (recorder, server) = Recorder::start(kind);
        let config = json!({
            "destinations": {"x": config_of(kind, &server.url())},
            "routes": [{"name": "all", "destinations": ["x"], "set": {field: "l{level}"}}],
        });
        // They alternate, and are sent in two requests nevertheless.
        let lines: Vec<String> = (0..6)
            .map(|number| line(if number % 2 == 0 { "info" } else { "error" }, number))
            .collect();
        let invoked = Lambda::start_with_aws(&config, &server.url()).invoke(&event::fresh(&lines));
        let counts = counts(&invoked, "x");
        assert_eq!((counts.get("received"), counts.get("delivered")), (6, 6), "{kind}");
        let bodies: Vec<String> = recorder.requests().iter().map(text).collect();
        assert_eq!(bodies.len(), 2, "{kind}: {bodies:?}");
        for number in 0..6 {
            assert!(
                bodies.concat().contains(&format!("{PAYLOAD} {number}")),
                "{kind} lacks {number}"
            );
        }
    }
}

#[test]
fn a_tenant_that_is_not_accepted_does_not_stop_the_others() {
    let (_, server) = Recorder::start_without("loki", Some("team-error"));
    let storage = Storage::start();
    let config = json!({
        "destinations": {"x": config_of("loki", &server.url())},
        "undelivered": Storage::config(),
        "routes": [{"name": "all", "destinations": ["x"], "set": {"tenant": "team-{level}"}}],
    });
    let lines = [line("error", 0), line("info", 1), line("error", 2), line("warn", 3)];
    let invoked = Lambda::start_with_aws(&config, &storage.url()).invoke(&event::fresh(&lines));
    let counts = counts(&invoked, "x");
    assert_eq!((counts.get("delivered"), counts.get("stored")), (2, 2), "{}", invoked.summary);
    assert_eq!(counts.reasons("stored")["status_403"], 2);
    // In the order of their delivery.
    assert_eq!(storage.messages_in("logagg/undelivered/x/"), [&*lines[0], &lines[2]]);
}

#[test]
fn stored_events_keep_their_order_whatever_their_names() {
    let (splunk, server) = Recorder::start("splunk_hec");
    splunk.is_down.store(true, Ordering::SeqCst);
    let storage = Storage::start();
    let config = json!({
        "destinations": {"splunk": config_of("splunk_hec", &server.url())},
        "undelivered": Storage::config(),
        "routes": [{"name": "all", "destinations": ["splunk"], "set": {"index": "i-{level}"}}],
    });
    let lines: Vec<String> =
        ["error", "info", "error", "info"].iter().zip(0..).map(|(it, at)| line(it, at)).collect();
    Lambda::start_with_aws(&config, &storage.url()).invoke(&event::fresh(&lines));
    assert_eq!(storage.messages_in("logagg/undelivered/splunk/"), lines);
}

#[test]
fn an_object_that_was_copied_from_another_destination_has_the_names_of_now() {
    let (archive, server) = Recorder::start("s3");
    let storage = Storage::start();
    let mut document = event::delivery(event::GROUP, 1, &[line("info", 1)]);
    document["logagg"] = json!("stored_event");
    document["destination"] = json!("splunk");
    document["logEvents"][0]["names"] = json!({"prefix": "of-splunk/"});
    storage.put(&queue::key("archive", 1), event::gzip(document.to_string().as_bytes()));
    let config = json!({
        "destinations": {"archive": config_of("s3", &server.url())},
        "undelivered": Storage::config(),
        "routes": [{"name": "all", "destinations": ["archive"], "set": {"prefix": "{function}/"}}],
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    queue::consume(&mut lambda, &storage);
    let targets: Vec<String> = archive.requests().into_iter().map(|it| it.target).collect();
    assert_eq!(targets.len(), 1, "{targets:?}");
    assert!(targets[0].starts_with("/logs/orders/"), "{targets:?}");
}
