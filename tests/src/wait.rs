//! Waiting for a condition instead of for a while.

use std::time::{Duration, Instant};

/// How long anything on this machine may take before waiting for it is given up.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Asks again and again until `attempt` gives a value, and gives up after [`PATIENCE`] with what
/// the last attempt said was missing.
///
/// # Errors
/// The last answer of `attempt`, when patience ends.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        crate::interrupt::check()?;
        match attempt() {
            Ok(value) => return Ok(value),
            Err(missing) if Instant::now() >= deadline => {
                anyhow::bail!("waited {} s for {what}: {missing}", PATIENCE.as_secs())
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
