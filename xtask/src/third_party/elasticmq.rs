//! ElasticMQ with one queue: what undelivered events will wait in must hide a message that was
//! received, count how often, and set it apart in the end.

use anyhow::{Context, ensure};
use logagg_e2e::third_party::elasticmq::ElasticMq;
use logagg_e2e::wait;
use serde_json::{Value, json};

use super::{Checks, Shipper, progress};

/// How often a message is received before it is a dead letter.
const RECEIVED_AT_MOST: u64 = 3;

pub(super) fn run(_: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let sqs = ElasticMq::start(&progress)?;
    let dead = Queue::create(&sqs, "dead", &json!({}))?;
    let redrive = json!({
        "deadLetterTargetArn": dead.arn()?, "maxReceiveCount": RECEIVED_AT_MOST.to_string(),
    });
    let queue = Queue::create(
        &sqs,
        "undelivered",
        &json!({"VisibilityTimeout": "30", "RedrivePolicy": redrive.to_string()}),
    )?;
    queue.send("settled")?;
    queue.send("waiting")?;
    checks.check("a message that was received is hidden, and gone once it is deleted", |_| {
        let received = queue.receive()?;
        ensure!(received.len() == 2, "{received:?}");
        ensure!(queue.receive()?.is_empty(), "messages that were received are not hidden");
        for message in &received {
            match message["Body"].as_str() {
                Some("settled") => queue.delete(message)?,
                _ => queue.show(message)?,
            }
        }
        let left = queue.received()?;
        ensure!(left.len() == 1 && left[0]["Body"] == "waiting", "{left:?}");
        let count = &left[0]["Attributes"]["ApproximateReceiveCount"];
        ensure!(*count == "2", "received {count} times");
        queue.show(&left[0])?;
        Ok("the other is received again, with its count".to_owned())
    });
    checks.check(
        "a message that stays unsettled becomes a dead letter and can be redriven",
        |_| {
            let last = queue.received()?;
            queue.show(last.first().context("no message")?)?;
            // It is moved when it would be received once too often.
            let letters = wait::until("a dead letter", || {
                let again = queue.receive().map_err(|error| format!("{error:#}"))?;
                let letters = dead.receive().map_err(|error| format!("{error:#}"))?;
                if letters.is_empty() { Err(format!("{again:?}")) } else { Ok(letters) }
            })?;
            ensure!(letters.len() == 1 && letters[0]["Body"] == "waiting", "{letters:?}");
            dead.show(&letters[0])?;
            sqs.call("StartMessageMoveTask", &json!({"SourceArn": dead.arn()?}))?;
            let back = queue.received()?;
            ensure!(back.len() == 1 && back[0]["Body"] == "waiting", "{back:?}");
            Ok(format!("after {RECEIVED_AT_MOST} times"))
        },
    );
    Ok(())
}

struct Queue<'a> {
    sqs: &'a ElasticMq,
    url: String,
}

impl<'a> Queue<'a> {
    fn create(sqs: &'a ElasticMq, name: &str, attributes: &Value) -> anyhow::Result<Self> {
        let created =
            sqs.call("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}))?;
        let url = created["QueueUrl"].as_str().context("no URL of a queue")?.to_owned();
        Ok(Self { sqs, url })
    }

    fn arn(&self) -> anyhow::Result<String> {
        let input = json!({"QueueUrl": self.url, "AttributeNames": ["QueueArn"]});
        let attributes = self.sqs.call("GetQueueAttributes", &input)?;
        Ok(attributes["Attributes"]["QueueArn"].as_str().context("no ARN of a queue")?.to_owned())
    }

    fn send(&self, body: &str) -> anyhow::Result<()> {
        let input = json!({"QueueUrl": self.url, "MessageBody": body});
        self.sqs.call("SendMessage", &input).map(drop)
    }

    /// What is there and not hidden.
    fn receive(&self) -> anyhow::Result<Vec<Value>> {
        let input = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": 10,
            "AttributeNames": ["ApproximateReceiveCount"],
        });
        let received = self.sqs.call("ReceiveMessage", &input)?;
        Ok(received["Messages"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until there is something.
    fn received(&self) -> anyhow::Result<Vec<Value>> {
        wait::until("a message", || match self.receive() {
            Ok(messages) if messages.is_empty() => Err("none is there".to_owned()),
            Ok(messages) => Ok(messages),
            Err(error) => Err(format!("{error:#}")),
        })
    }

    fn delete(&self, message: &Value) -> anyhow::Result<()> {
        let input = json!({"QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"]});
        self.sqs.call("DeleteMessage", &input).map(drop)
    }

    /// Ends a message's hiding.
    fn show(&self, message: &Value) -> anyhow::Result<()> {
        let input = json!({
            "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"],
            "VisibilityTimeout": 0,
        });
        self.sqs.call("ChangeMessageVisibility", &input).map(drop)
    }
}
