//! Everything a user of Terraform can read from this provider, one function each: what was
//! attempted, on what, why it failed and what to do.

mod apply;
mod arguments;
mod conflicts;
mod import;
mod log_groups;
mod permission;
mod plan;
mod provider_block;
mod reading;

// What all of them are made of.
mod denied;
mod failure;
pub(crate) mod format;

pub(crate) use apply::*;
pub(crate) use arguments::*;
pub(crate) use conflicts::*;
pub(crate) use import::*;
pub(crate) use log_groups::*;
pub(crate) use permission::*;
pub(crate) use plan::*;
pub(crate) use provider_block::*;
pub(crate) use reading::*;
