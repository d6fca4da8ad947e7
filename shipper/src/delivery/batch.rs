//! Requests in the making: pieces of records encoded one after another, up to the limits.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::slice;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::oversized::{Oversized, TOO_LARGE, fit};
use super::plan::{JsonFields, Settings};
use crate::counts::Counts;
use crate::destination::{Destination, Limits};
use crate::record::{Extent, Piece, Record};

/// The pieces of one request.
pub(super) struct Batch<'r> {
    items: Vec<Item<'r>>,
    body: Vec<u8>,
    compressed: Option<Bytes>,
    /// How often it was sent without success.
    pub(super) tries: u32,
    /// How many of its pieces may have been taken at an earlier try.
    pub(super) unclear: usize,
}

/// A piece and where it lies in the body.
struct Item<'r> {
    piece: Piece<'r>,
    place: Range<usize>,
}

impl<'r> Batch<'r> {
    pub(super) fn empty(tries: u32) -> Self {
        Self { items: Vec::new(), body: Vec::new(), compressed: None, tries, unclear: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The size before compression.
    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The piece at `index`.
    pub(super) fn piece(&self, index: usize) -> &Piece<'r> {
        &self.items[index].piece
    }

    /// Encodes a piece at the end, and tells its size.
    pub(super) fn push(&mut self, piece: Piece<'r>, destination: &dyn Destination) -> usize {
        let start = self.body.len();
        destination.encode(&piece, &mut self.body);
        let place = start..self.body.len();
        let bytes = place.len();
        self.items.push(Item { piece, place });
        self.compressed = None;
        bytes
    }

    /// Takes the last piece out again.
    pub(super) fn pop(&mut self) -> Option<Piece<'r>> {
        let item = self.items.pop()?;
        self.body.truncate(item.place.start);
        self.compressed = None;
        Some(item.piece)
    }

    /// Copies the piece at `index` of `other` to the end, as it is encoded there.
    pub(super) fn copy(&mut self, other: &Self, index: usize) {
        let item = &other.items[index];
        let start = self.body.len();
        self.body.extend_from_slice(&other.body[item.place.clone()]);
        self.items.push(Item { piece: item.piece.clone(), place: start..self.body.len() });
        self.compressed = None;
    }

    /// Divides the batch into two of as many pieces each, give or take one.
    pub(super) fn halves(&self) -> (Self, Self) {
        let middle = self.items.len() / 2;
        let half = |range: Range<usize>| {
            let mut half = Self::empty(self.tries);
            for index in range {
                half.copy(self, index);
            }
            half
        };
        (half(0..middle), half(middle..self.items.len()))
    }

    /// The body as gzip, compressed once however often it is sent.
    pub(super) fn gzip(&mut self, level: Compression) -> Bytes {
        if let Some(compressed) = &self.compressed {
            return compressed.clone();
        }
        /// Log lines come down to a fifth or less.
        const GUESSED_RATIO: usize = 5;
        let buffer = Vec::with_capacity(self.body.len() / GUESSED_RATIO);
        let mut encoder = GzEncoder::new(buffer, level);
        let compressed = encoder
            .write_all(&self.body)
            .and_then(|()| encoder.finish())
            .map(Bytes::from)
            .expect("writing to memory cannot fail");
        self.compressed.insert(compressed).clone()
    }
}

/// Makes batches of records, none before it is needed.
pub(super) struct Batcher<'r> {
    records: slice::Iter<'r, Record<'r>>,
    /// Pieces that come before all other records.
    first: VecDeque<Piece<'r>>,
    settings: Settings,
}

impl<'r> Batcher<'r> {
    pub(super) fn new(records: &'r [Record<'r>], settings: Settings) -> Self {
        Self { records: records.iter(), first: VecDeque::new(), settings }
    }

    /// How many pieces are not in a batch yet, a record counting as one.
    pub(super) fn remaining(&self) -> usize {
        self.first.len() + self.records.len()
    }

    /// The next batch within the limits.
    pub(super) fn next(
        &mut self,
        destination: &dyn Destination,
        limits: Limits,
        counts: &mut Counts,
    ) -> Option<Batch<'r>> {
        let mut batch = Batch::empty(0);
        while batch.len() < limits.max_request_records {
            let Some(piece) = self.next_piece() else {
                break;
            };
            let bytes = batch.push(piece, destination);
            if bytes > limits.max_record_bytes {
                if let Some(piece) = batch.pop() {
                    self.make_fit(piece, destination, limits, counts);
                }
            } else if batch.bytes() > limits.max_request_bytes && batch.len() > 1 {
                if let Some(piece) = batch.pop() {
                    self.first.push_front(piece);
                }
                break;
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn next_piece(&mut self) -> Option<Piece<'r>> {
        if let Some(piece) = self.first.pop_front() {
            return Some(piece);
        }
        let mut piece = Piece::whole(self.records.next()?);
        if self.settings.json_fields == JsonFields::Omit {
            piece.json = None;
        }
        Some(piece)
    }

    /// Puts what can be sent of a piece that is too large in front of everything else.
    fn make_fit(
        &mut self,
        mut piece: Piece<'r>,
        destination: &dyn Destination,
        limits: Limits,
        counts: &mut Counts,
    ) {
        if piece.json.take().is_some() {
            // The fields are in the message as well, and without them it may fit as it is.
            counts.note_json_fields_refused(&TOO_LARGE);
            self.first.push_front(piece);
            return;
        }
        // A piece of a piece would have no number of its own.
        let pieces = match piece.extent {
            Extent::Whole => {
                fit(piece.record, destination, limits.max_record_bytes, self.settings.oversized)
            }
            Extent::Part { .. } | Extent::Cut { .. } => Vec::new(),
        };
        if pieces.is_empty() {
            counts.refuse(1, &TOO_LARGE);
            return;
        }
        counts.split(pieces.len());
        if self.settings.oversized == Oversized::Cut {
            counts.cut += 1;
        }
        for piece in pieces.into_iter().rev() {
            self.first.push_front(piece);
        }
    }
}
