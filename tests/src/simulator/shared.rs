//! What the server and the handles of a simulator share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::clock::Clock;
use super::world::World;

/// The clock and the world, of which one call at a time is made.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    world: Mutex<World>,
    /// Notifies of every call that arrived.
    pub(super) arrived: Condvar,
}

impl Shared {
    pub(super) fn new(clock: Clock, world: World) -> Self {
        Self { clock, world: Mutex::new(world), arrived: Condvar::new() }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        // A test that fails while it looks at the world must not take the server down with it.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
