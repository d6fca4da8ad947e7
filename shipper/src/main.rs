//! The `bootstrap` that Lambda starts: read the configuration or refuse to start, then ship one
//! event after another.

mod runtime;

use std::process::ExitCode;

use logagg_shipper::Live;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::keep_panics_short();
    let shipper = match start().await {
        Ok(shipper) => shipper,
        Err(error) => return runtime::refuse_to_start(&error).await,
    };
    match runtime::run(shipper).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => runtime::end(&error),
    }
}

async fn start() -> Result<Live, runtime::StartError> {
    runtime::require_lambda()?;
    Ok(Live::start(runtime::variable).await?)
}
