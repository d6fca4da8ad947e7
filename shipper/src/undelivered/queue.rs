//! The queue for pointers to stored events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::schedule;
use super::storage::LONGEST_ATTEMPT;
use crate::aws::{Aws, AwsError, Problem, Service, retry_until};
use crate::event::Message;

/// The maximum number of entries in a batch request.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_ENTRIES: usize = 10;

/// The maximum message size that a queue can be configured to accept.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_MESSAGE_BYTES: u64 = 1024 * 1024;

/// The longest delay of a message.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// The body of a message that points to an object, in the form of an S3 notification. The key is
/// encoded as S3 does.
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

/// Sets the visibility timeout of messages by their receive counts.
pub async fn delay(aws: &Aws, messages: &[&Message<'_>], until: Instant) -> Result<(), AwsError> {
    const OPERATION: &str = "ChangeMessageVisibilityBatch";

    let mut result = Ok(());
    // A batch has one source; Lambda's batches may be larger than a request.
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
        let url = url(aws, region, account, name, OPERATION)?;
        let input = json!({"QueueUrl": url, "Entries": entries});
        let changed = retry_until(until, LONGEST_ATTEMPT, async |timeout| {
            aws.call::<Batched>(Service::Sqs, Some(region), OPERATION, &input, timeout).await
        });
        // A failed entry is a message that was deleted or received again meanwhile.
        if let Err(error) = changed.await {
            result = Err(error);
        }
    }
    result
}

/// Sends messages, which become visible after `delay` (at most 15 minutes), and returns the number
/// of those that were not accepted.
pub async fn send(
    aws: &Aws,
    queue_url: &str,
    bodies: &[String],
    delay: Duration,
    until: Instant,
) -> Result<usize, AwsError> {
    let mut not_taken = 0;
    for batch in bodies.chunks(MAX_ENTRIES) {
        let entries: Vec<Value> = batch
            .iter()
            .enumerate()
            .map(|(index, body)| {
                let mut entry = json!({"Id": index.to_string(), "MessageBody": body});
                if !delay.is_zero() {
                    entry["DelaySeconds"] = json!(delay.min(LONGEST_DELAY).as_secs());
                }
                entry
            })
            .collect();
        let input = json!({"QueueUrl": queue_url, "Entries": entries});
        let sent: Batched = retry_until(until, LONGEST_ATTEMPT, async |timeout| {
            let region = region(queue_url);
            aws.call(Service::Sqs, region, "SendMessageBatch", &input, timeout).await
        })
        .await?;
        not_taken += sent.failed.len();
    }
    Ok(not_taken)
}

/// The number of messages in a queue, visible or not.
pub async fn length(aws: &Aws, queue_url: &str, until: Instant) -> Result<u64, AwsError> {
    const NAMES: [&str; 3] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ];

    let numbers = retry_until(until, LONGEST_ATTEMPT, async |timeout| {
        attributes(aws, region(queue_url), queue_url, NAMES, timeout).await
    });
    Ok(numbers.await?.iter().sum())
}

/// The maximum message size of a message's queue, by a single attempt.
pub async fn max_message_bytes(
    aws: &Aws,
    message: &Message<'_>,
    timeout: Duration,
) -> Result<u64, AwsError> {
    let (region, account, name) = message.queue().ok_or_else(|| unreadable(GET_ATTRIBUTES))?;
    let url = url(aws, region, account, name, GET_ATTRIBUTES)?;
    let [bytes] = attributes(aws, Some(region), &url, ["MaximumMessageSize"], timeout).await?;
    Ok(bytes)
}

const GET_ATTRIBUTES: &str = "GetQueueAttributes";

/// Numeric attributes of a queue.
async fn attributes<const COUNT: usize>(
    aws: &Aws,
    region: Option<&str>,
    queue_url: &str,
    names: [&str; COUNT],
    timeout: Duration,
) -> Result<[u64; COUNT], AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        #[serde(default)]
        attributes: BTreeMap<String, String>,
    }

    let input = json!({"QueueUrl": queue_url, "AttributeNames": &names[..]});
    let response: Response =
        aws.call(Service::Sqs, region, GET_ATTRIBUTES, &input, timeout).await?;
    let number = |name: &str| response.attributes.get(name)?.parse::<u64>().ok();
    let numbers: Option<Vec<u64>> = names.into_iter().map(number).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| unreadable(GET_ATTRIBUTES))
}

/// The URL of a queue at the endpoint in use.
fn url(
    aws: &Aws,
    region: &str,
    account: &str,
    name: &str,
    operation: &'static str,
) -> Result<String, AwsError> {
    let endpoint = aws.endpoint(Service::Sqs, Some(region)).map_err(|problem| AwsError {
        service: Service::Sqs,
        operation,
        problem,
    })?;
    Ok(format!("{}/{account}/{name}", endpoint.as_str().trim_end_matches('/')))
}

fn unreadable(operation: &'static str) -> AwsError {
    AwsError { service: Service::Sqs, operation, problem: Problem::Unreadable }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batched {
    #[serde(default)]
    failed: Vec<Value>,
}

/// The region in a queue's URL, such as `https://sqs.eu-west-1.amazonaws.com/…`, also with FIPS and
/// dual-stack.
fn region(url: &str) -> Option<&str> {
    let (_, host) = url.split_once("://")?;
    let rest = host.strip_prefix("sqs.").or_else(|| host.strip_prefix("sqs-fips."))?;
    let (region, rest) = rest.split_once('.')?;
    let is_aws = ["amazonaws.", "api.aws", "api.amazonwebservices."]
        .iter()
        .any(|domain| rest.starts_with(domain));
    is_aws.then_some(region)
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
        check("https://sqs-fips.us-east-1.amazonaws.com/1/pointers", Some("us-east-1"));
        check("https://sqs-fips.us-gov-east-1.api.aws/1/pointers", Some("us-gov-east-1"));
        check("https://sqs.cn-north-1.api.amazonwebservices.com.cn/1/p", Some("cn-north-1"));
        check("http://127.0.0.1:5000/123456789012/pointers", None);
    }

    #[test]
    fn a_pointer_has_the_form_of_an_s3_notification() {
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
