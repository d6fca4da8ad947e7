//! The shipper and what it works with out there, as far as that can be had on this machine: for what is
//! too large, or too much of an installation, for the tests.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail, ensure};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::emulator::Emulator;
use logagg_e2e::function::Function;
use logagg_e2e::nginx::{Limits, Nginx};
use logagg_e2e::rotel::Rotel;
use logagg_e2e::sample;
use logagg_e2e::search::Search;
use logagg_e2e::wait;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";

/// Tries one counterpart, and says what was found.
type Trial = fn(&Binaries) -> anyhow::Result<String>;

const TRIALS: [(&str, Trial); 3] = [
    ("rotel, a collector of OpenTelemetry", collector),
    ("nginx with TLS, HTTP/2 and limits, in front of osmem-server", proxy),
    ("aws-lambda-rie, AWS's emulator of Lambda's runtime interface", emulator),
];

/// Tries all of them, and fails if one is missing or is not served as it should.
pub(crate) fn run() -> anyhow::Result<()> {
    let binaries = Binaries::build(&progress)?;
    let mut failed = Vec::new();
    for (name, trial) in TRIALS {
        match trial(&binaries) {
            Ok(found) => println!("ok      {name}\n        {found}"),
            Err(error) => {
                println!("FAILED  {name}\n        {error:#}");
                failed.push(name);
            }
        }
    }
    ensure!(failed.is_empty(), "not tried, or not as it should be: {}", failed.join("; "));
    Ok(())
}

fn progress(what: &str) {
    eprintln!("{what}");
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("order {number:05} paid by card – 🧾")).collect()
}

fn configuration(destination: &Value, more: &Value) -> String {
    let mut configuration =
        json!({"destinations": {"x": destination}, "accept": ["no_undelivered_storage"]});
    for (name, value) in more.as_object().into_iter().flatten() {
        configuration[name] = value.clone();
    }
    configuration.to_string()
}

/// Ships lines and gives the counts of the destination, where all were delivered.
fn ship(
    binaries: &Binaries,
    environment: &[(&str, String)],
    messages: &[String],
) -> anyhow::Result<Value> {
    let shipper = Function::start(&binaries.shipper, ARN, environment)?;
    let summary = match shipper.invoke(&sample::event(messages)?)? {
        Ok(summary) => summary,
        Err(error) => bail!("the shipper failed: {}", error.error),
    };
    delivered(&summary, messages.len())
}

fn delivered(summary: &Value, count: usize) -> anyhow::Result<Value> {
    let counts = &summary["destinations"]["x"];
    ensure!(counts["delivered"] == count, "not everything was delivered: {summary:#}");
    ensure!(counts["possible_duplicates"] == 0, "something may be there twice: {summary:#}");
    Ok(counts.clone())
}

/// Waits until an index holds these messages, each once.
fn held(search: &Search, index: &str, messages: &[String]) -> anyhow::Result<()> {
    wait::until("the messages at the search server", || {
        let documents = search.documents(index).map_err(|error| format!("{error:#}"))?;
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for document in &documents {
            *times.entry(document["message"].as_str().unwrap_or_default()).or_default() += 1;
        }
        let once =
            messages.iter().filter(|message| times.get(message.as_str()) == Some(&1)).count();
        if once == messages.len() && documents.len() == once {
            Ok(())
        } else {
            Err(format!("{once} of {} are there once", messages.len()))
        }
    })
}

fn collector(binaries: &Binaries) -> anyhow::Result<String> {
    let rotel = Rotel::start(&progress)?;
    let destination =
        json!({"type": "otlp", "url": rotel.endpoint(), "max_request_bytes": 100_000});
    let messages = messages(1_200);
    let environment = [("LOGAGG_CONFIG", configuration(&destination, &Value::Null))];
    let counts = ship(binaries, &environment, &messages)?;
    wait::until("what rotel prints of the records", || {
        let printed = rotel.printed().map_err(|error| format!("{error:#}"))?;
        let times = |message: &String| printed.matches(message.as_str()).count();
        let once = messages.iter().filter(|message| times(message) == 1).count();
        let named = printed.matches("aws.lambda.kind").count();
        if once == messages.len() && named == messages.len() {
            Ok(())
        } else {
            Err(format!("{once} messages once, {named} with their kind"))
        }
    })?;
    Ok(format!(
        "{} records in {} requests, each printed once and unchanged",
        messages.len(),
        counts["requests"]
    ))
}

