//! `terraform-provider-logagg`: started by Terraform, talks its plugin protocol.

mod aws;
mod census;
mod checks;
mod diagnostics;
mod log_groups;
mod policy;
mod provider;
mod selection;

use std::process::ExitCode;

/// The provider's address in the registry.
const ADDRESS: &str = "registry.terraform.io/logagg/logagg";

#[tokio::main]
async fn main() -> ExitCode {
    tfplugin::serve(provider::Logagg, ADDRESS).await
}
