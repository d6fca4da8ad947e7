//! Terraform's plugin protocol, version 5, for providers written in Rust.
//!
//! A provider implements [`Provider`], and a [`Resource`] or [`DataSource`] for each kind of thing
//! it manages or reads; values are structs declared by [`object!`]; `main` calls [`serve()`]. This
//! crate does the rest of the talking to Terraform: handshake, TLS, schemas, values with unknowns,
//! state upgrades, cancellation, logs and panics. It knows nothing of any particular provider.

// Values, and Rust's view of them.
mod attr;
mod convert;
mod kind;
mod number;
#[doc(hidden)]
pub mod object;
mod unknown;
mod value;

// What the user sees.
mod diagnostic;
mod path;
mod schema;

// What a provider writes.
mod context;
mod data_source;
mod deferral;
mod erased;
mod function;
mod list_resource;
mod provider;
mod resource;

// What Terraform speaks.
mod json;
mod msgpack;
pub mod proto;
mod service;
mod wire;

// The process.
mod announce;
mod connection;
mod goal;
mod listener;
mod log;
mod panic;
mod plugin;
mod serve;
mod signals;
mod start;
mod tls;

pub use attr::Attr;
pub use context::Context;
pub use convert::{Convert, ValueError};
pub use data_source::DataSource;
pub use deferral::Deferral;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use erased::{ErasedDataSource, ErasedListResource, ErasedResource};
pub use function::{Function, FunctionError, Parameter, Signature};
pub use goal::Goal;
pub use kind::Type;
pub use list_resource::{ListResource, Listed, Query};
pub use number::{Number, ParseNumberError};
pub use path::{AttributePath, Step};
pub use provider::Provider;
pub use resource::{
    Change, Creation, ImportId, MoveSource, Planned, Private, Proposal, Resource, Stored,
};
pub use schema::{
    Attribute, Block, IdentityAttribute, IdentitySchema, NestedBlock, Nesting, Presence, Schema,
};
pub use serve::serve;
pub use tokio_util::sync::CancellationToken;
pub use unknown::{Bound, Refinements, Unknown};
pub use value::Value;
