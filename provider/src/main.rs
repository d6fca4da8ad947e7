//! `terraform-provider-logagg`: started by Terraform, talks its plugin protocol.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    terraform_provider_logagg::serve().await
}
