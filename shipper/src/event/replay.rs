//! A replay request, `{"logagg": "replay", …}`.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::error::EventError;

/// Which stored events to replay or count.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The marker field.
    #[serde(default, rename = "logagg")]
    _marker: IgnoredAny,
    /// Only those of this destination.
    pub destination: Option<String>,
    /// Only those stored at this time or later.
    #[serde(default, deserialize_with = "time")]
    pub from: Option<SystemTime>,
    /// Only those stored before this time.
    #[serde(default, deserialize_with = "time")]
    pub to: Option<SystemTime>,
    /// Whether to count them only.
    #[serde(default)]
    pub dry_run: bool,
    /// The key to continue after: `continue_after` of an earlier replay.
    pub after: Option<String>,
}

impl ReplayRequest {
    pub(super) fn parse(raw: &str) -> Result<Self, EventError> {
        serde_json::from_str(raw).map_err(|_| EventError::MalformedReplay)
    }

    /// The request of a schedule, which only counts.
    pub fn scheduled() -> Self {
        Self { dry_run: true, ..Self::default() }
    }

    /// Whether it selects all stored events.
    pub fn is_of_all(&self) -> bool {
        self.destination.is_none()
            && self.from.is_none()
            && self.to.is_none()
            && self.after.is_none()
    }

    /// Whether it selects an object that was stored at this time.
    pub fn includes(&self, stored: SystemTime) -> bool {
        self.from.is_none_or(|from| stored >= from) && self.to.is_none_or(|to| stored < to)
    }
}

/// Parses an RFC 3339 time.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
    SystemTime::try_from(time).ok()
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    parse_time(&text).map(Some).ok_or_else(|| D::Error::custom("no time"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_field_can_be_set() {
        let raw = r#"{"logagg":"replay","destination":"search","from":"2023-11-06T10:00:00Z",
            "to":"2023-11-06T12:00:00+01:00","dry_run":true,"after":"k"}"#;
        let request = ReplayRequest::parse(raw).unwrap();
        let ten = SystemTime::UNIX_EPOCH + Duration::from_secs(1_699_264_800);
        assert_eq!((request.from, request.to), (Some(ten), Some(ten + Duration::from_secs(3_600))));
        assert!(request.includes(ten) && !request.includes(ten + Duration::from_secs(3_600)));
        assert_eq!(request.destination.as_deref(), Some("search"));
        assert!(request.dry_run && !request.is_of_all());
    }

    #[test]
    fn unknown_fields_and_invalid_times_are_errors() {
        for raw in [
            r#"{"logagg":"replay","dryrun":true}"#,
            r#"{"logagg":"replay","from":"yesterday"}"#,
            r#"{"logagg":"replay","from":5}"#,
            r#"{"logagg":"replay","dry_run":"yes"}"#,
        ] {
            assert_eq!(ReplayRequest::parse(raw), Err(EventError::MalformedReplay), "{raw}");
        }
    }
}
