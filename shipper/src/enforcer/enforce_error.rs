//! Why an invocation of the enforcer failed.

use super::config::ConfigError;
use super::event::EventError;
use crate::aws::Problem;
use crate::config::SourceError;

/// Why an invocation failed. Lambda retries the event.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// The event is not supported.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The configuration cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// AWS has no such endpoint.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration is invalid.
    #[error(transparent)]
    Endpoint(#[from] Problem),
    /// A policy belongs to another account.
    #[error(
        "the policy {policy:?} is for account {of}, but this function runs in {here}: deploy one \
         enforcer per account"
    )]
    OtherAccount {
        /// The policy's name.
        policy: String,
        /// Its account.
        of: String,
        /// The function's.
        here: String,
    },
    /// A log group could not be reconciled.
    #[error("cannot reconcile a log group: {0}")]
    Failed(String),
    /// There was no time for a log group.
    #[error("no time left for {log_group}{reason}")]
    NoTime {
        /// The log group.
        log_group: String,
        /// The reason.
        reason: String,
    },
    /// A log group was just created.
    #[error("{0} was created just now, and DescribeLogGroups does not return it yet")]
    Pending(String),
    /// A sweep could not list any log groups.
    #[error("cannot list log groups; see the warnings in the summary line")]
    NotListed,
}

impl EnforceError {
    /// The error type that Lambda reports.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "Logagg.UnknownEvent",
            Self::Source(_) | Self::Config(_) | Self::Endpoint(_) | Self::OtherAccount { .. } => {
                "Logagg.InvalidConfiguration"
            }
            Self::Failed(_) | Self::NotListed => "Logagg.Failed",
            Self::NoTime { .. } => "Logagg.NoTime",
            Self::Pending(_) => "Logagg.Pending",
        }
    }
}
