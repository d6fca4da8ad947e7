//! Lambda's runtime API, as far as `lambda_runtime` leaves it to us.

use std::io::{Write, stderr, stdout};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use logagg_shipper::{Answer, Invocation, Live, ShipError};
use serde_json::value::RawValue;

/// Where Lambda says that its runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Why the process refuses to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Somebody has started it by hand.
    #[error(
        "{RUNTIME_API} is not set: this is the bootstrap of a Lambda function, to be packed as a \
         zip and run by Lambda (runtime provided.al2023)"
    )]
    NotInLambda,
    /// There is no shipper.
    #[error(transparent)]
    NoShipper(#[from] logagg_shipper::StartError),
}

/// An environment variable, unless it is empty or no text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Makes sure that this is Lambda.
pub(crate) fn require_lambda() -> Result<(), StartError> {
    variable(RUNTIME_API).map(drop).ok_or(StartError::NotInLambda)
}

/// Takes one event after another until Lambda ends the process.
pub(crate) async fn run(shipper: Live) -> Result<(), lambda_runtime::Error> {
    let shipper = Arc::new(shipper);
    Runtime::new(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        handle(Arc::clone(&shipper), event)
    }))
    .run()
    .await
}

/// Ships an event.
async fn handle(shipper: Arc<Live>, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Failure> {
    let invocation =
        Invocation { request_id: &event.context.request_id, deadline: event.context.deadline() };
    let (summary, result) = shipper.ship(event.payload.get(), &invocation).await;
    // Without standard output there is nobody to tell, and the records matter more.
    let _ = shipper.report(&summary, stdout().lock());
    result.map(|reply| reply.answer(summary)).map_err(Failure)
}

/// An error in the form in which Lambda is given it.
#[derive(Debug)]
struct Failure(ShipError);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self { error_type: error.error_type().to_owned(), error_message: error.to_string() }
    }
}

/// Tells Lambda and the log why the process does not start.
pub(crate) async fn refuse_to_start(error: &StartError) -> ExitCode {
    let message = format!("logagg shipper refuses to start: {error}");
    let _ = writeln!(stderr(), "{message}");
    if variable(RUNTIME_API).is_some()
        && let Err(error) = report_init_error(message).await
    {
        let _ = writeln!(stderr(), "cannot report this to Lambda: {error}");
    }
    ExitCode::FAILURE
}

/// Tells the log why the process ends.
pub(crate) fn end(error: &lambda_runtime::Error) -> ExitCode {
    let _ = writeln!(stderr(), "logagg shipper lost Lambda's runtime API: {error}");
    ExitCode::FAILURE
}

/// Has a panic tell its place only: its text may quote a message.
pub(crate) fn keep_panics_short() {
    panic::set_hook(Box::new(|info| {
        let place =
            info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let _ = writeln!(stderr(), "logagg shipper panicked at {place}");
    }));
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>
async fn report_init_error(message: String) -> Result<(), lambda_runtime::Error> {
    let diagnostic =
        Diagnostic { error_type: "Logagg.InvalidConfiguration".to_owned(), error_message: message };
    let request = lambda_runtime_api_client::build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", diagnostic.error_type.as_str())
        .body(serde_json::to_vec(&diagnostic)?.into())?;
    let client = lambda_runtime_api_client::Client::builder().build()?;
    client.call(request).await?;
    Ok(())
}
