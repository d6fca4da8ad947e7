//! A slice of a backfill: the log events of one log group in one window of time. Slices are
//! messages of a queue.

use std::time::{Duration, SystemTime};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::replay::parse_time;
use crate::undelivered::rfc3339;

/// The log events of one log group in one window of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    logagg: Marker,
    /// The log group.
    pub log_group: String,
    /// The time of the first log events.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub from: SystemTime,
    /// The time after the last log events.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub to: SystemTime,
    /// The destinations, by name; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<String>,
    /// The number of the part, from 1 on; limits a slice.
    #[serde(default = "first_part")]
    pub part: u32,
    /// The token of the next page; the first page has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Marker {
    BackfillSlice,
}

impl Slice {
    /// The name in the marker field.
    pub(super) const NAME: &str = "backfill_slice";

    /// A slice from its beginning.
    pub fn new(
        log_group: impl Into<String>,
        from: SystemTime,
        to: SystemTime,
        destinations: &[String],
    ) -> Self {
        Self {
            logagg: Marker::BackfillSlice,
            log_group: log_group.into(),
            from,
            to,
            destinations: destinations.to_vec(),
            part: first_part(),
            token: None,
        }
    }

    /// The rest of it, from this page on.
    #[must_use]
    pub fn continued_at(&self, token: Option<String>) -> Self {
        Self { token, ..self.clone() }
    }

    /// The next part.
    #[must_use]
    pub fn next_part(self) -> Self {
        Self { part: self.part.saturating_add(1), ..self }
    }

    /// Both halves of it, from their beginnings; `None` if there is nothing to halve.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let length = self.to.duration_since(self.from).ok()?;
        // In whole milliseconds, so that neither begins within one.
        let half = u64::try_from(length.as_millis() / 2).ok().filter(|half| *half > 0)?;
        let middle = self.from + Duration::from_millis(half);
        let of = |from, to| Self { from, to, token: None, ..self.clone() }.next_part();
        Some([of(self.from, middle), of(middle, self.to)])
    }

    /// The body of its message.
    pub fn message(&self) -> String {
        serde_json::to_string(self).expect("a slice has string keys")
    }
}

fn first_part() -> u32 {
    1
}

fn write<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_time(&text).ok_or_else(|| D::Error::custom("no time"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_message_contains_all_of_a_slice() {
        let from = SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123);
        let slice = Slice::new("/a", from, from + Duration::from_secs(60), &[]);
        assert_eq!(
            slice.message(),
            r#"{"logagg":"backfill_slice","log_group":"/a","from":"2023-11-06T10:00:00.123Z","to":"2023-11-06T10:01:00.123Z","part":1}"#
        );
        let next = Slice { destinations: vec!["x".to_owned()], ..slice }
            .continued_at(Some("next".to_owned()))
            .next_part();
        assert_eq!(next.part, 2);
        assert_eq!(serde_json::from_str::<Slice>(&next.message()).unwrap(), next);
    }

    #[test]
    fn halves_cover_a_slice() {
        let from = SystemTime::UNIX_EPOCH;
        let slice = |millis| Slice::new("/a", from, from + Duration::from_millis(millis), &[]);
        let [first, second] = slice(3).continued_at(Some("t".to_owned())).halves().unwrap();
        assert_eq!((first.from, first.to), (from, second.from));
        assert_eq!(second.from, from + Duration::from_millis(1));
        assert_eq!((second.to, second.token, second.part), (slice(3).to, None, 2));
        assert_eq!(slice(1).halves(), None);
    }
}
