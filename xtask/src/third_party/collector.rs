//! The OpenTelemetry Collector judges `otlp`, `splunk_hec` and `datadog`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use logagg_e2e::third_party::collector::{Collector, Receiver, Record, Settings, Tls};
use logagg_e2e::wait;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Map, Value, json};

use super::content::{self, Found, Keeps};
use super::exchange::{self, Case, TOKEN, Written, account, ensure_reason, expect};
use super::{Checks, Shipper, progress};

/// Time for one delivery; retries fit into it.
const TIME: Duration = Duration::from_secs(5);

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    shipper.program()?;
    contents(shipper, checks)?;
    accepted(shipper, checks)?;
    wrong_token(shipper, checks)?;
    too_large(shipper, checks)?;
    out_of_memory(shipper, checks)?;
    backends(shipper, checks)?;
    acknowledgement(shipper, checks)?;
    records(shipper, checks)?;
    tls(shipper, checks)?;
    slow_backend(shipper, checks);
    checks.check("a Collector that does not start says why", |_| {
        let (certificate, key) = ("no certificate".to_owned(), "no key".to_owned());
        let tls = Some(Tls { certificate, key, clients: None });
        let Err(error) = start(Settings { tls, ..Settings::default() }) else {
            bail!("it starts with an invalid certificate")
        };
        let said = format!("{error:#}");
        ensure!(said.contains("failed to load TLS"), "it says {said}");
        Ok("with the end of its log".to_owned())
    });
    for (receiver, kind) in RECEIVERS {
        checks.check(&format!("{kind}: killed and started again in a delivery"), |_| {
            killed(shipper, receiver, kind)
        });
    }
    Ok(())
}

const RECEIVERS: [(Receiver, &str); 3] =
    [(Receiver::Otlp, "otlp"), (Receiver::SplunkHec, "splunk_hec"), (Receiver::Datadog, "datadog")];

fn start(settings: Settings) -> anyhow::Result<Collector> {
    Collector::start(&progress, settings)
}

/// With the token that recorded requests have.
fn with_token(settings: Settings) -> anyhow::Result<Collector> {
    start(Settings { token: Some(TOKEN.to_owned()), ..settings })
}

fn otlp(url: &str) -> Value {
    json!({"type": "otlp", "url": url, "headers": {"X-Api-Key": TOKEN}})
}

fn splunk_hec(url: &str) -> Value {
    json!({"type": "splunk_hec", "url": url, "token": TOKEN, "index": "main"})
}

fn acknowledged(url: &str) -> Value {
    let mut destination = splunk_hec(url);
    destination["indexer_acknowledgement"] = json!(true);
    destination
}

fn datadog(url: &str) -> Value {
    json!({"type": "datadog", "url": url, "api_key": TOKEN, "tags": "env:test"})
}

fn destination(kind: &str, url: &str) -> Value {
    match kind {
        "otlp" => otlp(url),
        "splunk_hec" => splunk_hec(url),
        _ => datadog(url),
    }
}

/// Ships some messages to a receiver, as a case of this name.
fn case(
    shipper: &Shipper,
    checks: &mut Checks,
    name: &'static str,
    server: String,
    destination: &dyn Fn(&str) -> Value,
    messages: &[&str],
) -> anyhow::Result<logagg_e2e::function::Invoked> {
    // Datadog takes nothing that is older than some hours.
    let written = if name.starts_with("datadog") { Written::Recently } else { Written::Always };
    let case = Case { name, server, destination, messages, written, time: TIME };
    exchange::exchange(shipper, checks, &case)
}

