//! The shipper as a real function, between CloudWatch Logs and a real `_bulk` server.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use logagg_e2e::account::Account;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::lambda::Function;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::sample::{self, FUNCTIONS};
use logagg_e2e::search::Search;
use logagg_e2e::wait;
use serde_json::{Value, json};

const SHIPPER: &str = "shipper";
const SHIPPER_GROUP: &str = "/aws/lambda/shipper";
const STREAM: &str = "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef";

/// A deployed shipper and the index it writes to.
struct Shipping {
    account: Account,
    arn: String,
    search: &'static Search,
    index: String,
}

impl Shipping {
    fn deployed() -> Self {
        Self::deployed_for(Search::shared().endpoint())
    }

    fn deployed_for(url: &str) -> Self {
        Self::configured(|index| {
            json!({"destinations": {
                "search": {"type": "elasticsearch", "url": url, "index": index}
            }})
        })
    }

    fn configured(config: impl FnOnce(&str) -> Value) -> Self {
        let account = Account::new(Ministack::shared());
        let index = format!("logs-{}", account.id());
        let mut config = config(&index);
        config["accepted_risks"] = json!(["no_undelivered_storage"]);
        let arn = account
            .lambda()
            .create(&Function {
                name: SHIPPER,
                program: &Binaries::shared().shipper,
                environment: &[("LOGAGG_CONFIG", config.to_string())],
                timeout_seconds: 4,
            })
            .unwrap();
        Self { account, arn, search: Search::shared(), index }
    }

    /// Lets CloudWatch Logs' event with these lines reach the function.
    fn invoke(&self, lines: &[(&str, &str)]) -> Value {
        let events: Vec<_> = lines
            .iter()
            .map(|(id, message)| json!({"id": id, "timestamp": 1_795_428_930_123_i64, "message": message}))
            .collect();
        let data = json!({
            "messageType": "DATA_MESSAGE",
            "owner": self.account.id(),
            "logGroup": "/aws/lambda/checkout",
            "logStream": STREAM,
            "subscriptionFilters": ["ship"],
            "logEvents": events,
        });
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(data.to_string().as_bytes()).unwrap();
        let data = BASE64_STANDARD.encode(gzip.finish().unwrap());
        self.account.lambda().invoke(SHIPPER, &json!({"awslogs": {"data": data}})).unwrap()
    }

    /// The summary lines of so many invocations, whose sums are right.
    fn summaries(&self, invocations: usize) -> Vec<Value> {
        let logs = self.account.logs();
        let lines = wait::until("the shipper's summary lines", || {
            let lines = logs.events(SHIPPER_GROUP).map_err(|error| format!("{error:#}"))?;
            match lines.iter().filter(|line| line.starts_with("REPORT ")).count() {
                done if done >= invocations => Ok(lines),
                done => Err(format!("{done} of {invocations} invocations are done")),
            }
        })
        .unwrap();
        let summaries: Vec<Value> = lines
            .iter()
            .flat_map(|line| line.lines())
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["logagg"] == "summary")
            .collect();
        assert_eq!(summaries.len(), invocations, "{lines:#?}");
        for summary in &summaries {
            let counts = &summary["destinations"]["search"];
            let fates = [
                "delivered",
                "deduplicated",
                "dropped",
                "rejected",
                "stored",
                "returned_to_source",
            ];
            let sum: u64 = fates.iter().map(|fate| counts[fate].as_u64().unwrap()).sum();
            assert_eq!(counts["received"], sum, "{summary:#}");
        }
        summaries
    }
}

#[test]
fn every_kind_of_line_arrives_once_with_its_function_and_request() {
    let shipping = Shipping::deployed();
    let logs = shipping.account.logs();
    let mut written = Vec::new();
    for function in FUNCTIONS {
        let group = sample::group(function);
        logs.create_group(&group).unwrap();
        logs.create_stream(&group, STREAM).unwrap();
        logs.put_filter(&group, "ship", &shipping.arn).unwrap();
        let lines = sample::lines(function, 1);
        let messages: Vec<_> = lines.iter().map(|line| line.message.clone()).collect();
        logs.put_events(&group, STREAM, &messages).unwrap();
        written.extend(lines);
    }
    let summaries = shipping.summaries(FUNCTIONS.len());
    sample::expect_arrived(shipping.search, &shipping.index, &written).unwrap();
    let delivered: u64 = summaries
        .iter()
        .map(|summary| summary["destinations"]["search"]["delivered"].as_u64().unwrap())
        .sum();
    assert_eq!(delivered, written.len() as u64);

    let query = json!({"term": {"aws.lambda.kind.keyword": "report"}});
    let reports = shipping.search.find(&shipping.index, &query).unwrap();
    assert_eq!(reports.len(), FUNCTIONS.len(), "{reports:#?}");
    assert!(
        reports.iter().all(|report| report["aws"]["lambda"]["report"]["memory_size_mb"] == 128)
    );
}

