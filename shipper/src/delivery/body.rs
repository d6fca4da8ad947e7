//! The body of a request while it is built.

use flate2::Compression;

use super::compress::Gzip;

/// The chunk that is compressed at once; it fits into the processor's cache.
const CHUNK_BYTES: usize = 64 * 1024;

/// The encoded records, one after another. The last one can be removed.
#[derive(Default)]
pub(super) struct Body {
    /// The part that is not compressed yet; everything if compression is not incremental.
    text: Vec<u8>,
    /// The size of the part before `text`.
    before: usize,
    gzip: Option<Gzip>,
}

impl Body {
    /// A body that is compressed incrementally, so that it is never in memory as a whole. Only for
    /// destinations whose bodies consist of records alone.
    pub(super) fn compressed(level: Compression) -> Self {
        /// A chunk is complete at the first record that ends after it.
        const BUFFER_BYTES: usize = CHUNK_BYTES + CHUNK_BYTES / 8;

        Self {
            text: Vec::with_capacity(BUFFER_BYTES),
            before: 0,
            gzip: Some(Gzip::of_about(CHUNK_BYTES, level)),
        }
    }

    /// The size before compression.
    pub(super) fn len(&self) -> usize {
        self.before + self.text.len()
    }

    /// Appends what `encode` writes and returns its size. Earlier content can no longer be removed.
    pub(super) fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> usize {
        if self.text.len() >= CHUNK_BYTES
            && let Some(gzip) = &mut self.gzip
        {
            gzip.write(&self.text);
            self.before += self.text.len();
            self.text.clear();
        }
        let start = self.text.len();
        encode(&mut self.text);
        self.text.len() - start
    }

    /// Removes what was appended last, down to this size.
    pub(super) fn truncate(&mut self, len: usize) {
        self.text.truncate(len.saturating_sub(self.before));
    }

    /// Takes the content out; only the size remains.
    pub(super) fn finish(&mut self) -> Finished {
        let text = std::mem::take(&mut self.text);
        self.before += text.len();
        match self.gzip.take() {
            None => Finished::Text(text),
            Some(mut gzip) => {
                gzip.write(&text);
                Finished::Gzip(gzip.finish())
            }
        }
    }
}

/// A complete body.
pub(super) enum Finished {
    /// As encoded.
    Text(Vec<u8>),
    /// Compressed.
    Gzip(bytes::Bytes),
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn incremental_compression_contains_exactly_the_remaining_records() {
        let mut body = Body::compressed(Compression::fast());
        let mut expected = Vec::new();
        for number in 0..50_u8 {
            let piece = vec![number; usize::from(number) * 1_000];
            assert_eq!(body.append(|text| text.extend_from_slice(&piece)), piece.len());
            if number % 7 == 0 {
                body.truncate(expected.len());
            } else {
                expected.extend(piece);
            }
            assert_eq!(body.len(), expected.len());
        }
        let Finished::Gzip(gzip) = body.finish() else {
            panic!("it is not compressed");
        };
        let mut decompressed = Vec::new();
        GzDecoder::new(gzip.as_ref()).read_to_end(&mut decompressed).unwrap();
        assert_eq!(decompressed, expected);
        assert_eq!(body.len(), expected.len());
    }
}
