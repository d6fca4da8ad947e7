//! The enforcer: a Lambda function that gives every new log group what the policies say, at once.
//!
//! Terraform's next plan would do the same; until then a new function's first lines would be
//! shipped nowhere. The enforcer only ever adds ([`logagg_policy::Addition`]): it changes and removes
//! nothing, so that it never fights a plan.
//!
//! An event ([`event`]) names log groups, or asks for a sweep over the young ones ([`sweep`]). For
//! each group [`reconcile`] reads what there is, has the policy engine decide, and writes.
//! [`logs`] and [`loop_detection`] are the calls, [`rate_limiter`] keeps them well below AWS's
//! quotas, and [`io`] makes them.

mod config;
mod enforce;
mod event;
mod io;
mod logs;
mod loop_detection;
mod rate_limiter;
mod reconcile;
mod summary;
mod sweep;
#[cfg(test)]
mod tests;

pub use config::{ConfigError, EnforcerConfig};
pub use enforce::{EnforceError, Enforced, Enforcer};
pub use event::EventError;
pub use summary::{Counts, Summary, SweepCounts, SweepEnd, Warnings};
