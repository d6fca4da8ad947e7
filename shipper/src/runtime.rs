//! Connects the shipper to Lambda's runtime API.

use std::io::stdout;
use std::sync::Arc;

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use logagg_shipper::bootstrap::NotInLambda;
use logagg_shipper::{Invocation, ReloadingShipper, Response, ShipError};
use serde_json::value::RawValue;

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The process does not run in Lambda.
    #[error(transparent)]
    NotInLambda(#[from] NotInLambda),
    /// The shipper cannot start.
    #[error(transparent)]
    NoShipper(#[from] logagg_shipper::StartError),
}

/// Processes one event after another until Lambda ends the process.
pub(crate) async fn run(shipper: ReloadingShipper) -> Result<(), lambda_runtime::Error> {
    let shipper = Arc::new(shipper);
    Runtime::new(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        handle(Arc::clone(&shipper), event)
    }))
    .run()
    .await
}

/// Processes an event.
async fn handle(
    shipper: Arc<ReloadingShipper>,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Response, Failure> {
    let invocation = Invocation {
        request_id: &event.context.request_id,
        deadline: event.context.deadline(),
        function_arn: Some(&event.context.invoked_function_arn),
    };
    // On the heap, to keep the stack of the runtime loop small.
    let shipping = Box::pin(shipper.ship(event.payload.get(), &invocation));
    let (summary, result) = shipping.await;
    // If standard output is closed, records are delivered without a summary line.
    let _ = shipper.report(&summary, stdout().lock());
    result.map(|reply| reply.into_response(summary)).map_err(Failure)
}

/// An error in Lambda's format.
#[derive(Debug)]
struct Failure(ShipError);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self { error_type: error.error_type().to_owned(), error_message: error.to_string() }
    }
}
