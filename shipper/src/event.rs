//! What Lambda hands over, before anything in it is decoded.
//!
//! The kind of an event is told by its marking field, and an event of another kind is an error
//! that names the fields seen: an event from a trigger that was wired up by mistake is then
//! understood from the error alone. Nothing of an event's content ever goes into an error.

mod batch;
mod kept;

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub use batch::{Message, StreamRecord};

use crate::park::Parked;

/// An event of a kind the shipper knows.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// What CloudWatch Logs sends for a subscription filter: `{"awslogs": {"data": "…"}}`.
    Subscription {
        /// Base64 of gzip of JSON.
        data: Cow<'a, str>,
    },
    /// Records of a Kinesis stream that CloudWatch Logs writes to.
    Kinesis(Vec<StreamRecord<'a>>),
    /// Messages of an SQS queue, with what was parked there or what Lambda has kept.
    Queue(Vec<Message<'a>>),
    /// Something that the shipper has parked.
    Parked(Parked<'a>),
    /// An event that Lambda has kept because the function failed, as its on-failure destination
    /// has it.
    Kept {
        /// The event, as the function was given it.
        event: Cow<'a, str>,
    },
    /// A schedule, or somebody by hand: what lies in S3 is to be sent.
    Replay,
}

/// Why an event was not taken.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EventError {
    /// The event has none of the fields that mark a kind.
    #[error(
        "cannot tell the kind of the event: expected the field \"awslogs\" (a CloudWatch Logs \
         subscription filter), \"Records\" of Kinesis or SQS, or a schedule's event, found {0}; \
         remove the trigger that sends it"
    )]
    UnknownKind(String),
    /// The marking field is there, but not in the shape CloudWatch Logs gives it.
    #[error(
        "cannot read the field \"awslogs\" of the event: expected {{\"data\": \"…\"}} as CloudWatch \
         Logs sends it"
    )]
    Malformed,
    /// The records of a batch are not as the service sends them.
    #[error(
        "cannot read the field \"Records\" of the event: expected records as {0} sends them to a \
         function"
    )]
    MalformedRecords(&'static str),
    /// Something parked, but not in the shape in which it is parked.
    #[error("cannot read what was parked: {0}")]
    MalformedParked(&'static str),
    /// What Lambda has kept lacks the event.
    #[error(
        "cannot read what Lambda has kept of a failed invocation: it holds no event; as the \
         on-failure destination of a Kinesis stream, only S3 is given the records themselves"
    )]
    KeptWithoutEvent,
}

/// Tells what kind of event `raw` is.
pub fn parse(raw: &str) -> Result<Event<'_>, EventError> {
    if let Some(data) = usual(raw) {
        return Ok(Event::Subscription { data: Cow::Borrowed(data) });
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(raw) else {
        let keys = keys(raw);
        return Err(if keys.as_ref().is_some_and(|keys| keys.contains_key("awslogs")) {
            EventError::Malformed
        } else {
            EventError::UnknownKind(seen(raw))
        });
    };
    if let Some(word) = envelope.logagg.and_then(text) {
        return match word.as_ref() {
            "parked" => Parked::parse(raw).map(Event::Parked),
            "replay" => Ok(Event::Replay),
            _ => Err(EventError::UnknownKind(seen(raw))),
        };
    }
    if let Some(awslogs) = envelope.awslogs {
        return Ok(Event::Subscription { data: awslogs.data });
    }
    if let Some(records) = envelope.records {
        return batch::parse(records.get());
    }
    if envelope.request_payload.is_some() || envelope.stream_info.is_some() {
        return kept::parse(envelope.request_payload, envelope.payload);
    }
    if envelope.detail_type.and_then(text).as_deref() == Some("Scheduled Event") {
        return Ok(Event::Replay);
    }
    Err(EventError::UnknownKind(seen(raw)))
}

