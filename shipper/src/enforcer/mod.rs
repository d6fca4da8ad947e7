//! The enforcer: a Lambda function that applies the policies to new log groups within seconds.
//!
//! Terraform's next apply would do the same; until then the first log events of a new function
//! would not be forwarded. The enforcer only adds ([`logagg_policy::Addition`]): it updates and
//! deletes nothing, so it never conflicts with a plan.
//!
//! An event ([`event`]) names log groups, or requests a sweep of the young ones ([`sweep`]). For
//! each log group [`reconcile`] reads the current state, lets the policy engine decide, and writes.
//! A sweep also writes the tags that the shipper reads ([`tag_tables`]).
//! [`logs`] and [`loop_detection`] are the calls, [`rate_limiter`] keeps them well below AWS's
//! quotas, and [`io`] makes them.

mod config;
mod enforce;
mod enforce_error;
mod event;
mod gap_fill;
mod io;
mod logs;
mod loop_detection;
mod rate_limiter;
mod reconcile;
mod state;
mod summary;
mod sweep;
mod tag_tables;
#[cfg(test)]
mod tests;

pub use config::{ConfigError, EnforcerConfig, TagTableConfig};
pub use enforce::Enforced;
pub use enforce_error::EnforceError;
pub use event::EventError;
pub use state::Enforcer;
pub use summary::{Counts, Summary, SweepCounts, SweepEnd, TagTableCounts, Warnings};
