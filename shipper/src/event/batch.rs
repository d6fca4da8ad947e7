//! Batches that Lambda polls for: from a Kinesis stream, or from an SQS queue.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Event, EventError, harmless};

/// A record of a Kinesis stream.
#[derive(Debug, PartialEq)]
pub struct StreamRecord<'a> {
    /// What Lambda calls it by.
    pub sequence_number: Cow<'a, str>,
    /// Base64 of what CloudWatch Logs has put: gzip of JSON.
    pub data: Cow<'a, str>,
    /// When it came into the stream.
    pub arrived: SystemTime,
}

/// A message of an SQS queue.
#[derive(Debug, PartialEq)]
pub struct Message<'a> {
    /// What Lambda calls it by.
    pub id: Cow<'a, str>,
    /// Its text.
    pub body: Cow<'a, str>,
}

/// Reads the list in `Records`. A list has one source.
pub(super) fn parse(records: &str) -> Result<Event<'_>, EventError> {
    let Ok(raw) = serde_json::from_str::<Vec<&RawValue>>(records) else {
        return Err(EventError::UnknownKind("\"Records\" that are no list".to_owned()));
    };
    let Some(first) = raw.first() else {
        return Err(EventError::UnknownKind("\"Records\" without a record".to_owned()));
    };
    let source = serde_json::from_str::<Source<'_>>(first.get())
        .ok()
        .and_then(|source| source.event_source)
        .unwrap_or_default();
    match source.as_ref() {
        "aws:kinesis" => list(records, "Kinesis", Kinesis::record).map(Event::Kinesis),
        "aws:sqs" => list(records, "SQS", Sqs::message).map(Event::Queue),
        "" => Err(EventError::UnknownKind("\"Records\" that do not name their source".to_owned())),
        other => Err(EventError::UnknownKind(format!("\"Records\" of {}", harmless(other)))),
    }
}

fn list<'a, Raw: Deserialize<'a>, Record>(
    records: &'a str,
    service: &'static str,
    convert: fn(Raw) -> Option<Record>,
) -> Result<Vec<Record>, EventError> {
    serde_json::from_str::<Vec<Raw>>(records)
        .ok()
        .and_then(|raw| raw.into_iter().map(convert).collect())
        .ok_or(EventError::MalformedRecords(service))
}

#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, rename = "eventSource")]
    event_source: Option<Cow<'a, str>>,
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis<'a> {
    #[serde(borrow)]
    event_source: Cow<'a, str>,
    #[serde(borrow)]
    kinesis: InStream<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InStream<'a> {
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    /// In seconds.
    #[serde(default)]
    approximate_arrival_timestamp: f64,
}

impl<'a> Kinesis<'a> {
    /// An empty number would have Lambda repeat the whole batch, whatever is answered.
    fn record(self) -> Option<StreamRecord<'a>> {
        let known = self.event_source == "aws:kinesis" && !self.kinesis.sequence_number.is_empty();
        let since_1970 =
            Duration::try_from_secs_f64(self.kinesis.approximate_arrival_timestamp).ok();
        known.then(|| StreamRecord {
            sequence_number: self.kinesis.sequence_number,
            data: self.kinesis.data,
            arrived: since_1970
                .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
                .unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sqs<'a> {
    #[serde(borrow)]
    event_source: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

impl<'a> Sqs<'a> {
    fn message(self) -> Option<Message<'a>> {
        let known = self.event_source == "aws:sqs" && !self.message_id.is_empty();
        known.then_some(Message { id: self.message_id, body: self.body })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::parse;

    use super::*;

    #[test]
    fn takes_the_records_of_a_stream_in_their_order() {
        let raw = r#"{"Records":[
            {"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"p","sequenceNumber":"49590338",
                "data":"H4sI","approximateArrivalTimestamp":1545084650.987},
             "eventSource":"aws:kinesis","eventID":"shardId-0:49590338","awsRegion":"eu-west-1"},
            {"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"49590339","data":"AAAA"}}]}"#;
        let arrived = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(1_545_084_650.987);
        let record = |number: &'static str, data: &'static str, arrived| StreamRecord {
            sequence_number: number.into(),
            data: data.into(),
            arrived,
        };
        let expected = vec![
            record("49590338", "H4sI", arrived),
            record("49590339", "AAAA", SystemTime::UNIX_EPOCH),
        ];
        assert_eq!(parse(raw), Ok(Event::Kinesis(expected)));
    }

    #[test]
    fn takes_the_messages_of_a_queue() {
        let raw = r#"{"Records":[{"messageId":"m-1","receiptHandle":"r","body":"{\"a\":1}",
            "attributes":{},"messageAttributes":{},"eventSource":"aws:sqs"}]}"#;
        let message = Message { id: "m-1".into(), body: "{\"a\":1}".into() };
        assert_eq!(parse(raw), Ok(Event::Queue(vec![message])));
    }

    #[track_caller]
    fn check_error(raw: &str, expected: &str) {
        let error = parse(raw).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn records_of_others_are_named_and_nothing_of_their_content() {
        check_error(
            r#"{"Records":[{"eventSource":"aws:s3","s3":"s3cr3t"}]}"#,
            "found \"Records\" of aws:s3;",
        );
        check_error(r#"{"Records":[{"eventSource":"s3cr3t thing"}]}"#, "\"Records\" of ?;");
        check_error(r#"{"Records":[{"EventSource":"aws:sns"}]}"#, "do not name their source");
        check_error(r#"{"Records":[]}"#, "without a record");
        check_error(r#"{"Records":{"eventSource":"s3cr3t"}}"#, "that are no list");
    }

    #[test]
    fn records_in_another_shape_are_an_error_that_names_the_service() {
        check_error(
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"s3cr3t"}}]}"#,
            "expected records as Kinesis sends them",
        );
        check_error(
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"","data":"s3cr3t"}}]}"#,
            "expected records as Kinesis sends them",
        );
        check_error(
            r#"{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":"x"},
                {"eventSource":"aws:kinesis","messageId":"m","body":"s3cr3t"}]}"#,
            "expected records as SQS sends them",
        );
    }
}
