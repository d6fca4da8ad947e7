//! The protocol's messages and services, generated from `proto/`.
//!
//! Public for tests that speak to a provider as Terraform does.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated code"
)]

/// Terraform's own protocol.
pub mod tfplugin5 {
    tonic::include_proto!("tfplugin5");
}

/// What go-plugin asks of every plugin.
pub mod plugin {
    tonic::include_proto!("plugin");
}
