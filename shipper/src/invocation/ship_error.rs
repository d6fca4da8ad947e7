//! Why an invocation failed.

use crate::aws::AwsError;
use crate::backfill::BackfillError;
use crate::decode::DecodeError;
use crate::event::EventError;

/// Why an invocation failed. Lambda retries the event, and finally sends it to the function's
/// on-failure destination.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The event is not supported.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The event's data cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Some records were not delivered.
    #[error("some records were not delivered: {0}")]
    Undelivered(String),
    /// The destination of a replay request is not configured.
    #[error("cannot replay: the destination \"{0}\" is not configured")]
    NoDestination(String),
    /// Parts of a batch must be retried, and partial failures cannot be reported.
    #[error("{0} of {1} records of the batch are returned for a retry{2}")]
    Batch(usize, usize, String),
    /// There is no storage to replay from.
    #[error("cannot replay: there is no storage, since \"undelivered\" is not configured")]
    NothingToReplay,
    /// There is no queue for pointers.
    #[error(
        "cannot replay: \"undelivered.queue_url\" is not configured; set it to the URL of the \
         queue that S3 notifies, or set \"dry_run\""
    )]
    NoQueue,
    /// The queue did not accept all pointers.
    #[error(
        "cannot replay: messages not accepted by the queue: {0}; continue with \"after\" set to \
         \"continue_after\""
    )]
    NotEnqueued(usize),
    /// The storage cannot be read.
    #[error("cannot replay: {0}")]
    Replay(#[from] AwsError),
    /// A backfill was not planned.
    #[error("cannot backfill: {0}")]
    Backfill(#[from] BackfillError),
    /// A slice of a backfill is not finished, and only this event has it.
    #[error("the slice of the backfill is not finished; see the warnings")]
    SliceLeft,
    /// An internal error. The panic message is omitted, because it may quote a log event.
    #[error("internal error (a panic); this is a bug, please report it")]
    Panicked,
}

impl ShipError {
    /// The error type that Lambda reports.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "Logagg.UnknownEvent",
            Self::Decode(_) => "Logagg.UndecodableEvent",
            Self::Undelivered(_) => "Logagg.Undelivered",
            Self::NoDestination(_) => "Logagg.NoDestination",
            Self::Batch(..) => "Logagg.BatchFailed",
            Self::NothingToReplay | Self::NoQueue | Self::NotEnqueued(_) | Self::Replay(_) => {
                "Logagg.NotReplayed"
            }
            Self::Backfill(_) | Self::SliceLeft => "Logagg.NotBackfilled",
            Self::Panicked => "Logagg.Panicked",
        }
    }
}
