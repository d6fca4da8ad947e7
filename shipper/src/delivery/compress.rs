//! Compression of request bodies.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use libdeflater::Crc;

use crate::destination::Encoding;

/// Compresses the concatenated `parts`; `gzip_level` applies to encodings with levels.
pub(super) fn compress(parts: &[&[u8]], encoding: Encoding, gzip_level: Compression) -> Bytes {
    match encoding {
        Encoding::Identity => Bytes::from(parts.concat()),
        Encoding::Gzip => gzip(parts, gzip_level),
        Encoding::Snappy => snappy(parts),
    }
}

/// Incremental gzip. The checksum is computed here, with the processor's instruction, while a chunk
/// is in the cache.
///
/// <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
pub(super) struct Gzip {
    encoder: DeflateEncoder<Vec<u8>>,
    checksum: Crc,
    bytes: usize,
}

impl Gzip {
    /// A compressor with a buffer for this size.
    pub(super) fn of_about(bytes: usize, level: Compression) -> Self {
        /// Deflate, no name, no time, an unknown system.
        const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

        let mut gzip = Vec::with_capacity(HEADER.len() + bytes);
        gzip.extend_from_slice(&HEADER);
        Self { encoder: DeflateEncoder::new(gzip, level), checksum: Crc::new(), bytes: 0 }
    }

    pub(super) fn write(&mut self, piece: &[u8]) {
        self.checksum.update(piece);
        self.bytes += piece.len();
        self.encoder.write_all(piece).expect("writing to memory cannot fail");
    }

    pub(super) fn finish(self) -> Bytes {
        let mut gzip = self.encoder.finish().expect("writing to memory cannot fail");
        gzip.extend_from_slice(&self.checksum.sum().to_le_bytes());
        // The trailer contains the size modulo 4 GiB.
        gzip.extend_from_slice(&(self.bytes as u32).to_le_bytes());
        Bytes::from(gzip)
    }
}

fn gzip(parts: &[&[u8]], level: Compression) -> Bytes {
    /// Log events typically compress to a fifth or less.
    const GUESSED_RATIO: usize = 5;
    const NEAR_BYTES: usize = 64 * 1024;

    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    let mut gzip = Gzip::of_about(bytes / GUESSED_RATIO, level);
    for piece in parts.iter().flat_map(|part| part.chunks(NEAR_BYTES)) {
        gzip.write(piece);
    }
    gzip.finish()
}

/// A Snappy block begins with its length, so it needs the whole body.
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
    fn every_encoding_decodes_to_the_parts_in_order() {
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
