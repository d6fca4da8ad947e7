//! Batches of event source mappings, from a Kinesis stream or an SQS queue, and the S3
//! notifications that such a queue may contain.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::EventError;
use super::field_names::harmless;
use super::lambda_event::{Event, Message, ObjectPointer, StreamRecord};
use crate::undelivered::object_key;

/// Parses `Records`, which all have the same source.
pub(super) fn parse(records: &str) -> Result<Event<'_>, EventError> {
    let Ok(raw) = serde_json::from_str::<Vec<&RawValue>>(records) else {
        return Err(EventError::UnknownKind("\"Records\" that is not a list".to_owned()));
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
        "aws:s3" => list(records, "S3", S3::pointer).map(Event::Notification),
        "" => Err(EventError::UnknownKind("\"Records\" without a source".to_owned())),
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
    /// With an empty identifier in the response, Lambda would retry the whole batch.
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
    receipt_handle: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(borrow, default)]
    attributes: Attributes<'a>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes<'a> {
    #[serde(borrow)]
    approximate_receive_count: Option<Cow<'a, str>>,
}

impl<'a> Sqs<'a> {
    fn message(self) -> Option<Message<'a>> {
        let known = self.event_source == "aws:sqs" && !self.message_id.is_empty();
        let count = self.attributes.approximate_receive_count;
        known.then(|| Message {
            id: self.message_id,
            receipt_handle: self.receipt_handle,
            receive_count: count.and_then(|count| count.parse().ok()).unwrap_or(1),
            queue_arn: self.event_source_arn,
            body: self.body,
        })
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3<'a> {
    #[serde(borrow)]
    event_source: Cow<'a, str>,
    #[serde(borrow)]
    s3: InBucket<'a>,
}

#[derive(Deserialize)]
struct InBucket<'a> {
    #[serde(borrow)]
    bucket: BucketName<'a>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct BucketName<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Without `versionId`: the current object is delivered, whatever version the notification was
/// about.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(default)]
    size: u64,
}

impl<'a> S3<'a> {
    fn pointer(self) -> Option<ObjectPointer<'a>> {
        (self.event_source == "aws:s3").then(|| ObjectPointer {
            bucket: self.s3.bucket.name,
            key: object_key::decoded(&self.s3.object.key),
            bytes: self.s3.object.size,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::parse;

    use super::*;

    #[test]
    fn parses_records_of_a_stream_in_order() {
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
    fn parses_messages_of_a_queue() {
        let raw = r#"{"Records":[{"messageId":"m-1","receiptHandle":"r","body":"{\"a\":1}",
            "attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"5"},"messageAttributes":{},
            "eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:pointers","eventSource":"aws:sqs"}]}"#;
        let message = Message {
            id: "m-1".into(),
            receipt_handle: Some("r".into()),
            receive_count: 3,
            queue_arn: Some("arn:aws:sqs:eu-west-1:123456789012:pointers".into()),
            body: "{\"a\":1}".into(),
        };
        assert_eq!(message.queue(), Some(("eu-west-1", "123456789012", "pointers")));
        assert_eq!(parse(raw), Ok(Event::Queue(vec![message])));
    }

    /// From AWS's documentation of the notification's structure.
    #[test]
    fn parses_objects_of_a_notification() {
        let raw = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2",
            "eventTime":"1970-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
            "userIdentity":{"principalId":"AIDAJDPLRKLG7UEXAMPLE"},
            "requestParameters":{"sourceIPAddress":"127.0.0.1"},
            "responseElements":{"x-amz-request-id":"C3D13FE58DE4C810"},
            "s3":{"s3SchemaVersion":"1.0","configurationId":"testConfigRule",
            "bucket":{"name":"amzn-s3-demo-bucket","ownerIdentity":{"principalId":"A3NL1KOZZKExample"},
            "arn":"arn:aws:s3:::amzn-s3-demo-bucket"},
            "object":{"key":"Happy+Face%21.jpg","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e",
            "versionId":"096fKKXTRTtl3on89fVO.nfljtsv6qko","sequencer":"0055AED6DCD90281E5"}}}]}"#;
        let pointer = ObjectPointer {
            bucket: "amzn-s3-demo-bucket".into(),
            key: Some("Happy Face!.jpg".to_owned()),
            bytes: 1_024,
        };
        assert_eq!(parse(raw), Ok(Event::Notification(vec![pointer])));
    }

    #[track_caller]
    fn check_error(raw: &str, expected: &str) {
        let error = parse(raw).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn unknown_records_are_named_without_their_content() {
        check_error(
            r#"{"Records":[{"eventSource":"aws:sns","Sns":"s3cr3t"}]}"#,
            "found \"Records\" of aws:sns;",
        );
        check_error(r#"{"Records":[{"eventSource":"s3cr3t thing"}]}"#, "\"Records\" of ?;");
        check_error(r#"{"Records":[{"EventSource":"aws:sns"}]}"#, "without a source");
        check_error(r#"{"Records":[]}"#, "without a record");
        check_error(r#"{"Records":{"eventSource":"s3cr3t"}}"#, "that is not a list");
    }

    #[test]
    fn records_of_another_shape_are_an_error_that_names_the_service() {
        check_error(
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"s3cr3t"}}]}"#,
            "expected records as Kinesis sends them",
        );
        check_error(
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"","data":"s3cr3t"}}]}"#,
            "expected records as Kinesis sends them",
        );
        check_error(
            r#"{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"s3cr3t"}}}]}"#,
            "expected records as S3 sends them",
        );
        check_error(
            r#"{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":"x"},
                {"eventSource":"aws:kinesis","messageId":"m","body":"s3cr3t"}]}"#,
            "expected records as SQS sends them",
        );
    }
}
