//! The result of a delivery.

use std::collections::BTreeMap;

use super::endpoint_state::EndpointState;
use crate::counts::Counts;
use crate::destination::{Deduplication, ReasonCode};
use crate::record::{Extent, Piece, Record};

/// The result for the records of one invocation at one destination. Undelivered records are not in
/// the counts: the caller decides where they are kept, see [`Counts::store`] and
/// [`Counts::return_to_source`].
#[derive(Debug, Default)]
pub struct DeliveryResult<'r> {
    /// The records with a final result.
    pub counts: Counts,
    /// Records that a later delivery may deliver.
    pub undelivered: Vec<RecordsByReason<'r>>,
    /// Oversized records to be stored as dead letters.
    pub dead_letters: Vec<RecordsByReason<'r>>,
    /// Rejected records, if the destination identifies them. They are counted.
    pub rejected: Vec<RecordsByReason<'r>>,
    /// Rejections without the records, if the destination reports numbers only. They are counted.
    pub unattributed: Vec<Unattributed<'r>>,
    /// By event: the number of records that the destination holds, or may hold, and does not
    /// deduplicate.
    pub held: Vec<u64>,
    /// Of split records, by their address in memory: how many parts the destination holds.
    parts: BTreeMap<usize, u64>,
    /// The state of the endpoint.
    pub endpoint_state: EndpointState,
    keys: Option<Deduplication>,
    /// The number of events.
    events: usize,
}

/// Records with the same reason; a split record once for each of its parts.
#[derive(Debug)]
pub struct RecordsByReason<'r> {
    /// The reason.
    pub reason: ReasonCode,
    /// The records.
    pub records: Vec<&'r Record<'r>>,
}

/// Records of which the destination rejected some without identifying them.
#[derive(Debug)]
pub struct Unattributed<'r> {
    /// The reasons and numbers.
    pub rejected: Vec<(ReasonCode, usize)>,
    /// All records that may be affected.
    pub records: Vec<&'r Record<'r>>,
}

impl<'r> DeliveryResult<'r> {
    pub(super) fn of(records: &[Record<'_>], keys: Deduplication) -> Self {
        // Routes may have sorted them.
        let events = records.iter().map(|record| record.log_source.event + 1).max();
        let events = events.unwrap_or_default();
        let held = if keys == Deduplication::None { vec![0; events] } else { Vec::new() };
        Self {
            counts: Counts::of(records.len()),
            held,
            keys: Some(keys),
            events,
            ..Self::default()
        }
    }

    /// The destination does not deduplicate from now on.
    pub(super) fn ignores_ids(&mut self) {
        self.keys = Some(Deduplication::None);
        self.held.resize(self.events, 0);
    }

    /// Takes the result out, at the end of the delivery.
    pub(super) fn finish(&mut self, endpoint_state: EndpointState) -> Self {
        Self { endpoint_state, ..std::mem::take(self) }
    }

    /// Records were delivered.
    pub(super) fn mark_delivered<'p>(&mut self, pieces: impl IntoIterator<Item = &'p Piece<'r>>)
    where
        'r: 'p,
    {
        for piece in pieces {
            self.counts.delivered += 1;
            self.hold(piece);
        }
    }

    /// This many records were delivered and the others rejected. It is unknown which, so all of
    /// them may be held, unless none was delivered.
    pub(super) fn count<'p>(
        &mut self,
        pieces: impl Iterator<Item = &'p Piece<'r>>,
        delivered: usize,
        rejected: Vec<(ReasonCode, usize)>,
    ) where
        'r: 'p,
    {
        self.counts.delivered += delivered as u64;
        for (reason, records) in &rejected {
            self.counts.reject(*records, reason);
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
            [(reason, _)] if delivered == 0 => {
                self.rejected.push(RecordsByReason { reason: reason.clone(), records });
            }
            _ => self.unattributed.push(Unattributed { rejected, records }),
        }
    }

    /// A record was rejected.
    pub(super) fn reject(&mut self, record: &'r Record<'r>, reason: &ReasonCode) {
        self.counts.reject(1, reason);
        add(&mut self.rejected, [record], reason);
    }

    /// Records are undelivered.
    pub(super) fn mark_undelivered(
        &mut self,
        records: impl IntoIterator<Item = &'r Record<'r>>,
        reason: &ReasonCode,
    ) {
        add(&mut self.undelivered, records, reason);
    }

    /// A record is oversized.
    pub(super) fn dead_letter(&mut self, record: &'r Record<'r>, reason: &ReasonCode) {
        add(&mut self.dead_letters, [record], reason);
    }

    fn hold(&mut self, piece: &Piece<'_>) {
        // Most invocations have a single event, and the record is no longer in the processor's
        // cache.
        let event = if self.held.len() == 1 { 0 } else { piece.record.log_source.event };
        if let Some(held) = self.held.get_mut(event) {
            *held += 1;
            if matches!(piece.extent, Extent::Part { .. }) {
                *self.parts.entry(place_of(piece.record)).or_default() += 1;
            }
        }
    }

    /// How many parts of a record would be duplicated if the whole record were sent again.
    pub fn parts_held_of(&self, record: &Record<'_>) -> u64 {
        self.parts.get(&place_of(record)).copied().unwrap_or_default()
    }

    /// How many records would be duplicated if the events that `repeated` selects were delivered
    /// again.
    pub fn held_of(&self, repeated: impl Fn(usize) -> bool) -> u64 {
        let events = self.held.iter().enumerate();
        events.filter(|(event, _)| repeated(*event)).map(|(_, held)| held).sum()
    }

    /// Whether the destination stores duplicates.
    pub fn stores_duplicates(&self) -> bool {
        self.keys == Some(Deduplication::None)
    }
}

/// The identity of a record within a delivery.
fn place_of(record: &Record<'_>) -> usize {
    std::ptr::from_ref(record).addr()
}

/// Adds to the records with the same reason, which are usually the last ones.
fn add<'r>(
    list: &mut Vec<RecordsByReason<'r>>,
    records: impl IntoIterator<Item = &'r Record<'r>>,
    reason: &ReasonCode,
) {
    let mut records = records.into_iter().peekable();
    if records.peek().is_none() {
        return;
    }
    match list.iter_mut().find(|undelivered| undelivered.reason == *reason) {
        Some(undelivered) => undelivered.records.extend(records),
        None => list.push(RecordsByReason { reason: reason.clone(), records: records.collect() }),
    }
}