fn contents(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let mut events = content::shapes();
    events.extend(content::fill(10_000));
    let collector = start(Settings::default())?;
    let mut of = |receiver, name: &str, destination: Value, events: &[_], found: FoundIn| {
        exchange::content(shipper, checks, name, &destination, events, Keeps::ALL, &|| {
            collector.records(receiver)?.iter().map(found).collect()
        });
    };
    let url = |receiver| collector.endpoint(receiver);
    of(Receiver::Otlp, "otlp", otlp(&url(Receiver::Otlp)), &events, found_in_otlp);
    let splunk = splunk_hec(&url(Receiver::SplunkHec));
    of(Receiver::SplunkHec, "splunk_hec", splunk, &events, found_in_splunk);
    let receiver = Receiver::SplunkHecAcknowledged;
    let splunk = acknowledged(&url(receiver));
    of(receiver, "splunk_hec with acknowledgement", splunk, &events, found_in_splunk);
    exchange::make_recent(&mut events);
    let datadog = datadog(&url(Receiver::Datadog));
    of(Receiver::Datadog, "datadog", datadog, &events, found_in_datadog);
    Ok(())
}

type FoundIn = fn(&Record) -> anyhow::Result<Found>;

fn found_in_otlp(record: &Record) -> anyhow::Result<Found> {
    ensure!(record.nanos.is_multiple_of(1_000_000), "time {} ns", record.nanos);
    let text = |name: &str| text(&record.attributes, name);
    let first = |name: &str| record.attributes.get(name)?[0].as_str().map(str::to_owned);
    Ok(Found {
        id: text("log.record.uid").unwrap_or_default(),
        message: record.body.clone(),
        timestamp_ms: i64::try_from(record.nanos / 1_000_000)?,
        level: Some(record.severity.to_ascii_lowercase()).filter(|severity| !severity.is_empty()),
        request_id: text("faas.invocation_id"),
        kind: text("logagg.lambda.kind"),
        function: text("faas.name"),
        log_group: first("aws.log.group.names"),
        log_stream: first("aws.log.stream.names"),
        part: part(&record.attributes),
    })
}

fn found_in_splunk(record: &Record) -> anyhow::Result<Found> {
    let text = |name: &str| text(&record.attributes, name);
    Ok(Found {
        id: text("aws.cloudwatch.event_id").unwrap_or_default(),
        message: record.body.clone(),
        // The receiver reads seconds as a floating-point number.
        timestamp_ms: i64::try_from((record.nanos + 500_000) / 1_000_000)?,
        level: text("log.level"),
        request_id: text("faas.execution"),
        kind: text("aws.lambda.kind"),
        function: text("faas.name"),
        log_group: text("aws.cloudwatch.log_group"),
        log_stream: text("aws.cloudwatch.log_stream"),
        part: part(&record.attributes),
    })
}

fn found_in_datadog(record: &Record) -> anyhow::Result<Found> {
    let found = found_in_splunk(record)?;
    ensure!(record.nanos.is_multiple_of(1_000_000), "time {} ns", record.nanos);
    let severity =
        Some(record.severity.to_ascii_lowercase()).filter(|severity| !severity.is_empty());
    Ok(Found { level: severity, ..found })
}

/// An attribute, by its name or by the way to it.
pub(super) fn attribute<'a>(attributes: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = attributes.get(name) {
        return Some(value);
    }
    name.match_indices('.').find_map(|(dot, _)| {
        attribute(attributes.get(&name[..dot])?.as_object()?, &name[dot + 1..])
    })
}

pub(super) fn text(attributes: &Map<String, Value>, name: &str) -> Option<String> {
    attribute(attributes, name)?.as_str().map(str::to_owned)
}

pub(super) fn part(attributes: &Map<String, Value>) -> Option<(u64, u64)> {
    let number = |name| {
        let number = attribute(attributes, name)?;
        // Some receivers read all numbers as floating-point ones, some keep all as text.
        let of_text = || number.as_str().and_then(|text| text.parse().ok());
        number.as_f64().or_else(of_text).map(|number| number as u64)
    };
    Some((number("logagg.part.number")?, number("logagg.part.count")?))
}

const THREE: [&str; 3] = ["one", "two – 🧾", "{\"three\":3}"];

