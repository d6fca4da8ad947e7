//! What the bootstraps of shipper and enforcer share: start and end of a process as far as
//! `lambda_runtime` does not handle them.

use std::fmt::Display;
use std::io::{Write, stderr};
use std::panic;
use std::process::ExitCode;

use lambda_runtime::Diagnostic;

/// Lambda's variable with the address of its runtime API.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The shipper or the enforcer, by its name in messages.
#[derive(Clone, Copy, Debug)]
pub struct Program(pub &'static str);

/// The program was not started by Lambda.
#[derive(Debug, thiserror::Error)]
#[error(
    "{RUNTIME_API} is not set: this is the bootstrap of a Lambda function, to be packed as a zip and \
     run by Lambda (runtime provided.al2023)"
)]
pub struct NotInLambda;

/// An environment variable, unless it is empty or not Unicode.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Checks that the process runs in Lambda.
pub fn require_lambda() -> Result<(), NotInLambda> {
    variable(RUNTIME_API).map(drop).ok_or(NotInLambda)
}

impl Program {
    /// Reports to Lambda and the log why the process cannot start.
    pub async fn fail_to_start(self, error: &impl Display) -> ExitCode {
        let message = format!("logagg {} cannot start: {error}", self.0);
        let _ = writeln!(stderr(), "{message}");
        if variable(RUNTIME_API).is_some()
            && let Err(error) = report_init_error(message).await
        {
            let _ = writeln!(stderr(), "cannot report the error to Lambda: {error}");
        }
        ExitCode::FAILURE
    }

    /// Logs why the process ends.
    pub fn end(self, error: &lambda_runtime::Error) -> ExitCode {
        let _ = writeln!(stderr(), "logagg {} lost Lambda's runtime API: {error}", self.0);
        ExitCode::FAILURE
    }

    /// Limits the panic message to the location: the panic's payload may quote a log event.
    pub fn keep_panics_short(self) {
        panic::set_hook(Box::new(move |info| {
            let place = info
                .location()
                .map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
            let _ = writeln!(stderr(), "logagg {} panicked at {place}", self.0);
        }));
    }
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
