//! An event, and the records and messages that it contains.

use std::borrow::Cow;
use std::time::SystemTime;

use super::backfill::BackfillRequest;
use super::replay::ReplayRequest;
use super::slice::Slice;

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
    /// A backfill, requested by an operator.
    Backfill(BackfillRequest),
    /// A slice of a backfill.
    Slice(Slice),
}

/// A record of a Kinesis stream.
#[derive(Debug, PartialEq)]
pub struct StreamRecord<'a> {
    /// Its identifier in the response to Lambda.
    pub sequence_number: Cow<'a, str>,
    /// Base64 of the gzip-compressed JSON that CloudWatch Logs wrote.
    pub data: Cow<'a, str>,
    /// When it arrived in the stream.
    pub arrived: SystemTime,
}

/// A message of an SQS queue.
#[derive(Debug, PartialEq)]
pub struct Message<'a> {
    /// Its identifier in the response to Lambda.
    pub id: Cow<'a, str>,
    /// Its identifier for calls of SQS.
    pub receipt_handle: Option<Cow<'a, str>>,
    /// How many times it was received, including this one.
    pub receive_count: u32,
    /// The ARN of its queue.
    pub queue_arn: Option<Cow<'a, str>>,
    /// Its body.
    pub body: Cow<'a, str>,
}

impl Message<'_> {
    /// Region, account and name of its queue.
    pub fn queue(&self) -> Option<(&str, &str, &str)> {
        let mut parts = self.queue_arn.as_deref()?.splitn(6, ':').skip(3);
        Some((parts.next()?, parts.next()?, parts.next()?))
    }
}

/// An object in an S3 notification.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectPointer<'a> {
    /// Its bucket's name.
    pub bucket: Cow<'a, str>,
    /// Its key; `None` if its encoding is invalid.
    pub key: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
}
