//! What a delivery came to.

use std::collections::BTreeMap;

use super::endpoint_state::EndpointState;
use crate::counts::Counts;
use crate::destination::{Deduplication, ReasonCode};
use crate::record::{Extent, Piece, Record};

/// What became of the records of one invocation at one destination. What is left is in no count
/// yet: somebody has to decide where it stays, see [`Counts::store`] and [`Counts::return_to_source`].
#[derive(Debug, Default)]
pub struct DeliveryResult<'r> {
    /// What is settled.
    pub counts: Counts,
    /// What is left and may be taken another time.
    pub left: Vec<Left<'r>>,
    /// What is larger than the destination takes, and to be kept somewhere else.
    pub dead_letters: Vec<Left<'r>>,
    /// What was rejected, as far as the destination says which records that were. It is counted.
    pub rejected: Vec<Left<'r>>,
    /// What was rejected where the destination only says how many. It is counted.
    pub unattributed: Vec<Unattributed<'r>>,
    /// By event, how many records the destination holds, or may hold, that it would not know
    /// again.
    pub held: Vec<u64>,
    /// Of records that were divided, by their place in memory, how many parts the destination holds.
    parts: BTreeMap<usize, u64>,
    /// How the destination is doing.
    pub endpoint_state: EndpointState,
    keys: Option<Deduplication>,
    /// How many events there are.
    events: usize,
}

/// Records that share a disposition, a record once for each of its parts.
#[derive(Debug)]
pub struct Left<'r> {
    /// Why.
    pub class: ReasonCode,
    /// The records.
    pub records: Vec<&'r Record<'r>>,
}

/// Records of which some were rejected, and the destination does not say which.
#[derive(Debug)]
pub struct Unattributed<'r> {
    /// Why, and how many.
    pub rejected: Vec<(ReasonCode, usize)>,
    /// All records among which they are.
    pub records: Vec<&'r Record<'r>>,
}

impl<'r> DeliveryResult<'r> {
    pub(super) fn of(records: &[Record<'_>], keys: Deduplication) -> Self {
        let events = records.last().map_or(0, |record| record.log_source.event + 1);
        let held = if keys == Deduplication::None { vec![0; events] } else { Vec::new() };
        Self {
            counts: Counts::of(records.len()),
            held,
            keys: Some(keys),
            events,
            ..Self::default()
        }
    }

    /// The destination would not know again what it is given from now on.
    pub(super) fn ignores_ids(&mut self) {
        self.keys = Some(Deduplication::None);
        self.held.resize(self.events, 0);
    }

    /// Gives the whole away, with nothing to follow.
    pub(super) fn finish(&mut self, endpoint_state: EndpointState) -> Self {
        Self { endpoint_state, ..std::mem::take(self) }
    }

    /// Pieces were taken.
    pub(super) fn deliver<'p>(&mut self, pieces: impl IntoIterator<Item = &'p Piece<'r>>)
    where
        'r: 'p,
    {
        for piece in pieces {
            self.counts.delivered += 1;
            self.hold(piece);
        }
    }

    /// So many pieces were taken and the others rejected. Which they are is not known, so all of
    /// them may be held, unless none was taken.
    pub(super) fn count<'p>(
        &mut self,
        pieces: impl Iterator<Item = &'p Piece<'r>>,
        delivered: usize,
        rejected: Vec<(ReasonCode, usize)>,
    ) where
        'r: 'p,
    {
        self.counts.delivered += delivered as u64;
        for (class, records) in &rejected {
            self.counts.reject(*records, class);
        }
        if rejected.is_empty() {
            pieces.for_each(|piece| self.hold(piece));
            return;
        }
        let mut records = Vec::new();
        for piece in pieces {
            if delivered > 0 {
                self.hold(piece);
            }
            records.push(piece.record);
        }
        match rejected.as_slice() {
            [(class, _)] if delivered == 0 => {
                self.rejected.push(Left { class: class.clone(), records });
            }
            _ => self.unattributed.push(Unattributed { rejected, records }),
        }
    }

    /// A piece will never be taken.
    pub(super) fn reject(&mut self, record: &'r Record<'r>, class: &ReasonCode) {
        self.counts.reject(1, class);
        add(&mut self.rejected, [record], class);
    }

    /// Records are left.
    pub(super) fn leave(
        &mut self,
        records: impl IntoIterator<Item = &'r Record<'r>>,
        class: &ReasonCode,
    ) {
        add(&mut self.left, records, class);
    }

    /// A record is too large.
    pub(super) fn dead_letter(&mut self, record: &'r Record<'r>, class: &ReasonCode) {
        add(&mut self.dead_letters, [record], class);
    }

    fn hold(&mut self, piece: &Piece<'_>) {
        // Most invocations have one event, and the record is not near the processor any more.
        let event = if self.held.len() == 1 { 0 } else { piece.record.log_source.event };
        if let Some(held) = self.held.get_mut(event) {
            *held += 1;
            if matches!(piece.extent, Extent::Part { .. }) {
                *self.parts.entry(place_of(piece.record)).or_default() += 1;
            }
        }
    }

    /// How many parts of a record the destination would store again if the record were sent once
    /// more as a whole.
    pub fn parts_held_of(&self, record: &Record<'_>) -> u64 {
        self.parts.get(&place_of(record)).copied().unwrap_or_default()
    }

    /// How many records the destination would store again if the events that `repeated` holds for
    /// were delivered once more.
    pub fn held_of(&self, repeated: impl Fn(usize) -> bool) -> u64 {
        let events = self.held.iter().enumerate();
        events.filter(|(event, _)| repeated(*event)).map(|(_, held)| held).sum()
    }

    /// Whether the destination would store again what it was sent before.
    pub fn doubles(&self) -> bool {
        self.keys == Some(Deduplication::None)
    }
}

/// What tells a record from all others of the same delivery.
fn place_of(record: &Record<'_>) -> usize {
    std::ptr::from_ref(record).addr()
}

/// Adds to the records that share this disposition, which are mostly those that came before.
fn add<'r>(
    list: &mut Vec<Left<'r>>,
    records: impl IntoIterator<Item = &'r Record<'r>>,
    class: &ReasonCode,
) {
    let mut records = records.into_iter().peekable();
    if records.peek().is_none() {
        return;
    }
    match list.iter_mut().find(|left| left.class == *class) {
        Some(left) => left.records.extend(records),
        None => list.push(Left { class: class.clone(), records: records.collect() }),
    }
}
