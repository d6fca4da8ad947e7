//! What the provider asks of AWS and how: one client and one set of token buckets a region,
//! retries in one place, and reading and writing as two types, so that code which plans cannot
//! write.

mod api;
mod bucket;
mod caller;
mod reader;
mod region;
mod settings;
mod writer;

pub(crate) use api::Api;
pub(crate) use caller::{CallError, Cause};
pub(crate) use reader::Reader;
pub(crate) use region::Account;
pub(crate) use settings::{AssumeRole, Endpoints, NoRegion, Settings, StaticKeys};
pub(crate) use writer::Writer;
