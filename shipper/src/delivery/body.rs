//! The body of a request in the making.

use flate2::Compression;

use super::compress::Gzip;

/// So much is compressed at once: as much as stays near the processor.
const STRETCH_BYTES: usize = 64 * 1024;

/// What pieces are encoded to, one after the other. The last one can be taken out again.
#[derive(Default)]
pub(super) struct Body {
    /// The end of it that is not compressed yet; all of it where nothing is compressed on the way.
    text: Vec<u8>,
    /// The size of what comes before `text`.
    before: usize,
    gzip: Option<Gzip>,
}

impl Body {
    /// A body that is compressed while it grows, so that it is never in memory as a whole. It is
    /// one for which nothing but its pieces will be there in the end.
    pub(super) fn compressed(level: Compression) -> Self {
        /// A stretch is full once a piece ends behind it.
        const ROOM_BYTES: usize = STRETCH_BYTES + STRETCH_BYTES / 8;

        Self {
            text: Vec::with_capacity(ROOM_BYTES),
            before: 0,
            gzip: Some(Gzip::of_about(STRETCH_BYTES, level)),
        }
    }

    /// The size before compression.
    pub(super) fn len(&self) -> usize {
        self.before + self.text.len()
    }

    /// Appends what `encode` writes, and tells how much that is. What was there before it can no
    /// longer be taken out.
    pub(super) fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> usize {
        if self.text.len() >= STRETCH_BYTES
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

    /// Takes out what was appended last, so that this size remains.
    pub(super) fn truncate(&mut self, len: usize) {
        self.text.truncate(len.saturating_sub(self.before));
    }

    /// Gives away what there is, so that only the size remains.
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

/// A body that nothing is added to.
pub(super) enum Finished {
    /// As it was encoded.
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
    fn what_is_compressed_on_the_way_is_what_was_appended_and_not_taken_out() {
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
