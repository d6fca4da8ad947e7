//! A Lambda function that does nothing: the baseline of `lambda_runtime` for the start and for an
//! event.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Runtime::new(service_fn(handle)).run().await
}

async fn handle(_: LambdaEvent<Box<RawValue>>) -> Result<(), Error> {
    Ok(())
}
