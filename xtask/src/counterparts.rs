//! The shipper and what it works with out there, as far as that can be had on this machine: for what is
//! too large, or too much of an installation, for the tests.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail, ensure};
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::api::Api;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::elasticmq::{self, ElasticMq};
use logagg_e2e::emulator::Emulator;
use logagg_e2e::function::Function;
use logagg_e2e::ministack::Ministack;
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

const TRIALS: [(&str, Trial); 4] = [
    ("ElasticMQ, with visibility, receive counts, a dead-letter queue and its redrive", queue),
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

/// Nothing listens on the port that discards.
const NOBODY: &str = "http://127.0.0.1:9";

/// A queue, and what an event source mapping with `ReportBatchItemFailures` does with it.
struct Queue {
    api: Api,
    url: String,
}

impl Queue {
    fn call(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let mut input = input.clone();
        if operation != "StartMessageMoveTask" {
            input["QueueUrl"] = json!(self.url);
        }
        let answer = self.api.json("sqs", &format!("AmazonSQS.{operation}"), &input)?;
        answer.map_err(|refusal| anyhow::anyhow!("{operation}: {refusal:?}"))
    }

    /// The messages that are visible, each with its receive count.
    fn receive(&self) -> anyhow::Result<Vec<Value>> {
        let input = json!({
            "MaxNumberOfMessages": 10, "AttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        });
        let answer = self.call("ReceiveMessage", &input)?;
        Ok(answer["Messages"].as_array().cloned().unwrap_or_default())
    }

    /// Has a function consume messages, and tells the summary's `queue` and how many messages stay.
    fn consume(&self, function: &Function, messages: &[Value]) -> anyhow::Result<usize> {
        let records: Vec<Value> = messages
            .iter()
            .map(|message| {
                json!({
                    "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"], "attributes": message["Attributes"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": format!("arn:aws:sqs:{REGION}:{}:undelivered", elasticmq::ACCOUNT),
                })
            })
            .collect();
        let answer = match function.invoke(&json!({"Records": records}))? {
            Ok(answer) => answer,
            Err(error) => bail!("the shipper failed: {}", error.error),
        };
        let failures = answer["batchItemFailures"].as_array().context("no batchItemFailures")?;
        let failed: Vec<&Value> =
            failures.iter().map(|failure| &failure["itemIdentifier"]).collect();
        for message in messages {
            if !failed.contains(&&message["MessageId"]) {
                self.call("DeleteMessage", &json!({"ReceiptHandle": message["ReceiptHandle"]}))?;
            }
        }
        Ok(failed.len())
    }

    /// How many messages are visible, and how many are not.
    fn lengths(&self) -> anyhow::Result<(String, String)> {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let answer = self.call("GetQueueAttributes", &json!({"AttributeNames": names}))?;
        let number =
            |name: &str| answer["Attributes"][name].as_str().unwrap_or_default().to_owned();
        Ok((number(names[0]), number(names[1])))
    }
}

/// An outage with a queue that counts receives: what is not taken becomes invisible, then a dead letter, and
/// arrives once it was moved back.
fn queue(binaries: &Binaries) -> anyhow::Result<String> {
    let elasticmq = ElasticMq::start(&progress)?;
    let account = Account::new(Ministack::shared());
    let bucket = format!("undelivered-{}", account.id());
    if let Err(refusal) = account.api().create_bucket(&bucket)? {
        bail!("creating a bucket: {refusal:?}");
    }
    let of = |name: &str| Queue {
        api: Api::new(elasticmq.endpoint(), "x", REGION),
        url: format!("{}/{}/{name}", elasticmq.endpoint(), elasticmq::ACCOUNT),
    };
    let (queue, dead) = (of("undelivered"), of("undelivered-dead"));
    let index = format!("elasticmq-{}", account.id());
    let start = |url: &str| {
        let destination = json!({"type": "elasticsearch", "url": url, "index": index});
        let more = json!({"undelivered": {"bucket": bucket, "queue_url": queue.url}});
        let mut environment = account.environment(account.endpoint());
        environment.push(("LOGAGG_CONFIG", configuration(&destination, &more)));
        environment.push(("AWS_ENDPOINT_URL_SQS", elasticmq.endpoint().to_owned()));
        Function::start(&binaries.shipper, ARN, &environment)
    };
    let messages = messages(20);
    let down = start(NOBODY)?;
    let summary = match down.invoke(&sample::event(&messages)?)? {
        Ok(summary) => summary,
        Err(error) => bail!("the shipper failed: {}", error.error),
    };
    ensure!(summary["destinations"]["x"]["stored"] == messages.len(), "not stored: {summary:#}");
    let summary = match down.invoke(&json!({"logagg": "replay"}))? {
        Ok(summary) => summary,
        Err(error) => bail!("the replay failed: {}", error.error),
    };
    ensure!(summary["replay"]["enqueued"] == 1, "no pointer was sent: {summary:#}");
    queue.call("SendMessage", &json!({"MessageBody": "{\"order\": 5}"}))?;
    for receipt in ["1", "2", "3"] {
        let received = queue.receive()?;
        ensure!(received.len() == 2, "{} messages at receipt {receipt}", received.len());
        let count = &received[0]["Attributes"]["ApproximateReceiveCount"];
        ensure!(count == receipt, "received {count} times at receipt {receipt}");
        ensure!(queue.consume(&down, &received)? == 2, "a message was settled in an outage");
        let lengths = queue.lengths()?;
        ensure!(lengths == ("0".to_owned(), "2".to_owned()), "visible and not: {lengths:?}");
        // The time until the next attempt passes.
        for message in &received {
            let input = json!({"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0});
            queue.call("ChangeMessageVisibility", &input)?;
        }
    }
    ensure!(queue.receive()?.is_empty(), "a message was received once too often");
    wait::until("the dead letters", || {
        let lengths = dead.lengths().map_err(|error| format!("{error:#}"))?;
        if lengths.0 == "2" { Ok(()) } else { Err(format!("{lengths:?}")) }
    })?;
    ensure!(account.api().objects(&bucket)?.len() == 1, "the object of a dead letter is gone");
    drop(down);
    let arn = format!("arn:aws:sqs:{REGION}:{}:undelivered-dead", elasticmq::ACCOUNT);
    dead.call("StartMessageMoveTask", &json!({"SourceArn": arn}))?;
    let received = wait::until("what is moved back", || {
        let lengths = queue.lengths().map_err(|error| format!("{error:#}"))?;
        if lengths.0 == "2" {
            queue.receive().map_err(|error| format!("{error:#}"))
        } else {
            Err(format!("{lengths:?}"))
        }
    })?;
    let up = start(Search::shared().endpoint())?;
    ensure!(queue.consume(&up, &received)? == 1, "another message than the foreign one stays");
    held(Search::shared(), &index, &messages)?;
    ensure!(account.api().objects(&bucket)?.is_empty(), "the object is still there");
    Ok(format!(
        "{} lines are there once after an outage; of two messages, three times received and moved to the \
         dead-letter queue and back, one is settled and the foreign one stays",
        messages.len()
    ))
}
