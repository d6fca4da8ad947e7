//! Requests that a destination rejects as a whole are divided, until what it rejects stands alone. That
//! tells a bad event from a destination that is set up not to take any.

use std::collections::BTreeMap;

use super::batch::Batch;
use crate::destination::{Destination, ReasonCode};
use crate::record::Record;

/// The most requests of one delivery that are divided so. It takes 14 to find one event in 10,000.
const MOST: u32 = 100;

/// What is known of the requests that were divided.
#[derive(Default)]
pub(super) struct Splits<'r> {
    count: u32,
    /// Of each the bytes of the larger half, and whether a half was taken.
    halves: BTreeMap<u32, (usize, bool)>,
    /// What was rejected alone while nothing else had been taken.
    suspects: Vec<(&'r Record<'r>, ReasonCode)>,
}

impl<'r> Splits<'r> {
    /// Divides a batch, unless too many were divided before.
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

    /// Whether requests were divided.
    pub(super) fn are_in_doubt(&self) -> bool {
        self.count > 0
    }

    /// A half was taken. The answer is the size of the larger half, once both were.
    pub(super) fn taken(&mut self, split: u32) -> Option<usize> {
        let (bytes, is_half_taken) = self.halves.get_mut(&split)?;
        let were_both = std::mem::replace(is_half_taken, true);
        were_both.then_some(*bytes)
    }

    /// Something was rejected alone, where nothing else was taken. The answer is whether the destination
    /// is more likely to be at fault: it has rejected another one alike.
    pub(super) fn suspect(&mut self, record: &'r Record<'r>, class: &ReasonCode) -> bool {
        self.suspects.push((record, class.clone()));
        self.suspects.len() > 1
    }

    /// Gives away what was rejected alone.
    pub(super) fn suspects(&mut self) -> Vec<(&'r Record<'r>, ReasonCode)> {
        std::mem::take(&mut self.suspects)
    }
}
