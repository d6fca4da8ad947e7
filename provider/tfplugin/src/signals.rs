//! Signals, and the end of the parent process.

use crate::connection::Open;
use crate::plugin::Lifetime;
use crate::start::StartError;

/// Signals of the operating system.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    parent: u32,
    lifetime: Lifetime,
}

#[cfg(unix)]
impl Signals {
    /// From here on, Ctrl-C does not end the process by itself.
    pub(crate) fn watch(lifetime: Lifetime) -> Result<Self, StartError> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(StartError::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(StartError::Signals)?,
            parent: std::os::unix::process::parent_id(),
            lifetime,
        })
    }

    /// Waits for a reason to end.
    ///
    /// Ctrl-C in a terminal reaches Terraform too, which then asks running operations to stop and
    /// still wants their answers, so it is no reason. The end of Terraform is: a process that holds
    /// credentials and is unreachable would otherwise never end.
    pub(crate) async fn end(mut self, open: Open) {
        match self.lifetime {
            Lifetime::OneRun => tokio::select! {
                _ = self.terminate.recv() => {}
                () = orphaned(self.parent, open) => {}
            },
            Lifetime::ManyRuns => tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            },
        }
    }
}

/// Waits until no client is connected and the parent has ended. Terraform also closes a connection
/// that was idle for long, and opens it again, so that one alone says nothing.
#[cfg(unix)]
async fn orphaned(parent: u32, open: Open) {
    const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);
    loop {
        open.none().await;
        if std::os::unix::process::parent_id() != parent {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn watch(lifetime: Lifetime) -> Result<Self, StartError> {
        Ok(Self { lifetime })
    }

    pub(crate) async fn end(self, _: Open) {
        loop {
            let interrupted = tokio::signal::ctrl_c().await;
            if interrupted.is_err() || self.lifetime == Lifetime::ManyRuns {
                return;
            }
        }
    }
}
