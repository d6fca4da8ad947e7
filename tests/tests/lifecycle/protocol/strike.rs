//! What happens during an apply.

use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use logagg_e2e::simulator::{Gate, Simulator};
use tokio::sync::mpsc;

use super::Failed;
use super::apply::Apply;
use crate::lifecycle::driver::Strike;
use crate::lifecycle::operation::Last;

const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
/// Looks in a row at which no call has arrived, until what waits for the others goes on.
const QUIET_LOOKS: usize = 10;

/// Lets calls of a kind wait until nothing else happens.
pub(super) async fn with_last(
    aws: &Simulator,
    last: Last,
    gated: bool,
    work: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    let waiting = match last {
        Last::Deletes if gated => "DeleteSubscriptionFilter",
        Last::Creates if gated => "PutSubscriptionFilter",
        _ => return work.await,
    };
    let gate = aws.on(waiting).hold();
    let (mut work, mut quiet) = (pin!(work), pin!(when_quiet(aws, waiting, gate)));
    tokio::select! {
        done = &mut work => return done,
        () = &mut quiet => {}
    }
    work.await
}

async fn when_quiet(aws: &Simulator, waiting: &str, gate: Gate) {
    let before = aws.counts().of(waiting);
    let (mut calls, mut quiet) = (aws.counts().total(), 0);
    while quiet < QUIET_LOOKS {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let now = aws.counts();
        quiet = if now.total() == calls && now.of(waiting) > before { quiet + 1 } else { 0 };
        calls = now.total();
    }
    gate.open();
}

/// The end of a call, at which an apply is broken off.
pub(super) struct At<'a> {
    pub(super) aws: &'a Simulator,
    pub(super) operation: &'a str,
    pub(super) after: usize,
    pub(super) strike: Strike,
    /// Whether Terraform is killed too.
    pub(super) everything: bool,
}

impl At<'_> {
    /// Works until a call has been done and is about to be answered. True where it came to that.
    pub(super) async fn during(
        &self,
        work: impl Future<Output = Result<(), Failed>>,
        apply: &Apply<'_>,
    ) -> (Result<(), Failed>, bool) {
        let (struck, mut strikes) = mpsc::unbounded_channel();
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let hook = Arc::clone(&done);
        self.aws.on(self.operation).after(self.after).times(1).run_after(move |_| {
            if struck.send(()).is_ok() {
                let (done, changed) = &*hook;
                let _done = changed.wait_while(done.lock().unwrap(), |done| !*done).unwrap();
            }
        });
        let release = || {
            *done.0.lock().unwrap() = true;
            done.1.notify_all();
        };
        let mut work = pin!(work);
        tokio::select! {
            result = &mut work => {
                // It made fewer calls of the kind.
                release();
                return (result, false);
            }
            _ = strikes.recv() => {}
        }
        apply.log.line(format!("  {:?} at {}", self.strike, self.operation));
        match self.strike {
            Strike::Interrupt => {
                apply.stopped.set(true);
                apply.sessions.stop().await;
                release();
                (work.await, true)
            }
            Strike::Kill => {
                apply.stopped.set(true);
                apply.lost.set(self.everything);
                apply.sessions.kill();
                // The awaited responses never arrive, which is reported when it has ended.
                let result = work.await;
                release();
                (result, true)
            }
        }
    }
}
