//! The real `bootstrap` with a mock runtime API of Lambda, delivering to strict mock servers of the
//! destinations.
//!
//! [`lambda`] is the mock Lambda, [`mock_server`] a server of any destination by its [`contract`],
//! [`bulk`] and [`logzio`] have more faults, [`storage`] is S3 and SQS for undelivered events, and
//! [`http`] is the server under all of them. [`settled`] checks the sums of an invocation against
//! what the destination holds.

#![allow(clippy::unwrap_used, reason = "a failing helper fails the test that uses it")]

mod backfill;
mod bulk;
mod contract;
mod event;
mod http;
mod lambda;
mod log_groups;
mod logzio;
mod mock_server;
mod secret_stores;
mod settled;
mod storage;

mod alarms;
mod aws;
mod bulk_responses;
mod chaos;
mod client_certificates;
mod config_sources;
mod connect;
mod container_credentials;
mod deadline;
mod documentation;
mod events;
mod every_destination;
mod faults;
mod fuzz;
mod logzio_responses;
mod memory;
mod outage;
mod oversized;
mod peers;
mod processing;
mod proxy;
mod queue;
mod recorded;
mod replay;
mod responses;
mod role;
mod routes;
mod schema;
mod secrets;
mod signed;
mod splunk_hec_responses;
mod start;
mod stream;
mod tags;
mod tls;
mod undelivered;

/// In every message: must never occur in a log or an error.
const PAYLOAD: &str = "PAYL0AD";

/// In every credential: must never occur in a log or an error.
const SECRET: &str = "S3CR3T";
