//! VictoriaLogs judges `otlp`, `loki`, `splunk_hec`, `elasticsearch`, `http` and `datadog`.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use logagg_e2e::function::Invoked;
use logagg_e2e::third_party::victorialogs::VictoriaLogs;
use serde_json::{Map, Value, json};

use super::collector::{part, text};
use super::content::{self, Found, Keeps};
use super::exchange::{self, Case, TOKEN, Written, ensure_reason, expect};
use super::{Checks, Shipper, progress};

/// Time for one delivery; retries fit into it.
const TIME: Duration = Duration::from_secs(5);

const THREE: [&str; 3] = ["one", "two – 🧾", "{\"three\":3}"];

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    shipper.program()?;
    for way in &WAYS {
        contents(shipper, checks, way)?;
    }
    elasticsearch(shipper, checks)?;
    let logs = start(&[])?;
    for way in &WAYS {
        let name = way.case("accepted");
        let invoked = case(shipper, checks, name, &logs, way.destination, &THREE)?;
        checks.check(&format!("{}: all delivered", way.name), |_| {
            expect(&invoked, &[("delivered", 3)])
        });
    }
    let unknown_tenant = |url: &str| {
        let mut destination = loki(url);
        destination["tenant"] = json!("shop");
        destination
    };
    let name = "loki_unknown_tenant";
    let invoked = case(shipper, checks, name, &logs, unknown_tenant, &THREE)?;
    checks.check("loki with an unknown tenant: nothing is lost", |_| {
        expect(&invoked, &[("returned_to_source", 3)])
    });
    datadog(shipper, checks)?;
    too_long(shipper, checks)?;
    too_old(shipper, checks)?;
    too_large(shipper, checks)?;
    wrong_credentials(shipper, checks)?;
    read_only(shipper, checks)?;
    checks.check("a VictoriaLogs that does not start says why", |_| {
        let Err(error) = start(&["-noSuchFlag"]) else {
            bail!("it starts with a flag that it does not have")
        };
        let said = format!("{error:#}");
        ensure!(said.contains("flag provided but not defined"), "it says {said}");
        Ok("with the end of its log".to_owned())
    });
    for way in &WAYS {
        checks.check(&format!("{}: stopped and started again in a delivery", way.name), |_| {
            stopped(shipper, way)
        });
    }
    Ok(())
}

/// A way into it.
struct Way {
    name: &'static str,
    destination: fn(&str) -> Value,
    found: fn(&Map<String, Value>) -> anyhow::Result<Found>,
    /// The names that its cases are recorded by.
    cases: [&'static str; 4],
}

impl Way {
    /// Its case of what happens.
    fn case(&self, what: &str) -> &'static str {
        self.cases.into_iter().find(|case| case.ends_with(what)).unwrap_or(self.name)
    }
}

const WAYS: [Way; 4] = [
    Way {
        name: "otlp",
        destination: otlp,
        found: found_of_otlp,
        cases: ["otlp_accepted", "otlp_too_old", "otlp_wrong_credentials", "otlp_read_only"],
    },
    Way {
        name: "loki",
        destination: loki,
        found: found_of_loki,
        cases: ["loki_accepted", "loki_too_old", "loki_wrong_credentials", "loki_read_only"],
    },
    Way {
        name: "splunk_hec",
        destination: splunk_hec,
        found: found_of_splunk,
        cases: [
            "splunk_hec_accepted",
            "splunk_hec_too_old",
            "splunk_hec_wrong_credentials",
            "splunk_hec_read_only",
        ],
    },
    Way {
        name: "http",
        destination: http,
        found: found_of_http,
        cases: ["http_accepted", "http_too_old", "http_wrong_credentials", "http_read_only"],
    },
];

/// It takes events of any time, and leaves messages as they are.
fn start(flags: &[&str]) -> anyhow::Result<VictoriaLogs> {
    let mut all = vec!["-futureRetention=100y", "-loki.disableMessageParsing"];
    all.extend(flags);
    VictoriaLogs::start(&progress, &all)
}

fn otlp(url: &str) -> Value {
    let url = format!("{url}/insert/opentelemetry");
    json!({"type": "otlp", "url": url, "headers": {"X-Api-Key": TOKEN}})
}

