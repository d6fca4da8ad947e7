//! Grafana Loki: the push API, with protobuf and Snappy.
//!
//! The log events of one log group and function are one stream of Loki, and a request has a single
//! stream: streams are identified by labels, of which there must be few. The other fields are
//! structured metadata.

mod message;

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::attributes::{self, TraceNames, Value};
use super::{
    Address, Ambiguity, BatchOutcome, Boundary, Deduplication, Destination, Encoding, Endpoint,
    Limits, ReasonCode, RecordField, RecordGroup, Response, Span, classify_status, json, protobuf,
    response::{UNATTRIBUTED, says},
    tags,
    time_template::same_hour,
};
use crate::record::Piece;
use crate::routing::NameField;
use message::{Entry, LabelPair};

/// A request size that every Loki accepts; its gRPC limit is 4 MB by default.
///
/// <https://grafana.com/docs/loki/latest/configure/#server>
pub const MAX_REQUEST_BYTES: usize = 1_000_000;

/// The maximum size of a line by default (`max_line_size`).
///
/// <https://grafana.com/docs/loki/latest/configure/#limits_config>
pub const MAX_LINE_BYTES: usize = 262_144;

/// The maximum number of labels of a stream by default (`max_label_names_per_series`), less those
/// of the shipper.
pub const MAX_OWN_LABELS: usize = 11;

/// The label of late entries. Loki rejects an entry that is older than the newest one of its stream
/// by more than half of `max_chunk_age`, which is an hour by default. The value of the label is the
/// hour of the entry, such as `2026-11-30T05`: no entry of such a stream is further behind another,
/// in whatever order they arrive.
///
/// <https://grafana.com/docs/loki/latest/configure/#accept-out-of-order-writes>
pub const LATE: &str = "logagg_late";

/// The age from which an entry is late: early enough that it still arrives within the hour.
const LATE_AFTER: Duration = Duration::from_secs(45 * 60);

const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// A Loki server, and the labels of all streams of this destination.
pub struct Loki {
    endpoint: Endpoint,
    labels: Vec<(String, String)>,
    metadata: StructuredMetadata,
    max_request_bytes: usize,
    max_line_bytes: usize,
}

/// Whether structured metadata is sent. It requires Loki 3, or 2.9 with the feature enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StructuredMetadata {
    /// Yes.
    Sent,
    /// No, only the line.
    Omitted,
}

/// The size limits of a Loki server.
pub struct Sizes {
    /// The maximum size of a request before compression.
    pub max_request_bytes: usize,
    /// The maximum size of a line.
    pub max_line_bytes: usize,
}

impl Loki {
    /// Pushes to the Loki at `url`.
    pub fn new(
        mut url: Url,
        authorization: Option<HeaderValue>,
        tenant: Option<HeaderValue>,
        labels: Vec<(String, String)>,
        metadata: StructuredMetadata,
        sizes: &Sizes,
    ) -> Self {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["loki", "api", "v1", "push"]);
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(mut authorization) = authorization {
            authorization.set_sensitive(true);
            headers.insert(AUTHORIZATION, authorization);
        }
        headers.extend(tenant.map(|tenant| (TENANT, tenant)));
        Self {
            endpoint: Endpoint::post(url, headers),
            labels,
            metadata,
            max_request_bytes: sizes.max_request_bytes,
            max_line_bytes: sizes.max_line_bytes,
        }
    }

    /// The labels of a record's stream, as `{name="value", …}`.
    fn labels(&self, piece: &Piece<'_>) -> String {
        let log_source = piece.record.log_source;
        let mut labels = String::from("{");
        let mut label = |name: &str, value: &str| {
            if labels.len() > 1 {
                labels.push_str(", ");
            }
            labels.push_str(name);
            labels.push_str("=\"");
            for character in value.chars() {
                match character {
                    '"' | '\\' => labels.extend(['\\', character]),
                    '\n' => labels.push_str("\\n"),
                    _ => labels.push(character),
                }
            }
            labels.push('"');
        };
        label("account", log_source.owner);
        label("log_group", log_source.group);
        let service = piece.record.names.get(NameField::Service);
        let service = service.or(log_source.function).unwrap_or(log_source.group);
        label("service_name", service);
        if piece.is_late {
            label(LATE, &hour(piece.record.time));
        }
        let named = piece.record.names.labels();
        for (name, value) in self.labels.iter().filter(|(name, _)| !named.contains_key(name)) {
            label(name, value);
        }
        for (name, value) in named {
            label(name, value);
        }
        labels.push('}');
        labels
    }
}

