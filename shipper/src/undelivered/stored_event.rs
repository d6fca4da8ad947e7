//! The document of a stored event: the delivery of CloudWatch Logs with the destination and the
//! reasons, compressed.
//!
//! It contains no configuration and no request, so that it is delivered with the current
//! configuration, under the names that it had. It has passed the processing rules and transforms, and
//! is only redacted again.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::rfc3339::rfc3339;
use crate::decode::Extracted;
use crate::destination::ReasonCode;
use crate::line::{Level, Line};
use crate::log_source::LogSource;
use crate::record::Record;
use crate::routing::Names;

/// Records of one event for one destination, to be stored.
#[derive(Clone, Debug)]
pub struct StoredEvent<'r> {
    /// The destination that did not accept them.
    pub destination: &'r str,
    /// Their source.
    pub log_source: &'r LogSource<'r>,
    /// The records, each once.
    pub records: Vec<&'r Record<'r>>,
    /// The reasons, with numbers.
    pub reasons: BTreeMap<&'r str, u64>,
}

impl StoredEvent<'_> {
    /// The compressed document.
    pub fn document(&self, now: SystemTime) -> Vec<u8> {
        let [owner, log_group] = self.log_source.delivered_by;
        compressed(&Document {
            logagg: "stored_event",
            destination: self.destination,
            stored_at: rfc3339(now),
            reasons: &self.reasons,
            message_type: "DATA_MESSAGE",
            owner,
            log_group,
            log_stream: self.log_source.stream,
            subscription_filters: [],
            log_events: LogEvents(&self.records),
        })
    }
}

/// The compressed document of an event that cannot be decoded, with its unchanged data.
#[derive(Debug, Serialize)]
pub struct Undecodable<'a> {
    logagg: &'static str,
    reason: &'a str,
    stored_at: String,
    /// The key of its object, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// The bytes of the object, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// The data of an event, in a form that can invoke the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    awslogs: Option<AwsLogs<'a>>,
}

#[derive(Debug, Serialize)]
struct AwsLogs<'a> {
    data: &'a str,
}

impl<'a> Undecodable<'a> {
    /// The document for the data of an event.
    pub fn of_event(data: &'a str, reason: &'a ReasonCode, now: SystemTime) -> Self {
        let awslogs = Some(AwsLogs { data });
        Self { awslogs, ..Self::new(reason, now) }
    }

    /// The document for an object.
    pub fn of_object(key: &'a str, object: &[u8], reason: &'a ReasonCode, now: SystemTime) -> Self {
        let object = Some(STANDARD.encode(object));
        Self { key: Some(key), object, ..Self::new(reason, now) }
    }

    fn new(reason: &'a ReasonCode, now: SystemTime) -> Self {
        Self {
            logagg: "undecodable",
            reason: reason.as_str(),
            stored_at: rfc3339(now),
            key: None,
            object: None,
            awslogs: None,
        }
    }

    /// The compressed document.
    pub fn document(&self) -> Vec<u8> {
        compressed(self)
    }
}

/// The content that overwrites a delivered object that cannot be deleted, so that it is not
/// delivered again.
pub fn delivered(now: SystemTime) -> Vec<u8> {
    compressed(&serde_json::json!({"logagg": "delivered", "delivered_at": rfc3339(now)}))
}

/// Whether an object is one that [`delivered`] has overwritten. Such an object is small.
pub fn is_delivered(object: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Marker {
        logagg: String,
    }

    const LARGEST: usize = 1_024;

    if object.len() > LARGEST {
        return false;
    }
    let json = crate::decode::gunzip(object, LARGEST, Vec::new());
    json.ok()
        .and_then(|json| serde_json::from_slice::<Marker>(&json).ok())
        .is_some_and(|marker| marker.logagg == "delivered")
}

fn compressed(document: &impl Serialize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut encoder, document)
        .expect("a document has string keys, and writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail")
}

#[derive(Serialize)]
struct Document<'a> {
    logagg: &'static str,
    destination: &'a str,
    stored_at: String,
    reasons: &'a BTreeMap<&'a str, u64>,
    #[serde(rename = "messageType")]
    message_type: &'static str,
    owner: &'a str,
    #[serde(rename = "logGroup")]
    log_group: &'a str,
    #[serde(rename = "logStream")]
    log_stream: &'a str,
    #[serde(rename = "subscriptionFilters")]
    subscription_filters: [&'static str; 0],
    #[serde(rename = "logEvents")]
    log_events: LogEvents<'a>,
}

struct LogEvents<'a>(&'a [&'a Record<'a>]);

