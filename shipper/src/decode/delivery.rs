//! A delivery of CloudWatch Logs and its log events.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::extracted_fields::ExtractedFields;
use super::text::Text;
use crate::line::Level;
use crate::routing::StoredName;

/// A delivery of CloudWatch Logs.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery<'a> {
    /// Log events, or a test message.
    pub message_type: MessageType,
    /// The account of the log group.
    #[serde(borrow, default)]
    pub owner: Cow<'a, str>,
    /// The log group's name.
    #[serde(borrow, default)]
    pub log_group: Cow<'a, str>,
    /// The log stream's name.
    #[serde(borrow, default)]
    pub log_stream: Cow<'a, str>,
    /// Of a stored event: its destination.
    #[serde(borrow, default)]
    pub destination: Option<Cow<'a, str>>,
    /// The log events, in the order of CloudWatch Logs.
    #[serde(borrow, default)]
    pub log_events: Vec<LogEvent<'a>>,
}

/// The type of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub enum MessageType {
    /// Log events.
    #[serde(rename = "DATA_MESSAGE")]
    Data,
    /// A test of the destination, without log events.
    #[serde(rename = "CONTROL_MESSAGE")]
    Control,
}

/// One log event.
#[derive(Debug, PartialEq, Deserialize)]
pub struct LogEvent<'a> {
    /// The id assigned by CloudWatch Logs, the same for every delivery.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// When the log event was written.
    pub timestamp: EventTime,
    /// The message.
    #[serde(borrow)]
    pub message: Text<'a>,
    /// The fields that CloudWatch Logs adds to it.
    #[serde(borrow, default, rename = "extractedFields")]
    pub extracted: ExtractedFields<'a>,
    /// The message as a JSON string without quotes, if it can be copied into other JSON unchanged.
    #[serde(skip)]
    pub escaped: Option<&'a str>,
    /// Of a stored event: its route.
    #[serde(default)]
    pub route: Option<String>,
    /// Of a stored event: the names that it had at its destination.
    #[serde(default)]
    pub names: Option<BTreeMap<String, StoredName>>,
    /// Of a stored event: the JSON object that was made of its message.
    #[serde(borrow, default, deserialize_with = "object")]
    pub json: Option<&'a str>,
    /// Of a stored event: its level, if the message does not tell it.
    #[serde(borrow, default)]
    pub level: Option<Cow<'a, str>>,
    /// Of a stored event: its request ID, if the message does not tell it.
    #[serde(borrow, default, rename = "requestId")]
    pub request_id: Option<Cow<'a, str>>,
}

impl LogEvent<'_> {
    /// The stored level.
    pub fn level(&self) -> Option<Level> {
        self.level.as_deref().and_then(Level::from_name)
    }
}

fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    let written = <&RawValue>::deserialize(deserializer)?.get();
    Ok(Some(written).filter(|written| written.starts_with('{')))
}

/// Milliseconds since 1970, limited to the years that RFC 3339 can express (up to 9999). Times out
/// of range are clamped, so that one of them does not make the whole event undecodable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "f64")]
pub struct EventTime(pub(super) u64);

impl EventTime {
    /// The last millisecond of the year 9999.
    pub(super) const LAST: Self = Self(253_402_300_799_999);

    /// The same time as a [`SystemTime`].
    pub fn system_time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0)
    }
}

impl From<u64> for EventTime {
    fn from(millis: u64) -> Self {
        Self(millis).min(Self::LAST)
    }
}

impl From<f64> for EventTime {
    /// All values in range have an exact float; negative values become 0.
    fn from(millis: f64) -> Self {
        Self::from(millis as u64)
    }
}
