use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::api::Api;
use super::bucket::Bucket;
use super::clock;
use super::credentials::NotAssumed;
use super::not_given::{Lacking, NotGiven, RoleOf};
use super::turns::Turns;

/// Makes calls at the pace the quotas allow, and makes them again where that can help.
#[derive(Debug)]
pub(super) struct Caller {
    buckets: [Bucket; Api::ALL.len()],
    max_retries: u32,
    turns: Turns,
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Some ten seconds: a network that blinks comes back within them, a mistyped address never does.
pub(super) const MAX_RETRIES_UNREACHABLE: u32 = 7;
const GRACE: Duration = Duration::from_millis(500);

impl Caller {
    /// `quota` gives the requests a second for each call.
    pub(super) fn new(max_retries: u32, quota: impl Fn(Api) -> f64) -> Self {
        let buckets = Api::ALL.map(|api| Bucket::new(quota(api)));
        Self { buckets, max_retries, turns: Turns::default() }
    }

    /// Waits for the turn to write to something, and has it while the guard lives.
    pub(super) async fn turn(
        &self,
        api: Api,
        name: &str,
        stopped: &CancellationToken,
    ) -> Result<OwnedMutexGuard<()>, CallError> {
        let turn = stopped.run_until_cancelled(self.turns.take(name)).await;
        turn.ok_or_else(|| CallError::stopped(api))
    }

    /// Makes a call until it succeeds, fails for good, or `stopped` is cancelled.
    pub(super) async fn call<T, E, F>(
        &self,
        api: Api,
        stopped: &CancellationToken,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = 0;
        let mut clock_corrected = false;
        loop {
            stopped
                .run_until_cancelled(self.buckets[api as usize].take())
                .await
                .ok_or_else(|| CallError::stopped(api))?;
            // What the SDK does for a call takes kilobytes, which had better not be part of all that
            // waits for the call.
            let attempt = Box::pin(attempt());
            let Some(answer) = until_cut_off(stopped, attempt).await else {
                return Err(CallError::stopped(api));
            };
            attempts += 1;
            let error = match answer {
                Ok(answer) => {
                    tracing::debug!(api = api.name(), attempts, "answered");
                    return Ok(answer);
                }
                Err(error) => CallError::of(api, &error, attempts),
            };
            if error.cause == Cause::Clock && !std::mem::replace(&mut clock_corrected, true) {
                tracing::info!(api = api.name(), "this machine's clock is wrong, signing by AWS's");
                continue;
            }
            if attempts > self.retries_after(error.cause) {
                return Err(error);
            }
            let wait = full_jitter(attempts);
            tracing::debug!(
                api = api.name(),
                attempts,
                code = error.code,
                wait_ms = wait.as_millis() as u64,
                "will be tried again"
            );
            stopped
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .ok_or_else(|| CallError::stopped(api))?;
        }
    }
}

impl Caller {
    fn retries_after(&self, cause: Cause) -> u32 {
        match cause {
            Cause::Passing => self.max_retries,
            Cause::Unreachable => self.max_retries.min(MAX_RETRIES_UNREACHABLE),
            _ => 0,
        }
    }
}

/// A call under way when Terraform asks to stop gets a moment to end, so that what it wrote is
/// known and can be kept in the state.
async fn until_cut_off<T>(stopped: &CancellationToken, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        answer = call => Some(answer),
        () = async {
            stopped.cancelled().await;
            tokio::time::sleep(GRACE).await;
        } => None,
    }
}

fn full_jitter(attempts: u32) -> Duration {
    let ceiling = FIRST_WAIT.saturating_mul(1 << attempts.min(16)).min(LONGEST_WAIT);
    ceiling.mul_f64(fastrand::f64())
}

/// A call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    pub(crate) api: Api,
    pub(crate) cause: Cause,
    /// Why there were no credentials, where that is the cause.
    pub(crate) lacking: Option<Lacking>,
    code: String,
    message: String,
    attempts: u32,
}

/// Why a call did not succeed: the one verdict on AWS's answer, which everything else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The log group or filter is not there.
    Missing,
    /// No slot is left.
    Full,
    /// There is one of that name already.
    Exists,
    /// The credentials in hand may not do this.
    Denied,
    /// CloudWatch Logs may not use the destination, or not yet: a fresh permission takes up to a
    /// minute to be known everywhere.
    NotYetPermitted,
    /// The log group's class does not take the call.
    Class,
    /// The endpoint, an emulator most likely, has never heard of the call.
    Unsupported,
    /// Throttled, aborted, unavailable or without an answer, still so after all retries.
    Passing,
    /// No connection came about, still so after some retries.
    Unreachable,
    /// Anything else that AWS refused.
    Refused,
    /// This machine's clock is wrong, and signing by AWS's did not help.
    Clock,
    /// The request could not be made, so it never left this machine.
    NotSent,
    /// There are no credentials to sign it with: none at all, or none were given.
    NoCredentials,
    /// Nobody who is trusted vouches for the other end, so nothing was sent.
    Untrusted,
    /// Terraform asked to stop.
    Stopped,
}

