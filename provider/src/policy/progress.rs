use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Logs the progress of a long operation, and the estimated remaining time.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    began: Instant,
}

/// Log groups between two lines.
const STRIDE: usize = 100;

impl Progress {
    pub(super) fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: AtomicUsize::new(0), began: Instant::now() }
    }

    /// One more log group is done.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(STRIDE) && done < self.total {
            let seconds_left = time_left(self.began.elapsed(), done, self.total).as_secs();
            tracing::info!(done, total = self.total, seconds_left, "{}", self.what);
        }
    }
}

fn time_left(elapsed: Duration, done: usize, total: usize) -> Duration {
    let left = total.saturating_sub(done) as f64 / done.max(1) as f64;
    elapsed.mul_f64(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_follows_the_average_per_group() {
        assert_eq!(time_left(Duration::from_secs(20), 100, 400), Duration::from_secs(60));
        assert_eq!(time_left(Duration::from_secs(20), 400, 400), Duration::ZERO);
    }
}
