//! Events of every shape and many ordinary ones, into each kind of index, twice.

use anyhow::{Context, ensure};
use logagg_e2e::third_party::opensearch::OpenSearch;
use logagg_e2e::wait::PATIENCE;
use serde_json::{Value, json};

use super::super::content::{self, Found, Keeps, LogEvent};
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
    ];
    for (kind, index, found_in) in kinds {
        checks.check(&format!("every shape of event in {kind}"), |_| {
            if kind == "a data stream" {
                let template = json!({"index_patterns": [index], "data_stream": {}});
                server.api().call("PUT", "_index_template/content", &template)?;
                server.api().call("PUT", &format!("_data_stream/{index}"), &Value::Null)?;
            }
            let destination =
                json!({"type": "elasticsearch", "url": server.endpoint(), "index": index});
            shipped_twice(shipper, server, &destination, found_in, &events)
        });
    }
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
            count(&summary, "already_there") == count(&summary, "in"),
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
