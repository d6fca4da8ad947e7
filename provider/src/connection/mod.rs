//! The way to AWS, as the provider gives it to its resources and data sources, and the role that
//! each of them may name.

mod client;
mod role;

pub(crate) use client::Client;
pub(crate) use role::{RoleBlock, role_arn, role_block, session_name, with_role};
