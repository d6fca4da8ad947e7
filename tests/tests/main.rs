//! End to end: the real terraform, the real provider and the real shipper, against an AWS and a
//! log service on this machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod harness;
