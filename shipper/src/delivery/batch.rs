//! Batches: records encoded one after another, up to the size limits.

use std::collections::VecDeque;
use std::ops::Range;
use std::slice;
use std::time::SystemTime;

use flate2::Compression;

use super::body::{Body, Finished};
use super::compress::compress;
use super::delivery_result::DeliveryResult;
use super::oversized::{Oversized, TOO_LARGE, fit};
use super::settings::{JsonFields, Settings};
use crate::destination::{
    Boundary, Destination, Encoding, Limits, ReasonCode, RecordGroup, Request, Span,
};
use crate::record::{Extent, Piece, Record};

/// The reason for records that are older than the destination keeps them.
const TOO_OLD: ReasonCode = ReasonCode::new("too_old");

/// The records of one request.
pub(super) struct Batch<'r> {
    items: Vec<Item<'r>>,
    /// The encoded records with their separators, without the framing of the groups.
    body: Body,
    gzip_level: Compression,
    /// The maximum size of the groups' framing.
    framing_bytes: usize,
    sealed: Option<Sealed>,
    /// How many attempts failed.
    pub(super) attempts: u32,
    /// How many of its records an earlier attempt may have delivered.
    pub(super) unclear: usize,
    /// How many records the destination had accepted when this batch was last throttled.
    pub(super) accepted_when_throttled: Option<u64>,
    /// The split that produced it.
    pub(super) split: Option<u32>,
}

/// A record and its position in the body.
struct Item<'r> {
    piece: Piece<'r>,
    place: Range<usize>,
    /// Its contribution to the batch's `framing_bytes`.
    framing_bytes: usize,
}

/// A batch that is ready to be sent.
#[derive(Clone)]
pub(super) struct Sealed {
    pub(super) request: Request,
    /// The size of the body before compression.
    pub(super) bytes: usize,
}

impl<'r> Batch<'r> {
    pub(super) fn empty(attempts: u32, gzip_level: Compression) -> Self {
        Self {
            items: Vec::new(),
            body: Body::default(),
            gzip_level,
            framing_bytes: 0,
            sealed: None,
            attempts,
            unclear: 0,
            accepted_when_throttled: None,
            split: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The size before compression, or slightly more.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + self.framing_bytes
    }

    /// The record at `index`.
    pub(super) fn piece(&self, index: usize) -> &Piece<'r> {
        &self.items[index].piece
    }

    /// All records, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece<'r>> {
        self.items.iter().map(|item| &item.piece)
    }

    /// The records without their encoded form.
    pub(super) fn into_pieces(self) -> Vec<Piece<'r>> {
        self.items.into_iter().map(|item| item.piece).collect()
    }

    /// Whether a record may be part of this request.
    fn accepts(&self, piece: &Piece<'r>, destination: &dyn Destination) -> bool {
        let last = self.items.last();
        last.is_none_or(|last| destination.boundary(&last.piece, piece) != Boundary::NextRequest)
    }

    /// Appends a record and returns its encoded size. Not after the batch is sealed.
    pub(super) fn push(&mut self, piece: Piece<'r>, destination: &dyn Destination) -> usize {
        debug_assert!(self.sealed.is_none());
        let last = self.items.last().map(|last| &last.piece);
        let opens_group =
            last.is_none_or(|last| destination.boundary(last, &piece) != Boundary::SameGroup);
        let framing_bytes = if opens_group { most_around(&piece, destination) } else { 0 };
        let separator: &[u8] = if last.is_none() { b"" } else { destination.separator() };
        if last.is_none() && framing_bytes == 0 && destination.encoding() == Encoding::Gzip {
            self.body = Body::compressed(self.gzip_level);
        }
        self.framing_bytes += framing_bytes;
        let bytes = self.body.append(|body| {
            body.extend_from_slice(separator);
            destination.encode(&piece, body);
        });
        let bytes = bytes - separator.len();
        let place = self.body.len() - bytes..self.body.len();
        self.items.push(Item { piece, place, framing_bytes });
        bytes
    }

    /// Removes the last record.
    pub(super) fn pop(&mut self) -> Option<Piece<'r>> {
        let item = self.items.pop()?;
        self.body.truncate(self.items.last().map_or(0, |last| last.place.end));
        self.framing_bytes -= item.framing_bytes;
        Some(item.piece)
    }

    /// Splits the batch into two halves.
    pub(super) fn halves(&self, destination: &dyn Destination) -> (Self, Self) {
        let (mut first, mut second) = self.split_at(self.items.len() / 2, destination);
        for half in [&mut first, &mut second] {
            // It is not known which half they are in.
            half.unclear = self.unclear.min(half.len());
        }
        (first, second)
    }

    /// The records before this index, and the others. None of them counts as possibly accepted.
    pub(super) fn split_at(&self, index: usize, destination: &dyn Destination) -> (Self, Self) {
        let part = |items: &[Item<'r>]| {
            let mut part = Self::empty(self.attempts, self.gzip_level);
            for item in items {
                part.push(item.piece.clone(), destination);
            }
            part
        };
        let (first, rest) = self.items.split_at(index);
        (part(first), part(rest))
    }

    /// The request, built once for all attempts; `None` without records.
    pub(super) fn seal(&mut self, destination: &dyn Destination) -> Option<&Sealed> {
        if self.sealed.is_none() {
            let (first, last) = (self.items.first()?, self.items.last()?);
            let span = Span { first: &first.piece, last: &last.piece, count: self.items.len() };
            let address = destination.address(&span);
            let encoding = destination.encoding();
            let (body, bytes) = match self.body.finish() {
                Finished::Gzip(body) => (body, self.body.len()),
                Finished::Text(text) => {
                    let framing = self.framing(destination);
                    let parts = framing.around(&text);
                    let bytes = parts.iter().map(|part| part.len()).sum();
                    (compress(&parts, encoding, self.gzip_level), bytes)
                }
            };
            self.sealed = Some(Sealed { request: Request { address, encoding, body }, bytes });
        }
        self.sealed.as_ref()
    }

    /// Writes the framing of the groups.
    fn framing(&self, destination: &dyn Destination) -> Framing {
        let together = |one: &Item<'r>, next: &Item<'r>| {
            destination.boundary(&one.piece, &next.piece) == Boundary::SameGroup
        };
        let mut text = Vec::new();
        let mut record_groups = Vec::new();
        let mut before = 0;
        for items in self.items.chunk_by(together) {
            let [first, ..] = items else {
                continue;
            };
            let end = items.last().map_or(first.place.end, |last| last.place.end);
            let pieces = first.place.start..end;
            let record_group = RecordGroup {
                first: &first.piece,
                bytes: pieces.len(),
                is_first: before == 0,
                is_last: before + items.len() == self.items.len(),
            };
            before += items.len();
            let start = text.len();
            destination.open(&record_group, &mut text);
            let opened = text.len();
            destination.close(&record_group, &mut text);
            record_groups.push(Framed { open: start..opened, pieces, close: opened..text.len() });
        }
        Framing { text, record_groups }
    }
}

