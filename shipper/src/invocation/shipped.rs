//! What became of the records at one destination, once there is a place for what it has left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};

use futures_util::{StreamExt, stream};

use crate::aws::Aws;
use crate::counts::Counts;
use crate::delivery::{Delivered, Left};
use crate::destination::Class;
use crate::park::{self, BucketPlace, Death, Name, ParkError, Place, Shelf};
use crate::record::Record;

/// So many things are parked at once.
const AT_ONCE: usize = 4;

/// The result at one destination.
pub(super) struct Shipped<'r> {
    pub(super) destination: &'r str,
    pub(super) counts: Counts,
    /// The events of which something is left that has no other place.
    pub(super) left: BTreeSet<usize>,
    pub(super) warnings: Vec<String>,
    delivered: Delivered<'r>,
    /// By event, how many records were parked.
    parked: BTreeMap<usize, u64>,
}

impl<'r> Shipped<'r> {
    pub(super) fn new(destination: &'r str, mut delivered: Delivered<'r>) -> Self {
        Self {
            destination,
            counts: std::mem::take(&mut delivered.counts),
            left: BTreeSet::new(),
            warnings: Vec::new(),
            delivered,
            parked: BTreeMap::new(),
        }
    }

    /// There is no other place: what is left is left to Lambda.
    pub(super) fn leave(&mut self) {
        for left in [&self.delivered.left, &self.delivered.buried].into_iter().flatten() {
            self.counts.leave(left.records.len(), &left.class);
            self.left.extend(left.records.iter().map(|record| record.origin.event));
        }
    }

    /// What is left stays where it is parked already.
    pub(super) fn stay_parked(&mut self) {
        for left in [&self.delivered.left, &self.delivered.buried].into_iter().flatten() {
            self.counts.park(left.records.len(), &left.class);
            self.left.extend(left.records.iter().map(|record| record.origin.event));
        }
    }

    /// Parks what is left under the names of the events it came with.
    pub(super) async fn park(
        &mut self,
        place: &Place,
        aws: &Aws,
        names: &BTreeMap<usize, Name>,
        until: Instant,
    ) {
        let left = std::mem::take(&mut self.delivered.left);
        self.keep(place, aws, Shelf::Parked, &left, names, until).await;
        let buried = std::mem::take(&mut self.delivered.buried);
        self.keep(place, aws, Shelf::Dead(Death::TooLarge), &buried, names, until).await;
    }

    async fn keep(
        &mut self,
        place: &Place,
        aws: &Aws,
        shelf: Shelf,
        list: &[Left<'r>],
        names: &BTreeMap<usize, Name>,
        until: Instant,
    ) {
        let events = park::by_event(self.destination, pairs(list));
        let parking = events.iter().filter_map(|(event, leftovers)| {
            let name = names.get(event)?;
            Some(async move { (*event, place.park(aws, shelf, name, leftovers, until).await) })
        });
        let results: Vec<_> = stream::iter(parking).buffer_unordered(AT_ONCE).collect().await;
        let mut parked = BTreeSet::new();
        for (event, result) in results {
            match result {
                Ok(records_twice) => {
                    parked.insert(event);
                    self.may_double(records_twice);
                }
                Err(error) => {
                    // They will be sent by a replay, and once more with the event.
                    self.may_double(error.records_there);
                    self.warn("could not park what is left", &error);
                }
            }
        }
        for leftovers in
            events.iter().filter_map(|(event, all)| parked.contains(event).then_some(all))
        {
            // A record that was divided is parked as a whole.
            let parts = leftovers.records.iter().map(|record| self.delivered.parts_held_of(record));
            self.counts.possible_duplicates += parts.sum::<u64>();
        }
        for left in list {
            for record in &left.records {
                let event = record.origin.event;
                if parked.contains(&event) {
                    self.counts.park(1, &left.class);
                    *self.parked.entry(event).or_default() += 1;
                } else {
                    self.counts.leave(1, &left.class);
                    self.left.insert(event);
                }
            }
        }
    }

    /// Writes what is left over the object that it is left of, where the rest of it would be a
    /// duplicate if it came again.
    pub(super) async fn replace(
        &mut self,
        place: &BucketPlace,
        key: &str,
        aws: &Aws,
        until: Instant,
    ) {
        let is_less = self.counts.records_in > self.counts.parked;
        if !(self.delivered.doubles() && is_less) {
            return;
        }
        let events = park::by_event(self.destination, pairs(&self.delivered.left));
        // The object is one event's.
        let Some(leftovers) = events.into_values().next() else {
            return;
        };
        let document = leftovers.document(SystemTime::now());
        match place.put(aws, key, document.into(), until).await {
            Ok(()) => self.delivered.held.clear(),
            Err(unkept) => {
                let error = ParkError { problem: unkept.error.into(), records_there: 0 };
                self.warn("could not write down what is left of something parked", &error);
            }
        }
    }

    /// Keeps what was refused when it was sent again: somebody has meant it to be there once.
    pub(super) async fn bury_refused(&mut self, place: &Place, aws: &Aws, until: Instant) {
        let refused = std::mem::take(&mut self.delivered.refused);
        if refused.is_empty() || !place.keeps_dead() {
            return;
        }
        let events = park::by_event(self.destination, pairs(&refused));
        for (event, leftovers) in events {
            let name = Name::of_records(&leftovers);
            let shelf = Shelf::Dead(Death::Refused);
            if let Err(error) = place.park(aws, shelf, &name, &leftovers, until).await {
                self.warn("could not keep what was refused", &error);
                self.left.insert(event);
            }
        }
    }

    /// How many records the destination would have twice if these events came again.
    pub(super) fn held_of(&self, repeated: impl Fn(usize) -> bool) -> u64 {
        if !self.delivered.doubles() {
            return 0;
        }
        let parked: u64 = self
            .parked
            .iter()
            .filter(|(event, _)| repeated(**event))
            .map(|(_, records)| records)
            .sum();
        parked + self.delivered.held_of(repeated)
    }

    /// So many records will perhaps be sent once more, after a first time.
    fn may_double(&mut self, records: usize) {
        if self.delivered.doubles() {
            self.counts.possible_duplicates += records as u64;
        }
    }

    fn warn(&mut self, what: &str, error: &ParkError) {
        let warning = format!("{what} for \"{}\": {error}", self.destination);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

fn pairs<'l, 'r>(list: &'l [Left<'r>]) -> impl Iterator<Item = (&'r Record<'r>, &'l Class)> {
    list.iter().flat_map(|left| left.records.iter().map(|record| (*record, &left.class)))
}
