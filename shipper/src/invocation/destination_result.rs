//! The result at one destination, after its undelivered events are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime};

use futures_util::{StreamExt, stream};

use crate::aws::Aws;
use crate::counts::{Counts, RouteCounts};
use crate::delivery::{DeliveryResult, RecordsByReason};
use crate::destination::ReasonCode;
use crate::record::Record;
use crate::undelivered::{Folder, NotStored, ObjectName, Storage, StoredEvent, by_event};

/// The number of objects that are stored concurrently.
const AT_ONCE: usize = 4;

/// The result at one destination.
pub(super) struct DestinationResult<'r> {
    pub(super) destination: &'r str,
    pub(super) counts: Counts,
    /// The events with undelivered records that are not stored elsewhere.
    pub(super) undelivered: BTreeSet<usize>,
    /// The stored events that were partially delivered, and whose objects contain only the rest
    /// now.
    pub(super) rewritten: BTreeSet<usize>,
    pub(super) warnings: Vec<String>,
    delivered: DeliveryResult<'r>,
    /// By event, the number of stored records.
    stored: BTreeMap<usize, u64>,
    /// The events with records that could not be stored, as dead letters or otherwise.
    withdrawn: BTreeSet<usize>,
}

/// Where undelivered events are stored, and until when.
#[derive(Clone, Copy)]
pub(super) struct Storing<'s> {
    pub(super) storage: &'s Storage,
    pub(super) aws: &'s Aws,
    pub(super) until: Instant,
    /// Whether the events are stored events, which remain stored if storing fails.
    pub(super) is_stored: bool,
}

impl Storing<'_> {
    async fn store(
        self,
        folder: Folder,
        name: &ObjectName,
        event: &StoredEvent<'_>,
    ) -> Result<(), NotStored> {
        self.storage.store(self.aws, folder, name, event, self.until).await
    }
}

impl<'r> DestinationResult<'r> {
    pub(super) fn new(destination: &'r str, mut delivered: DeliveryResult<'r>) -> Self {
        Self {
            destination,
            counts: std::mem::take(&mut delivered.counts),
            undelivered: BTreeSet::new(),
            rewritten: BTreeSet::new(),
            warnings: Vec::new(),
            delivered,
            stored: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
        }
    }

    /// Counts the records by route.
    pub(super) fn count_routes(&mut self, records: &[Record<'_>]) {
        let routes = &mut self.counts.routes;
        let mut count = |record: &Record<'_>, add: fn(&mut RouteCounts)| {
            if let Some(route) = record.names.route() {
                match routes.get_mut(route) {
                    Some(counts) => add(counts),
                    None => add(routes.entry(route.to_owned()).or_default()),
                }
            }
        };
        records.iter().for_each(|record| count(record, |counts| counts.received += 1));
        let delivered = &self.delivered;
        let once = |list: &[RecordsByReason<'r>]| {
            let mut records: Vec<&Record<'r>> =
                list.iter().flat_map(|some| some.records.iter().copied()).collect();
            // A split record is in it once for each part.
            records.sort_by_key(|record| std::ptr::from_ref(*record).addr());
            records.dedup_by_key(|record| std::ptr::from_ref(*record).addr());
            records
        };
        for record in once(&delivered.rejected) {
            count(record, |counts| counts.rejected += 1);
        }
        for list in [&delivered.undelivered, &delivered.dead_letters] {
            for record in once(list) {
                count(record, |counts| counts.undelivered += 1);
            }
        }
    }

    /// Whether there are dead letters to store.
    pub(super) fn has_dead_letters(&self) -> bool {
        let delivered = &self.delivered;
        !(delivered.dead_letters.is_empty()
            && delivered.rejected.is_empty()
            && delivered.unattributed.is_empty())
    }

    /// Whether there are undelivered records.
    pub(super) fn has_undelivered(&self) -> bool {
        !self.delivered.undelivered.is_empty()
    }

