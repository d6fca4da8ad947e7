//! Delivers the records of one invocation to one destination.
//!
//! [`scheduler::Scheduler`] decides what to send, when, and when to stop; it has neither sockets
//! nor a clock, so that every sequence of events is testable. [`client::Client`] does the I/O.
//! [`deliver`] connects them.

mod backoff;
mod batch;
mod body;
mod body_probe;
mod breaker;
mod certificate_alert;
mod certificate_request;
pub mod client;
mod compress;
mod concurrency_limit;
mod delivery_result;
mod endpoint_state;
mod fault;
mod inspect;
mod oversized;
mod proxy;
mod root_certificates;
pub mod scheduler;
mod settings;
mod signed;
mod splits;

pub(crate) use backoff::backoff;
pub use breaker::{Admission, Breaker};
pub use client::Client;
pub use concurrency_limit::ConcurrencyLimit;
pub use delivery_result::{DeliveryResult, RecordsByReason, Unattributed};
pub use endpoint_state::EndpointState;
pub use fault::Fault;
pub(crate) use inspect::inspect;
pub use oversized::Oversized;
pub use proxy::{InvalidProxy, check_proxy};
pub(crate) use root_certificates::tls;
pub use scheduler::{Scheduler, SendId, Step};
pub use settings::{JsonFields, Outage, Settings};

use std::time::{Instant, SystemTime};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use crate::destination::Destination;
use crate::record::Record;

/// The maximum size of requests, before compression, that all destinations hold at once, as long as
/// none holds more than one.
pub const MAX_HELD_BYTES: usize = 24 * 1024 * 1024;

/// Delivers `records` to `destination` and returns the result for each.
pub async fn deliver<'r>(
    client: &Client,
    destination: &'r dyn Destination,
    records: &'r [Record<'r>],
    settings: Settings,
    endpoint_state: EndpointState,
) -> DeliveryResult<'r> {
    let mut scheduler =
        Scheduler::new(destination, records, settings, endpoint_state, fastrand::Rng::new());
    let mut in_flight = FuturesUnordered::new();
    loop {
        let begun = Instant::now();
        let on_response = match scheduler.next(SystemTime::now()) {
            Step::Send { send_id, request, timeout } => {
                let took = begun.elapsed();
                scheduler.on_request_built(took);
                // The timeout was computed before the request was built.
                let timeout = timeout.saturating_sub(took);
                let sending = signed::send(client, destination.endpoint(), request, timeout);
                in_flight.push(async move { (send_id, sending.await) });
                // Starts the request while the next one is built.
                in_flight.next().now_or_never().flatten()
            }
            Step::Wait(duration) if in_flight.is_empty() => {
                tokio::time::sleep(duration).await;
                None
            }
            Step::Wait(duration) => {
                tokio::time::timeout(duration, in_flight.next()).await.ok().flatten()
            }
            Step::Await => in_flight.next().await,
            Step::Done(delivered) => return delivered,
        };
        if let Some((send_id, response)) = on_response {
            scheduler.on_response(SystemTime::now(), send_id, &response);
        }
    }
}
