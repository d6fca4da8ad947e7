//! End to end: the real terraform, the real provider and the real shipper, against an AWS and a
//! log service on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod harness;
mod scene;
mod sts;
mod wire;

mod accounts;
mod change;
mod conflict;
mod docs;
mod document;
mod drift;
mod failure;
mod first_apply;
mod foreign;
mod guards;
mod import;
mod interrupt;
mod log_groups;
mod loops;
mod meanwhile;
mod nonsense;
mod packages;
mod policy_accounts;
mod provider_block;
mod refresh;
mod retention;
mod shipping;
mod simulator;
mod size;
mod storm;
mod tidiness;
mod wrong_configuration;
mod wrong_provider_block;