    /// Without storage, undelivered records return to their source.
    pub(super) fn return_to_source(&mut self) {
        for undelivered in
            [&self.delivered.undelivered, &self.delivered.dead_letters].into_iter().flatten()
        {
            self.counts.return_to_source(undelivered.records.len(), &undelivered.reason);
            self.undelivered
                .extend(undelivered.records.iter().map(|record| record.log_source.event));
        }
    }

    /// Undelivered records remain stored as they are.
    pub(super) fn stay_stored(&mut self) {
        for undelivered in &self.delivered.undelivered {
            self.counts.store(undelivered.records.len(), &undelivered.reason);
            self.undelivered
                .extend(undelivered.records.iter().map(|record| record.log_source.event));
        }
    }

    /// Stores undelivered records, under the names of their events.
    pub(super) async fn store_undelivered(
        &mut self,
        storing: Storing<'_>,
        names: &BTreeMap<usize, ObjectName>,
    ) {
        let undelivered = std::mem::take(&mut self.delivered.undelivered);
        self.store(storing, Folder::Undelivered, &undelivered, |event, _| {
            names.get(&event).cloned()
        })
        .await;
    }

    /// Stores oversized records as dead letters.
    pub(super) async fn store_oversized(&mut self, storing: Storing<'_>) {
        let dead_letters = std::mem::take(&mut self.delivered.dead_letters);
        let name = |_, event: &StoredEvent<'_>| Some(ObjectName::of_records(&event.records));
        self.store(storing, Folder::Rejected, &dead_letters, name).await;
    }

