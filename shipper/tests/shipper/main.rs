//! The real `bootstrap`, driven through a runtime API as Lambda drives it, delivering to strict
//! stand-ins of the log services.
//!
//! [`lambda`] plays Lambda, [`stand_in`] plays any service as its [`contract`] says, [`bulk`] and
//! [`logzio`] play theirs in more ways, [`storage`] plays S3 and SQS for undelivered events, [`http`]
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
mod mock_server;
mod settled;
mod storage;

mod alarms;
mod aws;
mod bulk_responses;
mod chaos;
mod config_sources;
mod connect;
mod container_credentials;
mod deadline;
mod documentation;
mod events;
mod every_destination;
mod faults;
mod fuzz;
mod logzio_answers;
mod memory;
mod outage;
mod oversized;
mod peers;
mod processing;
mod queue;
mod recorded;
mod replay;
mod responses;
mod role;
mod schema;
mod secrets;
mod splunk_hec_responses;
mod start;
mod stream;
mod tls;
mod undelivered;

/// In every message: must never be seen in a log or an error.
const PAYLOAD: &str = "PAYL0AD";

/// In every credential, likewise.
const SECRET: &str = "S3CR3T";
