//! End to end: the real terraform, the real provider and the real shipper, against an AWS and a
//! log service on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod harness;
mod scene;

mod change;
mod drift;
mod failure;
mod first_apply;
mod foreign;
mod import;
mod interrupt;
mod meanwhile;
mod nonsense;
mod shipping;
mod size;
mod tidiness;
mod wrong_configuration;