impl Destination for Loki {
    fn limits(&self) -> Limits {
        Limits {
            late_after: Some(LATE_AFTER),
            ..Limits::of_bytes(self.max_request_bytes, self.max_line_bytes)
        }
    }

    /// Loki deduplicates a line with the same time and labels, but only for a limited time.
    fn deduplication(&self) -> Deduplication {
        Deduplication::None
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encoding(&self) -> Encoding {
        Encoding::Snappy
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        let (line, timestamp) = (piece.message.as_ref().to_owned(), Some(timestamp(piece)));
        let structured_metadata = match self.metadata {
            StructuredMetadata::Sent => pairs(piece),
            StructuredMetadata::Omitted => Vec::new(),
        };
        protobuf::field(2, &Entry { timestamp, line, structured_metadata }, body);
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        let (one, next) = (before.record.log_source, piece.record.log_source);
        // The log stream is not a label.
        if one.group == next.group
            && one.owner == next.owner
            && one.function == next.function
            && before.is_late == piece.is_late
            && before.record.names.has_same_names(piece.record.names)
            && (!piece.is_late || same_hour(before.record.time, piece.record.time))
        {
            Boundary::SameGroup
        } else {
            // The response to several streams is that of the last one that failed, or a success if
            // the last one succeeded.
            Boundary::NextRequest
        }
    }

    fn open(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        let mut labels = Vec::new();
        prost::encoding::string::encode(1, &self.labels(record_group.first), &mut labels);
        protobuf::open(1, labels.len().saturating_add(record_group.bytes), body);
        body.extend_from_slice(&labels);
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        let mut headers = HeaderMap::new();
        let tenant = span.first.record.names.get(NameField::Tenant);
        let tenant = tenant.and_then(|tenant| HeaderValue::try_from(tenant).ok());
        headers.extend(tenant.map(|tenant| (TENANT, tenant)));
        Address { headers, ..Address::default() }
    }

    fn character_bytes(&self, character: char) -> usize {
        character.len_utf8()
    }

    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        // An empty line is omitted. Its key and length, and the length of the entry are encoded
        // too.
        max_bytes.checked_sub(other_bytes + LINE_KEY + 2 * protobuf::LENGTH_GROWTH)
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 => BatchOutcome::from_success(sent, response),
            400 => match std::str::from_utf8(&response.body).ok().and_then(|text| read(text, sent))
            {
                Some(Rejection::Events(rejected)) => {
                    let count = rejected.iter().map(|(_, count)| count).sum();
                    BatchOutcome::counted(sent, sent.saturating_sub(count), &rejected)
                }
                Some(Rejection::Setting(reason)) => BatchOutcome::Stop(reason),
                // The others are stored, and Loki deduplicates the retry.
                Some(Rejection::RateLimit) => BatchOutcome::Retry(RATE_LIMITED, Ambiguity::Unclear),
                None => classify_status(response),
            },
            // The rate limit of a stream is detected after other entries were stored.
            429 if says(&response.body, "er stream rate limit exceeded") => {
                BatchOutcome::Retry(RATE_LIMITED, Ambiguity::Unclear)
            }
            _ => classify_status(response),
        }
    }
}

/// The hour of a time, such as `2026-11-30T05`.
fn hour(time: SystemTime) -> String {
    let mut text = Vec::with_capacity(32);
    json::time(time, &mut text);
    text.truncate("2026-11-30T05".len());
    String::from_utf8_lossy(&text).into_owned()
}

