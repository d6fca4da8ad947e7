//! Object keys of stored events.
//!
//! `<prefix>undelivered/<destination>/<yyyy>/<MM>/<dd>/<hash>.json.gz`, the same with `rejected/`,
//! and `<prefix>undecodable/<yyyy>/<MM>/<dd>/<hash>.json.gz`. The hash is that of the event, so
//! that a retry of the event overwrites what an earlier attempt stored. The key alone determines
//! the destination of an object: an operator redirects or retries an event by copying it to another
//! key.

use std::fmt;
use std::time::SystemTime;

use percent_encoding::percent_decode_str;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::rfc3339::rfc3339;
use crate::decode;
use crate::record::Record;

/// The prefix of Lambda's on-failure records in a bucket.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
pub const ON_FAILURE_PREFIX: &str = "aws/lambda/";

/// The folder of an object, which determines how it is processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folder {
    /// To be delivered, through pointers in the queue.
    Undelivered,
    /// A dead letter: the destination rejected the events, or they exceed its size limit.
    Rejected,
    /// A dead letter: the event cannot be decoded.
    Undecodable,
}

impl Folder {
    /// The folder in the key, with its slash.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undelivered => "undelivered/",
            Self::Rejected => "rejected/",
            Self::Undecodable => "undecodable/",
        }
    }
}

/// The last parts of a key: a date and a hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    time: SystemTime,
    hash: u128,
}

impl ObjectName {
    /// The name of a decoded event, the same for every delivery.
    pub fn of(delivery: &decode::Delivery<'_>) -> Self {
        let log_source =
            [delivery.owner.as_ref(), delivery.log_group.as_ref(), delivery.log_stream.as_ref()];
        let ids = delivery.log_events.iter().map(|event| event.id.as_ref());
        let first = delivery.log_events.first();
        let time = first.map_or(SystemTime::UNIX_EPOCH, |event| event.timestamp.system_time());
        Self { time, hash: hash(log_source, ids) }
    }

    /// The name of some records of one event.
    pub fn of_records(records: &[&Record<'_>]) -> Self {
        let Some(first) = records.first() else {
            return Self { time: SystemTime::UNIX_EPOCH, hash: 0 };
        };
        let [owner, group] = first.log_source.delivered_by;
        let log_source = [owner, group, first.log_source.stream];
        Self { time: first.time, hash: hash(log_source, records.iter().map(|record| record.id)) }
    }

    /// The name of an event that cannot be decoded, which arrived at `time`.
    pub fn of_bytes(bytes: &[u8], time: SystemTime) -> Self {
        Self { time, hash: xxh3_128(bytes) }
    }
}

fn hash<'a>(log_source: [&'a str; 3], ids: impl Iterator<Item = &'a str>) -> u128 {
    let mut hash = Xxh3::new();
    for part in log_source.into_iter().chain(ids) {
        // The length prefix separates the parts unambiguously.
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.digest128()
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = rfc3339(self.time)[..10].replace('-', "/");
        write!(formatter, "{date}/{:032x}.json.gz", self.hash)
    }
}

/// The key in an S3 notification, which is form-encoded: a space is a plus sign.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
pub fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The meaning of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location<'k> {
    /// A stored event to be delivered to this destination.
    Undelivered {
        /// The destination's name.
        destination: &'k str,
    },
    /// An on-failure record of Lambda, of any function.
    OnFailureRecord,
    /// A dead letter or another object of the shipper.
    Kept,
    /// Anything else.
    Foreign,
}

impl<'k> Location<'k> {
    /// Parses a key under the configured prefix.
    pub fn of(prefix: &str, key: &'k str) -> Self {
        let Some(rest) = key.strip_prefix(prefix) else {
            return if key.starts_with(ON_FAILURE_PREFIX) {
                Self::OnFailureRecord
            } else {
                Self::Foreign
            };
        };
        let undelivered = rest.strip_prefix(Folder::Undelivered.name());
        match undelivered.and_then(|rest| rest.split_once('/')) {
            Some((destination, file)) if !destination.is_empty() && !file.is_empty() => {
                Self::Undelivered { destination }
            }
            _ if undelivered.is_some() => Self::Foreign,
            _ => Self::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(json: &str) -> ObjectName {
        ObjectName::of(&decode::parse(json.as_bytes(), &mut Vec::new()).unwrap())
    }

    const EVENT: &str = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",
        "logEvents":[{"id":"1","timestamp":1699264800123,"message":"a"},{"id":"2","timestamp":2,"message":"b"}]}"#;

    #[test]
    fn an_event_has_the_same_name_at_every_delivery() {
        let shown = name(EVENT).to_string();
        assert_eq!(&shown[..11], "2023/11/06/");
        assert_eq!(name(EVENT).to_string(), shown);
        assert_eq!(shown.len(), 11 + 32 + ".json.gz".len());
    }

    #[test]
    fn another_event_has_another_name() {
        for (from, to) in [
            ("\"1\",\"logGroup", "\"2\",\"logGroup"),
            ("\"g\"", "\"h\""),
            ("\"id\":\"2\"", "\"id\":\"3\""),
        ] {
            assert_ne!(name(EVENT), name(&EVENT.replace(from, to)), "{from}");
        }
    }

    #[test]
    fn the_key_in_a_notification_is_form_encoded() {
        assert_eq!(decoded("a%2Fb+c%2B%C3%BC").as_deref(), Some("a/b c+ü"));
        assert_eq!(decoded("%FF"), None);
    }

    #[test]
    fn a_key_determines_the_kind_of_its_object() {
        let check = |key, expected| assert_eq!(Location::of("logagg/", key), expected, "{key}");
        let search = Location::Undelivered { destination: "search" };
        check("logagg/undelivered/search/2023/11/06/0.json.gz", search);
        check("logagg/undelivered/search/by hand", search);
        check("logagg/rejected/search/2023/11/06/0.json.gz", Location::Kept);
        check("logagg/undecodable/2023/11/06/0.json.gz", Location::Kept);
        check("aws/lambda/async/f/2023/11/06/x", Location::OnFailureRecord);
        for foreign in
            ["logagg/undelivered/x", "logagg/undelivered//x", "other/undelivered/a/b", ""]
        {
            check(foreign, Location::Foreign);
        }
    }
}