/// The framing of a batch's groups.
struct Framing {
    text: Vec<u8>,
    record_groups: Vec<Framed>,
}

impl Framing {
    /// All parts of a body, with `pieces` as its records.
    fn around<'t>(&'t self, pieces: &'t [u8]) -> Vec<&'t [u8]> {
        let parts = |record_group: &Framed| {
            [
                &self.text[record_group.open.clone()],
                &pieces[record_group.pieces.clone()],
                &self.text[record_group.close.clone()],
            ]
        };
        self.record_groups.iter().flat_map(parts).collect()
    }
}

/// The position of a group: its framing in the framing's text, its records in the batch's body.
struct Framed {
    open: Range<usize>,
    pieces: Range<usize>,
    close: Range<usize>,
}

/// The maximum framing for a group with this record.
fn most_around(piece: &Piece<'_>, destination: &dyn Destination) -> usize {
    let record_group =
        RecordGroup { first: piece, bytes: usize::MAX, is_first: true, is_last: true };
    let mut text = Vec::new();
    destination.open(&record_group, &mut text);
    destination.close(&record_group, &mut text);
    text.len()
}

/// Builds batches of records on demand.
pub(super) struct Batcher<'r> {
    records: slice::Iter<'r, Record<'r>>,
    /// Records that precede all others.
    first: VecDeque<Piece<'r>>,
    settings: Settings,
}

