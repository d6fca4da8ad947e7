//! The `bootstrap` that Lambda starts: reads the configuration or fails to start, then processes
//! one event after another.

mod runtime;

use std::process::ExitCode;

use logagg_shipper::ReloadingShipper;
use logagg_shipper::bootstrap::{self, Program};

const PROGRAM: Program = Program("shipper");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    PROGRAM.keep_panics_short();
    let shipper = match start().await {
        Ok(shipper) => shipper,
        Err(error) => return PROGRAM.fail_to_start(&error).await,
    };
    match runtime::run(shipper).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => PROGRAM.end(&error),
    }
}

async fn start() -> Result<ReloadingShipper, runtime::StartError> {
    bootstrap::require_lambda()?;
    Ok(ReloadingShipper::start(bootstrap::variable).await?)
}
