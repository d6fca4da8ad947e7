//! The queue that S3 writes pointers to stored events into.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schedule;
use crate::aws::{Aws, AwsError, Problem, Service, patiently};
use crate::event::Message;

/// The longest time for one attempt of a call.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// The most entries of a batch request.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_ENTRIES: usize = 10;

/// The body of a message that points to an object, in the form of S3's notifications. The key is encoded
/// as S3 encodes it.
pub fn pointer(bucket: &str, key: &str, bytes: u64) -> String {
    let encoded = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC);
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "logagg:Replay",
        "s3": {"bucket": {"name": bucket}, "object": {"key": encoded.to_string(), "size": bytes}},
    }]})
    .to_string()
}

/// Makes messages invisible for as long as their receive counts say.
pub async fn delay(aws: &Aws, messages: &[&Message<'_>], until: Instant) -> Result<(), AwsError> {
    let mut result = Ok(());
    // A batch has one source; Lambda may collect more messages than a request takes.
    for batch in messages.chunks(MAX_ENTRIES) {
        let Some((region, account, name)) = batch.first().and_then(|it| it.queue()) else {
            continue;
        };
        let entries: Vec<Value> = batch
            .iter()
            .enumerate()
            .filter_map(|(index, message)| {
                Some(json!({
                    "Id": index.to_string(),
                    "ReceiptHandle": message.receipt_handle.as_deref()?,
                    "VisibilityTimeout": schedule::delay(message.receive_count).as_secs(),
                }))
            })
            .collect();
        if entries.is_empty() {
            continue;
        }
        let failed = |problem| AwsError {
            service: Service::Sqs,
            operation: "ChangeMessageVisibilityBatch",
            problem,
        };
        let url = match aws.endpoint(Service::Sqs, Some(region)) {
            Ok(url) => format!("{}/{account}/{name}", url.as_str().trim_end_matches('/')),
            Err(problem) => return Err(failed(problem)),
        };
        let input = json!({"QueueUrl": url, "Entries": entries});
        let changed = patiently(until, LONGEST_ATTEMPT, async |timeout| {
            let operation = "ChangeMessageVisibilityBatch";
            aws.call::<Batched>(Service::Sqs, Some(region), operation, &input, timeout).await
        });
        match changed.await {
            Ok(Batched { failed: entries }) if entries.is_empty() => {}
            // A message that was deleted or received again meanwhile.
            Ok(_) => {}
            Err(error) => result = Err(error),
        }
    }
    result
}

/// Sends messages, and tells how many of them were not taken.
pub async fn send(
    aws: &Aws,
    queue_url: &str,
    bodies: &[String],
    until: Instant,
) -> Result<usize, AwsError> {
    let mut not_taken = 0;
    for batch in bodies.chunks(MAX_ENTRIES) {
        let entries: Vec<Value> = batch
            .iter()
            .enumerate()
            .map(|(index, body)| json!({"Id": index.to_string(), "MessageBody": body}))
            .collect();
        let input = json!({"QueueUrl": queue_url, "Entries": entries});
        let sent: Batched = patiently(until, LONGEST_ATTEMPT, async |timeout| {
            let region = region(queue_url);
            aws.call(Service::Sqs, region, "SendMessageBatch", &input, timeout).await
        })
        .await?;
        not_taken += sent.failed.len();
    }
    Ok(not_taken)
}

/// How many messages are in a queue, visible or not.
pub async fn length(aws: &Aws, queue_url: &str, until: Instant) -> Result<u64, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(default)]
        attributes: std::collections::BTreeMap<String, String>,
    }

    const NAMES: [&str; 3] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ];

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input<'a> {
        queue_url: &'a str,
        attribute_names: [&'static str; 3],
    }

    let input = Input { queue_url, attribute_names: NAMES };
    let answer: Answer = patiently(until, LONGEST_ATTEMPT, async |timeout| {
        aws.call(Service::Sqs, region(queue_url), "GetQueueAttributes", &input, timeout).await
    })
    .await?;
    let number = |name: &str| answer.attributes.get(name)?.parse::<u64>().ok();
    let numbers: Option<Vec<u64>> = NAMES.into_iter().map(number).collect();
    numbers.map(|numbers| numbers.iter().sum()).ok_or(AwsError {
        service: Service::Sqs,
        operation: "GetQueueAttributes",
        problem: Problem::Unreadable,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batched {
    #[serde(default)]
    failed: Vec<Value>,
}

/// The region that is in a queue's URL, as in `https://sqs.eu-west-1.amazonaws.com/…`.
fn region(url: &str) -> Option<&str> {
    let (_, host) = url.split_once("://")?;
    let rest = host.strip_prefix("sqs.")?;
    let (region, rest) = rest.split_once('.')?;
    rest.starts_with("amazonaws.").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_queue_is_in_its_url() {
        let check = |url, expected| assert_eq!(region(url), expected, "{url}");
        check("https://sqs.eu-west-1.amazonaws.com/123456789012/pointers", Some("eu-west-1"));
        check("https://sqs.cn-north-1.amazonaws.com.cn/1/pointers", Some("cn-north-1"));
        check("https://sqs.eusc-de-east-1.amazonaws.eu/1/pointers", Some("eusc-de-east-1"));
        check("http://127.0.0.1:5000/123456789012/pointers", None);
    }

    #[test]
    fn a_pointer_reads_as_what_s3_sends() {
        let body = pointer("b", "logagg/undelivered/a b/+ü", 7);
        let crate::event::Event::Notification(objects) = crate::event::parse(&body).unwrap() else {
            panic!("{body}");
        };
        let [object] = &objects[..] else { panic!("{objects:?}") };
        assert_eq!(object.bucket, "b");
        assert_eq!(object.key.as_deref(), Some("logagg/undelivered/a b/+ü"));
        assert_eq!(object.bytes, 7);
    }
}
