//! The name under which leftovers are parked. It is made of the event they came with, so that
//! whoever delivers the event again overwrites what an earlier try has parked.

use std::fmt;
use std::time::SystemTime;

use xxhash_rust::xxh3::Xxh3;

use super::{Leftovers, rfc3339};
use crate::decode;

/// What an event is called: the time of its first line, and a hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    time: SystemTime,
    hash: u128,
}

impl Name {
    /// The name of a decoded event, the same at every delivery of it.
    pub fn of(delivery: &decode::Delivery<'_>) -> Self {
        let origin =
            [delivery.owner.as_ref(), delivery.log_group.as_ref(), delivery.log_stream.as_ref()];
        let ids = delivery.log_events.iter().map(|event| event.id.as_ref());
        let first = delivery.log_events.first();
        let time = first.map_or(SystemTime::UNIX_EPOCH, |event| event.timestamp.system_time());
        Self { time, hash: hash(origin, ids) }
    }

    /// The name of records that belong together.
    pub fn of_records(leftovers: &Leftovers<'_>) -> Self {
        let origin = leftovers.origin;
        let ids = leftovers.records.iter().map(|record| record.id);
        let time = leftovers.records.first().map_or(SystemTime::UNIX_EPOCH, |record| record.time);
        Self { time, hash: hash([origin.owner, origin.group, origin.stream], ids) }
    }

    /// The name of some of its records, for which `part` stands.
    pub fn part(&self, part: &str) -> Self {
        let mut hash = Xxh3::new();
        hash.update(&self.hash.to_le_bytes());
        hash.update(part.as_bytes());
        Self { time: self.time, hash: hash.digest128() }
    }

    /// The name of an event that cannot be decoded, which came at `time`.
    pub fn of_raw(data: &str, time: SystemTime) -> Self {
        Self { time, hash: xxhash_rust::xxh3::xxh3_128(data.as_bytes()) }
    }
}

fn hash<'a>(origin: [&'a str; 3], ids: impl Iterator<Item = &'a str>) -> u128 {
    let mut hash = Xxh3::new();
    for part in origin.into_iter().chain(ids) {
        // With its length in front, no text can run over into the next.
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest128()
}

/// Sorts by time as text does, and stands in an S3 key as it is.
impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = rfc3339(self.time);
        let time = time.trim_end_matches('Z').replace([':', '.'], "-");
        write!(formatter, "{time}-{:032x}", self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(json: &str) -> Name {
        Name::of(&decode::parse(json.as_bytes(), &mut Vec::new()).unwrap())
    }

    const EVENT: &str = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",
        "logEvents":[{"id":"1","timestamp":1699264800123,"message":"a"},{"id":"2","timestamp":2,"message":"b"}]}"#;

    #[test]
    fn an_event_is_called_the_same_whenever_it_comes() {
        let shown = name(EVENT).to_string();
        assert_eq!(shown.split_at(23).0, "2023-11-06T10-00-00-123");
        assert_eq!(name(EVENT).to_string(), shown);
        assert_eq!(shown.len(), 23 + 1 + 32);
    }

    #[test]
    fn another_event_is_called_otherwise() {
        for (from, to) in [
            ("\"1\",\"logGroup", "\"2\",\"logGroup"),
            ("\"g\"", "\"h\""),
            ("\"id\":\"2\"", "\"id\":\"3\""),
        ] {
            assert_ne!(name(EVENT), name(&EVENT.replace(from, to)), "{from}");
        }
    }

    #[test]
    fn older_events_come_first() {
        let older = EVENT.replace("1699264800123", "999999999999");
        assert!(name(&older).to_string() < name(EVENT).to_string());
    }

    #[test]
    fn what_cannot_be_decoded_is_called_by_its_bytes() {
        let time = SystemTime::UNIX_EPOCH;
        assert_eq!(Name::of_raw("x", time), Name::of_raw("x", time));
        assert_ne!(Name::of_raw("x", time), Name::of_raw("y", time));
        assert_eq!(Name::of_raw("x", time).part("1"), Name::of_raw("x", time).part("1"));
        assert_ne!(Name::of_raw("x", time).part("1"), Name::of_raw("x", time).part("2"));
    }
}
