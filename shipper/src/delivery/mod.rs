//! Brings the records of one invocation to one destination.
//!
//! [`plan::Plan`] decides what is sent, when, and when to give up; it has neither sockets nor a
//! clock, so every course of events can be tried in a test. [`client::Client`] is the one place
//! with I/O. [`deliver`] lets the one drive the other.

mod authorities;
mod backoff;
mod batch;
pub mod client;
mod compress;
mod oversized;
pub mod plan;

pub(crate) use backoff::backoff;
pub use client::{Client, Fault};
pub use oversized::Oversized;
pub use plan::{JsonFields, Plan, Settings, Step};

use std::time::SystemTime;

use crate::counts::Counts;
use crate::destination::Destination;
use crate::record::Record;

/// Delivers `records` to `destination` and tells what became of each.
pub async fn deliver<'r>(
    client: &Client,
    destination: &'r dyn Destination,
    records: &'r [Record<'r>],
    settings: Settings,
) -> Counts {
    let mut plan = Plan::new(destination, records, settings, fastrand::Rng::new());
    loop {
        match plan.next(SystemTime::now()) {
            Step::Send { request, timeout } => {
                let answer = client.send(destination.endpoint(), request, timeout).await;
                plan.answered(SystemTime::now(), &answer);
            }
            Step::Wait(duration) => tokio::time::sleep(duration).await,
            Step::Done(counts) => return counts,
        }
    }
}
