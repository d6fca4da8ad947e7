//! Decodes an event: base64, gzip with a size limit, JSON parsed in place.
//!
//! Log events borrow from the decoded bytes. JSON errors contain the position only, because serde's
//! messages quote the value.

mod buffer_pool;
mod delivery;
mod extracted_fields;
mod fast_path;
mod text;

use std::io::Read;

use base64_simd::STANDARD;
use flate2::bufread::MultiGzDecoder;
use libdeflater::{Crc, Decompressor};
use memchr::memmem;
use simdutf8::basic::from_utf8;

pub(crate) use buffer_pool::BufferPool;
pub use delivery::{Delivery, EventTime, LogEvent, MessageType};
pub use extracted_fields::{Extracted, ExtractedFields};
pub use text::Text;

use crate::destination::ReasonCode;

/// Why an event cannot be decoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The data is not base64.
    #[error("cannot decode the event: its data is not base64")]
    Base64,
    /// The data is not gzip, is truncated, or has a wrong checksum.
    #[error("cannot decode the event: its data is not complete gzip")]
    Gzip,
    /// The data exceeds the configured size.
    #[error(
        "cannot decode the event: more than {cap_bytes} bytes after decompression; increase \
         \"max_decoded_bytes\" and the function's memory"
    )]
    TooLarge {
        /// The size limit.
        cap_bytes: usize,
    },
    /// The decoded data is not a delivery of CloudWatch Logs.
    #[error(
        "cannot decode the event: invalid CloudWatch Logs JSON ({what} at line {line} column \
         {column})"
    )]
    Json {
        /// serde's category of the error.
        what: &'static str,
        /// The line of the decoded JSON.
        line: usize,
        /// The column of the decoded JSON.
        column: usize,
    },
}

impl DecodeError {
    /// The reason in the counts.
    pub fn reason(&self) -> ReasonCode {
        match self {
            Self::Base64 => ReasonCode::new("no_base64"),
            Self::Gzip => ReasonCode::new("no_gzip"),
            Self::TooLarge { .. } => ReasonCode::new("too_large_decoded"),
            Self::Json { .. } => ReasonCode::new("no_cloudwatch_logs_json"),
        }
    }
}

/// Decodes base64 and gzip to at most `cap_bytes`, into `buffer` if it is large enough.
pub fn inflate(data: &str, cap_bytes: usize, buffer: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
    let compressed = STANDARD.decode_to_vec(data).map_err(|_| DecodeError::Base64)?;
    gunzip(&compressed, cap_bytes, buffer)
}

/// Decompresses gzip to at most `cap_bytes`, into `buffer` if it is large enough.
pub fn gunzip(
    compressed: &[u8],
    cap_bytes: usize,
    buffer: Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    match inflate_single(compressed, cap_bytes, buffer) {
        Some(decoded) => Ok(decoded),
        None => inflate_members(compressed, cap_bytes),
    }
}

