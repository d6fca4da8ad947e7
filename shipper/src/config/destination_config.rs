//! A destination and its delivery settings.

use std::time::Duration;

use crate::delivery::{JsonFields, Oversized};
use crate::destination::{Destination, RecordFields};

/// A destination and its delivery settings.
pub struct DestinationConfig {
    /// The destination.
    pub destination: Box<dyn Destination>,
    /// How records are handled that exceed the size limit.
    pub oversized: Oversized,
    /// Whether the fields of JSON messages are sent.
    pub json_fields: JsonFields,
    /// The fields that are sent beside messages.
    pub record_fields: RecordFields,
    /// The maximum number of concurrent requests.
    pub max_in_flight: usize,
    /// The size limit of an encoded record, if it is below the destination's.
    pub max_record_bytes: Option<usize>,
    /// The age limit of a record, if it is not the destination's.
    pub max_age: Option<Duration>,
}