fn proxy(binaries: &Binaries) -> anyhow::Result<String> {
    const LIMITS: Limits = Limits { body_bytes: 4_000, requests_per_second: 20 };

    let search = Search::shared();
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
    let nginx = Nginx::start(
        &progress,
        &certificate.pem(),
        &key.serialize_pem(),
        search.endpoint(),
        LIMITS,
    )?;
    let folder = tempfile::tempdir().context("making a folder")?;
    let trusted = folder.path().join("trusted.pem");
    fs::write(&trusted, certificate.pem()).context("writing a certificate")?;
    let destination = json!({"type": "elasticsearch", "url": nginx.endpoint(), "index": "proxied"});
    let messages = messages(1_200);
    let environment = [
        ("LOGAGG_CONFIG", configuration(&destination, &Value::Null)),
        ("SSL_CERT_FILE", trusted.display().to_string()),
    ];
    let counts = ship(binaries, &environment, &messages)?;
    held(search, "proxied", &messages)?;
    let answered = nginx.answered()?;
    let times = |status: &str| {
        answered.iter().filter(|answer| *answer == &format!("HTTP/2.0 {status}")).count()
    };
    let (taken, too_large, too_many) = (times("200"), times("413"), times("429"));
    ensure!(
        too_large > 0 && too_many > 0 && taken + too_large + too_many == answered.len(),
        "nginx answered {answered:?}"
    );
    ensure!(counts["requests"] == answered.len(), "{} answers, {counts:#}", answered.len());
    Ok(format!(
        "{} lines, each there once; over HTTP/2, {too_large} requests were too large, {too_many} too \
         many, {taken} were taken",
        messages.len()
    ))
}

fn emulator(binaries: &Binaries) -> anyhow::Result<String> {
    let search = Search::shared();
    let destination =
        json!({"type": "elasticsearch", "url": search.endpoint(), "index": "emulated"});
    let variables = [("LOGAGG_CONFIG", configuration(&destination, &json!({"metrics": {}})))];
    let function = Emulator::start(&progress, &binaries.shipper, &variables)?;
    let messages = messages(600);
    delivered(&function.invoke(&sample::event(&messages)?)?, messages.len())?;
    held(search, "emulated", &messages)?;
    let error = function.invoke(&json!({"Records": []}))?;
    let again = function.invoke(&sample::event(&messages)?)?;
    ensure!(
        again["destinations"]["x"]["already_there"] == messages.len(),
        "after an event that it does not know ({error}) the function answers {again:#}"
    );
    ensure!(
        error["errorType"] == "Logagg.UnknownEvent",
        "an event that nobody knows is answered with {error:#}"
    );
    let printed = function.printed()?;
    let summaries = printed.matches("\"logagg\":\"summary\"").count();
    ensure!(summaries == 3, "{summaries} summary lines of 3 invocations");

    let wrong = [("LOGAGG_CONFIG", "{}".to_owned())];
    let refused = Emulator::start(&progress, &binaries.shipper, &wrong)?;
    let error = refused.invoke(&json!({}))?;
    let said = error["errorMessage"].as_str().unwrap_or_default();
    ensure!(
        said.starts_with("logagg shipper refuses to start: LOGAGG_CONFIG has "),
        "a wrong configuration is answered with {error:#}"
    );
    Ok(format!(
        "{} lines shipped twice are there once, an unknown event and a wrong configuration are told \
         as errors",
        messages.len()
    ))
}