/// Decompresses gzip of a single member, as CloudWatch Logs sends it, in less than half the time:
/// the decompressed size is in the trailer. `None` for anything else, including invalid data.
///
/// <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
fn inflate_single(compressed: &[u8], cap_bytes: usize, buffer: Vec<u8>) -> Option<Vec<u8>> {
    /// Every member begins with these bytes, so without another occurrence there is a single
    /// member.
    const BEGIN: [u8; 3] = [0x1f, 0x8b, 8];
    const NO_FLAGS: u8 = 0;
    /// The highest ratio of deflate: do not allocate for a larger size, which cannot be true.
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
    // Detects a further member even if it is damaged.
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

/// Decompresses gzip of any number of members.
fn inflate_members(compressed: &[u8], cap_bytes: usize) -> Result<Vec<u8>, DecodeError> {
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

/// Parses the decoded JSON in place. Unescaped strings are written to `strings`, which is
/// overwritten; so is everything if it is not UTF-8, with replacement characters.
pub fn parse<'a>(decoded: &'a [u8], strings: &'a mut Vec<u8>) -> Result<Delivery<'a>, DecodeError> {
    let Ok(whole) = from_utf8(decoded) else {
        *strings = String::from_utf8_lossy(decoded).into_owned().into_bytes();
        return parse_any(strings);
    };
    fast_path::parse(whole, strings).map_or_else(|| parse_any(decoded), Ok)
}

/// Parses any JSON and reports what is invalid.
fn parse_any(decoded: &[u8]) -> Result<Delivery<'_>, DecodeError> {
    serde_json::from_slice(decoded).map_err(|error| DecodeError::Json {
        what: match error.classify() {
            serde_json::error::Category::Io => "unreadable",
            serde_json::error::Category::Syntax => "a syntax error",
            serde_json::error::Category::Data => "a missing field or a field of another type",
            serde_json::error::Category::Eof => "its end",
        },
        line: error.line(),
        column: error.column(),
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
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
    fn a_wrong_size_in_the_trailer_changes_nothing() {
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
    fn a_damaged_gzip_member_is_an_error() {
        for strings in [["", ""], ["same", "same"], ["this", "that"], ["long", ""]] {
            let [first, second] = strings.map(|text| gzip(text.as_bytes()));
            for place in 0..3 {
                let mut data = [first.as_slice(), &second].concat();
                data[first.len() + place] ^= 16;
                let data = STANDARD.encode_to_string(data);
                assert_eq!(
                    inflate(&data, 10_000, Vec::new()),
                    Err(DecodeError::Gzip),
                    "{strings:?}"
                );
            }
        }
    }

    #[test]
    fn a_payload_above_the_limit_is_an_error_that_names_it() {
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
    fn json_errors_contain_the_position_only() {
        let decoded = br#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"s3cr3t","timestamp":"s3cr3t","message":""}]}"#;
        let error = parse(decoded, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("line 1 column"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
        let other = parse(br#"{"messageType":"s3cr3t"}"#, &mut Vec::new()).unwrap_err().to_string();
        assert!(!other.contains("s3cr3t"), "{other}");
    }

    #[test]
    fn a_lone_surrogate_is_replaced_without_losing_the_event() {
        let decoded = br#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1,"message":"a\ud800b"},{"id":"2","timestamp":1,"message":"\ud83d\ude00"}]}"#;
        let mut strings = Vec::new();
        let delivery = parse(decoded, &mut strings).unwrap();
        assert_eq!(delivery.log_events[1].message.0, "\u{1F600}");
        assert_eq!(delivery.log_events[0].message.0, "a\u{FFFD}b");
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        let decoded = b"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"1\",\"timestamp\":1,\"message\":\"a\xff\xfeb\\n\xc3\xbc\"}]}";
        let mut strings = Vec::new();
        let delivery = parse(decoded, &mut strings).unwrap();
        assert_eq!(delivery.log_events[0].message.0, "a\u{FFFD}\u{FFFD}b\n\u{FC}");
    }

    #[test]
    fn invalid_utf8_in_extracted_fields_is_replaced() {
        let decoded = b"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"1\",\"timestamp\":1,\"message\":\"a\",\"extractedFields\":{\"x\":\"\xff\"}}]}";
        let mut strings = Vec::new();
        let delivery = parse(decoded, &mut strings).unwrap();
        let fields: Vec<_> = Extracted::All(&delivery.log_events[0].extracted).fields().collect();
        assert_eq!(fields, [("x", "\u{FFFD}")]);
    }

    #[test]
    fn invalid_times_and_null_messages_do_not_affect_other_events() {
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
            let mut strings = Vec::new();
            let delivery = parse(decoded.as_bytes(), &mut strings).unwrap();
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
        let mut strings = Vec::new();
        let delivery = parse(&json, &mut strings).unwrap();
        assert!(matches!(delivery.log_events[0].message.0, Cow::Borrowed("plain ünïcode")));
    }

    proptest! {
        #[test]
        fn any_messages_are_delivered_unchanged(messages in prop::collection::vec(".*", 0..20)) {
            let references: Vec<&str> = messages.iter().map(String::as_str).collect();
            let data = STANDARD.encode_to_string(gzip(&event(&references)));
            let decoded = inflate(&data, 1 << 20, Vec::new()).unwrap();
            let mut strings = Vec::new();
            let delivery = parse(&decoded, &mut strings).unwrap();
            let out: Vec<&str> = delivery.log_events.iter().map(|event| event.message.0.as_ref()).collect();
            prop_assert_eq!(out, references);
        }

        #[test]
        fn both_gzip_decoders_agree(
            members in prop::collection::vec("[a-e]{0,99}", 1..4), cut in 0..9_usize, flip in any::<Option<u16>>(),
        ) {
            let mut data: Vec<u8> = members.iter().flat_map(|text| gzip(text.as_bytes())).collect();
            data.truncate(data.len() - cut / 3);
            if let Some(flip) = flip {
                let at = usize::from(flip) % data.len();
                data[at] ^= 1 << (flip % 8);
            }
            if let Some(decoded) = inflate_single(&data, 1_000, Vec::new()) {
                prop_assert_eq!(inflate_members(&data, 1_000), Ok(decoded));
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