fn accepted(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let collector = with_token(Settings::default())?;
    let url = |receiver| collector.endpoint(receiver);
    for (name, receiver, destination) in [
        ("otlp_accepted", Receiver::Otlp, &otlp as &dyn Fn(&str) -> Value),
        ("splunk_hec_accepted", Receiver::SplunkHec, &splunk_hec),
        ("splunk_hec_acknowledged", Receiver::SplunkHecAcknowledged, &acknowledged),
        ("datadog_accepted", Receiver::Datadog, &datadog),
    ] {
        let invoked = case(shipper, checks, name, url(receiver), destination, &THREE)?;
        checks.check(&format!("{name}: all delivered"), |_| expect(&invoked, &[("delivered", 3)]));
    }
    let blank = ["one", "", "three", "", "five"];
    let invoked =
        case(shipper, checks, "splunk_hec_blank", url(Receiver::SplunkHec), &splunk_hec, &blank)?;
    checks.check("splunk_hec blank: the others are delivered", |_| {
        expect(&invoked, &[("delivered", 3), ("rejected", 2)])
    });
    checks.check("splunk_hec blank: nothing blank is sent", |_| {
        ensure!(exchange::count(&invoked, "requests") == 1, "{}", invoked.summary);
        Ok("one request".to_owned())
    });
    let elsewhere = |url: &str| otlp(&format!("{url}/elsewhere"));
    let url = url(Receiver::Otlp);
    let invoked = case(shipper, checks, "otlp_unknown_path", url, &elsewhere, &THREE)?;
    checks.check("otlp_unknown_path: nothing is lost", |_| {
        expect(&invoked, &[("returned_to_source", 3)])
    });
    Ok(())
}

fn wrong_token(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let collector = start(Settings { token: Some("another".to_owned()), ..Settings::default() })?;
    for (name, (receiver, kind)) in
        ["otlp_wrong_token", "splunk_hec_wrong_token", "datadog_wrong_token"].iter().zip(RECEIVERS)
    {
        let url = collector.endpoint(receiver);
        let invoked = case(shipper, checks, name, url, &|url| destination(kind, url), &THREE)?;
        checks.check(&format!("{kind} with a wrong token: returned after one request"), |_| {
            ensure!(exchange::count(&invoked, "requests") == 1, "{}", invoked.summary);
            expect(&invoked, &[("returned_to_source", 3)])
        });
    }
    Ok(())
}

fn too_large(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let settings = Settings { max_request_bytes: Some(4_000), ..Settings::default() };
    let collector = with_token(settings)?;
    let large = "large ".repeat(800);
    let messages = ["one", "two", &large, "four"];
    let name = "otlp_too_large";
    let invoked =
        case(shipper, checks, name, collector.endpoint(Receiver::Otlp), &otlp, &messages)?;
    checks.check("otlp too large: only the large event is rejected", |_| {
        ensure_reason(&invoked, "rejected", "too_large")?;
        expect(&invoked, &[("delivered", 3), ("rejected", 1)])
    });
    let name = "splunk_hec_too_large";
    let url = collector.endpoint(Receiver::SplunkHec);
    let invoked = case(shipper, checks, name, url, &splunk_hec, &messages)?;
    checks.check("splunk_hec too large: the others are delivered", |_| {
        expect(&invoked, &[("delivered", 3), ("rejected", 1)])
    });
    checks.check("splunk_hec too large: the size is remembered", |_| remembered(shipper));
    // It says 500, and why in words.
    let name = "datadog_too_large";
    let url = collector.endpoint(Receiver::Datadog);
    let invoked = case(shipper, checks, name, url, &datadog, &messages)?;
    checks.check("datadog too large: only the large event is rejected", |_| {
        ensure_reason(&invoked, "rejected", "too_large")?;
        expect(&invoked, &[("delivered", 3), ("rejected", 1)])
    });
    Ok(())
}

