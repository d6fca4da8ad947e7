//! The `bootstrap` of the enforcer: reads the configuration or fails to start, then processes one
//! event after another.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use logagg_shipper::Invocation;
use logagg_shipper::aws::Aws;
use logagg_shipper::bootstrap::{self, NotInLambda, Program};
use logagg_shipper::config::{Source, SourceError};
use logagg_shipper::delivery::{Client, InvalidProxy, check_proxy};
use logagg_shipper::enforcer::{EnforceError, Enforced, Enforcer};
use serde_json::Value;
use serde_json::value::RawValue;

const PROGRAM: Program = Program("enforcer");

/// The time for reading the configuration. Lambda allows ten seconds for the start.
const START: Duration = Duration::from_secs(8);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    PROGRAM.keep_panics_short();
    let enforcer = match start().await {
        Ok(enforcer) => enforcer,
        Err(error) => return PROGRAM.fail_to_start(&error).await,
    };
    let serve = service_fn(async |event| handle(&enforcer, event).await);
    match Runtime::new(serve).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => PROGRAM.end(&error),
    }
}

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    NotInLambda(#[from] NotInLambda),
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    #[error(transparent)]
    NoSource(#[from] SourceError),
    #[error(transparent)]
    NoEnforcer(#[from] EnforceError),
}

async fn start() -> Result<Enforcer, StartError> {
    bootstrap::require_lambda()?;
    check_proxy(bootstrap::variable)?;
    let source = Source::of(bootstrap::variable)?;
    let aws = Aws::new(Client::default());
    Ok(Enforcer::start(source, aws, Instant::now() + START).await?)
}

async fn handle(
    enforcer: &Enforcer,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Diagnostic> {
    let context = &event.context;
    let function_arn = &context.invoked_function_arn;
    let invocation = Invocation {
        request_id: &context.request_id,
        deadline: context.deadline(),
        function_arn: Some(function_arn),
    };
    let Enforced { summary, result, metrics_namespace } =
        enforcer.enforce(event.payload.get(), &invocation).await;
    // If standard output is closed, the work is done without a summary line.
    let _ = summary.write(stdout().lock());
    if let Some(namespace) = metrics_namespace {
        let function = function_arn.split(':').nth(6).unwrap_or_default();
        for line in summary.metrics(&namespace, function, SystemTime::now()) {
            let _ = writeln!(stdout(), "{line}");
        }
    }
    result.map_err(|error| Diagnostic {
        error_type: error.error_type().to_owned(),
        error_message: error.to_string(),
    })
}