    async fn store(
        &mut self,
        storing: Storing<'_>,
        folder: Folder,
        list: &[RecordsByReason<'r>],
        name: impl Fn(usize, &StoredEvent<'_>) -> Option<ObjectName>,
    ) {
        let events = by_event(self.destination, pairs(list));
        let puts = events.iter().filter_map(|(event, stored)| {
            let name = name(*event, stored)?;
            Some(async move { (*event, storing.store(folder, &name, stored).await) })
        });
        let results: Vec<_> = stream::iter(puts).buffer_unordered(AT_ONCE).collect().await;
        let mut stored = BTreeSet::new();
        for (event, result) in results {
            match result {
                Ok(()) => {
                    stored.insert(event);
                }
                Err(error) => {
                    // It will be delivered from there, and again with the event.
                    if error.is_unclear
                        && folder == Folder::Undelivered
                        && self.delivered.stores_duplicates()
                    {
                        let records = events.get(&event).map_or(0, |event| event.records.len());
                        self.counts.possible_duplicates += records as u64;
                    }
                    self.warn("could not store undelivered events", &error);
                }
            }
        }
        for event in events.iter().filter_map(|(event, all)| stored.contains(event).then_some(all))
        {
            self.count_parts(&event.records);
        }
        for undelivered in list {
            for record in &undelivered.records {
                let event = record.log_source.event;
                if stored.contains(&event) {
                    self.counts.store(1, &undelivered.reason);
                    *self.stored.entry(event).or_default() += 1;
                } else {
                    self.stay(1, &undelivered.reason, storing.is_stored);
                    self.undelivered.insert(event);
                    self.withdrawn.insert(event);
                }
            }
        }
    }

    /// A split record is stored as a whole, whatever parts were delivered.
    fn count_parts(&mut self, records: &[&Record<'_>]) {
        let parts = records.iter().map(|record| self.delivered.parts_held_of(record));
        self.counts.possible_duplicates += parts.sum::<u64>();
    }

    /// Overwrites the objects of partially delivered stored events with the rest, if a retry of the
    /// whole would cause duplicates. S3 sends a pointer to the new version. `sizes` is the number
    /// of records of each event, `keys` its object.
    pub(super) async fn rewrite(
        &mut self,
        storing: Storing<'_>,
        keys: &BTreeMap<usize, &str>,
        sizes: &BTreeMap<usize, usize>,
    ) {
        if !self.delivered.stores_duplicates() {
            return;
        }
        let undelivered = std::mem::take(&mut self.delivered.undelivered);
        for (event, rest) in by_event(self.destination, pairs(&undelivered)) {
            let is_less = sizes.get(&event).is_some_and(|size| rest.records.len() < *size);
            // If dead letters could not be stored, the object must remain unchanged.
            let may_be = is_less && !self.withdrawn.contains(&event);
            let Some(key) = keys.get(&event).filter(|_| may_be) else {
                continue;
            };
            let document = rest.document(SystemTime::now());
            match storing.storage.put(storing.aws, key, document.into(), storing.until).await {
                Ok(()) => {
                    self.undelivered.remove(&event);
                    self.rewritten.insert(event);
                    self.count_parts(&rest.records);
                }
                Err(error) => {
                    self.warn(
                        "could not rewrite a stored event with its undelivered records",
                        &error,
                    );
                }
            }
        }
    }

    /// Stores rejected records as dead letters. If that fails, they do not count as rejected and
    /// return to their source.
    pub(super) async fn store_rejected(&mut self, storing: Storing<'_>) {
        let rejected = std::mem::take(&mut self.delivered.rejected);
        let unattributed = std::mem::take(&mut self.delivered.unattributed);
        let of_some = unattributed.iter().flat_map(|some| {
            let reason = some.rejected.first().map(|(reason, _)| reason);
            reason.into_iter().flat_map(|reason| some.records.iter().map(move |it| (*it, reason)))
        });
        let events = by_event(self.destination, pairs(&rejected).chain(of_some));
        let puts = events.iter().map(|(event, stored)| async move {
            let name = ObjectName::of_records(&stored.records);
            (*event, storing.store(Folder::Rejected, &name, stored).await)
        });
        let results: Vec<_> = stream::iter(puts).buffer_unordered(AT_ONCE).collect().await;
        let mut failed = BTreeSet::new();
        for (event, result) in results {
            if let Err(error) = result {
                self.warn("could not store rejected events as dead letters", &error);
                failed.insert(event);
            }
        }
        for undelivered in &rejected {
            for record in &undelivered.records {
                if failed.contains(&record.log_source.event) {
                    self.withdraw(1, &undelivered.reason, storing.is_stored);
                } else {
                    self.counts.rejected_stored += 1;
                }
            }
        }
        for some in &unattributed {
            let events: BTreeSet<usize> =
                some.records.iter().map(|record| record.log_source.event).collect();
            let is_stored_now = events.is_disjoint(&failed);
            for (reason, records) in &some.rejected {
                if is_stored_now {
                    self.counts.rejected_stored += *records as u64;
                } else {
                    self.withdraw(*records, reason, storing.is_stored);
                }
            }
            if !is_stored_now {
                failed.extend(events);
            }
        }
        self.undelivered.extend(&failed);
        self.withdrawn.extend(failed);
    }

    fn withdraw(&mut self, records: usize, reason: &ReasonCode, is_stored: bool) {
        self.counts.withdraw_rejection(records, reason);
        self.stay(records, reason, is_stored);
    }

    /// Counts records that remain at their source.
    fn stay(&mut self, records: usize, reason: &ReasonCode, is_stored: bool) {
        if is_stored {
            self.counts.store(records, reason);
        } else {
            self.counts.return_to_source(records, reason);
        }
    }

    /// How many records would be duplicated if these events were delivered again.
    pub(super) fn held_of(&self, repeated: impl Fn(usize) -> bool) -> u64 {
        if !self.delivered.stores_duplicates() {
            return 0;
        }
        let stored: u64 = self
            .stored
            .iter()
            .filter(|(event, _)| repeated(**event))
            .map(|(_, records)| records)
            .sum();
        stored + self.delivered.held_of(repeated)
    }

    fn warn(&mut self, what: &str, error: &NotStored) {
        let warning = format!("{what} for \"{}\": {error}", self.destination);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

fn pairs<'l, 'r>(
    list: &'l [RecordsByReason<'r>],
) -> impl Iterator<Item = (&'r Record<'r>, &'l ReasonCode)> {
    list.iter().flat_map(|undelivered| {
        undelivered.records.iter().map(|record| (*record, &undelivered.reason))
    })
}