/// Once a request was too large, others are not made as large.
fn remembered(shipper: &Shipper) -> anyhow::Result<String> {
    const MAX_REQUEST_BYTES: usize = 100_000;

    let settings = Settings { max_request_bytes: Some(MAX_REQUEST_BYTES), ..Settings::default() };
    let collector = start(settings)?;
    let messages: Vec<_> = content::fill(10_000).into_iter().map(|event| event.message).collect();
    let messages: Vec<_> = messages.iter().map(String::as_str).collect();
    let events = exchange::events(&messages);
    let deliveries = content::deliveries(&events)?;
    let mut destination = splunk_hec(&collector.endpoint(Receiver::SplunkHec));
    let ship = |destination: &Value| -> anyhow::Result<(u64, u64)> {
        let invoked = shipper.ship(destination, &deliveries[0], Duration::from_secs(50))?;
        expect(&invoked, &[("delivered", 10_000)])?;
        let count = |name| exchange::count(&invoked, name);
        Ok((count("requests"), count("bytes_encoded")))
    };
    let (requests, encoded) = ship(&destination)?;
    destination["max_request_bytes"] = json!(MAX_REQUEST_BYTES);
    let (needed, bytes) = ship(&destination)?;
    let found =
        format!("{requests} requests and {encoded} bytes encoded, where {needed} and {bytes} do");
    // What was under way when the first request was refused is sent a second time.
    ensure!(encoded < 9 * bytes / 4, "{found}");
    Ok(found)
}

fn out_of_memory(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    // Less than it has when it has done nothing.
    let collector = with_token(Settings { memory_mib: Some(1), ..Settings::default() })?;
    // Every few milliseconds it looks how much it has.
    let waits = || -> anyhow::Result<()> {
        wait::until("the memory limit", || {
            let ship = || -> anyhow::Result<bool> {
                let events = exchange::events(&["is it full?"]);
                let deliveries = content::deliveries(&events)?;
                let url = collector.endpoint(Receiver::Otlp);
                let invoked =
                    shipper.ship(&otlp(&url), &deliveries[0], Duration::from_millis(1_200))?;
                Ok(exchange::count(&invoked, "returned_to_source") > 0)
            };
            match ship() {
                Ok(true) => Ok(()),
                Ok(false) => Err("it takes everything".to_owned()),
                Err(error) => Err(format!("{error:#}")),
            }
        })
    };
    waits()?;
    for (name, (receiver, kind)) in
        ["otlp_out_of_memory", "splunk_hec_out_of_memory", "datadog_out_of_memory"]
            .iter()
            .zip(RECEIVERS)
    {
        let url = collector.endpoint(receiver);
        let invoked = case(shipper, checks, name, url, &|url| destination(kind, url), &THREE)?;
        checks.check(&format!("{kind} out of memory: retried, and nothing is lost"), |_| {
            let requests = exchange::count(&invoked, "requests");
            ensure!(requests > 1, "{}", invoked.summary);
            // It says 500 there, which does not report that nothing was taken.
            let possible = if kind == "splunk_hec" { 3 * requests } else { 0 };
            expect(&invoked, &[("returned_to_source", 3), ("possible_duplicates", possible)])
        });
    }
    Ok(())
}