#[test]
fn an_event_that_lambda_repeats_is_no_duplicate() {
    let shipping = Shipping::deployed();
    let lines = [("1", "one"), ("2", "two")];
    for _ in 0..2 {
        assert!(shipping.invoke(&lines)["errorMessage"].is_null());
    }
    let summaries = shipping.summaries(2);
    assert_eq!(summaries[0]["destinations"]["search"]["delivered"], 2);
    assert_eq!(summaries[1]["destinations"]["search"]["delivered"], 0);
    assert_eq!(summaries[1]["destinations"]["search"]["deduplicated"], 2);
    assert_eq!(shipping.search.documents(&shipping.index).unwrap().len(), 2);
}

/// A mapping that takes our own fields for something else is the index's fault: nothing is thrown away.
#[test]
fn an_event_that_does_not_fit_the_index_is_returned_to_lambda_and_the_others_arrive() {
    let shipping = Shipping::deployed();
    let mappings = json!({"mappings": {"properties": {
        "faas": {"properties": {"execution": {"type": "long"}}}
    }}});
    shipping.search.create_index(&shipping.index, &mappings).unwrap();
    let misfit = "START RequestId: 00000001-1c3a-4b5d-9e7f-00000000000a Version: $LATEST\n";
    let answer = shipping.invoke(&[("1", "before"), ("2", misfit), ("3", "after")]);
    let error = answer["errorMessage"].as_str().unwrap();
    assert!(error.contains("mapper_parsing_exception"), "{error}");
    let counts = &shipping.summaries(1)[0]["destinations"]["search"];
    assert_eq!((&counts["delivered"], &counts["rejected"]), (&json!(2), &json!(0)), "{counts:#}");
    let reasons = &counts["reasons"]["returned_to_source"];
    assert_eq!(reasons, &json!({"mapper_parsing_exception": 1}), "{counts:#}");
    let found = shipping.search.documents(&shipping.index).unwrap();
    let messages: Vec<_> = found.iter().map(|document| document["message"].clone()).collect();
    assert_eq!(messages, ["before", "after"]);
}

#[test]
fn json_fields_in_conflict_do_not_cost_the_line() {
    let shipping = Shipping::deployed();
    let lines = [("1", r#"{"price": 1}"#), ("2", r#"{"price": {"amount": 1}}"#)];
    assert!(shipping.invoke(&lines)["errorMessage"].is_null());
    let counts = &shipping.summaries(1)[0]["destinations"]["search"];
    assert_eq!(counts["delivered"], 2, "{counts:#}");
    assert_eq!(counts["sent_without_json_fields"], 1, "{counts:#}");
    let found = shipping.search.documents(&shipping.index).unwrap();
    let mut messages: Vec<_> =
        found.iter().map(|found| found["message"].as_str().unwrap()).collect();
    messages.sort_unstable();
    assert_eq!(messages, [r#"{"price": 1}"#, r#"{"price": {"amount": 1}}"#]);
}

#[test]
fn a_search_server_that_is_down_leaves_the_event_to_lambda() {
    // Nothing listens on the port that discards: 9.
    let shipping = Shipping::deployed_for("http://127.0.0.1:9");
    let answer = shipping.invoke(&[("1", "precious words")]);
    let error = answer["errorMessage"].as_str().unwrap();
    assert!(!error.contains("precious"), "{error}");
    let summary = &shipping.summaries(1)[0];
    assert_eq!(summary["outcome"], "failed");
    assert_eq!(summary["destinations"]["search"]["returned_to_source"], 1, "{summary:#}");
    let logged = shipping.account.logs().events(SHIPPER_GROUP).unwrap().concat();
    assert!(!logged.contains("precious"), "{logged}");
}

#[test]
fn an_invalid_configuration_fails_the_start_and_names_every_error() {
    let shipping = Shipping::configured(
        |index| json!({"destinations": {"search": {"type": "elasticsearch", "index": index, "urll": "x"}}}),
    );
    let answer = shipping.invoke(&[("1", "words")]);
    let logged = shipping.account.logs().events(SHIPPER_GROUP).unwrap().concat();
    let reported = format!("{answer} {logged}");
    assert!(reported.contains("LOGAGG_CONFIG has 2 errors"), "{reported}");
    assert!(reported.contains("destinations.search.url"), "{reported}");
    assert!(reported.contains("urll"), "{reported}");
    assert!(!reported.contains("words"), "{reported}");
}
