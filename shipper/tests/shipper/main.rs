//! The real `bootstrap`, driven through a runtime API as Lambda drives it, delivering to strict
//! stand-ins of the log services.
//!
//! [`lambda`] plays Lambda, [`stand_in`] plays any service as its [`contract`] says, [`bulk`] and
//! [`logzio`] play theirs in more ways, [`shelves`] plays S3 and SQS where things are parked, [`http`]
//! is the server under all of them. [`settled`] checks the sums of an invocation against what the
//! service holds.

#![allow(clippy::unwrap_used, reason = "a failing helper fails the test that uses it")]

mod bulk;
mod contract;
mod event;
mod http;
mod keepers;
mod lambda;
mod logzio;
mod settled;
mod shelves;
mod stand_in;

mod admission;
mod alarms;
mod answers;
mod aws;
mod bulk_answers;
mod config_sources;
mod connect;
mod deadline;
mod documentation;
mod events;
mod every_destination;
mod faults;
mod fuzz;
mod logzio_answers;
mod memory;
mod oversized;
mod park;
mod peers;
mod recorded;
mod replay;
mod schema;
mod secrets;
mod splunk_hec_answers;
mod start;
mod stream;
mod tls;

/// In every message: must never be seen in a log or an error.
const PAYLOAD: &str = "PAYL0AD";

/// In every credential, likewise.
const SECRET: &str = "S3CR3T";
