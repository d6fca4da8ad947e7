use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::visible::visible;

/// How often it is said what is still being read.
const INTERVAL: Duration = Duration::from_secs(10);

/// What is being read, on standard error.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    reading: Mutex<BTreeSet<String>>,
}

impl Progress {
    /// Says that something is being read while `work` reads it.
    pub(crate) async fn reading<T>(&self, what: impl Display, work: impl Future<Output = T>) -> T {
        let what = visible(&what.to_string());
        eprintln!("reading {what}");
        self.lock().insert(what.clone());
        let done = work.await;
        self.lock().remove(&what);
        done
    }

    /// Says from time to time what is still being read.
    pub(crate) async fn while_running<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(INTERVAL, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    let reading = self.lock().clone();
                    let reading: Vec<_> = reading.into_iter().collect();
                    eprintln!("still reading {}", reading.join("; "));
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
