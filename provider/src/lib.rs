//! The Terraform provider, and what else works with its engine: policies are read, planned and
//! applied here, and nowhere else.
//!
//! The two programs of this package are all that is meant for outside; how Terraform is talked to is
//! the business of `tfplugin`, and what a policy demands that of `logagg_policy`.

mod aws;
mod checks;
mod diagnostics;
mod inventory;
mod log_groups;
mod policy;
mod provider;
mod report;
mod selection;

use std::process::ExitCode;

pub use report::report;

/// The provider's address in the registry.
const ADDRESS: &str = "registry.terraform.io/logagg/logagg";

/// Serves Terraform until that ends.
pub async fn serve() -> ExitCode {
    tfplugin::serve(provider::Logagg, ADDRESS, &[env!("CARGO_CRATE_NAME")]).await
}
