//! VictoriaLogs judges `otlp`, `loki`, `splunk_hec`, `elasticsearch`, `http` and `datadog`.

use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use logagg_e2e::third_party::victorialogs::VictoriaLogs;
use logagg_e2e::wait;
use serde_json::{Map, Value, json};

use super::checks::KnownFault;
use super::collector::{part, text};
use super::content::{self, Found, Keeps, LogEvent};
use super::exchange::{self, Case, TOKEN, account, ensure_reason, expect};
use super::{Checks, Shipper, progress};

/// Time for one delivery; retries fit into it.
const TIME: Duration = Duration::from_secs(5);

/// It keeps no longer line.
const MAX_LINE_BYTES: usize = 256 * 1024;

pub(crate) const KNOWN_FAULTS: &[KnownFault] =
    &[KnownFault::new("victorialogs", "elasticsearch: delivered to /_bulk", "third-party 5")];

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    shipper.program()?;
    for way in &WAYS {
        contents(shipper, checks, way)?;
    }
    for way in &WAYS {
        accepted(shipper, checks, way)?;
    }
    Ok(())
}

/// A way into it.
struct Way {
    name: &'static str,
    accepted: &'static str,
    destination: fn(&str) -> Value,
    keeps: Keeps,
    found: fn(&Map<String, Value>) -> anyhow::Result<Found>,
}

const WAYS: [Way; 5] = [
    Way {
        name: "otlp",
        accepted: "otlp_accepted",
        destination: otlp,
        keeps: Keeps::ALL,
        found: found_of_otlp,
    },
    Way {
        name: "loki",
        accepted: "loki_accepted",
        destination: loki,
        keeps: Keeps::ALL,
        found: found_of_loki,
    },
    Way {
        name: "splunk_hec",
        accepted: "splunk_hec_accepted",
        destination: splunk_hec,
        keeps: Keeps::ALL,
        found: found_of_splunk,
    },
    Way {
        name: "http",
        accepted: "http_accepted",
        destination: http,
        keeps: Keeps::ALL,
        found: found_by_names,
    },
    Way {
        name: "datadog",
        accepted: "datadog_accepted",
        destination: datadog,
        keeps: Keeps::ALL,
        found: found_by_names,
    },
];

fn otlp(url: &str) -> Value {
    let url = format!("{url}/insert/opentelemetry");
    json!({"type": "otlp", "url": url, "headers": {"X-Api-Key": TOKEN}})
}

fn loki(url: &str) -> Value {
    json!({
        "type": "loki", "url": format!("{url}/insert"), "tenant": "shop", "labels": {"env": "test"},
        "auth": {"type": "bearer", "token": TOKEN},
    })
}

fn splunk_hec(url: &str) -> Value {
    let url = format!("{url}/insert/splunk");
    json!({"type": "splunk_hec", "url": url, "token": TOKEN, "index": "main"})
}

fn http(url: &str) -> Value {
    let query = "_msg_field=message&_time_field=@timestamp&_stream_fields=aws.cloudwatch.log_group";
    let url = format!("{url}/insert/jsonline?{query}");
    json!({"type": "http", "url": url, "headers": {"X-Api-Key": TOKEN}})
}

fn datadog(url: &str) -> Value {
    let url = format!("{url}/insert/datadog");
    json!({"type": "datadog", "url": url, "api_key": TOKEN, "tags": "env:test"})
}

fn time_ms(fields: &Map<String, Value>) -> anyhow::Result<i64> {
    let time = fields.get("_time").and_then(Value::as_str).context("a record without a time")?;
    let _ = UNIX_EPOCH;
    bail!("time {time}")
}

fn found_of_otlp(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    bail!("{fields:?}")
}
fn found_of_loki(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    bail!("{fields:?}")
}
fn found_of_splunk(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    bail!("{fields:?}")
}
fn found_by_names(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    bail!("{fields:?}")
}

fn contents(shipper: &Shipper, checks: &mut Checks, way: &Way) -> anyhow::Result<()> {
    let logs = VictoriaLogs::start(&progress, &["-loki.disableMessageParsing"])?;
    let mut events: Vec<_> =
        content::shapes().into_iter().filter(|e| e.message.len() < MAX_LINE_BYTES).collect();
    if way.name == "datadog" {
        exchange::make_recent(&mut events);
    }
    let destination = (way.destination)(&logs.endpoint());
    exchange::content(shipper, checks, way.name, &destination, &events, way.keeps, &|| {
        logs.stored()?.iter().map(way.found).collect()
    });
    for r in logs.stored()?.iter().take(60).step_by(10) {
        println!("{}", Value::Object(r.clone()).to_string().chars().take(1500).collect::<String>());
    }
    Ok(())
}

fn accepted(shipper: &Shipper, checks: &mut Checks, way: &Way) -> anyhow::Result<()> {
    let logs = VictoriaLogs::start(&progress, &[])?;
    let case = Case {
        name: way.accepted,
        server: logs.endpoint(),
        destination: &way.destination,
        messages: &["one", "two – 🧾", "{\"three\":3}"],
        time: TIME,
    };
    let invoked = exchange::exchange(shipper, checks, &case)?;
    checks.check(&format!("{}: all delivered", way.accepted), |_| {
        expect(&invoked, &[("delivered", 3)])
    });
    Ok(())
}
