//! Ctrl-C in a program that has to clean up: running work is cancelled, waits end, and then
//! everything ends in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::runtime;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// From now on Ctrl-C and SIGTERM interrupt instead of killing this process; the second one
/// calls `give_up`.
///
/// # Errors
/// When the system refuses the signal handlers.
pub fn watch(give_up: fn()) -> anyhow::Result<()> {
    runtime::block_on(async {
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let mut signals = signal(kind).context("listening for signals")?;
            runtime::spawn(async move {
                while signals.recv().await.is_some() {
                    if INTERRUPTED.swap(true, Ordering::SeqCst) {
                        give_up();
                    }
                    for group in running().iter() {
                        // It may have ended this moment.
                        let _ = killpg(*group, Signal::SIGINT);
                    }
                }
            });
        }
        Ok(())
    })
}

/// Whether this process was interrupted.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails when this process was interrupted.
///
/// # Errors
/// When it was.
pub fn check() -> anyhow::Result<()> {
    if interrupted() {
        bail!("interrupted");
    }
    Ok(())
}

/// A process group that is interrupted with this process, until this is dropped.
#[derive(Debug)]
pub(crate) struct Interruptible(Pid);

impl Interruptible {
    pub(crate) fn new(group: Pid) -> Self {
        running().push(group);
        Self(group)
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        running().retain(|group| *group != self.0);
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().expect("nothing panics while it holds the lock")
}
