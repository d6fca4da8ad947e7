//! From base64 to log events: base64, every gzip member up to a cap, JSON read in place.
//!
//! Log events borrow from the decoded bytes. JSON errors are told by position only, since
//! serde's own messages repeat the value they stumbled over.

mod buffer_pool;
mod fast_path;

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::time::{Duration, SystemTime};

use base64_simd::STANDARD;
use flate2::bufread::MultiGzDecoder;
use libdeflater::{Crc, Decompressor};
use memchr::memmem;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

pub(crate) use buffer_pool::BufferPool;

use crate::destination::ReasonCode;

/// Why the data of an event could not be decoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The data is not base64.
    #[error("cannot decode the event: its data is not base64")]
    Base64,
    /// The data is not gzip, or ends too early, or its checksum is wrong.
    #[error("cannot decode the event: its data is not complete gzip")]
    Gzip,
    /// The data is larger than what the configuration allows.
    #[error(
        "cannot decode the event: more than {cap_bytes} bytes after decompression; raise \
         \"max_decoded_bytes\" and the memory of the function to take such events"
    )]
    TooLarge {
        /// The cap that was reached.
        cap_bytes: usize,
    },
    /// The decoded data is not what CloudWatch Logs sends.
    #[error(
        "cannot decode the event: no CloudWatch Logs JSON ({what} at line {line} column {column})"
    )]
    Json {
        /// What serde found wrong, as a class.
        what: &'static str,
        /// The line of the decoded JSON.
        line: usize,
        /// The column of the decoded JSON.
        column: usize,
    },
}

impl DecodeError {
    /// The word under which it is counted.
    pub fn class(&self) -> ReasonCode {
        match self {
            Self::Base64 => ReasonCode::new("no_base64"),
            Self::Gzip => ReasonCode::new("no_gzip"),
            Self::TooLarge { .. } => ReasonCode::new("too_large_decoded"),
            Self::Json { .. } => ReasonCode::new("no_cloudwatch_logs_json"),
        }
    }
}

/// What CloudWatch Logs sends in one event.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery<'a> {
    /// Log events, or CloudWatch Logs looking whether the destination is there.
    pub message_type: MessageType,
    /// The account that owns the log group.
    #[serde(borrow, default)]
    pub owner: Cow<'a, str>,
    /// The log group's name.
    #[serde(borrow, default)]
    pub log_group: Cow<'a, str>,
    /// The log stream's name.
    #[serde(borrow, default)]
    pub log_stream: Cow<'a, str>,
    /// The log events, in the order in which CloudWatch Logs has them.
    #[serde(borrow, default)]
    pub log_events: Vec<LogEvent<'a>>,
}

/// Whether a delivery holds logs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub enum MessageType {
    /// Log events.
    #[serde(rename = "DATA_MESSAGE")]
    Data,
    /// A test of the destination: no logs of anybody.
    #[serde(rename = "CONTROL_MESSAGE")]
    Control,
}

/// One log event.
#[derive(Debug, PartialEq, Deserialize)]
pub struct LogEvent<'a> {
    /// CloudWatch Logs' own id, the same at every delivery.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// When the line was written.
    pub timestamp: EventTime,
    /// The line as it was written.
    #[serde(borrow)]
    pub message: Text<'a>,
    /// The message as it stands in the JSON, between the quotes, where it can stand so in other
    /// JSON.
    #[serde(skip)]
    pub escaped: Option<&'a str>,
}

/// A time in milliseconds since 1970 that RFC 3339 can express, which ends with the year 9999. One before or
/// after that is the first or last, so that it does not cost the events beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "f64")]
pub struct EventTime(u64);

impl EventTime {
    /// The last millisecond of the year 9999.
    const LAST: Self = Self(253_402_300_799_999);

    /// The same time as the standard library has it.
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
    /// All milliseconds that there are have a float of their own; what is below 0 becomes 0.
    fn from(millis: f64) -> Self {
        Self::from(millis as u64)
    }
}

/// Text that may hold an escaped half of a surrogate pair, which is JSON but no Unicode. The
/// half is replaced by U+FFFD, and `null` is an empty text, so that one such line does not cost the whole
/// event.
#[derive(Debug, PartialEq)]
pub struct Text<'a>(pub Cow<'a, str>);