/// What Lambda says of a name that is taken, and of two who write at once.
const CONFLICT: &str = "ResourceConflictException";

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html>
const PASSING_CODES: [&str; 15] = [
    CONFLICT,
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "OperationAbortedException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// EventBridge Pipes has a name of its own for it.
const MISSING_CODES: [&str; 2] = ["ResourceNotFoundException", "NotFoundException"];

const DENIED_CODES: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"];

/// What CloudWatch Logs says when it tried a destination and could not use it.
const NOT_PERMITTED: [&str; 3] = [
    "Could not execute the lambda function",
    "Could not deliver test message to specified",
    "Could not deliver message to specified",
];

/// What emulators answer to calls that they do not have.
const UNSUPPORTED_CODES: [&str; 3] =
    ["InvalidAction", "NotImplemented", "UnknownOperationException"];
const UNKNOWN_ACTION: &str = "Unknown action";

const ONLY_STANDARD: &str = "only supported on the Standard log class";

impl CallError {
    fn of<E>(api: Api, error: &SdkError<E, HttpResponse>, attempts: u32) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let code = error.code().unwrap_or_default();
        let message = error.message().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let cause = match error {
            SdkError::ServiceError(_) if is_page(error.raw_response()) => Cause::Unsupported,
            SdkError::ServiceError(_) => {
                match answered(code, message.as_deref().unwrap_or_default(), status) {
                    // Kinesis says so of requests that come too fast.
                    Cause::Full if api == Api::ListStreamConsumers => Cause::Passing,
                    Cause::Refused
                        if clock::is_to_blame(code, error.raw_response(), SystemTime::now()) =>
                    {
                        Cause::Clock
                    }
                    cause => cause,
                }
            }
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Cause::Passing,
            SdkError::DispatchFailure(_) if find::<CredentialsError>(error).is_some() => {
                return Self::without_credentials(api, error, attempts);
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => Cause::Untrusted,
            SdkError::DispatchFailure(failure) if failure.is_io() => Cause::Unreachable,
            SdkError::DispatchFailure(_) => Cause::Passing,
            _ => Cause::NotSent,
        };
        let message = message.unwrap_or_else(|| chain(error));
        Self { api, cause, lacking: None, code: code.to_owned(), message, attempts }
    }

    fn without_credentials(
        api: Api,
        error: &(dyn std::error::Error + 'static),
        attempts: u32,
    ) -> Self {
        let (lacking, message) = if let Some(role) = find::<NotAssumed>(error) {
            (Lacking::Role(role.of), role.to_string())
        } else if let Some(place) = find::<NotGiven>(error) {
            (place.lacking.clone(), place.to_string())
        } else {
            (
                Lacking::Other,
                find::<CredentialsError>(error).map(|why| chain(why)).unwrap_or_default(),
            )
        };
        let code = String::new();
        Self { api, cause: Cause::NoCredentials, lacking: Some(lacking), code, message, attempts }
    }

    /// Whether STS gave no credentials for the role of a resource.
    pub(crate) fn is_about_the_resources_role(&self) -> bool {
        self.lacking == Some(Lacking::Role(RoleOf::Resource))
    }

    /// What failures have in common that are one and the same to a reader. AWS's messages name
    /// the log group where a permission is missing, so they tell too much apart there.
    pub(crate) fn likeness(&self) -> (Api, Cause, &str) {
        let text = match self.cause {
            Cause::Refused => &self.message,
            _ => &self.code,
        };
        (self.api, self.cause, text)
    }

    fn stopped(api: Api) -> Self {
        let message = "Terraform asked to stop".to_owned();
        Self {
            api,
            cause: Cause::Stopped,
            lacking: None,
            code: String::new(),
            message,
            attempts: 0,
        }
    }

    /// An answer that AWS's documentation does not allow.
    pub(super) fn nonsense(api: Api, message: impl Into<String>) -> Self {
        Self {
            api,
            cause: Cause::Refused,
            lacking: None,
            code: String::new(),
            message: message.into(),
            attempts: 1,
        }
    }
}

/// An error's sources, outermost first.
fn sources<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error| error.source())
}