fn loki(url: &str) -> Value {
    json!({
        "type": "loki", "url": format!("{url}/insert"), "tenant": "0", "labels": {"env": "test"},
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

/// As the recipe for VictoriaLogs says.
fn bulk(url: &str) -> Value {
    let url = format!("{url}/insert/elasticsearch");
    json!({
        "type": "elasticsearch", "url": url, "index": "logs-lambda", "index_in": "body", "document_ids": "none",
        "query": {
            "_msg_field": "message", "_time_field": "@timestamp",
            "_stream_fields": "aws.cloudwatch.log_group",
        },
        "auth": {"type": "basic", "username": "logagg", "password": TOKEN},
    })
}

fn found_of_otlp(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    let first = |name: &str| -> Option<String> {
        let names: Vec<String> = serde_json::from_str(&text(fields, name)?).ok()?;
        names.into_iter().next()
    };
    Ok(Found {
        id: text(fields, "log.record.uid").unwrap_or_default(),
        message: text(fields, "_msg").unwrap_or_default(),
        timestamp_ms: time_ms(fields)?,
        level: text(fields, "severity_text")
            .filter(|severity| severity != "Unspecified")
            .map(|severity| severity.to_ascii_lowercase()),
        request_id: text(fields, "faas.invocation_id"),
        kind: text(fields, "logagg.lambda.kind"),
        function: text(fields, "faas.name"),
        log_group: first("aws.log.group.names"),
        log_stream: first("aws.log.stream.names"),
        part: part(fields),
    })
}

fn found_of_loki(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    let number = |name: &str| text(fields, name)?.parse().ok();
    let part = number("logagg_part_number").zip(number("logagg_part_count"));
    Ok(Found {
        id: text(fields, "aws_cloudwatch_event_id").unwrap_or_default(),
        message: text(fields, "_msg").unwrap_or_default(),
        timestamp_ms: time_ms(fields)?,
        level: text(fields, "level"),
        request_id: text(fields, "faas_execution"),
        kind: text(fields, "aws_lambda_kind"),
        function: text(fields, "service_name"),
        log_group: text(fields, "log_group"),
        log_stream: text(fields, "log_stream"),
        part,
    })
}

fn found_of_splunk(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    let own = fields.iter().map(|(name, value)| {
        (name.strip_prefix("fields.").unwrap_or(name).to_owned(), value.clone())
    });
    found_of_http(&own.collect())
}

fn found_of_http(fields: &Map<String, Value>) -> anyhow::Result<Found> {
    let text = |name: &str| text(fields, name);
    Ok(Found {
        id: text("aws.cloudwatch.event_id").unwrap_or_default(),
        message: text("_msg").unwrap_or_default(),
        timestamp_ms: time_ms(fields)?,
        level: text("log.level"),
        request_id: text("faas.execution"),
        kind: text("aws.lambda.kind"),
        function: text("faas.name"),
        log_group: text("aws.cloudwatch.log_group"),
        log_stream: text("aws.cloudwatch.log_stream"),
        part: part(fields),
    })
}

fn time_ms(fields: &Map<String, Value>) -> anyhow::Result<i64> {
    let time = text(fields, "_time").context("a record without a time")?;
    let time = humantime::parse_rfc3339(&time).with_context(|| format!("reading {time}"))?;
    Ok(i64::try_from(time.duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// Ships some messages, as a case of this name.
fn case(
    shipper: &Shipper,
    checks: &mut Checks,
    name: &'static str,
    logs: &VictoriaLogs,
    destination: fn(&str) -> Value,
    messages: &[&str],
) -> anyhow::Result<Invoked> {
    let written = match name {
        _ if name.starts_with("datadog") => Written::Recently,
        _ if name.ends_with("too_old") => Written::LongAgo,
        _ => Written::Always,
    };
    let server = logs.endpoint();
    let case = Case { name, server, destination: &destination, messages, written, time: TIME };
    exchange::exchange(shipper, checks, &case)
}

/// What it can keep: no field but that of the message may be longer than a line.
fn events() -> Vec<content::LogEvent> {
    const MAX_LINE_BYTES: usize = 200_000;

    let mut events = content::shapes();
    events.retain(|event| event.message.len() < MAX_LINE_BYTES);
    events.extend(content::fill(10_000));
    events
}

fn contents(shipper: &Shipper, checks: &mut Checks, way: &Way) -> anyhow::Result<()> {
    let logs = start(&[])?;
    let destination = (way.destination)(&logs.endpoint());
    exchange::content(shipper, checks, way.name, &destination, &events(), Keeps::ALL, &|| {
        logs.stored()?.iter().map(way.found).collect()
    });
    Ok(())
}

/// Its `_bulk` takes the names of message and time from the query, and supports neither IDs nor an
/// index in the path.
fn elasticsearch(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let logs = start(&[])?;
    let events = exchange::events(&THREE);
    let destination = bulk(&logs.endpoint());
    exchange::content(shipper, checks, "elasticsearch", &destination, &events, Keeps::ALL, &|| {
        logs.stored()?.iter().map(found_of_http).collect()
    });
    let logs = start(&[])?;
    let fixed = |url: &str| {
        let mut destination = bulk(url);
        destination["index_in"] = json!("path");
        destination
    };
    let invoked = case(shipper, checks, "elasticsearch_unknown_path", &logs, fixed, &THREE)?;
    checks.check("elasticsearch with an index of one name: nothing is lost", |_| {
        expect(&invoked, &[("returned_to_source", 3)])
    });
    Ok(())
}

/// It takes only strings as values there.
fn datadog(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let datadog = |url: &str| {
        let url = format!("{url}/insert/datadog");
        json!({"type": "datadog", "url": url, "api_key": TOKEN, "tags": "env:test"})
    };
    let logs = start(&[])?;
    let invoked = case(shipper, checks, "datadog_nested_values", &logs, datadog, &THREE)?;
    checks.check("datadog: what it cannot read is returned", |_| {
        ensure!(logs.stored()?.is_empty(), "something is there");
        expect(&invoked, &[("returned_to_source", 3)])
    });
    Ok(())
}

/// Longer lines are left out of what it says it has taken.
fn too_long(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let logs = start(&["-insert.maxLineSizeBytes=6000"])?;
    let long = "long ".repeat(2_000);
    let messages = ["one", &long, "three"];
    let short = |url: &str| {
        let mut destination = http(url);
        destination["max_record_bytes"] = json!(6_000);
        destination
    };
    let invoked = case(shipper, checks, "http_too_long", &logs, short, &messages)?;
    checks.check("http: a line that is too long is not said to be delivered", |_| {
        let there = logs.stored()?.len();
        let delivered = exchange::count(&invoked, "delivered");
        ensure!(u64::try_from(there)? == delivered, "{delivered} delivered, {there} there");
        Ok(format!("{delivered} delivered"))
    });
    Ok(())
}

fn too_old(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let logs = start(&["-retentionPeriod=7d"])?;
    for way in &WAYS {
        let name = way.case("too_old");
        let invoked = case(shipper, checks, name, &logs, way.destination, &THREE)?;
        let check = format!("{}: it says to have taken what is too old, and has not", way.name);
        checks.check(&check, |_| {
            ensure!(logs.stored()?.is_empty(), "something is there");
            expect(&invoked, &[("delivered", 3)])
        });
        let check = format!("{}: events that are too old are not said to be delivered", way.name);
        checks.check(&check, |_| {
            let mut destination = (way.destination)(&logs.endpoint());
            destination["max_age_s"] = json!(7 * 24 * 60 * 60);
            let delivery = content::deliveries(&exchange::long_ago(&THREE))?;
            let invoked = shipper.ship(&destination, &delivery[0], TIME)?;
            ensure_reason(&invoked, "rejected", "too_old")?;
            expect(&invoked, &[("rejected", 3)])
        });
    }
    Ok(())
}

fn too_large(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let logs = start(&["-opentelemetry.maxRequestSize=4000", "-loki.maxRequestSize=4000"])?;
    let large = "large ".repeat(800);
    let messages = ["one", "two", &large, "four"];
    let invoked = case(shipper, checks, "otlp_too_large", &logs, otlp, &messages)?;
    checks.check("otlp too large: only the large event is rejected", |_| {
        ensure_reason(&invoked, "rejected", "too_large")?;
        expect(&invoked, &[("delivered", 3), ("rejected", 1)])
    });
    let logs = start(&["-loki.maxRequestSize=4000"])?;
    let invoked = case(shipper, checks, "loki_too_large", &logs, loki, &messages)?;
    checks.check("loki too large: only the large event is rejected", |_| {
        ensure_reason(&invoked, "rejected", "too_large")?;
        expect(&invoked, &[("delivered", 3), ("rejected", 1)])
    });
    Ok(())
}

fn wrong_credentials(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let logs = start(&["-httpAuth.username=shop", "-httpAuth.password=another"])?;
    for way in &WAYS {
        let name = way.case("wrong_credentials");
        let invoked = case(shipper, checks, name, &logs, way.destination, &THREE)?;
        checks.check(&format!("{} with wrong credentials: returned at once", way.name), |_| {
            ensure!(exchange::count(&invoked, "requests") == 1, "{}", invoked.summary);
            expect(&invoked, &[("returned_to_source", 3)])
        });
    }
    Ok(())
}

/// It takes nothing while too little of the disk is free.
fn read_only(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let logs = start(&["-storage.minFreeDiskSpaceBytes=1000000TB"])?;
    for way in &WAYS {
        let name = way.case("read_only");
        let invoked = case(shipper, checks, name, &logs, way.destination, &THREE)?;
        checks.check(&format!("{} read-only: retried, and nothing is lost", way.name), |_| {
            ensure!(exchange::count(&invoked, "requests") > 1, "{}", invoked.summary);
            expect(&invoked, &[("returned_to_source", 3)])
        });
    }
    Ok(())
}

/// Ships much, and stops VictoriaLogs twice before it has everything. It is not killed: what it
/// has not written yet, some seconds' worth, would be gone, though it said it has it.
fn stopped(shipper: &Shipper, way: &Way) -> anyhow::Result<String> {
    let mut logs = start(&[])?;
    let mut destination = (way.destination)(&logs.endpoint());
    destination["max_request_bytes"] = json!(20_000);
    let shipped = exchange::ship_while(shipper, &destination, Written::Always, || {
        exchange::wait_for_more(|| logs.taken())?;
        logs.stop()?;
        logs.start_again()
    })?;
    let stored = logs.stored()?;
    exchange::account_all(&shipped, stored.iter().filter_map(|fields| text(fields, "_msg")))
}
