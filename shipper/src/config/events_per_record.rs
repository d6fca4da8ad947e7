//! The setting `events_per_record` of streams.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination;

/// How many log events a stream's record contains.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventsPerRecord {
    #[default]
    One,
    Many,
}

impl From<EventsPerRecord> for destination::EventsPerRecord {
    fn from(events: EventsPerRecord) -> Self {
        match events {
            EventsPerRecord::One => Self::One,
            EventsPerRecord::Many => Self::Many,
        }
    }
}
