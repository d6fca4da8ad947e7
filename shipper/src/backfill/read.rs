//! Reads log groups and log events from CloudWatch Logs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::plan::{LogGroup, Window};
use crate::aws::{Aws, AwsError, Problem, Service, retry_until};

/// The timeout of an attempt.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(15);

/// The maximum page size of DescribeLogGroups.
const GROUPS_PER_PAGE: u32 = 50;

const FILTER: &str = "FilterLogEvents";
const DESCRIBE: &str = "DescribeLogGroups";

/// A page of log groups, in the order of their names.
pub(crate) struct Groups {
    pub(crate) groups: Vec<LogGroup>,
    pub(crate) next: Option<String>,
}

/// A page of log events.
pub(crate) struct Page {
    body: Bytes,
    /// The token of the next page. An empty page can have one.
    pub(crate) next: Option<String>,
    /// The number of log events.
    pub(crate) log_events: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(default)]
    log_groups: Vec<DescribedGroup>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedGroup {
    log_group_name: String,
    #[serde(default)]
    creation_time: u64,
    retention_in_days: Option<u32>,
    #[serde(default)]
    stored_bytes: u64,
    log_group_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filtered<'a> {
    #[serde(borrow, default)]
    events: Vec<Found<'a>>,
    next_token: Option<String>,
}

/// A log event. What is copied stays as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(borrow)]
    log_stream_name: Cow<'a, str>,
    #[serde(borrow)]
    event_id: &'a RawValue,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    message: &'a RawValue,
}

/// A page of the log groups with this prefix. A token that repeats is an error: the rest of them
/// would be missing.
pub(crate) async fn log_groups(
    aws: &Aws,
    prefix: &str,
    token: Option<&str>,
    until: Instant,
) -> Result<Groups, AwsError> {
    let mut input = json!({"logGroupNamePrefix": prefix, "limit": GROUPS_PER_PAGE});
    if let Some(token) = token {
        input["nextToken"] = json!(token);
    }
    let described: Described = retry_until(until, LONGEST_ATTEMPT, async |timeout| {
        aws.call(Service::CloudWatchLogs, None, DESCRIBE, &input, timeout).await
    })
    .await?;
    let next = described.next_token.filter(|next| !next.is_empty());
    if next.is_some() && next.as_deref() == token {
        let (service, problem) = (Service::CloudWatchLogs, Problem::Unreadable);
        return Err(AwsError { service, operation: DESCRIBE, problem });
    }
    let groups = described.log_groups.into_iter().map(|group| LogGroup {
        name: group.log_group_name,
        created: SystemTime::UNIX_EPOCH + Duration::from_millis(group.creation_time),
        retention: group
            .retention_in_days
            .map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60)),
        stored_bytes: group.stored_bytes,
        class: group.log_group_class.unwrap_or_else(|| "STANDARD".to_owned()),
    });
    Ok(Groups { groups: groups.collect(), next })
}

/// A page of the log events of a log group in a window, of at most `limit`. Counts attempts.
pub(crate) async fn log_events(
    aws: &Aws,
    (log_group, window): (&str, Window),
    (token, limit): (Option<&str>, Option<u32>),
    until: Instant,
    calls: &mut u64,
) -> Result<Page, AwsError> {
    let millis = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    };
    // Both times are inclusive.
    let mut input = json!({
        "logGroupName": log_group,
        "startTime": millis(window.from),
        "endTime": millis(window.to).saturating_sub(1),
    });
    let fields: [(&str, Option<Value>); 2] = [
        ("nextToken", token.map(|token| json!(token))),
        ("limit", limit.map(|limit| json!(limit))),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            input[name] = value;
        }
    }
    retry_until(until, LONGEST_ATTEMPT, async |timeout| {
        *calls += 1;
        let service = Service::CloudWatchLogs;
        let fails = |problem| AwsError { service, operation: FILTER, problem };
        let request = aws.json_request(service, None, FILTER, &input).map_err(fails)?;
        let body = aws.send(service, None, FILTER, request, timeout).await?.body;
        let page: Filtered<'_> =
            serde_json::from_slice(&body).map_err(|_| fails(Problem::Unreadable))?;
        let (log_events, next) = (page.events.len(), page.next_token);
        Ok(Page { body, next, log_events })
    })
    .await
}

