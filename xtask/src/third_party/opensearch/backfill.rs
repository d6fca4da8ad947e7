//! A window of which a half was delivered and that is backfilled: every log event is there once. CloudWatch Logs is
//! ministack, whose IDs the delivery has.

use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, ensure};
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::ministack::Ministack;
use logagg_e2e::third_party::opensearch::OpenSearch;
use logagg_e2e::wait::PATIENCE;
use serde_json::{Value, json};

use super::super::content;
use super::super::shipper::count;
use super::super::{Checks, Shipper, progress};

const ACCOUNT: &str = "123456789012";
const GROUP: &str = "/aws/lambda/orders";
const STREAM: &str = "2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef";
const LOG_EVENTS: usize = 2_000;

pub(super) fn check(shipper: &Shipper, server: &OpenSearch, checks: &mut Checks) {
    checks.check("a window that was half delivered and is backfilled", |_| {
        let aws = Ministack::start(&progress)?;
        half_delivered(shipper, server, &Account::at(aws.endpoint(), ACCOUNT))
    });
}

fn half_delivered(
    shipper: &Shipper,
    server: &OpenSearch,
    account: &Account,
) -> anyhow::Result<String> {
    let logs = account.logs();
    logs.create_group(GROUP)?;
    logs.create_stream(GROUP, STREAM)?;
    let lines: Vec<String> = (0..LOG_EVENTS).map(|number| format!("line {number}")).collect();
    logs.put_events(GROUP, STREAM, &lines)?;
    let found = logs.call("FilterLogEvents", &json!({"logGroupName": GROUP}))?;
    let found = found.map_err(|refusal| anyhow!("FilterLogEvents: {refusal:?}"))?;
    let log_events = found["events"].as_array().context("no events")?.iter();
    let log_events: Vec<Value> = log_events
        .step_by(2)
        .map(|event| {
            let [id, timestamp, message] =
                ["eventId", "timestamp", "message"].map(|field| &event[field]);
            json!({"id": id, "timestamp": timestamp, "message": message})
        })
        .collect();

    let (queue_url, _) = account.queue("backfill")?;
    let destination =
        json!({"type": "elasticsearch", "url": server.endpoint(), "index": "backfill"});
    let more = json!({"backfill": {"queue_url": queue_url}});
    let environment = [
        ("AWS_ENDPOINT_URL", account.endpoint().to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    let function = shipper.start(&destination, &more, &environment)?;
    let half = log_events.len() as u64;
    let delivery = content::event(&json!({
        "messageType": "DATA_MESSAGE", "owner": ACCOUNT, "logGroup": GROUP, "logStream": STREAM,
        "subscriptionFilters": ["ship"], "logEvents": log_events,
    }))?;
    let summary = function.summarize(&delivery, PATIENCE)?.summary;
    ensure!(count(&summary, "delivered") == half, "{summary:#}");

    let hour = Duration::from_secs(60 * 60);
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let slice = json!({
        "logagg": "backfill_slice", "log_group": GROUP,
        "from": time(SystemTime::now() - hour), "to": time(SystemTime::now() + hour),
    });
    let summary = function.summarize(&slice, PATIENCE)?.summary;
    ensure!(summary["slices"]["finished"] == 1, "{summary:#}");
    let counts = ["delivered", "deduplicated"].map(|name| count(&summary, name));
    ensure!(counts == [LOG_EVENTS as u64 - half, half], "{summary:#}");
    let documents = server.documents("backfill")?;
    ensure!(documents.len() == LOG_EVENTS, "{} documents", documents.len());
    Ok(format!("{LOG_EVENTS} log events are there once, {half} of them were there before"))
}
