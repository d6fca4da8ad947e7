//! `terraform-provider-logagg`: started by Terraform, talks its plugin protocol.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A call of AWS's SDK is some hundred small allocations.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    terraform_provider_logagg::serve().await
}