impl Serialize for LogEvents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct LogEvent<'a> {
            id: &'a str,
            timestamp: u64,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            route: Option<&'a str>,
            #[serde(skip_serializing_if = "Names::has_no_names")]
            names: &'a Names,
            #[serde(rename = "extractedFields", skip_serializing_if = "Fields::is_empty")]
            extracted: Fields<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            json: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            level: Option<&'static str>,
            #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
            request_id: Option<&'a str>,
        }

        serializer.collect_seq(self.0.iter().map(|record| {
            // What joining, other log events and dropped fields have told is not in the message.
            let again = Line::parse_with_object(record.message, record.parsed);
            let line = &record.line;
            LogEvent {
                id: record.id,
                timestamp: record.unix_millis(),
                message: record.message,
                route: record.names.route(),
                names: record.names,
                extracted: Fields(record.extracted),
                json: record.parsed.and_then(|object| serde_json::from_str(object).ok()),
                level: line.level.filter(|_| line.level != again.level).map(Level::name),
                request_id: line
                    .request_id
                    .as_deref()
                    .filter(|_| line.request_id != again.request_id),
            }
        }))
    }
}

/// The extracted fields of a log event, as in its delivery.
struct Fields<'a>(Extracted<'a>);

impl Fields<'_> {
    fn is_empty(&self) -> bool {
        self.0.fields().next().is_none()
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.fields())
    }
}

