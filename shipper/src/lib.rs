//! The shipper: a Lambda function that takes what CloudWatch Logs delivers through subscription
//! filters and forwards it to log services, and accounts for every log event.
//!
//! An event is decoded ([`decode`]), its lines are read ([`mod@line`]) into records ([`record`]), and
//! these are delivered ([`delivery`]) to destinations ([`destination`]). Everything but
//! [`delivery::client`] and [`aws`] is free of I/O. The crate knows nothing of policies and Terraform,
//! and starts fast because nothing is set up before it is needed.

pub mod admit;
pub mod aws;
pub mod bootstrap;
pub mod config;
pub mod counts;
pub mod decode;
pub mod delivery;
pub mod destination;
mod enclosed;
pub mod enforcer;
mod escape;
pub mod event;
pub mod invocation;
pub mod key;
pub mod line;
pub mod live;
pub mod metrics;
pub mod origin;
pub mod record;
pub mod secret;
pub mod summary;
pub mod undelivered;
mod usual;

pub use config::Config;
pub use invocation::{Answer, Invocation, Reply, ShipError, Shipper};
pub use live::{Live, StartError};
pub use summary::Summary;
