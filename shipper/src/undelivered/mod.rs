//! Undelivered events: stored as objects, and replayed through pointers in a queue.
//!
//! An event that a destination does not accept in time is written to S3, for that destination only.
//! S3 notifies a queue, whose event source mapping invokes this function with the pointers.
//! Undelivered objects stay in the queue; objects that are delivered or moved are deleted. Dead
//! letters (`rejected/`, `undecodable/`) have no pointers and wait for an operator.

pub mod object_key;
pub mod queue;
pub mod schedule;
mod storage;
pub mod stored_event;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

pub use object_key::{Folder, Location, ObjectName};
pub use storage::{NotStored, Storage};
pub use stored_event::StoredEvent;

use crate::destination::{ReasonCode, json};
use crate::record::Record;

/// The timeout of an attempt.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// The storage for undelivered events, and the time reserved for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// The bucket.
    pub storage: Storage,
    /// The queue that replays send pointers to.
    pub queue_url: Option<String>,
    /// The part of the invocation's time that is reserved for storing.
    pub reserve: Duration,
}

/// A time such as `2023-11-06T10:00:00.123Z`.
fn rfc3339(time: SystemTime) -> String {
    let mut text = Vec::new();
    json::time(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Groups records by event: the records, each once, and the reasons.
pub(crate) fn by_event<'r>(
    destination: &'r str,
    records: impl Iterator<Item = (&'r Record<'r>, &'r ReasonCode)>,
) -> BTreeMap<usize, StoredEvent<'r>> {
    let mut events: BTreeMap<usize, StoredEvent<'r>> = BTreeMap::new();
    for (record, reason) in records {
        let stored = events.entry(record.log_source.event).or_insert_with(|| StoredEvent {
            destination,
            log_source: record.log_source,
            records: Vec::new(),
            reasons: BTreeMap::new(),
        });
        *stored.reasons.entry(reason.as_str()).or_default() += 1;
        stored.records.push(record);
    }
    for stored in events.values_mut() {
        // The parts of a record are stored as the whole record, which is split again. All records
        // of an event are in one slice, in order.
        stored.records.sort_by_key(|record| std::ptr::from_ref(*record).addr());
        stored.records.dedup_by_key(|record| std::ptr::from_ref(*record).addr());
    }
    events
}