/// Something that the Collector passes on to.
struct Backend {
    url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Backend {
    /// One that answers everything so, after a time, for as long as this process lives.
    fn start(response: &'static str, after: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("opening a port")?;
        let url = format!("http://{}", listener.local_addr().context("reading a port")?);
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let held = Arc::clone(&bodies);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let held = Arc::clone(&held);
                thread::spawn(move || {
                    while let Some(body) = read_request(&mut stream) {
                        if let Ok(mut bodies) = held.lock() {
                            bodies.push(body);
                        }
                        thread::sleep(after);
                        if stream.write_all(response.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { url, bodies })
    }

    /// Every one of these messages as often as it came.
    fn stored(&self, messages: impl Iterator<Item = String>) -> Vec<String> {
        let Ok(bodies) = self.bodies.lock() else { return Vec::new() };
        let mut stored = Vec::new();
        for message in messages {
            let is_in = |body: &&Vec<u8>| {
                body.windows(message.len()).any(|bytes| bytes == message.as_bytes())
            };
            let times = bodies.iter().filter(is_in).count();
            stored.extend(std::iter::repeat_n(message, times));
        }
        stored
    }
}

/// The body of the next request.
fn read_request(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
        let length: usize = length.trim().parse().ok()?;
        if bytes.len() >= end + 4 + length {
            return Some(bytes.split_off(end + 4));
        }
    }
}

fn backends(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let backend = |response| -> anyhow::Result<Collector> {
        let backend = Backend::start(response, Duration::ZERO)?;
        with_token(Settings { backend: Some(backend.url), ..Settings::default() })
    };
    let collector =
        backend("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")?;
    let url = collector.endpoint(Receiver::Otlp);
    let invoked = case(shipper, checks, "otlp_backend_busy", url, &otlp, &THREE)?;
    checks.check("otlp with a busy backend: retried, and nothing is lost", |_| {
        ensure!(exchange::count(&invoked, "requests") > 1, "{}", invoked.summary);
        expect(&invoked, &[("returned_to_source", 3)])
    });
    let collector = backend("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
    let url = collector.endpoint(Receiver::Otlp);
    let invoked = case(shipper, checks, "otlp_backend_rejects", url, &otlp, &THREE)?;
    checks.check("otlp with a backend that rejects: nothing is lost", |_| {
        expect(&invoked, &[("returned_to_source", 3)])
    });
    let collector = backend("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")?;
    let url = collector.endpoint(Receiver::Otlp);
    let invoked = case(shipper, checks, "otlp_backend_too_large", url, &otlp, &THREE)?;
    checks.check("otlp too large for the backend is split", |_| {
        ensure!(exchange::count(&invoked, "requests") > 1, "{}", invoked.summary);
        Ok("split".to_owned())
    });
    Ok(())
}

fn acknowledgement(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let collector = with_token(Settings::default())?;
    let name = "splunk_hec_without_acknowledgement";
    let url = collector.endpoint(Receiver::SplunkHec);
    let invoked = case(shipper, checks, name, url, &acknowledged, &THREE)?;
    checks.check("splunk_hec without acknowledgement is noticed", |_| {
        ensure_reason(&invoked, "returned_to_source", "acknowledgement_disabled")?;
        Ok("returned as acknowledgement_disabled".to_owned())
    });
    Ok(())
}

fn records(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let collector = start(Settings { reads_json_in_messages: true, ..Settings::default() })?;
    let large = "x".repeat(30_000);
    let events = exchange::events(&["[CRITICAL] no stock", &large]);
    let mut destination = otlp(&collector.endpoint(Receiver::Otlp));
    destination["max_request_bytes"] = json!(20_000);
    let delivery = content::deliveries(&events)?;
    shipper.ship(&destination, &delivery[0], TIME)?;
    let records = collector.records(Receiver::Otlp)?;
    checks.check("parts of an event have ids of their own", |_| {
        let mut ids: Vec<_> = records
            .iter()
            .filter_map(|record| text(&record.attributes, "log.record.uid"))
            .collect();
        ensure!(ids.len() > 2, "there are no parts");
        let all = ids.len();
        ids.sort();
        ids.dedup();
        ensure!(ids.len() == all, "{all} records have {} ids", ids.len());
        Ok(format!("{all} records and ids"))
    });
    checks.check("otlp records are as the conventions have them", |_| {
        let first = records.first().context("there are no records")?;
        ensure!(first.observed_nanos > 0, "no ObservedTimestamp");
        // The short name, in place of "CRITICAL".
        ensure!(first.severity == "FATAL", "SeverityText {:?}", first.severity);
        let foreign = first.attributes.keys().find(|name| name.starts_with("aws.lambda."));
        ensure!(foreign.is_none(), "{foreign:?} is no name of the conventions");
        Ok("time, severity and names".to_owned())
    });
    let mut events = exchange::events(&["{\"orderId\":7}"]);
    exchange::make_recent(&mut events);
    let destination = datadog(&collector.endpoint(Receiver::Datadog));
    let delivery = content::deliveries(&events)?;
    shipper.ship(&destination, &delivery[0], TIME)?;
    checks.check("datadog: a JSON field arrives once", |_| {
        let records = collector.records(Receiver::Datadog)?;
        let attributes = &records.first().context("there are no records")?.attributes;
        let names = ["orderId", "json.orderId"];
        let there: Vec<_> =
            names.into_iter().filter(|name| attribute(attributes, name).is_some()).collect();
        ensure!(there == ["orderId"], "it arrives as {}", there.join(" and "));
        Ok("as orderId".to_owned())
    });
    Ok(())
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> anyhow::Result<Authority> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn server_tls(authority: &Authority, clients: Option<&Authority>) -> anyhow::Result<Tls> {
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(Tls {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        clients: clients.map(CertifiedIssuer::pem),
    })
}

fn tls(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let (own, other) = (authority()?, authority()?);
    let folder = tempfile::tempdir().context("making a folder")?;
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, own.pem()).context("writing a certificate")?;
    let environment = [("SSL_CERT_FILE", trusted.display().to_string())];
    let events = exchange::events(&THREE);
    let deliveries = content::deliveries(&events)?;
    let ship = |url: &str| {
        shipper.start(&otlp(url), &Value::Null, &environment)?.summarize(&deliveries[0], TIME)
    };
    let with = |tls| start(Settings { tls: Some(tls), ..Settings::default() });

    let collector = with(server_tls(&own, None)?)?;
    let url = collector.endpoint(Receiver::Otlp);
    checks.check("TLS with a trusted certificate", |_| expect(&ship(&url)?, &[("delivered", 3)]));
    let plain = url.replace("https://", "http://");
    let invoked = ship(&plain)?;
    checks.check("http:// at a TLS port: nothing is lost", |_| account(&invoked, &events, &[]));
    checks.check("http:// at a TLS port is named", |_| {
        ensure_reason(&invoked, "returned_to_source", "tls_required")?;
        Ok("named".to_owned())
    });

    let collector = with(server_tls(&other, None)?)?;
    checks.check("TLS with an untrusted certificate", |_| {
        let invoked = ship(&collector.endpoint(Receiver::Otlp))?;
        ensure_reason(&invoked, "returned_to_source", "tls_failed")?;
        ensure!(collector.records(Receiver::Otlp)?.is_empty(), "something was sent");
        expect(&invoked, &[("returned_to_source", 3)])
    });

    let collector = with(server_tls(&own, Some(&own))?)?;
    let invoked = ship(&collector.endpoint(Receiver::Otlp))?;
    checks.check("TLS with a demanded client certificate: nothing is lost", |_| {
        account(&invoked, &events, &[])
    });
    checks.check("a demanded client certificate is named", |_| {
        // The alert may be lost with the connection: then it is tried again.
        ensure_reason(&invoked, "returned_to_source", "client_certificate_required")?;
        Ok("client_certificate_required".to_owned())
    });
    Ok(())
}

/// A response that comes too late leaves open what was taken.
fn slow_backend(shipper: &Shipper, checks: &mut Checks) {
    checks.check("otlp with a slow backend: what may be there twice is counted", |_| {
        let response = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let backend = Backend::start(response, Duration::from_secs(2))?;
        let collector =
            start(Settings { backend: Some(backend.url.clone()), ..Settings::default() })?;
        let events = exchange::events(&THREE);
        let deliveries = content::deliveries(&events)?;
        let more = json!({"request_timeout_ms": 1_000});
        let destination = otlp(&collector.endpoint(Receiver::Otlp));
        let function = shipper.start(&destination, &more, &[])?;
        let invoked = function.summarize(&deliveries[0], TIME)?;
        ensure_reason(&invoked, "returned_to_source", "timeout")?;
        let stored = backend.stored(events.iter().map(|event| event.message.clone()));
        account(&invoked, &events, &stored)
    });
}

/// Ships much, and kills the Collector twice before it has everything.
fn killed(shipper: &Shipper, receiver: Receiver, kind: &str) -> anyhow::Result<String> {
    let mut collector = start(Settings::default())?;
    let mut destination = destination(kind, &collector.endpoint(receiver));
    let mut written = Written::Recently;
    if kind != "datadog" {
        destination["max_request_bytes"] = json!(20_000);
        written = Written::Always;
    }
    let shipped = exchange::ship_while(shipper, &destination, written, || {
        exchange::wait_for_more(|| collector.written(receiver))?;
        collector.kill()?;
        collector.start_again()
    })?;
    let records = collector.records(receiver)?;
    exchange::account_all(&shipped, records.into_iter().map(|record| record.body))
}
