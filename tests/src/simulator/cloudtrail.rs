//! CloudTrail: every write to CloudWatch Logs, delivered late and out of order.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::calls::{Call, Write};
use super::clock::{iso, millis, seconds};
use super::iam::Who;
use super::input::{Input, Text};
use super::refusal::Refusal;
use super::token;
use super::world::{Scope, json_body};

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const PAGE: u16 = 50;
const KEPT: Duration = Duration::from_hours(90 * 24);
const SOURCE: &str = "logs.amazonaws.com";
const KEYS: [&str; 8] = [
    "EventId",
    "EventName",
    "ReadOnly",
    "Username",
    "ResourceType",
    "ResourceName",
    "EventSource",
    "AccessKeyId",
];

/// The events of one account in one region, in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Trail(Vec<Event>);

impl Trail {
    pub(super) fn add(&mut self, event: Event) {
        self.0.push(event);
    }
}

/// A recorded call.
#[derive(Debug, Clone)]
pub(super) struct Event {
    id: String,
    at: SystemTime,
    delivered: SystemTime,
    name: &'static str,
    access_key: String,
    user: String,
    /// The event as CloudTrail writes it to a bucket.
    record: Value,
}

impl Event {
    pub(super) fn of(write: &Write, who: &Who, delivered: SystemTime, id: u128) -> Self {
        let Write { at, call, input, refused } = write;
        let Call { operation, place, .. } = call;
        let id = uuid(id);
        let kind = if who.arn.contains(":assumed-role/") { "AssumedRole" } else { "IAMUser" };
        let user = who.arn.rsplit('/').next().unwrap_or_default().to_owned();
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": kind,
                "principalId": who.id,
                "arn": who.arn,
                "accountId": who.account,
                "accessKeyId": who.access_key,
            },
            "eventTime": iso(*at),
            "eventSource": SOURCE,
            "eventName": operation,
            "awsRegion": place.region,
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "simulator",
            "requestParameters": input,
            "responseElements": null,
            "requestID": id,
            "eventID": id,
            "readOnly": false,
            "eventType": "AwsApiCall",
            "apiVersion": "20140328",
            "managementEvent": true,
            "recipientAccountId": place.account,
            "eventCategory": "Management",
        });
        if let Some(code) = refused {
            let denied = code == "AccessDeniedException";
            record["errorCode"] = if denied { "AccessDenied" } else { code }.into();
        }
        Self {
            id,
            at: *at,
            delivered,
            name: operation,
            access_key: who.access_key.clone(),
            user,
            record,
        }
    }

    fn has(&self, key: &str, value: &str) -> bool {
        match key {
            "EventId" => self.id == value,
            "EventName" => self.name == value,
            "ReadOnly" => value == "false",
            "Username" => self.user == value,
            "EventSource" => value == SOURCE,
            "AccessKeyId" => self.access_key == value,
            // CloudTrail names no resources for CloudWatch Logs.
            _ => false,
        }
    }

    /// Newest first, and in one order among those of the same millisecond.
    fn order(&self) -> (Reverse<u64>, &str) {
        (Reverse(millis(self.at)), &self.id)
    }

    fn shown(&self) -> Value {
        json!({
            "EventId": self.id,
            "EventName": self.name,
            "ReadOnly": "false",
            "AccessKeyId": self.access_key,
            "EventTime": seconds(self.at).trunc(),
            "EventSource": SOURCE,
            "Username": self.user,
            "Resources": [],
            "CloudTrailEvent": self.record.to_string(),
        })
    }
}

fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "LookupEvents" => lookup(scope, input),
        other => unreachable!("{other} is no operation of CloudTrail"),
    }
}

fn lookup(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let attributes = input.structures("LookupAttributes", (0, 1), |input| {
        let key = input.choice("AttributeKey", &KEYS).unwrap_or_default();
        (key, input.required("AttributeValue", Text::of(1, 2_000)))
    });
    let start = input.seconds("StartTime");
    let end = input.seconds("EndTime");
    let size = input.page("MaxResults", PAGE);
    let token = input.text("NextToken", Text::of(1, 4_096));
    input.finish()?;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        let message = "The specified time range is not valid.";
        return Err(Refusal::bad("InvalidTimeRangeException", message));
    }
    let attribute = attributes.unwrap_or_default().into_iter().next();
    let now = scope.now;
    let listing = format!("events {} {attribute:?} {start:?} {end:?}", scope.place);
    let after = match token {
        Some(token) => Some(
            token::redeem(&listing, &token, now)
                .and_then(|last| {
                    let (at, id) = last.split_once('|')?;
                    Some((Reverse(at.parse::<u64>().ok()?), id.to_owned()))
                })
                .ok_or_else(|| {
                    Refusal::bad("InvalidNextTokenException", "The specified token is not valid.")
                })?,
        ),
        None => None,
    };
    // Whole seconds is what CloudTrail keeps of an event's time.
    let in_range = |event: &Event| {
        let at = seconds(event.at).trunc();
        start.is_none_or(|start| start <= at) && end.is_none_or(|end| at <= end)
    };
    let oldest = now.checked_sub(KEPT).unwrap_or(UNIX_EPOCH);
    let mut matching: Vec<_> = scope
        .here()
        .trail
        .0
        .iter()
        .filter(|event| {
            event.delivered <= now
                && event.at >= oldest
                && in_range(event)
                && attribute.as_ref().is_none_or(|(key, value)| event.has(key, value))
                && after.as_ref().is_none_or(|(at, id)| event.order() > (*at, id.as_str()))
        })
        .collect();
    matching.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
    let shown = &matching[..size.min(matching.len())];
    let mut answer = json!({"Events": shown.iter().map(|event| event.shown()).collect::<Vec<_>>()});
    if let (Some(last), true) = (shown.last(), matching.len() > size) {
        let last = format!("{}|{}", millis(last.at), last.id);
        answer["NextToken"] = token::issue(&listing, &last, now).into();
    }
    Ok(json_body(&answer))
}
