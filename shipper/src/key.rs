//! Document ids: the same line gets the same id whenever and however often it is delivered.

use std::fmt;

use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::Xxh3;

use crate::record::{Extent, Piece};

/// 128 bits over account, log group, log stream, event id and part, by XXH3, whose result is
/// fixed by its specification.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u128);

impl Key {
    /// The key of a piece.
    pub fn of(piece: &Piece<'_>) -> Self {
        let record = piece.record;
        let origin = record.origin;
        let mut hash = Xxh3::new();
        for part in [origin.owner, origin.group, origin.stream, record.id] {
            // With its length in front, no text can run over into the next.
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let part = match piece.extent {
            Extent::Part { number, .. } => number,
            Extent::Whole | Extent::Cut { .. } => 0,
        };
        hash.update(&(part as u64).to_le_bytes());
        Self(hash.digest128())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::line::Line;
    use crate::origin::Origin;
    use crate::record::Record;

    fn key(owner: &str, group: &str, stream: &str, id: &str, extent: Extent) -> String {
        let origin = Origin::new(owner, group, stream);
        let record = Record {
            origin: &origin,
            id,
            time: SystemTime::UNIX_EPOCH,
            message: "",
            line: Line::default(),
        };
        let piece = Piece { extent, ..Piece::whole(&record) };
        Key::of(&piece).to_string()
    }

    #[test]
    fn a_key_stays_the_same_across_releases() {
        assert_eq!(
            key("123456789012", "/aws/lambda/f", "s", "1", Extent::Whole),
            "1b375c42affea5f847f4823176d679b9"
        );
    }

    #[test]
    fn keys_differ_in_every_part_of_the_origin() {
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
