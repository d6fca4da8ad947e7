//! Lambda events, before their data is decoded.
//!
//! The kind of an event is determined by its marker field. An unknown event is an error that names
//! the fields of the event, so that the trigger that sends it can be found from the error alone.
//! Errors never contain the content of an event.

mod backfill;
mod batch;
mod error;
mod field_names;
mod json_string;
mod lambda_event;
mod on_failure_record;
mod replay;
mod slice;

use std::borrow::Cow;

use memchr::memchr2;
use serde::Deserialize;
use serde_json::value::RawValue;

pub use backfill::{BackfillRequest, LogGroups};
pub use error::EventError;
pub use lambda_event::{Event, Message, ObjectPointer, StreamRecord};
pub use on_failure_record::unqualified;
pub use replay::ReplayRequest;
pub(crate) use replay::parse_time;
pub use slice::Slice;

use field_names::{keys, seen};
use json_string::text;

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
            "backfill" => return BackfillRequest::parse(raw).map(Event::Backfill),
            Slice::NAME => {
                let slice = serde_json::from_str(raw).map_err(|_| EventError::MalformedSlice)?;
                return Ok(Event::Slice(slice));
            }
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
