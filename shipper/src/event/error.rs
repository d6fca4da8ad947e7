//! Why an event was not accepted.

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
    /// A backfill request has unknown fields, or fields that do not go together.
    #[error("invalid backfill request: {0}")]
    MalformedBackfill(&'static str),
    /// A slice of a backfill has unknown fields.
    #[error("cannot read a slice of a backfill, which only the shipper and the enforcer create")]
    MalformedSlice,
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