/// The data of an event for a subscription filter as Lambda writes it, without blanks. Whether it
/// is base64 is seen when it is decoded.
fn usual(raw: &str) -> Option<&str> {
    let data = raw.strip_prefix(r#"{"awslogs":{"data":""#)?.strip_suffix(r#""}}"#)?;
    memchr2(b'"', b'\\', data.as_bytes()).is_none().then_some(data)
}

/// The fields that mark a kind. All but the first are only looked at when they are there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    awslogs: Option<AwsLogs<'a>>,
    #[serde(borrow)]
    logagg: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestPayload")]
    request_payload: Option<&'a RawValue>,
    #[serde(borrow, rename = "KinesisBatchInfo")]
    stream_info: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// A value that is text.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

fn keys(raw: &str) -> Option<BTreeMap<String, IgnoredAny>> {
    serde_json::from_str(raw).ok()
}

/// Names the fields of an event in a bounded number of harmless characters: keys come from
/// outside, and a key that looks like content is shown as `?`.
fn seen(raw: &str) -> String {
    const MOST_KEYS: usize = 10;

    let Some(keys) = keys(raw) else {
        return "something that is not a JSON object".to_owned();
    };
    if keys.is_empty() {
        return "an empty object".to_owned();
    }
    let names: Vec<&str> = keys.keys().take(MOST_KEYS).map(|key| harmless(key)).collect();
    let more = keys.len().saturating_sub(MOST_KEYS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the fields {}{more}", names.join(", "))
}

/// A word from outside, or `?` where it looks like content.
fn harmless(word: &str) -> &str {
    const LONGEST: usize = 40;

    let harmless = !word.is_empty()
        && word.len() <= LONGEST
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
    if harmless { word } else { "?" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_subscription_event_and_passes_over_fields_it_does_not_know() {
        let event = parse(r#"{"extra":[1],"awslogs":{"data":"H4sI","more":{}}}"#);
        assert_eq!(event, Ok(Event::Subscription { data: "H4sI".into() }));
    }

    #[test]
    fn borrows_the_data_of_the_event() {
        let Ok(Event::Subscription { data }) = parse(r#"{"awslogs":{"data":"H4sI"}}"#) else {
            panic!("not taken");
        };
        assert!(matches!(data, Cow::Borrowed(_)));
    }

    #[test]
    fn names_the_fields_of_an_event_of_another_kind_and_nothing_of_their_content() {
        let error = parse(r#"{"Record":[{"body":"s3cr3t"}],"detail-type":1,"a b":2}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("found the fields Record, ?, detail-type;"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn says_so_when_the_event_is_no_object() {
        for raw in ["[1]", "\"text\"", "null", "12"] {
            let error = parse(raw).unwrap_err().to_string();
            assert!(error.contains("something that is not a JSON object"), "{error}");
        }
        let error = parse("{}").unwrap_err().to_string();
        assert!(error.contains("an empty object"), "{error}");
    }

    #[test]
    fn tells_a_subscription_event_without_data_from_an_unknown_one() {
        for raw in [r#"{"awslogs":{}}"#, r#"{"awslogs":"x"}"#, r#"{"awslogs":{"data":5}}"#] {
            assert_eq!(parse(raw), Err(EventError::Malformed), "{raw}");
        }
    }

    #[test]
    fn a_schedule_and_a_word_by_hand_both_ask_for_a_replay() {
        let scheduled = r#"{"version":"0","id":"x","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;
        assert_eq!(parse(scheduled), Ok(Event::Replay));
        assert_eq!(parse(r#"{"logagg":"replay"}"#), Ok(Event::Replay));
        for raw in [
            r#"{"logagg":"repaly"}"#,
            r#"{"logagg":5}"#,
            r#"{"detail-type":"AWS API Call via CloudTrail"}"#,
        ] {
            assert!(matches!(parse(raw), Err(EventError::UnknownKind(_))), "{raw}");
        }
    }
}
