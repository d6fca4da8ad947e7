use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who writes to a log group, or to a function's resource policy, takes a turn: CloudWatch Logs
/// aborts two writes to a group at once, and Lambda loses statements of two who write at once.
#[derive(Debug, Default)]
pub(super) struct KeyedLocks {
    by_name: Mutex<BTreeMap<String, Weak<Turn<()>>>>,
}

impl KeyedLocks {
    /// Waits for a turn, and has it while the guard lives.
    pub(super) async fn take(&self, name: &str) -> OwnedMutexGuard<()> {
        self.of(name).lock_owned().await
    }

    fn of(&self, name: &str) -> Arc<Turn<()>> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = by_name.get(name).and_then(Weak::upgrade) {
            return turn;
        }
        // Only unused locks are removed here.
        by_name.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        by_name.insert(name.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_holds_the_lock_of_a_key_at_a_time() {
        let keyed_locks = KeyedLocks::default();
        let first = keyed_locks.take("/a").await;
        let elsewhere = keyed_locks.take("/b").await;
        assert!(keyed_locks.of("/a").try_lock().is_err());
        drop(first);
        assert!(keyed_locks.of("/a").try_lock().is_ok());
        drop(elsewhere);
    }

    #[tokio::test]
    async fn unused_locks_are_removed() {
        let keyed_locks = KeyedLocks::default();
        for name in ["/a", "/b", "/c"] {
            drop(keyed_locks.take(name).await);
        }
        assert_eq!(keyed_locks.by_name.lock().unwrap().len(), 1);
    }
}