/// Groups records by event: the records, each once, and the reasons.
pub(crate) fn by_event<'r>(
    destination: &'r str,
    records: impl Iterator<Item = (&'r Record<'r>, &'r ReasonCode)>,
) -> BTreeMap<usize, StoredEvent<'r>> {
    let mut events: BTreeMap<usize, StoredEvent<'r>> = BTreeMap::new();
    for (record, reason) in records {
        let stored = events.entry(record.log_source.event).or_insert_with(|| StoredEvent {
            destination,
            log_source: record.log_source,
            records: Vec::new(),
            reasons: BTreeMap::new(),
        });
        *stored.reasons.entry(reason.as_str()).or_default() += 1;
        stored.records.push(record);
    }
    for stored in events.values_mut() {
        // The parts of a record are stored as the whole record, which is split again. Routes may
        // have changed the order.
        let address = |record: &&Record<'_>| std::ptr::from_ref(*record).addr();
        stored.records.sort_by_key(|record| (record.place, address(record)));
        stored.records.dedup_by_key(|record| std::ptr::from_ref(*record).addr());
    }
    events
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::decode;

    fn records<'a>(log_source: &'a LogSource<'a>, messages: &'a [String]) -> Vec<Record<'a>> {
        let record = |message: &'a String| Record {
            id: "37",
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123),
            line: Line::default(),
            ..Record::of(log_source, message)
        };
        messages.iter().map(record).collect()
    }

    fn json_of(document: &[u8]) -> Value {
        serde_json::from_slice(&decode::gunzip(document, 1 << 20, Vec::new()).unwrap()).unwrap()
    }

    proptest! {
        /// A stored event is an event again, with every message unchanged.
        #[test]
        fn a_stored_event_can_be_decoded(messages in prop::collection::vec(".*", 1..10)) {
            let log_source = LogSource::new("123456789012", "/aws/lambda/f", "s");
            let records = records(&log_source, &messages);
            let stored = StoredEvent {
                destination: "search",
                log_source: &log_source,
                records: records.iter().collect(),
                reasons: BTreeMap::from([("status_503", 2)]),
            };
            let document = stored.document(SystemTime::UNIX_EPOCH);
            prop_assert!(!is_delivered(&document));
            let decoded = decode::gunzip(&document, 1 << 20, Vec::new()).unwrap();
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
    fn a_stored_event_names_its_destination_and_reasons() {
        let log_source = LogSource::new("123456789012", "/aws/lambda/f", "s");
        let messages = ["a".to_owned()];
        let records = records(&log_source, &messages);
        let stored = StoredEvent {
            destination: "search",
            log_source: &log_source,
            records: records.iter().collect(),
            reasons: BTreeMap::from([("timeout", 1)]),
        };
        assert_eq!(
            json_of(&stored.document(SystemTime::UNIX_EPOCH)),
            json!({
                "logagg": "stored_event", "destination": "search", "reasons": {"timeout": 1},
                "stored_at": "1970-01-01T00:00:00.000Z", "messageType": "DATA_MESSAGE",
                "owner": "123456789012", "logGroup": "/aws/lambda/f", "logStream": "s",
                "subscriptionFilters": [],
                "logEvents": [{"id": "37", "timestamp": 1_699_264_800_123_u64, "message": "a"}],
            })
        );
    }

    #[test]
    fn a_stored_event_keeps_extracted_fields_and_the_names_of_its_delivery() {
        let log_source = LogSource::new("210987654321", "/aws/lambda/f", "s")
            .delivered_by("123456789012", "/central");
        let fields =
            json!({"@aws.account": "210987654321", "@source.log": "/aws/lambda/f", "a": "b"});
        let text = fields.to_string();
        let extracted = serde_json::from_str(&text).unwrap();
        let record =
            Record { extracted: Extracted::All(&extracted), ..Record::of(&log_source, "x") };
        let stored = StoredEvent {
            destination: "search",
            log_source: &log_source,
            records: vec![&record],
            reasons: BTreeMap::new(),
        };
        let document = json_of(&stored.document(SystemTime::UNIX_EPOCH));
        assert_eq!(document["owner"], "123456789012");
        assert_eq!(document["logGroup"], "/central");
        assert_eq!(document["logEvents"][0]["extractedFields"], fields);
    }

    #[test]
    fn a_stored_event_keeps_the_fields_of_a_text_message() {
        let log_source = LogSource::new("1", "g", "s");
        let object = r#"{"n":12345678901234567890123,"half":"\ud800"}"#;
        let record = Record { parsed: Some(object), ..Record::of(&log_source, "n=1") };
        let stored = StoredEvent {
            destination: "search",
            log_source: &log_source,
            records: vec![&record],
            reasons: BTreeMap::new(),
        };
        let document = stored.document(SystemTime::UNIX_EPOCH);
        let decoded = decode::gunzip(&document, 1 << 20, Vec::new()).unwrap();
        let mut texts = Vec::new();
        let delivery = decode::parse(&decoded, &mut texts).unwrap();
        let again = Record::new(&log_source, &delivery.log_events[0]);
        assert_eq!((again.parsed, again.line.json), (Some(object), Some(object)));
        assert_eq!(again.message, "n=1");
    }

    #[test]
    fn a_stored_event_keeps_what_its_message_does_not_tell() {
        const A: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
        let log_source = LogSource::new("1", "g", "s");
        let of_request = format!("{A} INFO an order");
        let mut joined = Record::of(&log_source, "Boom\n\tat Junk.a(Junk.java:13)");
        joined.line.level = Some(Level::Error);
        joined.line.request_id = Some(A.into());
        let object = r#"{"level":"warn","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#;
        let mut parsed = Record { parsed: Some(object), ..Record::of(&log_source, "level=warn") };
        parsed.line.put_object(object, None);
        let told = Record::of(&log_source, &of_request);
        let stored = StoredEvent {
            destination: "search",
            log_source: &log_source,
            records: vec![&joined, &parsed, &told],
            reasons: BTreeMap::new(),
        };
        let document = stored.document(SystemTime::UNIX_EPOCH);
        let events = &json_of(&document)["logEvents"];
        assert_eq!((&events[0]["level"], &events[0]["requestId"]), (&json!("error"), &json!(A)));
        for event in [&events[1], &events[2]] {
            assert!(event.get("level").is_none() && event.get("requestId").is_none(), "{event}");
        }
        let decoded = decode::gunzip(&document, 1 << 20, Vec::new()).unwrap();
        let mut texts = Vec::new();
        let delivery = decode::parse(&decoded, &mut texts).unwrap();
        for (event, record) in delivery.log_events.iter().zip(stored.records) {
            let again = Record::new(&log_source, event).line;
            let line = &record.line;
            assert_eq!((again.level, again.request_id), (line.level, line.request_id.clone()));
            assert_eq!(again.trace, line.trace);
        }
    }

    #[test]
    fn an_undecodable_event_is_stored_unchanged() {
        let reason = ReasonCode::new("no_gzip");
        let event = Undecodable::of_event("%%%", &reason, SystemTime::UNIX_EPOCH).document();
        assert_eq!(json_of(&event)["awslogs"]["data"], "%%%");
        let object = Undecodable::of_object("k", b"\xff", &reason, SystemTime::UNIX_EPOCH);
        let object = json_of(&object.document());
        assert_eq!((&object["object"], &object["reason"]), (&json!("/w=="), &json!("no_gzip")));
    }

    #[test]
    fn a_delivered_object_that_cannot_be_deleted_is_marked() {
        assert!(is_delivered(&delivered(SystemTime::now())));
        for other in [b"".as_slice(), b"no gzip", &compressed(&json!({"logagg": "stored_event"}))] {
            assert!(!is_delivered(other));
        }
    }
}
