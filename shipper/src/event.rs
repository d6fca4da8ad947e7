//! Lambda events, before their data is decoded.
//!
//! The kind of an event is determined by its marker field. An unknown event is an error that names
//! the fields of the event, so that the trigger that sends it can be found from the error alone.
//! Errors never contain the content of an event.

mod batch;
mod on_failure_record;
mod replay;

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub use batch::{Message, ObjectPointer, StreamRecord};
pub use on_failure_record::unqualified;
pub use replay::ReplayRequest;
pub(crate) use replay::parse_time;

/// An event.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// A delivery of a subscription filter: `{"awslogs": {"data": "…"}}`.
    Subscription {
        /// Base64 of gzip of JSON.
        data: Cow<'a, str>,
    },
    /// Records of a Kinesis stream that CloudWatch Logs writes to.
    Kinesis(Vec<StreamRecord<'a>>),
    /// Messages of an SQS queue, with pointers to stored events or on-failure records of Lambda.
    Queue(Vec<Message<'a>>),
    /// An S3 notification about objects.
    Notification(Vec<ObjectPointer<'a>>),
    /// The test event of S3 notifications.
    NotificationTest,
    /// An on-failure record of Lambda about an invocation that failed.
    OnFailure {
        /// The event of that invocation.
        event: Cow<'a, str>,
        /// The function.
        function_arn: Option<Cow<'a, str>>,
    },
    /// A replay of stored events, requested by an operator, or their number, requested by a
    /// schedule.
    Replay(ReplayRequest),
}

/// Why an event was not accepted.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EventError {
    /// The event has no marker field.
    #[error(
        "unknown event: expected the field \"awslogs\" (a CloudWatch Logs subscription filter), \
         \"Records\" of Kinesis or SQS, or a schedule's event, found {0}; remove the trigger \
         that sends it"
    )]
    UnknownKind(String),
    /// The marker field does not have the shape that CloudWatch Logs sends.
    #[error(
        "cannot read the field \"awslogs\" of the event: expected {{\"data\": \"…\"}} as CloudWatch \
         Logs sends it"
    )]
    Malformed,
    /// The records of a batch do not have the shape that the service sends.
    #[error(
        "cannot read the field \"Records\" of the event: expected records as {0} sends them to a \
         function"
    )]
    MalformedRecords(&'static str),
    /// A replay request has unknown fields.
    #[error(
        "invalid replay request: expected only \"destination\", \"from\", \"to\" (a time such as \
         \"2026-11-29T10:00:00Z\"), \"dry_run\" and \"after\""
    )]
    MalformedReplay,
    /// S3 invokes the function directly.
    #[error(
        "S3 must not invoke the function directly: send its notifications to an SQS queue, and \
         map the queue to the function"
    )]
    NotificationOutsideQueue,
    /// The record does not contain the event.
    #[error(
        "cannot read Lambda's on-failure record: it contains no event; for a Kinesis stream use \
         S3 as the on-failure destination, the only one that receives the records"
    )]
    RecordWithoutEvent,
    /// The record is from another function.
    #[error("Lambda's on-failure record is from another function")]
    ForeignRecord,
}

/// Determines the kind of `raw`.
pub fn parse(raw: &str) -> Result<Event<'_>, EventError> {
    if let Some(data) = fast_path(raw) {
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
        match word.as_ref() {
            "replay" => return ReplayRequest::parse(raw).map(Event::Replay),
            // An event that was stored because it could not be decoded.
            "undecodable" if envelope.awslogs.is_some() => {}
            _ => return Err(EventError::UnknownKind(seen(raw))),
        }
    }
    if let Some(awslogs) = envelope.awslogs {
        return Ok(Event::Subscription { data: awslogs.data });
    }
    if let Some(records) = envelope.records {
        return batch::parse(records.get());
    }
    if envelope.request_payload.is_some() || envelope.stream_info.is_some() {
        let context = envelope.request_context;
        return on_failure_record::parse(context, envelope.request_payload, envelope.payload);
    }
    if envelope.detail_type.and_then(text).as_deref() == Some("Scheduled Event") {
        return Ok(Event::Replay(ReplayRequest::scheduled()));
    }
    if envelope.event.and_then(text).as_deref() == Some("s3:TestEvent") {
        return Ok(Event::NotificationTest);
    }
    Err(EventError::UnknownKind(seen(raw)))
}

/// The data of a subscription event in the form that Lambda writes, without white space. Whether it
/// is valid base64 is checked when it is decoded.
fn fast_path(raw: &str) -> Option<&str> {
    let data = raw.strip_prefix(r#"{"awslogs":{"data":""#)?.strip_suffix(r#""}}"#)?;
    memchr2(b'"', b'\\', data.as_bytes()).is_none().then_some(data)
}

/// The marker fields. All but the first are parsed only if needed.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    awslogs: Option<AwsLogs<'a>>,
    #[serde(borrow)]
    logagg: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestContext")]
    request_context: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestPayload")]
    request_payload: Option<&'a RawValue>,
    #[serde(borrow, rename = "KinesisBatchInfo")]
    stream_info: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow, rename = "Event")]
    event: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// A string value.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

fn keys(raw: &str) -> Option<BTreeMap<String, IgnoredAny>> {
    serde_json::from_str(raw).ok()
}

/// The field names of an event, limited in number and characters: names are untrusted, and a name
/// that looks like content is shown as `?`.
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

/// An untrusted word, or `?` if it looks like content.
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
    fn a_subscription_event_may_have_unknown_fields() {
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
    fn an_unknown_event_is_reported_by_its_fields_without_their_content() {
        let error = parse(r#"{"Record":[{"body":"s3cr3t"}],"detail-type":1,"a b":2}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("found the fields Record, ?, detail-type;"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn an_event_that_is_not_an_object_is_reported() {
        for raw in ["[1]", "\"text\"", "null", "12"] {
            let error = parse(raw).unwrap_err().to_string();
            assert!(error.contains("something that is not a JSON object"), "{error}");
        }
        let error = parse("{}").unwrap_err().to_string();
        assert!(error.contains("an empty object"), "{error}");
    }

    #[test]
    fn a_subscription_event_without_data_is_not_unknown() {
        for raw in [r#"{"awslogs":{}}"#, r#"{"awslogs":"x"}"#, r#"{"awslogs":{"data":5}}"#] {
            assert_eq!(parse(raw), Err(EventError::Malformed), "{raw}");
        }
    }

    #[test]
    fn a_schedule_requests_numbers_and_an_operator_a_replay() {
        let scheduled = r#"{"version":"0","id":"x","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;
        assert_eq!(parse(scheduled), Ok(Event::Replay(ReplayRequest::scheduled())));
        assert_eq!(parse(r#"{"logagg":"replay"}"#), Ok(Event::Replay(ReplayRequest::default())));
        for raw in [
            r#"{"logagg":"repaly"}"#,
            r#"{"logagg":5}"#,
            r#"{"detail-type":"AWS API Call via CloudTrail"}"#,
        ] {
            assert!(matches!(parse(raw), Err(EventError::UnknownKind(_))), "{raw}");
        }
    }
}
