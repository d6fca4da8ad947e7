//! The enforcer: a Lambda function that gives every new log group what the policies say, at once.
//!
//! Terraform's next plan would do the same; until then a new function's first lines would be
//! shipped nowhere. The enforcer only ever adds ([`logagg_policy::Addition`]): it changes and removes
//! nothing, so that it never fights a plan.
//!
//! An event ([`event`]) names log groups, or asks for a sweep over the young ones ([`sweep`]). For
//! each group [`enforce`] looks at what there is, has the policy engine decide, and writes.
//! [`logs`] and [`behind`] are the calls, [`pace`] keeps them well below AWS's quotas.

mod behind;
mod config;
mod enforce;
mod event;
mod logs;
mod pace;
mod summary;
mod sweep;

pub use config::{ConfigError, EnforcerConfig};
pub use enforce::{EnforceError, Enforcer};
pub use event::EventError;
pub use summary::Summary;
