//! What is parked, as JSON: an event of CloudWatch Logs with a few fields beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize, Serializer};

use super::rfc3339;
use crate::destination::Class;
use crate::event::EventError;
use crate::origin::Origin;
use crate::record::Record;

/// Something parked.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Parked<'a> {
    /// For which destination; `None` where the event could not be decoded, which concerns all.
    #[serde(borrow, default)]
    pub destination: Option<Cow<'a, str>>,
    /// The event.
    #[serde(borrow)]
    awslogs: AwsLogs<'a>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

impl<'a> Parked<'a> {
    /// Reads what was parked.
    pub fn parse(raw: &'a str) -> Result<Self, EventError> {
        serde_json::from_str(raw).map_err(|_| {
            EventError::MalformedParked("expected \"destination\" and {\"awslogs\": {\"data\": …}}")
        })
    }

    /// Base64 of gzip of JSON.
    pub fn into_data(self) -> Cow<'a, str> {
        self.awslogs.data
    }
}

/// Records of one event that are left for one destination.
#[derive(Clone, Debug)]
pub struct Leftovers<'r> {
    /// The destination that has not taken them.
    pub destination: &'r str,
    /// Where they were written.
    pub origin: &'r Origin<'r>,
    /// The records, each once.
    pub records: Vec<&'r Record<'r>>,
    /// Why, and for how many.
    pub reasons: BTreeMap<&'r str, u64>,
}

impl Leftovers<'_> {
    /// The document that is parked.
    pub fn document(&self, now: SystemTime) -> Vec<u8> {
        let document = Document {
            logagg: "parked",
            destination: Some(self.destination),
            log_group: Some(self.origin.group),
            records: Some(self.records.len()),
            reasons: &self.reasons,
            parked_at: rfc3339(now),
            awslogs: AwsLogs { data: Cow::Owned(STANDARD.encode(self.gzip())) },
        };
        document.bytes()
    }

    /// The records as CloudWatch Logs would send them.
    fn gzip(&self) -> Vec<u8> {
        let delivery = Delivery {
            message_type: "DATA_MESSAGE",
            owner: self.origin.owner,
            log_group: self.origin.group,
            log_stream: self.origin.stream,
            subscription_filters: [],
            log_events: Events(&self.records),
        };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut encoder, &delivery)
            .expect("a delivery has string keys, and writing to memory cannot fail");
        encoder.finish().expect("writing to memory cannot fail")
    }

    /// Two halves, for a place that takes no more at once; `None` for a single record.
    pub fn halves(&self) -> Option<(Self, Self)> {
        if self.records.len() < 2 {
            return None;
        }
        let (first, second) = self.records.split_at(self.records.len() / 2);
        let half = |records: &[_]| Self {
            destination: self.destination,
            origin: self.origin,
            records: records.to_vec(),
            reasons: self.reasons.clone(),
        };
        Some((half(first), half(second)))
    }
}

/// The document for an event that could not be decoded, exactly as it came.
pub(crate) fn undecodable(data: &str, reason: &Class, now: SystemTime) -> Vec<u8> {
    let document = Document {
        logagg: "parked",
        destination: None,
        log_group: None,
        records: None,
        reasons: &BTreeMap::from([(reason.as_str(), 1)]),
        parked_at: rfc3339(now),
        awslogs: AwsLogs { data: Cow::Borrowed(data) },
    };
    document.bytes()
}

#[derive(Serialize)]
struct Document<'a> {
    logagg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<usize>,
    reasons: &'a BTreeMap<&'a str, u64>,
    parked_at: String,
    awslogs: AwsLogs<'a>,
}

impl Document<'_> {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a document has string keys")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivery<'a> {
    message_type: &'static str,
    owner: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    subscription_filters: [&'static str; 0],
    log_events: Events<'a>,
}

struct Events<'a>(&'a [&'a Record<'a>]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct LogEvent<'a> {
            id: &'a str,
            timestamp: u64,
            message: &'a str,
        }

        serializer.collect_seq(self.0.iter().map(|record| LogEvent {
            id: record.id,
            timestamp: millis(record.time),
            message: record.message,
        }))
    }
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::decode;
    use crate::event::{self, Event};
    use crate::line::Line;

    fn records<'a>(origin: &'a Origin<'a>, messages: &'a [String]) -> Vec<Record<'a>> {
        let record = |message: &'a String| Record {
            id: "37",
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123),
            line: Line::default(),
            ..Record::of(origin, message)
        };
        messages.iter().map(record).collect()
    }

    proptest! {
        /// What is parked is an event again, with every message as it was.
        #[test]
        fn what_is_parked_can_be_read_again(messages in prop::collection::vec(".*", 1..10)) {
            let origin = Origin::new("123456789012", "/aws/lambda/f", "s");
            let records = records(&origin, &messages);
            let leftovers = Leftovers {
                destination: "search",
                origin: &origin,
                records: records.iter().collect(),
                reasons: BTreeMap::from([("status_503", 2)]),
            };
            let text = String::from_utf8(leftovers.document(SystemTime::UNIX_EPOCH)).unwrap();
            let Ok(Event::Parked(parked)) = event::parse(&text) else {
                panic!("not taken: {text}");
            };
            prop_assert_eq!(parked.destination.as_deref(), Some("search"));
            let decoded = decode::inflate(&parked.into_data(), 1 << 20, Vec::new()).unwrap();
            let mut texts = Vec::new();
            let delivery = decode::parse(&decoded, &mut texts).unwrap();
            prop_assert_eq!(&delivery.owner, "123456789012");
            prop_assert_eq!(&delivery.log_group, "/aws/lambda/f");
            prop_assert_eq!(&delivery.log_stream, "s");
            for (event, record) in delivery.log_events.iter().zip(&records) {
                prop_assert_eq!(event.message.0.as_ref(), record.message);
                prop_assert_eq!(event.id.as_ref(), record.id);
                prop_assert_eq!(event.timestamp.system_time(), record.time);
            }
            prop_assert_eq!(delivery.log_events.len(), messages.len());
        }
    }

    #[test]
    fn a_document_tells_what_it_is_without_being_decoded() {
        let origin = Origin::new("123456789012", "/aws/lambda/f", "s");
        let messages = ["a".to_owned(), "b".to_owned()];
        let records = records(&origin, &messages);
        let leftovers = Leftovers {
            destination: "search",
            origin: &origin,
            records: records.iter().collect(),
            reasons: BTreeMap::from([("timeout", 1), ("status_503", 1)]),
        };
        let document = leftovers.document(SystemTime::UNIX_EPOCH);
        let mut document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert!(document["awslogs"].take()["data"].is_string());
        assert_eq!(
            document,
            serde_json::json!({
                "logagg": "parked", "destination": "search", "log_group": "/aws/lambda/f",
                "records": 2, "reasons": {"status_503": 1, "timeout": 1},
                "parked_at": "1970-01-01T00:00:00.000Z", "awslogs": null,
            })
        );
        let (first, second) = leftovers.halves().unwrap();
        assert_eq!((first.records.len(), second.records.len()), (1, 1));
        assert!(first.halves().is_none());
    }

    #[test]
    fn an_event_that_cannot_be_decoded_is_kept_as_it_came() {
        let text = undecodable("%%%", &Class::new("base64"), SystemTime::UNIX_EPOCH);
        let text = String::from_utf8(text).unwrap();
        let Ok(Event::Parked(parked)) = event::parse(&text) else {
            panic!("not taken: {text}");
        };
        assert_eq!((parked.destination.clone(), parked.into_data()), (None, "%%%".into()));
    }
}