/// Undoes base64 and gzip, giving at most `cap_bytes`, in `buffer` if that is large enough.
pub fn inflate(data: &str, cap_bytes: usize, buffer: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
    let compressed = STANDARD.decode_to_vec(data).map_err(|_| DecodeError::Base64)?;
    gunzip(&compressed, cap_bytes, buffer)
}

/// Decompresses gzip to at most `cap_bytes`, in `buffer` if that is large enough.
pub fn gunzip(
    compressed: &[u8],
    cap_bytes: usize,
    buffer: Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    match inflate_at_once(compressed, cap_bytes, buffer) {
        Some(decoded) => Ok(decoded),
        None => inflate_piece_by_piece(compressed, cap_bytes),
    }
}

/// Undoes gzip of one member, which is what CloudWatch Logs sends, in less than half the time:
/// where there is no second member, the size of what comes out stands at the end. `None` for
/// anything else, also what is broken.
///
/// <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
fn inflate_at_once(compressed: &[u8], cap_bytes: usize, buffer: Vec<u8>) -> Option<Vec<u8>> {
    /// A member begins with these bytes, so there is no other where they are not seen again.
    const BEGIN: [u8; 3] = [0x1f, 0x8b, 8];
    const NO_FLAGS: u8 = 0;
    /// Nothing compresses better, so a size beyond it is a lie not to take memory for.
    const HIGHEST_RATIO: usize = 1_032;

    let ([begin @ .., NO_FLAGS, _, _, _, _, _, _], rest) = compressed.split_first_chunk::<10>()?
    else {
        return None;
    };
    let (deflated, end) = rest.split_last_chunk::<8>()?;
    let [checksum @ .., _, _, _, _] = *end;
    let [_, _, _, _, size @ ..] = *end;
    let size = usize::try_from(u32::from_le_bytes(size)).ok()?;
    let is_likely = size <= cap_bytes && size / HIGHEST_RATIO <= compressed.len();
    // The end of a member that is not the last one is seen before, even if what follows is so
    // damaged that it does not begin as a member.
    let is_one = *begin == BEGIN
        && memmem::find(rest, &BEGIN).is_none()
        && memmem::find(rest, end) == Some(deflated.len());
    if !(is_likely && is_one) {
        return None;
    }
    let mut decoded = buffer_pool::of(size, buffer);
    let written = Decompressor::new().deflate_decompress(deflated, &mut decoded).ok()?;
    let mut sum = Crc::new();
    sum.update(&decoded);
    (written == size && sum.sum() == u32::from_le_bytes(checksum)).then_some(decoded)
}

/// Undoes gzip of any number of members.
fn inflate_piece_by_piece(compressed: &[u8], cap_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    let one_more_than_allowed = (cap_bytes as u64).saturating_add(1);
    MultiGzDecoder::new(compressed)
        .take(one_more_than_allowed)
        .read_to_end(&mut decoded)
        .map_err(|_| DecodeError::Gzip)?;
    if decoded.len() > cap_bytes {
        return Err(DecodeError::TooLarge { cap_bytes });
    }
    Ok(decoded)
}

/// Reads the decoded JSON in place. Texts that have escapes there go into `texts` without them,
/// whatever that held before.
pub fn parse<'a>(decoded: &'a [u8], texts: &'a mut Vec<u8>) -> Result<Delivery<'a>, DecodeError> {
    fast_path::parse(decoded, texts).map_or_else(|| parse_any(decoded), Ok)
}

/// Reads JSON of whatever shape, and says what is wrong with it.
fn parse_any(decoded: &[u8]) -> Result<Delivery<'_>, DecodeError> {
    serde_json::from_slice(decoded).map_err(|error| DecodeError::Json {
        what: match error.classify() {
            serde_json::error::Category::Io => "unreadable",
            serde_json::error::Category::Syntax => "a syntax error",
            serde_json::error::Category::Data => "a missing field or one of another type",
            serde_json::error::Category::Eof => "its end",
        },
        line: error.line(),
        column: error.column(),
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<Characters<'a>>::deserialize(deserializer)?;
        Ok(Self(text.map(|text| text.0).unwrap_or_default()))
    }
}

