//! Memory that one event leaves to the next, which saves to have it cleared.

use std::sync::{Mutex, PoisonError};

/// What is kept of it.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<Vec<Vec<u8>>>);

impl Rooms {
    /// For an event: what it is decoded to, and its texts.
    const MOST: usize = 2;
    /// Larger ones are for events that seldom come.
    const LARGEST_BYTES: usize = 4 * 1024 * 1024;

    /// One that is left, or an empty one.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Leaves one to the next event.
    pub(crate) fn leave(&self, room: Vec<u8>) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() < Self::MOST && room.capacity() <= Self::LARGEST_BYTES {
            rooms.push(room);
        }
    }
}

/// So many bytes, whatever they are, in `room` if that is large enough.
pub(super) fn of(bytes: usize, mut room: Vec<u8>) -> Vec<u8> {
    if room.capacity() < bytes {
        return vec![0; bytes];
    }
    room.resize(bytes, 0);
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_is_large_enough_serves_again() {
        let rooms = Rooms::default();
        assert!(rooms.take().is_empty());
        let room = of(100, rooms.take());
        let place = room.as_ptr();
        rooms.leave(room);
        let room = of(60, rooms.take());
        assert_eq!((room.len(), room.as_ptr()), (60, place));
        rooms.leave(room);
        assert_eq!(of(101, rooms.take()).len(), 101);
    }

    #[test]
    fn no_more_is_kept_than_an_event_of_the_usual_size_needs() {
        let rooms = Rooms::default();
        rooms.leave(vec![0; Rooms::LARGEST_BYTES + 1]);
        assert!(rooms.take().is_empty());
        for _ in 0..=Rooms::MOST {
            rooms.leave(vec![0; 10]);
        }
        assert_eq!([10, 10, 0].map(|_| rooms.take().len()), [10, 10, 0]);
    }
}
