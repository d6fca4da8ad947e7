//! Undelivered events: stored as objects, and replayed through pointers in a queue.
//!
//! An event that a destination does not accept in time is written to S3, for that destination only.
//! S3 notifies a queue, whose event source mapping invokes this function with the pointers.
//! Undelivered objects stay in the queue; objects that are delivered or moved are deleted. Dead
//! letters (`rejected/`, `undecodable/`) have no pointers and wait for an operator.

pub mod object_key;
pub mod queue;
mod rfc3339;
pub mod schedule;
mod storage;
pub mod stored_event;

use std::time::Duration;

pub use object_key::{Folder, Location, ObjectName};
pub(crate) use rfc3339::rfc3339;
pub use storage::{NotStored, Storage};
pub use stored_event::StoredEvent;
pub(crate) use stored_event::by_event;

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
