//! The base of the end-to-end tests and the demo: the real terraform, an AWS on this machine, a
//! search server with the `_bulk` API, a proxy that makes AWS calls fail on purpose, and the
//! provider and the shipper as they are built from this checkout.
//!
//! Nothing here knows what the product should do: that is the business of the tests. Everything
//! blocks, so a test reads from top to bottom; everything started is stopped, also when the
//! process that started it is killed.

pub mod interrupt;
pub mod progress;
pub mod wait;

mod runtime;
mod shared;

pub mod workspace;

pub mod binaries;
pub mod python;

pub mod server;

pub mod ministack;
pub mod moto;
pub mod search;
pub mod search_api;

pub mod third_party;

pub mod recorder;

mod aws;

pub mod simulator;

pub mod account;
pub mod api;
pub mod cloudwatch;
pub mod fault_proxy;
pub mod function;
pub mod lambda;

pub mod cli;
pub mod mirror;
pub mod sample;
pub mod terraform;
