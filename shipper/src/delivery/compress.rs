//! Compresses bodies.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::destination::Encoding;

/// Compresses what `parts` are together; `gzip_level` is how hard, where the encoding has levels.
pub(super) fn compress(parts: &[&[u8]], encoding: Encoding, gzip_level: Compression) -> Bytes {
    match encoding {
        Encoding::Identity => Bytes::from(parts.concat()),
        Encoding::Gzip => gzip(parts, gzip_level),
        Encoding::Snappy => snappy(parts),
    }
}

fn gzip(parts: &[&[u8]], level: Compression) -> Bytes {
    /// Log lines come down to a fifth or less.
    const GUESSED_RATIO: usize = 5;
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes / GUESSED_RATIO), level);
    parts
        .iter()
        .try_for_each(|part| encoder.write_all(part))
        .and_then(|()| encoder.finish())
        .map(Bytes::from)
        .expect("writing to memory cannot fail")
}

/// A block of Snappy has its length in front, so it is made of the body as a whole.
fn snappy(parts: &[&[u8]]) -> Bytes {
    snap::raw::Encoder::new()
        .compress_vec(&parts.concat())
        .map(Bytes::from)
        .expect("a request is far below the 4 GiB that a block of Snappy may have")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn every_encoding_gives_back_the_parts_in_their_order() {
        let parts: [&[u8]; 4] = [b"[", b"one,two", b"", b"]"];
        let encoded = |encoding| compress(&parts, encoding, Compression::fast());
        assert_eq!(encoded(Encoding::Identity), "[one,two]");
        let mut text = String::new();
        GzDecoder::new(encoded(Encoding::Gzip).as_ref()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "[one,two]");
        let block = snap::raw::Decoder::new().decompress_vec(&encoded(Encoding::Snappy)).unwrap();
        assert_eq!(block, b"[one,two]");
    }
}
