//! Buffers that are reused across events, so that they are not zeroed again.

use std::sync::{Mutex, PoisonError};

/// The unused buffers.
#[derive(Debug, Default)]
pub(crate) struct BufferPool(Mutex<Vec<Vec<u8>>>);

impl BufferPool {
    /// Two for each event: the decoded bytes and the unescaped strings.
    const MOST: usize = 2;
    /// Larger buffers are not kept, because such events are rare.
    const LARGEST_BYTES: usize = 4 * 1024 * 1024;

    /// A pooled buffer, or an empty one.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Returns a buffer to the pool.
    pub(crate) fn put_back(&self, buffer: Vec<u8>) {
        let mut buffer_pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer_pool.len() < Self::MOST && buffer.capacity() <= Self::LARGEST_BYTES {
            buffer_pool.push(buffer);
        }
    }
}

/// A buffer of this size with unspecified content, reusing `buffer` if it is large enough.
pub(super) fn of(bytes: usize, mut buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() < bytes {
        return vec![0; bytes];
    }
    buffer.resize(bytes, 0);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_enough_buffer_is_reused() {
        let buffer_pool = BufferPool::default();
        assert!(buffer_pool.take().is_empty());
        let buffer = of(100, buffer_pool.take());
        let place = buffer.as_ptr();
        buffer_pool.put_back(buffer);
        let buffer = of(60, buffer_pool.take());
        assert_eq!((buffer.len(), buffer.as_ptr()), (60, place));
        buffer_pool.put_back(buffer);
        assert_eq!(of(101, buffer_pool.take()).len(), 101);
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let buffer_pool = BufferPool::default();
        buffer_pool.put_back(vec![0; BufferPool::LARGEST_BYTES + 1]);
        assert!(buffer_pool.take().is_empty());
        for _ in 0..=BufferPool::MOST {
            buffer_pool.put_back(vec![0; 10]);
        }
        assert_eq!([10, 10, 0].map(|_| buffer_pool.take().len()), [10, 10, 0]);
    }
}
