//! The real `bootstrap`, driven through a runtime API as Lambda drives it, delivering to strict
//! stand-ins of the log services.
//!
//! [`lambda`] plays Lambda, [`bulk`] and [`logzio`] play the services, [`http`] is the server
//! under all of them. [`settled`] checks the sums of an invocation against what the service holds.

#![allow(clippy::unwrap_used, reason = "a failing helper fails the test that uses it")]

mod bulk;
mod event;
mod http;
mod lambda;
mod logzio;
mod settled;

mod aws;
mod bulk_answers;
mod deadline;
mod documentation;
mod events;
mod logzio_answers;
mod oversized;
mod start;
mod tls;

/// In every message: must never be seen in a log or an error.
const PAYLOAD: &str = "PAYL0AD";

/// In every credential, likewise.
const SECRET: &str = "S3CR3T";