impl Page {
    /// The log events as CloudWatch Logs delivers them: a delivery for each log stream, in the order
    /// of the page.
    pub(crate) fn deliveries(&self, account: &str, log_group: &str) -> Vec<Bytes> {
        let mut streams: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let events = self.events();
        for event in &events {
            let stream = event.log_stream_name.as_ref();
            let place = *places.entry(stream).or_insert_with(|| {
                streams.push((stream, Vec::new()));
                streams.len() - 1
            });
            let body = &mut streams[place].1;
            if !body.is_empty() {
                body.push(b',');
            }
            let [id, timestamp, message] =
                [event.event_id, event.timestamp, event.message].map(RawValue::get);
            write!(body, r#"{{"id":{id},"timestamp":{timestamp},"message":{message}}}"#)
                .expect("writing to memory cannot fail");
        }
        let delivery = |(stream, events): (&str, Vec<u8>)| {
            let [owner, group, stream] = [account, log_group, stream].map(|name| json!(name));
            let mut body = format!(
                r#"{{"messageType":"DATA_MESSAGE","owner":{owner},"logGroup":{group},"logStream":{stream},"subscriptionFilters":[],"logEvents":["#
            )
            .into_bytes();
            body.extend(events);
            body.extend(b"]}");
            Bytes::from(body)
        };
        streams.into_iter().map(delivery).collect()
    }

    /// The bytes of the messages, as CloudWatch Logs counts them: UTF-8, and 26 per log event.
    ///
    /// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
    pub(crate) fn bytes(&self) -> u64 {
        let size = |event: &Found<'_>| {
            let message: Option<Cow<'_, str>> = serde_json::from_str(event.message.get()).ok();
            message.map_or(0, |message| message.len() as u64) + 26
        };
        self.events().iter().map(size).sum()
    }

    fn events(&self) -> Vec<Found<'_>> {
        // It was parsed before.
        serde_json::from_slice::<Filtered<'_>>(&self.body)
            .map(|page| page.events)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    #[test]
    fn log_events_of_a_page_become_deliveries_by_log_stream() {
        let body = br#"{"events":[
            {"logStreamName":"b","timestamp":2,"message":"x \"y\"\n","ingestionTime":9,"eventId":"1"},
            {"logStreamName":"a","timestamp":3,"message":"\ud800","ingestionTime":9,"eventId":"2"},
            {"logStreamName":"b","timestamp":4,"message":"z","ingestionTime":9,"eventId":"3"}
        ],"nextToken":"t"}"#;
        let page = Page { body: Bytes::from_static(body), next: None, log_events: 3 };
        let deliveries = page.deliveries("123456789012", "/g");
        let strings = &mut [Vec::new(), Vec::new()];
        let found: Vec<_> = deliveries
            .iter()
            .zip(strings)
            .map(|(delivery, strings)| {
                let delivery = decode::parse(delivery, strings).unwrap();
                let events = delivery.log_events.iter();
                let events =
                    events.map(|event| (event.id.to_string(), event.message.0.to_string()));
                (delivery.log_stream.to_string(), events.collect::<Vec<_>>())
            })
            .collect();
        let event = |id: &str, message: &str| (id.to_owned(), message.to_owned());
        assert_eq!(
            found,
            [
                ("b".to_owned(), vec![event("1", "x \"y\"\n"), event("3", "z")]),
                ("a".to_owned(), vec![event("2", "\u{fffd}")]),
            ]
        );
    }
}
