//! Splits requests that a destination rejects as a whole, until what it rejects stands alone. This
//! distinguishes an invalid record from a destination that is set up to reject everything.

use std::collections::BTreeMap;

use super::batch::Batch;
use crate::destination::{Destination, ReasonCode};
use crate::record::Record;

/// The maximum number of splits in a delivery. It takes 14 to find one of 10,000 records.
const MOST: u32 = 100;

/// The state of the split requests.
#[derive(Default)]
pub(super) struct Splits<'r> {
    count: u32,
    /// For each split: the size of the larger half, and whether a half was accepted.
    halves: BTreeMap<u32, (usize, bool)>,
    /// Records that were rejected alone before anything was accepted.
    suspects: Vec<(&'r Record<'r>, ReasonCode)>,
}

impl<'r> Splits<'r> {
    /// Splits a batch, unless the maximum is reached.
    pub(super) fn begin(
        &mut self,
        batch: &Batch<'r>,
        destination: &dyn Destination,
    ) -> Option<(Batch<'r>, Batch<'r>)> {
        if self.count == MOST {
            return None;
        }
        self.count += 1;
        let (mut first, mut second) = batch.halves(destination);
        self.halves.insert(self.count, (first.bytes().max(second.bytes()), false));
        first.split = Some(self.count);
        second.split = Some(self.count);
        Some((first, second))
    }

    /// Whether requests were split.
    pub(super) fn have_begun(&self) -> bool {
        self.count > 0
    }

    /// A half was accepted. Returns the size of the larger half once both were.
    pub(super) fn accepted(&mut self, split: u32) -> Option<usize> {
        let (bytes, is_half_accepted) = self.halves.get_mut(&split)?;
        let were_both = std::mem::replace(is_half_accepted, true);
        were_both.then_some(*bytes)
    }

    /// A record was rejected alone before anything was accepted. Returns whether the destination is
    /// probably at fault, because it has rejected another record the same way.
    pub(super) fn suspect(&mut self, record: &'r Record<'r>, reason: &ReasonCode) -> bool {
        self.suspects.push((record, reason.clone()));
        self.suspects.len() > 1
    }

    /// Takes the records out that were rejected alone.
    pub(super) fn suspects(&mut self) -> Vec<(&'r Record<'r>, ReasonCode)> {
        std::mem::take(&mut self.suspects)
    }
}
