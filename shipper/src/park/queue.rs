//! Parking in SQS: a message for each event and destination, or several where one is not enough.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Leftovers, Name, ParkError, ParkProblem, Shelf, Unkept, keep};
use crate::aws::{Aws, Service};

/// The largest message. What is parked is ASCII but for a few names, and goes as it is.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// A queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePlace {
    /// The queue's URL.
    pub url: String,
    /// The URL of another queue, for what is not to be sent again.
    pub dead_url: Option<String>,
}

impl QueuePlace {
    /// Parks records in as many messages as they need, and tells how many of them may be in others as well.
    pub(super) async fn park(
        &self,
        aws: &Aws,
        shelf: Shelf,
        name: &Name,
        leftovers: &Leftovers<'_>,
        now: SystemTime,
        until: Instant,
    ) -> Result<usize, ParkError> {
        let mut records_there = 0;
        let mut records_twice = 0;
        let mut rest = vec![leftovers.clone()];
        while let Some(next) = rest.pop() {
            let document = next.document(now);
            if document.len() > MAX_MESSAGE_BYTES {
                let Some((first, second)) = next.halves() else {
                    let records_there = records_there + records_twice;
                    return Err(ParkError { problem: ParkProblem::TooLarge, records_there });
                };
                rest.extend([second, first]);
                continue;
            }
            // The parts of one event are told apart by where they begin.
            let first = next.records.first().map_or("", |record| record.id);
            let part = format!("{}:{first}", leftovers.destination);
            let name = name.part(&part);
            let message = (document, next.records.len());
            let sent = self.send(aws, shelf, &name, Some(next.destination), message, until);
            match sent.await {
                Ok(twice) => records_twice += twice,
                Err(mut error) => {
                    error.records_there += records_there + records_twice;
                    return Err(error);
                }
            }
            records_there += next.records.len();
        }
        Ok(records_twice)
    }

    /// Sends a message with so many records, and tells how many of them may be in others as well:
    /// those of tries that were not answered.
    pub(super) async fn send(
        &self,
        aws: &Aws,
        shelf: Shelf,
        name: &Name,
        destination: Option<&str>,
        (document, records): (Vec<u8>, usize),
        until: Instant,
    ) -> Result<usize, ParkError> {
        let impossible = |problem| ParkError { problem, records_there: 0 };
        if document.len() > MAX_MESSAGE_BYTES {
            return Err(impossible(ParkProblem::TooLarge));
        }
        let url = match shelf {
            Shelf::Parked => &self.url,
            Shelf::Dead(_) => {
                self.dead_url.as_ref().ok_or_else(|| impossible(ParkProblem::NoShelf))?
            }
        };
        // A queue that keeps an order wants to know of what, and takes nothing twice within some
        // minutes.
        let ordered = url.ends_with(".fifo");
        let name = ordered.then(|| name.to_string());
        let input = SendMessage {
            queue_url: url,
            message_body: String::from_utf8_lossy(&document),
            message_group_id: ordered.then(|| destination.unwrap_or("all")),
            message_deduplication_id: name.as_deref(),
        };
        let sent = keep(until, async |timeout| {
            aws.call(Service::Sqs, region(url), "SendMessage", &input, timeout).await
        });
        match sent.await {
            Ok(_) if ordered => Ok(0),
            Ok((Sent {}, unclear_tries)) => Ok(unclear_tries * records),
            Err(Unkept { error, unclear_tries }) => {
                let messages = if ordered { unclear_tries.min(1) } else { unclear_tries };
                Err(ParkError { problem: error.into(), records_there: messages * records })
            }
        }
    }
}

/// The region that is in a queue's URL, as in `https://sqs.eu-west-1.amazonaws.com/…`.
fn region(url: &str) -> Option<&str> {
    let (_, host) = url.split_once("://")?;
    let rest = host.strip_prefix("sqs.")?;
    let (region, rest) = rest.split_once('.')?;
    rest.starts_with("amazonaws.com").then_some(region)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Sent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_queue_is_in_its_url() {
        let check = |url, expected| assert_eq!(region(url), expected, "{url}");
        check("https://sqs.eu-west-1.amazonaws.com/123456789012/parked", Some("eu-west-1"));
        check("https://sqs.cn-north-1.amazonaws.com.cn/1/parked", Some("cn-north-1"));
        check("http://127.0.0.1:5000/123456789012/parked", None);
        check("https://queue.example/1/parked", None);
    }
}