/// The SDK tells of missing credentials as it tells of a broken connection: only the sources know.
pub(super) fn find<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    sources(error).find_map(|source| source.downcast_ref())
}

/// An error and its sources in one line; of an answer of AWS's, its code and its words.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(answer) = find::<ErrorMetadata>(error)
        && let (Some(code), Some(message)) = (answer.code(), answer.message())
    {
        return format!("{code}: {message}");
    }
    sources(error).map(ToString::to_string).fold(error.to_string(), |text, source| {
        if text.ends_with(&source) { text } else { format!("{text}: {source}") }
    })
}

/// Whether an answer is a web page about an internal error: so moto answers to calls that it does
/// not have. Of AWS's services none answers with a page, and proxies have other statuses.
fn is_page(response: Option<&HttpResponse>) -> bool {
    response.is_some_and(|response| {
        let kind = response.headers().get("content-type").unwrap_or_default();
        response.status().as_u16() == 500 && kind.starts_with("text/html")
    })
}

fn answered(code: &str, message: &str, status: Option<u16>) -> Cause {
    if MISSING_CODES.contains(&code) {
        Cause::Missing
    } else if ["LimitExceededException", "PolicyLengthExceededException"].contains(&code) {
        Cause::Full
    } else if code == CONFLICT && message.contains("already exists") {
        Cause::Exists
    } else if DENIED_CODES.contains(&code) {
        Cause::Denied
    } else if NOT_PERMITTED.iter().any(|text| message.contains(text)) {
        Cause::NotYetPermitted
    } else if message.contains(ONLY_STANDARD) {
        Cause::Class
    } else if UNSUPPORTED_CODES.contains(&code)
        || status == Some(501)
        || message.starts_with(UNKNOWN_ACTION)
    {
        Cause::Unsupported
    } else if PASSING_CODES.contains(&code) || status.is_some_and(|status| status >= 500) {
        Cause::Passing
    } else {
        Cause::Refused
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, code, message, attempts, .. } = self;
        write!(f, "{} failed", api.name())?;
        if *attempts > 1 {
            write!(f, " {attempts} times")?;
        }
        match (code.as_str(), message.as_str()) {
            ("", message) => write!(f, ": {message}"),
            (code, "") => write!(f, ": {code}"),
            (code, message) => write!(f, ": {code}: {message}"),
        }
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_group_is_never_tried_again() {
        assert_eq!(
            answered("LimitExceededException", "Resource limit exceeded.", Some(400)),
            Cause::Full
        );
    }

    #[test]
    fn what_passes_is_tried_again() {
        for code in
            ["ThrottlingException", "OperationAbortedException", "ServiceUnavailableException"]
        {
            assert_eq!(answered(code, "", Some(400)), Cause::Passing, "{code}");
        }
        assert_eq!(answered("SomethingNew", "", Some(503)), Cause::Passing);
        assert_eq!(answered("InvalidParameterException", "", Some(400)), Cause::Refused);
    }

    #[test]
    fn a_name_that_is_taken_is_told_from_two_who_write_at_once() {
        let taken = "The statement id (ship) provided already exists.";
        assert_eq!(answered(CONFLICT, taken, Some(409)), Cause::Exists);
        let busy = "The operation cannot be performed at this time. An update is in progress.";
        assert_eq!(answered(CONFLICT, busy, Some(409)), Cause::Passing);
        assert_eq!(answered("PolicyLengthExceededException", "", Some(400)), Cause::Full);
    }

    #[test]
    fn a_destination_that_cannot_be_used_yet_is_told_from_a_wrong_argument() {
        let message = "Could not execute the lambda function. Make sure you have given CloudWatch \
                       Logs permission to execute your function.";
        assert_eq!(
            answered("InvalidParameterException", message, Some(400)),
            Cause::NotYetPermitted
        );
    }

    #[test]
    fn a_call_that_an_emulator_does_not_have_is_not_made_again() {
        let unsupported = |code, message, status| {
            assert_eq!(answered(code, message, Some(status)), Cause::Unsupported);
        };
        unsupported("UnknownOperationException", "", 400);
        unsupported("InvalidOperationException", "Unknown action: ListLogGroups", 400);
        unsupported("InternalFailure", "not yet implemented", 501);
        assert_eq!(answered("InvalidOperationException", "", Some(400)), Cause::Refused);
    }

    #[test]
    fn waits_grow_and_stay_below_their_ceiling() {
        for attempts in 1..40 {
            let ceiling = FIRST_WAIT.saturating_mul(1 << attempts.min(16)).min(LONGEST_WAIT);
            assert!(full_jitter(attempts) <= ceiling);
        }
    }
}
