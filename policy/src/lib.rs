//! The rules of a log aggregation policy: which log groups are selected, the desired state of each,
//! and how it differs from the current state.
//!
//! Everything here is a pure function of its arguments. The crate refuses to know AWS's API,
//! Terraform, the clock and the network: the provider and the Lambdas bring what they saw and
//! act on what is decided here, so that they cannot decide differently.

mod account_policy;
mod addition;
mod argument;
mod arn;
mod conflict;
mod desired;
mod document;
mod filter;
mod grant;
mod group_state;
mod iam;
mod log_group;
mod loop_guard;
mod loop_walk;
mod policy_id;
mod retention;
mod rule;
mod selection;
mod skip;
mod tags;
mod written;

pub use account_policy::{AccountPolicy, UnknownAccountPolicy};
pub use addition::Addition;
pub use argument::Argument;
pub use arn::{Arn, Destination, InvalidArn, UnsupportedDestination};
pub use conflict::{Claim, Conflict, Succession};
pub use desired::{Desired, DesiredState, Known, OnConflict, UnknownOnConflict};
pub use document::{Document, InvalidDocument};
pub use filter::{
    Distribution, FilterName, InvalidFilterName, Ownership, SubscriptionFilter, UnknownDistribution,
};
pub use grant::{Grant, Permission, Provenance, Statement, UnknownPermission, logs_principal};
pub use group_state::{GroupState, Subscription, UnknownSubscription};
pub use iam::{Feature, Phase, UnknownText};
pub use log_group::{
    InvalidLogGroupName, LogGroup, LogGroupClass, UnknownLogGroupClass, check_log_group_name,
};
pub use loop_guard::LoopGuard;
pub use loop_walk::{Answer, LoopWalk, Question, Walked};
pub use policy_id::{InvalidPolicyId, PolicyId};
pub use retention::{
    InvalidRetention, OnDestroy, Retention, RetentionMode, UnknownOnDestroy, UnknownRetentionMode,
};
pub use rule::{InvalidRegex, NameRegex, Rule};
pub use selection::{Listing, Selection};
pub use skip::{Obstacle, Skip};
pub use tags::{InvalidTags, TagFilter, Tags};
pub use written::{Written, WrittenProtection, WrittenRetention};
