//! An outage with ElasticMQ in SQS's place: it hides a message that was received, counts how often,
//! and sets it apart in the end.

use anyhow::{Context, bail, ensure};
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::api::Api;
use logagg_e2e::function::Function;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::search::Search;
use logagg_e2e::third_party::elasticmq::{self, ElasticMq};
use logagg_e2e::wait;
use serde_json::{Value, json};

use super::{Checks, Shipper, content, progress, search};

/// Nothing listens on the port that discards.
const NO_SERVER: &str = "http://127.0.0.1:9";

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

    /// Lets a function consume messages; returns the summary's `queue` and the number of remaining
    /// messages.
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

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let sqs = ElasticMq::start(&progress)?;
    checks.check("undelivered events wait, become dead letters, and arrive once", |_| {
        outage(shipper, &sqs)
    });
    Ok(())
}

/// An outage with a queue that counts receives: what is not taken becomes invisible, then a dead letter, and
/// arrives once it was moved back.
fn outage(shipper: &Shipper, elasticmq: &ElasticMq) -> anyhow::Result<String> {
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
        environment.push(("AWS_ENDPOINT_URL_SQS", elasticmq.endpoint().to_owned()));
        shipper.start(&destination, &more, &environment)
    };
    let events = content::fill(1);
    let deliveries = content::deliveries(&events)?;
    let delivery = deliveries.first().context("no delivery")?;
    let down = start(NO_SERVER)?;
    let summary = match down.invoke(delivery)? {
        Ok(summary) => summary,
        Err(error) => bail!("the shipper failed: {}", error.error),
    };
    ensure!(summary["destinations"]["x"]["stored"] == events.len(), "not stored: {summary:#}");
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
    search::holds(Search::shared(), &index, &events)?;
    ensure!(account.api().objects(&bucket)?.is_empty(), "the object is still there");
    Ok("of two messages received three times, moved to the dead-letter queue and back, one is settled \
        and the foreign one stays"
        .to_owned())
}
