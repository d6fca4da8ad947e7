//! What is published, and under which terms.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod packing;
mod sealing;
mod terms;
mod workflows;
