//! `logagg-report`: what policies find and would change, as one page for people to review.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    terraform_provider_logagg::report(lexopt::Parser::from_env()).await
}
