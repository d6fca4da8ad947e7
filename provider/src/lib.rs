//! The Terraform provider, and what else works with its engine: policies are read, planned and
//! applied here, and nowhere else.
//!
//! Public are the server, which `main.rs` starts, and [`engine`], on which `logagg-report` works. The
//! plugin protocol is in `tfplugin`, and what a policy asks of a log group in `logagg_policy`.

mod aws;
mod checks;
mod connection;
mod diagnostics;
pub mod engine;
mod functions;
mod inventory;
mod log_groups;
mod policy;
mod provider;
mod selection;

use std::process::ExitCode;

/// The provider's address in the registry.
const ADDRESS: &str = "registry.terraform.io/logagg/logagg";

/// Serves Terraform until that ends.
pub async fn serve() -> ExitCode {
    tfplugin::serve(provider::Logagg, ADDRESS, &[env!("CARGO_CRATE_NAME")]).await
}
