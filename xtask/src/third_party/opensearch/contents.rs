//! Events of every shape and many ordinary ones, into each kind of index, twice.

use anyhow::{Context, ensure};
use logagg_e2e::third_party::opensearch::OpenSearch;
use logagg_e2e::wait::PATIENCE;
use serde_json::{Value, json};

use super::super::content::{self, Found, Keeps, LogEvent};
use super::super::exchange;
use super::super::shipper::{self, count};
use super::super::{Checks, Shipper};

/// How many ordinary ones.
const FILL: usize = 3_000;

pub(super) fn check(shipper: &Shipper, server: &OpenSearch, checks: &mut Checks) {
    let events = [content::shapes(), content::fill(FILL)].concat();
    let kinds = [
        ("an index", "content-fixed", "content-fixed"),
        ("an index for each day", "content-dated-{yyyy.MM.dd}", "content-dated-*"),
        ("a data stream", "content-stream", "content-stream"),
        (WITH_TEMPLATE, "content-template", "content-template"),
    ];
    for (kind, index, found_in) in kinds {
        checks.check(&format!("every shape of event in {kind}"), |_| {
            if kind == "a data stream" {
                let template = json!({"index_patterns": [index], "data_stream": {}});
                server.api().call("PUT", "_index_template/content", &template)?;
                server.api().call("PUT", &format!("_data_stream/{index}"), &Value::Null)?;
            }
            if kind == WITH_TEMPLATE {
                install_template(server, index)?;
            }
            let destination =
                json!({"type": "elasticsearch", "url": server.endpoint(), "index": index});
            shipped_twice(shipper, server, &destination, found_in, &events)
        });
    }
}

/// What the page of the destination says to do before the first event.
const WITH_TEMPLATE: &str = "an index with the index template";

fn install_template(server: &OpenSearch, index: &str) -> anyhow::Result<()> {
    let text = include_str!("../../../../shipper/index-template/opensearch.json");
    let mut template: Value = serde_json::from_str(text).context("the index template")?;
    template["index_patterns"] = json!([index]);
    server.api().call("PUT", "_index_template/logagg", &template).map(drop)
}

/// What would make other values of a field not fit it, without the index template: a log stream that is named like a
/// date, JSON fields of several types.
pub(super) fn check_template(shipper: &Shipper, server: &OpenSearch, checks: &mut Checks) {
    let first = |index: &str| -> anyhow::Result<(Vec<LogEvent>, Value)> {
        let mut events =
            exchange::events(&[r#"{"id":7}"#, r#"{"id":{"nested":1}}"#, r#"{"id":"x"}"#]);
        events.iter_mut().for_each(|event| event.log_stream = "2023/11/06".to_owned());
        let destination =
            json!({"type": "elasticsearch", "url": server.endpoint(), "index": index});
        Ok((events, destination))
    };
    checks.check("with the index template nothing conflicts", |_| {
        install_template(server, "template")?;
        let (events, destination) = first("template")?;
        let function = shipper.start(&destination, &Value::Null, &[])?;
        let deliveries = [events, content::fill(10)].map(|events| content::deliveries(&events));
        for delivery in deliveries.into_iter().collect::<anyhow::Result<Vec<_>>>()?.concat() {
            let summary = function.summarize(&delivery, PATIENCE)?.summary;
            ensure!(
                count(&summary, "delivered") == count(&summary, "received")
                    && count(&summary, "sent_without_json_fields") == 0,
                "{summary:#}"
            );
            ensure!(!summary.to_string().contains("the index"), "{summary:#}");
        }
        Ok("a stream named like a date, and JSON fields of three types".to_owned())
    });
    checks.check("an index without the index template is reported", |_| {
        let (events, destination) = first("guessing")?;
        let function = shipper.start(&destination, &Value::Null, &[])?;
        let deliveries = content::deliveries(&events)?;
        let summary = function.summarize(&deliveries[0], PATIENCE)?.summary;
        let expected = "x: the index has aws.cloudwatch.log_stream as date";
        ensure!(summary.to_string().contains(expected), "{summary:#}");
        Ok(expected.to_owned())
    });
}

fn shipped_twice(
    shipper: &Shipper,
    server: &OpenSearch,
    destination: &Value,
    index: &str,
    events: &[LogEvent],
) -> anyhow::Result<String> {
    let deliveries = content::deliveries(events)?;
    let function = shipper.start(destination, &Value::Null, &[])?;
    for delivery in &deliveries {
        shipper::deliver_with(&function, delivery)?;
    }
    let compared = content::compare(events, found(server, index)?, 1, Keeps::ALL)?;
    for delivery in &deliveries {
        let summary = function.summarize(delivery, PATIENCE)?.summary;
        ensure!(
            count(&summary, "deduplicated") == count(&summary, "received"),
            "not all deduplicated: {summary:#}"
        );
    }
    content::compare(events, found(server, index)?, 1, Keeps::ALL).context("sent twice")?;
    Ok(format!("{compared}, all deduplicated when they were sent again"))
}

/// What an index has.
pub(super) fn found(server: &OpenSearch, index: &str) -> anyhow::Result<Vec<Found>> {
    server.documents(index)?.iter().map(of_document).collect()
}

fn of_document(document: &Value) -> anyhow::Result<Found> {
    let source = &document["_source"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = document["fields"]["@timestamp"][0].as_str();
    let time = time.and_then(|time| time.parse().ok());
    let part = &source["logagg"]["part"];
    Ok(Found {
        id: text(&source["aws"]["cloudwatch"]["event_id"]).context("a document without an id")?,
        message: text(&source["message"]).context("a document without a message")?,
        timestamp_ms: time.with_context(|| format!("no time in {}", document["fields"]))?,
        level: text(&source["log"]["level"]),
        request_id: text(&source["faas"]["execution"]),
        kind: text(&source["aws"]["lambda"]["kind"]),
        function: text(&source["faas"]["name"]),
        log_group: text(&source["aws"]["cloudwatch"]["log_group"]),
        log_stream: text(&source["aws"]["cloudwatch"]["log_stream"]),
        part: part["number"].as_u64().zip(part["count"].as_u64()),
    })
}
