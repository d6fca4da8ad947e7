//! The settings of a delivery.

use std::time::{Duration, SystemTime};

use flate2::Compression;

use super::oversized::Oversized;
use crate::destination::{Limits, RecordFields};

/// The settings of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When the delivery must end: the invocation's deadline less the reserve.
    pub give_up_at: SystemTime,
    /// The timeout of a request.
    pub request_timeout: Duration,
    /// The compression level.
    pub gzip_level: Compression,
    /// How oversized records are handled.
    pub oversized: Oversized,
    /// Whether the fields of JSON messages are sent.
    pub json_fields: JsonFields,
    /// The fields that are sent beside messages.
    pub record_fields: RecordFields,
    /// The size limit of an encoded record, if it is below the destination's.
    pub max_record_bytes: Option<usize>,
    /// The age limit of a record, if it differs from the destination's.
    pub max_age: Option<Duration>,
    /// What to do if the destination is down.
    pub outage: Outage,
    /// The maximum number of concurrent requests.
    pub max_in_flight: usize,
    /// The maximum size of requests, before compression, that are held at once, unless a single one
    /// is larger.
    pub max_held_bytes: usize,
}

impl Settings {
    /// The destination's limits with the configured ones applied.
    pub(super) fn limit(&self, limits: Limits) -> Limits {
        let max_record_bytes = self.max_record_bytes.unwrap_or(usize::MAX);
        Limits {
            max_record_bytes: limits.max_record_bytes.min(max_record_bytes),
            max_age: self.max_age.or(limits.max_age),
            ..limits
        }
    }
}

/// Whether the fields of JSON messages are sent as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFields {
    /// Yes.
    Send,
    /// No, only the message.
    Omit,
}

/// What to do if the destination is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Retry until the deadline: there is no storage for undelivered events.
    RetryUntilDeadline,
    /// Stop sending, except for a probe per interval: undelivered events are stored.
    StopSending,
}
