//! placeholder
use crate::provider::Provider;
/// Runs the provider until Terraform ends it.
pub async fn serve<P: Provider>(provider: P, address: &str) -> std::process::ExitCode {
    let _ = (provider, address);
    std::process::ExitCode::FAILURE
}
