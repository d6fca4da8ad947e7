//! What the provider asks of AWS and how: one pool of accounts, one client for each account and
//! region with the token buckets that all work there shares, retries in one place, and reading and
//! writing as two types, so that code which plans cannot write.

// What is configured, and the way to AWS made of it.
mod connect;
mod credentials;
mod endpoints;
mod environment;
mod not_given;
mod profiles;
mod reachability;
mod role;
mod settings;
mod transport;

// Where the work is done.
mod account;
mod accounts;
mod identity;
mod region_clients;
mod service;
mod shared;

// The calls.
mod account_policy;
mod claims;
mod clock;
mod cloudtrail;
mod denial;
mod downstream;
mod effort;
mod error;
mod keyed_locks;
mod operation;
mod permission;
mod reader;
mod retrying_client;
mod tags;
mod token_bucket;
mod writer;

pub(crate) use account::Account;
pub(crate) use accounts::{Accounts, Credentials};
pub(crate) use claims::{
    ClaimConflict, Claims, HandOver, Kept, KeptFor, Legacy, Origin, Overlap, Restored, Retained,
    SharedClaims,
};
pub(crate) use cloudtrail::Timestamp;
pub(crate) use denial::{Denial, PolicyKind, Reason};
pub(crate) use error::{Lacking, RoleOf};
pub(crate) use operation::Operation;
pub(crate) use reader::{IN_FLIGHT, Reader};
pub(crate) use retrying_client::{CallError, Cause, MissingAccess};
pub(crate) use role::{AssumeRole, WebIdentity, WebIdentityToken};
pub(crate) use service::Service;
pub(crate) use settings::{
    AccountIdFrom, AllowedAccounts, CannotConnect, ForbiddenAccount, Given, Metadata, Settings,
    StaticKeys, Transport, Trust,
};
pub(crate) use writer::Writer;
