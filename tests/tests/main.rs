//! End to end: the real terraform, the real provider and the real shipper, against an AWS and a
//! log service on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod harness;
mod issuers;
mod scene;
mod source;
mod stack;
mod sts;
mod wire;
mod words;

// The side of Terraform, as the protocol's own tests play it.
#[allow(dead_code, reason = "those tests use more of it")]
#[path = "../../provider/tfplugin/tests/plugin/client.rs"]
mod client;
#[allow(dead_code, reason = "those tests use more of it")]
#[path = "../../provider/tfplugin/tests/plugin/program.rs"]
mod program;
#[path = "../../provider/tfplugin/tests/plugin/value.rs"]
mod value;

mod absent;
mod account_policy;
mod account_retention;
mod accounts;
mod aws_destinations;
mod backfill;
mod change;
mod circles;
mod conflict;
mod conflicts;
mod deferral;
mod deletion_protection;
mod denied;
mod discipline;
mod docs;
mod document;
mod drift;
mod enforcer;
mod essentials;
mod every_argument;
mod examples;
mod failure;
mod first_apply;
mod foreign;
mod functions;
mod grant;
mod guards;
mod hand_over;
mod import;
mod interrupt;
mod kill;
mod lifecycle;
mod log_groups;
mod lookups;
mod loops;
mod meanwhile;
mod modules;
mod moto;
mod nonsense;
mod normalized;
mod packages;
mod pages;
mod peers;
mod policy_accounts;
mod programs;
mod provider_block;
mod refresh;
mod report;
mod retention;
mod secrets;
mod shipping;
mod simulator;
mod size;
mod state;
mod storm;
mod tags;
mod teams;
mod tidiness;
mod undelivered;
mod unreachable;
mod wrong_configuration;
mod wrong_provider_block;
