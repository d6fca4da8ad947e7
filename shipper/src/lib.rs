//! The shipper: a Lambda function that receives deliveries of CloudWatch Logs subscription filters,
//! forwards the log events to destinations, and accounts for every log event.
//!
//! An event is decoded ([`decode`]), its log events are parsed ([`mod@line`]) into records
//! ([`record`]), and these are delivered ([`delivery`]) to destinations ([`destination`]).
//! Everything except [`delivery::client`] and [`aws`] is free of I/O. The crate does not know
//! policies and Terraform, and starts fast because nothing is set up before it is needed.

pub mod aws;
pub mod backfill;
pub mod bootstrap;
pub mod config;
pub mod counts;
pub mod decode;
pub mod delivery;
pub mod destination;
pub mod document_id;
mod enclosed;
pub mod enforcer;
mod escape;
pub mod event;
mod fast_path;
pub mod invocation;
pub mod line;
pub mod log_source;
pub mod log_source_value;
pub mod log_sources;
pub mod metrics;
pub mod processing;
pub mod record;
pub mod reload;
pub mod routing;
pub mod secret;
pub mod source_service;
pub mod summary;
pub mod tags;
pub mod undelivered;

pub use config::Config;
pub use invocation::{Invocation, Reply, Response, ShipError, Shipper};
pub use reload::{ReloadingShipper, StartError};
pub use summary::Summary;