/// The time of a log event in seconds and nanoseconds. Loki keeps only one of equal lines with an
/// equal time, and CloudWatch Logs has milliseconds only: the last digits of the event's id, which
/// increases, follow them. So log events stay distinct and in order, and a retried one is
/// identical.
fn timestamp(piece: &Piece<'_>) -> Timestamp {
    const DIGITS: usize = 6;
    let id = piece.record.id.as_bytes();
    let last = &id[id.len().saturating_sub(DIGITS)..];
    let below_a_millisecond = last.iter().fold(0, |sum: u64, byte| match byte {
        b'0'..=b'9' => sum * 10 + u64::from(byte - b'0'),
        _ => 0,
    });
    let millis = piece.record.unix_millis();
    let nanos = millis % 1_000 * 1_000_000 + below_a_millisecond;
    Timestamp {
        seconds: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}

/// The key and the length of an empty line.
const LINE_KEY: usize = 2;

/// The structured metadata of a record.
fn pairs(piece: &Piece<'_>) -> Vec<LabelPair> {
    let mut pairs = Vec::new();
    let mut pair = |name: &str, value: &str| pairs.push(label_pair(name, value));
    let log_source = piece.record.log_source;
    for (field, name, value) in [
        (RecordField::LogStream, "log_stream", Some(log_source.stream)),
        (RecordField::Region, "cloud.region", log_source.region),
        (RecordField::Service, "cloud.service.name", Some(log_source.service.name())),
        (RecordField::Version, "faas.version", log_source.version),
    ] {
        if let Some(value) = value.filter(|_| piece.fields.has(field)) {
            pair(name, value);
        }
    }
    for (name, value) in tags::underscored(log_source) {
        pair(&format!("labels_{name}"), value);
    }
    attributes::of_piece(piece, |name, value| match value {
        Value::Text(text) | Value::Word(text) => pair(name.text, text),
        Value::Integer(number) => pair(name.text, itoa::Buffer::new().format(number)),
        Value::Number(number) => pair(name.text, &number.to_string()),
    });
    if piece.fields.has(RecordField::Trace) {
        TraceNames::UNDERSCORED.of_trace(piece, |name, text| pair(name.text, text));
    }
    attributes::of_extracted(piece, &mut pair);
    pairs
}

/// A pair of structured metadata. Names cannot contain dots; the level has Loki's name for it.
fn label_pair(name: &str, value: &str) -> LabelPair {
    let name = if name == "log.level" { "level".to_owned() } else { name.replace('.', "_") };
    LabelPair { name, value: value.to_owned() }
}

/// The reason for entries of a stream that exceeds its rate limit.
const RATE_LIMITED: ReasonCode = ReasonCode::new("rate_limited");

/// The meaning of a 400 of Loki.
#[derive(Debug, PartialEq)]
enum Rejection {
    /// These numbers of entries are rejected, and the others are stored.
    Events(Vec<(ReasonCode, usize)>),
    /// A retry may deliver some entries.
    RateLimit,
    /// Loki's settings reject such entries.
    Setting(ReasonCode),
}

/// Errors of single entries, in the words of Loki's distributor.
///
/// <https://github.com/grafana/loki/blob/main/pkg/validation/validate.go>
static FAULTS: [(&str, ReasonCode); 5] = [
    ("has timestamp too old", ReasonCode::new("too_old")),
    ("has timestamp too new", ReasonCode::new("too_new")),
    ("ax entry size", ReasonCode::new("too_large")),
    ("structured metadata too large", ReasonCode::new("structured_metadata_too_large")),
    ("too many structured metadata labels", ReasonCode::new("too_many_structured_metadata")),
];

/// Parses a rejection of entries; `None` unless all of it is understood. The ingester's message
/// ends with the number of ignored entries; the distributor's has `N errors like: …` for each kind
/// of error, or the error alone if there is one.
///
/// <https://github.com/grafana/loki/blob/main/pkg/ingester/stream.go>
/// <https://github.com/grafana/loki/blob/main/pkg/util/errors.go>
fn read(text: &str, sent: usize) -> Option<Rejection> {
    if text.contains("includes structured metadata, but this feature is disallowed") {
        return Some(Rejection::Setting(ReasonCode::new("structured_metadata_disallowed")));
    }
    if let Some((reasons, counts)) = text.rsplit_once("total ignored: ") {
        if reasons.contains("rate limit exceeded") {
            return Some(Rejection::RateLimit);
        }
        let (ignored, rest) = counts.split_once(" out of ")?;
        let total: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let ignored: usize = ignored.parse().ok()?;
        if total.parse() != Ok(sent) || ignored > sent {
            // More entries of another stream in the same request may have been ignored.
            return Some(Rejection::Events(vec![(UNATTRIBUTED, sent)]));
        }
        return Some(Rejection::Events(vec![(ReasonCode::new("ignored_by_loki"), ignored)]));
    }
    let part = |part: &str| {
        let (count, fault) = match part.split_once(" errors like: ") {
            Some((count, fault)) => (count.trim().parse().ok()?, fault),
            None => (1, part),
        };
        let (_, reason) = FAULTS.iter().find(|(words, _)| fault.contains(words))?;
        Some((reason.clone(), count))
    };
    text.split("; ").map(part).collect::<Option<Vec<_>>>().map(Rejection::Events)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message;

    use super::*;
    use crate::destination::sample;
    use crate::log_source::LogSource;
    use crate::record::Record;

    #[derive(Clone, PartialEq, Message)]
    struct Push {
        #[prost(message, repeated, tag = "1")]
        streams: Vec<Stream>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Stream {
        #[prost(string, tag = "1")]
        labels: String,
        #[prost(message, repeated, tag = "2")]
        entries: Vec<Entry>,
    }

    fn loki(metadata: StructuredMetadata) -> Loki {
        let url = Url::parse("https://logs-prod-012.grafana.net/").unwrap();
        let labels = vec![("env".to_owned(), "a \"b\" \\".to_owned())];
        let sizes = Sizes { max_request_bytes: MAX_REQUEST_BYTES, max_line_bytes: MAX_LINE_BYTES };
        Loki::new(url, None, None, labels, metadata, &sizes)
    }

    fn pushed(loki: &Loki, message: &str) -> Stream {
        let mut entries = Vec::new();
        let mut body = Vec::new();
        sample::with_piece(message, |piece| {
            loki.encode(piece, &mut entries);
            let bytes = entries.len();
            loki.open(
                &RecordGroup { first: piece, bytes, is_first: true, is_last: true },
                &mut body,
            );
        });
        body.extend_from_slice(&entries);
        let mut push = Push::decode(body.as_slice()).unwrap();
        assert_eq!(push.streams.len(), 1);
        push.streams.remove(0)
    }

    #[test]
    fn tags_are_structured_metadata() {
        let loki = loki(StructuredMetadata::Sent);
        let mut body = Vec::new();
        let tags = [("app/team", "pay")];
        sample::with_tagged_piece(&tags, |piece| loki.encode(piece, &mut body));
        let stream = Stream::decode(&*body).unwrap();
        let tag = LabelPair { name: "labels_app_team".to_owned(), value: "pay".to_owned() };
        assert!(stream.entries[0].structured_metadata.contains(&tag), "{stream:?}");
    }

    #[test]
    fn a_stream_has_few_labels_and_an_entry_the_rest_as_metadata() {
        let stream = pushed(&loki(StructuredMetadata::Sent), "[WARNING] löw\n");
        assert_eq!(
            stream.labels,
            r#"{account="123456789012", log_group="/aws/lambda/orders", service_name="orders", env="a \"b\" \\"}"#
        );
        let [entry] = &stream.entries[..] else {
            panic!("not one entry");
        };
        assert_eq!(entry.line, "[WARNING] löw\n");
        let pairs: Vec<(&str, &str)> = entry
            .structured_metadata
            .iter()
            .map(|pair| (pair.name.as_str(), pair.value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("log_stream", sample::STREAM),
                ("cloud_region", "eu-west-1"),
                ("cloud_service_name", "lambda"),
                ("faas_version", "$LATEST"),
                ("aws_cloudwatch_event_id", sample::ID),
                ("aws_lambda_kind", "application"),
                ("level", "warn"),
            ]
        );
        assert_eq!(
            pushed(&loki(StructuredMetadata::Omitted), "x").entries[0].structured_metadata,
            []
        );
    }

    #[test]
    fn late_entries_have_their_own_stream() {
        let loki = loki(StructuredMetadata::Omitted);
        sample::with_piece("x", |piece| {
            let late = Piece { is_late: true, ..piece.clone() };
            assert!(loki.labels(&late).contains(r#", logagg_late="2023-11-06T10", env="#));
            assert_eq!(loki.boundary(piece, &late), Boundary::NextRequest);
            assert_eq!(loki.boundary(&late, &late), Boundary::SameGroup);
        });
    }

    #[test]
    fn a_request_has_the_entries_of_one_stream() {
        let loki = loki(StructuredMetadata::Omitted);
        let log_sources =
            ["/aws/lambda/a", "/aws/lambda/b"].map(|group| LogSource::new("1", group, "s"));
        let records = log_sources.each_ref().map(|log_source| Record::of(log_source, "x"));
        let [a, b] = records.each_ref().map(Piece::whole);
        assert_eq!(loki.boundary(&a, &b), Boundary::NextRequest);
        assert_eq!(loki.boundary(&a, &a), Boundary::SameGroup);
    }

    #[test]
    fn a_stream_of_late_entries_spans_an_hour_and_no_more() {
        let loki = loki(StructuredMetadata::Omitted);
        let log_source = LogSource::new("1", "/aws/lambda/a", "s");
        let at = |minutes: u64| Record {
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(60 * minutes),
            ..Record::of(&log_source, "x")
        };
        let records = [at(0), at(59), at(60)];
        let [first, last, next] =
            records.each_ref().map(|record| Piece { is_late: true, ..Piece::whole(record) });
        assert_eq!(loki.boundary(&last, &first), Boundary::SameGroup);
        assert_eq!(loki.boundary(&last, &next), Boundary::NextRequest);
    }

    #[test]
    fn nanoseconds_contain_the_last_digits_of_the_event_id() {
        let stream = pushed(&loki(StructuredMetadata::Omitted), "x");
        let expected = Timestamp { seconds: 1_699_264_800, nanos: 123_221_568 };
        assert_eq!(stream.entries[0].timestamp, Some(expected));
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let response =
            Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) };
        assert_eq!(&loki(StructuredMetadata::Sent).classify(5, &response), expected, "{body}");
    }

    #[test]
    fn entries_that_loki_ignores_are_rejected_without_a_retry() {
        check(
            400,
            "entry with timestamp 2023-11-06 ignored, reason: 'entry too far behind',\n\
             user 'fake', total ignored: 2 out of 5 for stream: {a=\"b\"}",
            &BatchOutcome::Counted {
                delivered: 3,
                rejected: vec![(ReasonCode::new("ignored_by_loki"), 2)],
            },
        );
        let unattributed =
            BatchOutcome::Counted { delivered: 0, rejected: vec![(UNATTRIBUTED, 5)] };
        for body in ["total ignored: 2 out of 4", "total ignored: 9 out of 5"] {
            check(400, body, &unattributed);
        }
    }

    #[test]
    fn the_distributor_reports_rejected_entries_by_kind() {
        let counted = |delivered, rejected: &[(&'static str, usize)]| BatchOutcome::Counted {
            delivered,
            rejected: rejected
                .iter()
                .map(|(word, count)| (ReasonCode::new(word), *count))
                .collect(),
        };
        let old = "entry for stream '{a=\"b\"}' has timestamp too old: 2023-11-06T10:00:00Z, oldest \
                   acceptable timestamp is: 2023-11-07T10:00:00Z";
        let large = "Max entry size '262144' bytes exceeded for stream '{a=\"b\"}' while adding an \
                     entry with length '300000' bytes";
        check(400, old, &counted(4, &[("too_old", 1)]));
        check(400, &format!("3 errors like: {old}"), &counted(2, &[("too_old", 3)]));
        let both = format!("2 errors like: {old}; {large}");
        check(400, &both, &counted(2, &[("too_old", 2), ("too_large", 1)]));
        // An unknown message may be about a setting.
        for body in ["cannot parse accountID from \"shop\"", "total ignored: many out of 5", ""] {
            check(400, body, &BatchOutcome::Split(ReasonCode::from_status(400)));
        }
        let disallowed = "stream '{a=\"b\"}' includes structured metadata, but this feature is \
                          disallowed. Please see `limits_config.allow_structured_metadata`";
        check(
            400,
            disallowed,
            &BatchOutcome::Stop(ReasonCode::new("structured_metadata_disallowed")),
        );
        check(400, "data: too big data size 5819 exceeding 4000 bytes", &BatchOutcome::TooLarge);
    }

    #[test]
    fn entries_over_the_rate_limit_are_retried_and_the_others_may_be_stored() {
        let again = BatchOutcome::Retry(RATE_LIMITED, Ambiguity::Unclear);
        check(
            400,
            "entry with timestamp 2023-11-06 ignored, reason: 'Per stream rate limit exceeded (limit: \
             3MB/sec)',\nentry with timestamp 2023-11-06 ignored, reason: 'entry too far behind',\n\
             user 'fake', total ignored: 2 out of 5 for stream: {a=\"b\"}",
            &again,
        );
        check(429, "Per stream rate limit exceeded (limit: 3MB/sec)", &again);
    }

    #[test]
    fn other_statuses_are_about_the_whole_request() {
        check(204, "", &BatchOutcome::delivered(5));
        check(
            429,
            "",
            &BatchOutcome::Retry(ReasonCode::from_status(429), Ambiguity::NothingAccepted),
        );
        check(500, "", &BatchOutcome::Retry(ReasonCode::from_status(500), Ambiguity::Unclear));
        check(401, "no org id", &BatchOutcome::Stop(ReasonCode::from_status(401)));
        check(413, "", &BatchOutcome::TooLarge);
    }
}