impl<'r> Batcher<'r> {
    pub(super) fn new(records: &'r [Record<'r>], settings: Settings) -> Self {
        Self { records: records.iter(), first: VecDeque::new(), settings }
    }

    /// Removes and returns the records that are not in a batch yet.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = &'r Record<'r>> {
        let records = std::mem::replace(&mut self.records, [].iter());
        self.first.drain(..).map(|piece| piece.record).chain(records)
    }

    /// Whether all records are in batches.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.records.as_slice().is_empty()
    }

    /// The next batch within the limits.
    pub(super) fn next(
        &mut self,
        destination: &dyn Destination,
        limits: Limits,
        now: SystemTime,
        delivered: &mut DeliveryResult<'r>,
    ) -> Option<Batch<'r>> {
        /// Most records take more in a request.
        const GUESSED_BYTES: usize = 512;

        let oldest = limits.max_age.and_then(|age| now.checked_sub(age));
        let late = limits.late_after.and_then(|age| now.checked_sub(age));
        let mut batch = Batch::empty(0, self.settings.gzip_level);
        let most = limits.max_request_records.min(limits.max_request_bytes / GUESSED_BYTES);
        batch.items.reserve(most.min(self.records.len()));
        while batch.len() < limits.max_request_records {
            let Some(piece) = self.next_piece(late) else {
                break;
            };
            if oldest.is_some_and(|oldest| piece.record.time < oldest) {
                delivered.reject(piece.record, &TOO_OLD);
                continue;
            }
            if let Some(reason) = destination.never_takes(&piece) {
                delivered.reject(piece.record, &reason);
                continue;
            }
            if !batch.accepts(&piece, destination) {
                self.first.push_front(piece);
                break;
            }
            if piece.message.len() > limits.max_message_bytes {
                self.make_fit(piece, destination, limits, delivered);
                continue;
            }
            let bytes = batch.push(piece, destination);
            if bytes > limits.max_record_bytes {
                if let Some(piece) = batch.pop() {
                    self.make_fit(piece, destination, limits, delivered);
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

    /// The next record; it is late if it is older than `late`.
    fn next_piece(&mut self, late: Option<SystemTime>) -> Option<Piece<'r>> {
        if let Some(piece) = self.first.pop_front() {
            return Some(piece);
        }
        let mut piece = Piece::whole(self.records.next()?);
        piece.is_late = late.is_some_and(|late| piece.record.time < late);
        piece.fields = self.settings.record_fields;
        if self.settings.json_fields == JsonFields::Omit {
            piece.json = None;
        }
        Some(piece)
    }

    /// Queues the sendable parts of an oversized record in front of all others.
    fn make_fit(
        &mut self,
        mut piece: Piece<'r>,
        destination: &dyn Destination,
        limits: Limits,
        delivered: &mut DeliveryResult<'r>,
    ) {
        if piece.json.take().is_some() {
            // The message contains the fields as well, and it may fit without them.
            delivered.counts.note_json_fields_rejected(&TOO_LARGE);
            if piece.message.len() <= limits.max_message_bytes {
                self.first.push_front(piece);
                return;
            }
        }
        // A part cannot be split again: its number would be ambiguous.
        let pieces = match piece.extent {
            Extent::Whole => fit(&piece, destination, limits, self.settings.oversized),
            Extent::Part { .. } | Extent::Truncated { .. } => Vec::new(),
        };
        if pieces.is_empty() {
            match self.settings.oversized {
                Oversized::DeadLetter => delivered.dead_letter(piece.record, &TOO_LARGE),
                Oversized::Split | Oversized::Truncate | Oversized::Reject => {
                    delivered.reject(piece.record, &TOO_LARGE);
                }
            }
            return;
        }
        delivered.counts.split(pieces.len());
        if self.settings.oversized == Oversized::Truncate {
            delivered.counts.truncated += 1;
        }
        for piece in pieces.into_iter().rev() {
            self.first.push_front(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::Url;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::delivery::Outage;
    use crate::destination::{
        Address, BatchOutcome, Deduplication, Encoding, Endpoint, RecordFields, Response,
    };
    use crate::log_source::LogSource;

    /// A destination with one group for each log group and one request for each account: `[group
    /// bytes:a,b|group bytes:c]`.
    struct Grouped {
        endpoint: Endpoint,
        limits: Limits,
    }

    impl Grouped {
        fn new(max_request_bytes: usize) -> Self {
            let url = Url::parse("http://127.0.0.1/").unwrap();
            let endpoint = Endpoint::post(url, HeaderMap::new());
            Self { endpoint, limits: Limits::of_bytes(max_request_bytes, 1_000) }
        }
    }

    impl Destination for Grouped {
        fn limits(&self) -> Limits {
            self.limits
        }

        fn deduplication(&self) -> Deduplication {
            Deduplication::PerRecord
        }

        fn endpoint(&self) -> &Endpoint {
            &self.endpoint
        }

        fn endpoint_mut(&mut self) -> &mut Endpoint {
            &mut self.endpoint
        }

        fn encoding(&self) -> Encoding {
            Encoding::Identity
        }

        fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
            body.extend_from_slice(piece.message.as_bytes());
        }

        fn separator(&self) -> &'static [u8] {
            b","
        }

        fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
            let (before, piece) = (before.record.log_source, piece.record.log_source);
            if before.owner != piece.owner {
                Boundary::NextRequest
            } else if before.group != piece.group {
                Boundary::NextGroup
            } else {
                Boundary::SameGroup
            }
        }

        fn open(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
            let start = if record_group.is_first { "[" } else { "|" };
            let group = record_group.first.record.log_source.group;
            body.extend_from_slice(format!("{start}{group} {}:", record_group.bytes).as_bytes());
        }

        fn close(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
            if record_group.is_last {
                body.push(b']');
            }
        }

        fn address(&self, span: &Span<'_, '_>) -> Address {
            let mut headers = HeaderMap::new();
            let place = format!("{}-{} {}", span.first.message, span.last.message, span.count);
            headers.insert("x-span", HeaderValue::from_str(&place).unwrap());
            Address { headers, ..Address::default() }
        }

        fn classify(&self, sent: usize, _: &Response) -> BatchOutcome {
            BatchOutcome::Counted { delivered: sent, rejected: Vec::new() }
        }
    }

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn settings() -> Settings {
        Settings {
            give_up_at: SystemTime::UNIX_EPOCH,
            request_timeout: std::time::Duration::ZERO,
            gzip_level: Compression::fast(),
            oversized: Oversized::Reject,
            json_fields: JsonFields::Omit,
            record_fields: RecordFields::ALL,
            max_record_bytes: None,
            max_age: None,
            outage: Outage::RetryUntilDeadline,
            max_in_flight: 1,
            max_held_bytes: usize::MAX,
        }
    }

    fn log_sources() -> [LogSource<'static>; 3] {
        [
            LogSource::new("1", "x", "s"),
            LogSource::new("1", "y", "s"),
            LogSource::new("2", "y", "s"),
        ]
    }

    fn records<'a>(
        log_sources: &'a [LogSource<'a>],
        lines: &'a [(usize, String)],
    ) -> Vec<Record<'a>> {
        let record = |(log_source, message): &'a (usize, String)| Record {
            id: message,
            ..Record::of(&log_sources[*log_source], message)
        };
        lines.iter().map(record).collect()
    }

    fn bodies(destination: &Grouped, records: &[Record<'_>]) -> Vec<(String, String)> {
        let mut batcher = Batcher::new(records, settings());
        let mut delivered = DeliveryResult::default();
        let mut bodies = Vec::new();
        while let Some(mut batch) =
            batcher.next(destination, destination.limits, NOW, &mut delivered)
        {
            let sealed = batch.seal(destination).unwrap();
            let body = String::from_utf8(sealed.request.body.to_vec()).unwrap();
            assert_eq!(sealed.bytes, body.len());
            let span = sealed.request.address.headers["x-span"].to_str().unwrap().to_owned();
            bodies.push((body, span));
        }
        bodies
    }

    fn lines(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
        lines.iter().map(|(log_source, text)| (*log_source, (*text).to_owned())).collect()
    }

    #[test]
    fn records_are_grouped_as_the_destination_requires() {
        let log_sources = log_sources();
        let lines = lines(&[(0, "a"), (0, "b"), (1, "c"), (2, "d"), (0, "e"), (2, "f")]);
        let bodies = bodies(&Grouped::new(1_000), &records(&log_sources, &lines));
        let expected = [
            ("[x 3:a,b|y 1:c]", "a-c 3"),
            ("[y 1:d]", "d-d 1"),
            ("[x 1:e]", "e-e 1"),
            ("[y 1:f]", "f-f 1"),
        ];
        assert_eq!(bodies, expected.map(|(body, span)| (body.to_owned(), span.to_owned())));
    }

    #[test]
    fn halves_have_their_own_framing() {
        let log_sources = log_sources();
        let lines = lines(&[(0, "a"), (0, "b"), (1, "c"), (1, "d"), (1, "e")]);
        let records = records(&log_sources, &lines);
        let destination = Grouped::new(1_000);
        let mut batcher = Batcher::new(&records, settings());
        let batch = batcher
            .next(&destination, destination.limits, NOW, &mut DeliveryResult::default())
            .unwrap();
        let (mut first, mut second) = batch.halves(&destination);
        let body = |batch: &mut Batch<'_>| {
            let sealed = batch.seal(&destination).unwrap();
            String::from_utf8(sealed.request.body.to_vec()).unwrap()
        };
        assert_eq!(body(&mut first), "[x 3:a,b]");
        assert_eq!(body(&mut second), "[y 5:c,d,e]");
    }

    proptest! {
        #[test]
        fn no_body_exceeds_the_limit_and_no_record_is_lost(
            lines in prop::collection::vec((0..3_usize, "[a-z]{1,9}"), 0..40),
            max_request_bytes in 60..200_usize,
        ) {
            let log_sources = log_sources();
            let records = records(&log_sources, &lines);
            let bodies = bodies(&Grouped::new(max_request_bytes), &records);
            let mut found = Vec::new();
            for (body, _) in &bodies {
                prop_assert!(body.len() <= max_request_bytes);
                let inner = body.strip_prefix('[').unwrap().strip_suffix(']').unwrap();
                for record_group in inner.split('|') {
                    let (head, pieces) = record_group.split_once(':').unwrap();
                    let (_, bytes) = head.split_once(' ').unwrap();
                    prop_assert_eq!(bytes, pieces.len().to_string());
                    found.extend(pieces.split(',').map(str::to_owned));
                }
            }
            let sent: Vec<String> = lines.into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(found, sent);
        }
    }
}
