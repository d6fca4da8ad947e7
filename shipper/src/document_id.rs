//! Document ids: a log event has the same id in every delivery.

use std::fmt;

use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use crate::log_source::LogSource;
use crate::record::{Extent, Piece};

/// 128 bits of XXH3 over account, log group, log stream, event id and part. The specification of
/// XXH3 fixes its result. Account and log group are those of the delivery, which do not depend on
/// the fields that a filter adds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DocumentId(u128);

impl DocumentId {
    /// The id of a record.
    pub fn of(piece: &Piece<'_>) -> Self {
        let record = piece.record;
        let log_source = record.log_source;
        let part = match piece.extent {
            Extent::Part { number, .. } => number,
            Extent::Whole | Extent::Truncated { .. } => 0,
        };
        let mut text = Text { bytes: [0; Text::CAPACITY], len: 0, hash: None };
        text.push(log_source_key(log_source));
        text.push(&(record.id.len() as u64).to_le_bytes());
        text.push(record.id.as_bytes());
        text.push(&(part as u64).to_le_bytes());
        Self(text.hash())
    }

    /// Appends the id as text: a hash of account, log group and log stream, the event's id, and the
    /// number of a part. It contains the event's id, so that the event's id needs no field, and it
    /// begins like that of other records of the log source, which compresses. An id that has another
    /// form than those of CloudWatch Logs is hashed.
    pub(crate) fn write(piece: &Piece<'_>, body: &mut Vec<u8>) {
        const LONGEST: usize = 128;

        let id = piece.record.id.as_bytes();
        if id.len() > LONGEST || !id.iter().all(u8::is_ascii_alphanumeric) {
            return body.extend_from_slice(Self::of(piece).to_string().as_bytes());
        }
        let log_source = piece.record.log_source;
        let hash = || format!("{:016x}-", xxh3_64(log_source_key(log_source)));
        body.extend_from_slice(log_source.shared_fields.id.get_or_init(hash).as_bytes());
        body.extend_from_slice(id);
        if let Extent::Part { number, .. } = piece.extent {
            body.extend_from_slice(format!("-{number}").as_bytes());
        }
    }

    /// The id in big-endian bytes.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// The hashed prefix of the ids of a log source.
fn log_source_key<'s>(log_source: &'s LogSource<'_>) -> &'s [u8] {
    log_source.shared_fields.key.get_or_init(|| {
        let mut text = Vec::new();
        let [owner, group] = log_source.delivered_by;
        for name in [owner, group, log_source.stream] {
            // The length prefix separates the strings unambiguously.
            text.extend_from_slice(&(name.len() as u64).to_le_bytes());
            text.extend_from_slice(name.as_bytes());
        }
        text
    })
}

/// The hashed content. Hashing a contiguous buffer is faster than setting up a streaming hasher, so
/// a buffer is used as long as the content fits.
struct Text {
    bytes: [u8; Self::CAPACITY],
    len: usize,
    hash: Option<Xxh3>,
}

impl Text {
    const CAPACITY: usize = 256;

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if end > Self::CAPACITY {
            self.hash.get_or_insert_default().update(&self.bytes[..self.len]);
            self.len = 0;
        }
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(capacity) => {
                capacity.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.hash.get_or_insert_default().update(bytes),
        }
    }

    fn hash(mut self) -> u128 {
        let rest = &self.bytes[..self.len];
        match &mut self.hash {
            Some(hash) => {
                hash.update(rest);
                hash.digest128()
            }
            None => xxh3_128(rest),
        }
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for DocumentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::record::Record;

    fn key(owner: &str, group: &str, stream: &str, id: &str, extent: Extent) -> String {
        let log_source = LogSource::new(owner, group, stream);
        let record = Record { id, ..Record::of(&log_source, "") };
        let piece = Piece { extent, ..Piece::whole(&record) };
        DocumentId::of(&piece).to_string()
    }

    #[test]
    fn document_ids_are_stable_across_releases() {
        assert_eq!(
            key("123456789012", "/aws/lambda/f", "s", "1", Extent::Whole),
            "1b375c42affea5f847f4823176d679b9"
        );
    }

    #[test]
    fn an_id_as_text_contains_that_of_the_event() {
        let text = |stream: &str, id: &str, extent| {
            let log_source = LogSource::new("123456789012", "/aws/lambda/f", stream);
            let record = Record { id, ..Record::of(&log_source, "") };
            let mut text = Vec::new();
            DocumentId::write(&Piece { extent, ..Piece::whole(&record) }, &mut text);
            String::from_utf8(text).unwrap()
        };
        let whole = text("s", "3712", Extent::Whole);
        assert_eq!(whole, "90e2b9839f9b5f6d-3712");
        let part = text("s", "3712", Extent::Part { number: 2, count: 3 });
        assert_eq!(part, format!("{whole}-2"));
        assert_ne!(text("t", "3712", Extent::Whole), whole);
        for odd in ["", "a b", "a\"b", "ä", &"x".repeat(200)] {
            let text = text("s", odd, Extent::Whole);
            assert!(odd.is_empty() || text.len() == 32, "{text}");
        }
    }

    #[test]
    fn a_centralized_log_event_has_the_id_of_its_delivery() {
        let plain = LogSource::new("123456789012", "/central", "s");
        let named = LogSource::new("210987654321", "/aws/lambda/f", "s")
            .delivered_by("123456789012", "/central");
        let [plain, named] = [&plain, &named].map(|log_source| {
            DocumentId::of(&Piece::whole(&Record::of(log_source, ""))).to_string()
        });
        assert_eq!(plain, named);
    }

    #[test]
    fn strings_of_any_length_are_hashed_completely() {
        for lengths in [[100, 90, 40], [206, 1, 0], [207, 0, 9], [256, 2, 700], [4, 600, 9]] {
            let text = lengths.map(|length| "x".repeat(length));
            let [group, stream, id] = &text;
            let mut whole = Vec::new();
            for part in ["a", group, stream, id] {
                whole.extend_from_slice(&(part.len() as u64).to_le_bytes());
                whole.extend_from_slice(part.as_bytes());
            }
            whole.extend_from_slice(&0_u64.to_le_bytes());
            let expected = format!("{:032x}", xxh3_128(&whole));
            assert_eq!(key("a", group, stream, id, Extent::Whole), expected, "{lengths:?}");
        }
    }

    #[test]
    fn document_ids_depend_on_every_part_of_the_log_source() {
        let part = |number| Extent::Part { number, count: 2 };
        let keys = [
            key("a", "b", "c", "d", Extent::Whole),
            key("x", "b", "c", "d", Extent::Whole),
            key("a", "x", "c", "d", Extent::Whole),
            key("a", "b", "x", "d", Extent::Whole),
            key("a", "b", "c", "x", Extent::Whole),
            key("ab", "", "c", "d", Extent::Whole),
            key("a", "b", "c", "d", part(1)),
            key("a", "b", "c", "d", part(2)),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(keys.iter().all(|key| key.len() == 32));
    }
}
