//! One invocation, from the event to the response to Lambda.

mod backfill;
mod batch_failures;
mod context;
mod destination_result;
mod payload;
mod pipeline;
mod queue;
mod replay;
mod reply;
mod ship;
mod ship_error;
mod shipper;
mod slice;

pub use context::Invocation;
pub use reply::{Reply, Response};
pub use ship_error::ShipError;
pub use shipper::Shipper;
