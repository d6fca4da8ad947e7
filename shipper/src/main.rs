//! The `bootstrap` that Lambda starts: read the configuration or refuse to start, then ship one
//! event after another.

mod runtime;

use std::process::ExitCode;

use logagg_shipper::{Config, Shipper};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::keep_panics_short();
    let shipper = match start() {
        Ok(shipper) => shipper,
        Err(error) => return runtime::refuse_to_start(&error).await,
    };
    match runtime::run(shipper).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => runtime::end(&error),
    }
}

fn start() -> Result<Shipper, runtime::StartError> {
    runtime::require_lambda()?;
    let document = runtime::variable(logagg_shipper::config::VARIABLE);
    let config = Config::parse(&document.ok_or_else(Config::missing)?)?;
    let own_log_group = runtime::variable("AWS_LAMBDA_LOG_GROUP_NAME");
    Ok(Shipper::new(config, own_log_group)?)
}
