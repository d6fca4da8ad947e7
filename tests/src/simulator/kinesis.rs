//! Kinesis Data Streams: whether a stream is there, and who reads it.

use std::time::SystemTime;

use serde_json::json;

use super::clock::seconds;
use super::input::{Input, Text};
use super::place::Place;
use super::refusal::Refusal;
use super::token;
use super::world::{Scope, json_body};

const NAME: Text = Text::of(1, 128)
    .matching("[a-zA-Z0-9_.-]+", |c| c.is_ascii_alphanumeric() || "_.-".contains(c));
const ARN: Text = Text::of(1, 2_048);
const PAGE: u16 = 100;

/// A stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) created: SystemTime,
    /// The names of its registered consumers.
    pub(super) consumers: Vec<String>,
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "DescribeStreamSummary" => describe_summary(scope, input),
        "ListStreamConsumers" => list_consumers(scope, input),
        other => unreachable!("{other} is no operation of Kinesis"),
    }
}

fn describe_summary(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.text("StreamName", NAME);
    let stream_arn = input.text("StreamARN", ARN);
    input.finish()?;
    let name = match (name, stream_arn) {
        (Some(name), None) => name,
        (name, Some(stream_arn)) => {
            let named = name_of(&stream_arn).to_owned();
            if name.is_some_and(|name| name != named) {
                let message = "StreamName and StreamARN name different streams.";
                return Err(Refusal::bad("InvalidArgumentException", message));
            }
            named
        }
        (None, None) => {
            let message = "Either StreamName or StreamARN must be given.";
            return Err(Refusal::bad("InvalidArgumentException", message));
        }
    };
    let place = scope.place;
    let stream = find(scope, &name)?;
    Ok(json_body(&json!({"StreamDescriptionSummary": {
        "StreamName": name,
        "StreamARN": arn(place, &name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": seconds(stream.created),
        "EnhancedMonitoring": [],
        "EncryptionType": "NONE",
        "OpenShardCount": 4,
        "ConsumerCount": stream.consumers.len(),
    }})))
}

/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListStreamConsumers.html>
fn list_consumers(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let stream_arn = input.required("StreamARN", ARN);
    let size = input.page("MaxResults", PAGE);
    let token = input.text("NextToken", Text::of(1, 1_048_576));
    input.finish()?;
    let (now, place) = (scope.now, scope.place);
    let stream = find(scope, name_of(&stream_arn))?;
    let listing = format!("consumers {stream_arn}");
    let start = match token {
        Some(token) => token::redeem(&listing, &token, now)
            .and_then(|start| start.parse::<usize>().ok())
            .ok_or_else(|| Refusal::bad("ExpiredNextTokenException", "NextToken is not valid."))?,
        None => 0,
    };
    let name = name_of(&stream_arn);
    let created = seconds(stream.created);
    let consumers: Vec<_> = stream
        .consumers
        .iter()
        .skip(start)
        .take(size)
        .map(|consumer| {
            let stream = arn(place, name);
            json!({
                "ConsumerName": consumer,
                "ConsumerARN": format!("{stream}/consumer/{consumer}:{}", created.trunc()),
                "ConsumerStatus": "ACTIVE",
                "ConsumerCreationTimestamp": created,
            })
        })
        .collect();
    let next = start + consumers.len();
    let mut answer = json!({"Consumers": consumers});
    if next < stream.consumers.len() {
        answer["NextToken"] = token::issue(&listing, &next.to_string(), now).into();
    }
    Ok(json_body(&answer))
}

/// The ARN of a stream here.
pub(super) fn arn(place: &Place, name: &str) -> String {
    place.arn("kinesis", format_args!("stream/{name}"))
}

fn name_of(arn: &str) -> &str {
    arn.split_once(":stream/").map_or("", |(_, name)| name)
}

fn find<'a>(scope: &'a mut Scope<'_>, name: &str) -> Result<&'a Stream, Refusal> {
    let account = scope.place.account.as_str();
    let missing = || Refusal::missing(format!("Stream {name} under account {account} not found."));
    scope.here().streams.get(name).ok_or_else(missing)
}