/// The text that bytes are, with one U+FFFD in place of whatever is none.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    // Half of a surrogate pair has three bytes, each of which would be replaced.
    let mut bytes = bytes.to_vec();
    let halves = memmem::find_iter(&bytes, &[0xed]).collect::<Vec<_>>();
    for half in halves {
        if let Some(half @ [_, 0xa0..=0xbf, 0x80..=0xbf]) = bytes.get_mut(half..half + 3) {
            half.copy_from_slice("\u{FFFD}".as_bytes());
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Text that is there.
struct Characters<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Characters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CharactersVisitor;

        impl<'de> Visitor<'de> for CharactersVisitor {
            type Value = Characters<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Characters(lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Characters(Cow::Owned(lossy(bytes).into_owned())))
            }
        }

        // serde_json hands out strings as bytes without refusing lone surrogates.
        deserializer.deserialize_bytes(CharactersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn event(messages: &[&str]) -> Vec<u8> {
        let events: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(n, message)| serde_json::json!({"id": n.to_string(), "timestamp": n, "message": message}))
            .collect();
        serde_json::to_vec(&serde_json::json!({
            "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/f",
            "logStream": "s", "subscriptionFilters": ["x"], "logEvents": events, "unknown": {},
        }))
        .unwrap()
    }

    #[test]
    fn reads_every_gzip_member() {
        let json = event(&["one", "two"]);
        let (first, second) = json.split_at(json.len() / 2);
        let data = STANDARD.encode_to_string([gzip(first), gzip(second)].concat());
        let decoded = inflate(&data, 10_000, Vec::new()).unwrap();
        assert_eq!(decoded, json);
        assert_eq!(parse(&decoded, &mut Vec::new()).unwrap().log_events.len(), 2);
    }

    #[test]
    fn a_size_that_is_a_lie_changes_nothing() {
        let whole = gzip(&[b'x'; 300]);
        for size in [0, 299, 301, 4_000, u32::MAX] {
            let mut lie = whole.clone();
            let end = lie.len() - 4;
            lie[end..].copy_from_slice(&size.to_le_bytes());
            assert_eq!(
                inflate(&STANDARD.encode_to_string(lie), 10_000, Vec::new()),
                Err(DecodeError::Gzip)
            );
        }
    }

    #[test]
    fn members_that_are_the_same_are_all_read() {
        let member = gzip(&event(&["one"]));
        let decoded = inflate(
            &STANDARD.encode_to_string([member.clone(), member].concat()),
            10_000,
            Vec::new(),
        )
        .unwrap();
        assert_eq!(decoded, event(&["one"]).repeat(2));
    }

    #[test]
    fn a_member_that_does_not_begin_as_one_is_an_error_and_not_left_out() {
        for texts in [["", ""], ["same", "same"], ["this", "that"], ["long", ""]] {
            let [first, second] = texts.map(|text| gzip(text.as_bytes()));
            for place in 0..3 {
                let mut data = [first.as_slice(), &second].concat();
                data[first.len() + place] ^= 16;
                let data = STANDARD.encode_to_string(data);
                assert_eq!(inflate(&data, 10_000, Vec::new()), Err(DecodeError::Gzip), "{texts:?}");
            }
        }
    }

    #[test]
    fn stops_at_the_cap_and_names_it() {
        let data = STANDARD.encode_to_string(gzip(&vec![b' '; 5_000]));
        assert_eq!(inflate(&data, 5_000, Vec::new()).map(|bytes| bytes.len()), Ok(5_000));
        assert_eq!(
            inflate(&data, 4_999, Vec::new()),
            Err(DecodeError::TooLarge { cap_bytes: 4_999 })
        );
    }

    #[test]
    fn broken_base64_and_broken_gzip_have_their_own_errors() {
        let whole = gzip(&event(&["x"]));
        assert_eq!(inflate("%%%", 1_000, Vec::new()), Err(DecodeError::Base64));
        assert_eq!(
            inflate(&STANDARD.encode_to_string(b"plain"), 1_000, Vec::new()),
            Err(DecodeError::Gzip)
        );
        let cut = &whole[..whole.len() - 4];
        assert_eq!(
            inflate(&STANDARD.encode_to_string(cut), 1_000, Vec::new()),
            Err(DecodeError::Gzip)
        );
    }

    #[test]
    fn json_errors_tell_the_place_and_nothing_of_the_content() {
        let decoded = br#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"s3cr3t","timestamp":"s3cr3t","message":""}]}"#;
        let error = parse(decoded, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("line 1 column"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
        let other = parse(br#"{"messageType":"s3cr3t"}"#, &mut Vec::new()).unwrap_err().to_string();
        assert!(!other.contains("s3cr3t"), "{other}");
    }

    #[test]
    fn a_half_of_a_surrogate_pair_costs_one_character_and_not_the_event() {
        let decoded = br#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1,"message":"a\ud800b"},{"id":"2","timestamp":1,"message":"\ud83d\ude00"}]}"#;
        let mut texts = Vec::new();
        let delivery = parse(decoded, &mut texts).unwrap();
        assert_eq!(delivery.log_events[1].message.0, "\u{1F600}");
        assert_eq!(delivery.log_events[0].message.0, "a\u{FFFD}b");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_where_one_sees_it() {
        let decoded = b"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"1\",\"timestamp\":1,\"message\":\"a\xff\xfeb\\n\xc3\xbc\"}]}";
        let mut texts = Vec::new();
        let delivery = parse(decoded, &mut texts).unwrap();
        assert_eq!(delivery.log_events[0].message.0, "a\u{FFFD}\u{FFFD}b\n\u{FC}");
    }

    #[test]
    fn a_time_that_nobody_can_write_down_and_a_message_that_is_null_cost_nothing_beside_them() {
        const LAST: u64 = 253_402_300_799_999;
        for (time, expected) in [
            ("253402300799999", LAST),
            ("253402300800000", LAST),
            ("18446744073709551616", LAST),
            ("1e300", LAST),
            ("-1", 0),
            ("1700000000123.0", 1_700_000_000_123),
        ] {
            let decoded = format!(
                r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","timestamp":{time},"message":null}},{{"id":"2","timestamp":1,"message":"b"}}]}}"#
            );
            let mut texts = Vec::new();
            let delivery = parse(decoded.as_bytes(), &mut texts).unwrap();
            let [event, beside] = &delivery.log_events[..] else {
                panic!("{delivery:?}");
            };
            assert_eq!((event.timestamp, event.message.0.as_ref()), (EventTime(expected), ""));
            assert_eq!(beside.message.0, "b");
        }
    }

    #[test]
    fn messages_without_escapes_are_borrowed() {
        let json = event(&["plain ünïcode"]);
        let mut texts = Vec::new();
        let delivery = parse(&json, &mut texts).unwrap();
        assert!(matches!(delivery.log_events[0].message.0, Cow::Borrowed("plain ünïcode")));
    }

    proptest! {
        #[test]
        fn any_messages_come_through_unchanged(messages in prop::collection::vec(".*", 0..20)) {
            let references: Vec<&str> = messages.iter().map(String::as_str).collect();
            let data = STANDARD.encode_to_string(gzip(&event(&references)));
            let decoded = inflate(&data, 1 << 20, Vec::new()).unwrap();
            let mut texts = Vec::new();
            let delivery = parse(&decoded, &mut texts).unwrap();
            let out: Vec<&str> = delivery.log_events.iter().map(|event| event.message.0.as_ref()).collect();
            prop_assert_eq!(out, references);
        }

        #[test]
        fn both_ways_to_undo_gzip_agree(
            members in prop::collection::vec("[a-e]{0,99}", 1..4), cut in 0..9_usize, flip in any::<Option<u16>>(),
        ) {
            let mut data: Vec<u8> = members.iter().flat_map(|text| gzip(text.as_bytes())).collect();
            data.truncate(data.len() - cut / 3);
            if let Some(flip) = flip {
                let at = usize::from(flip) % data.len();
                data[at] ^= 1 << (flip % 8);
            }
            if let Some(decoded) = inflate_at_once(&data, 1_000, Vec::new()) {
                prop_assert_eq!(inflate_piece_by_piece(&data, 1_000), Ok(decoded));
            }
        }

        #[test]
        fn any_bytes_give_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".*") {
            let _ = inflate(&text, 1_000, Vec::new());
            let _ = inflate(&STANDARD.encode_to_string(&bytes), 1_000, Vec::new());
            let _ = parse(&bytes, &mut Vec::new());
        }
    }
}
