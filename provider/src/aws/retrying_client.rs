use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use logagg_policy::LogGroupClass;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock;
use super::denial::Denial;
use super::effort::{ALLOWANCE, Effort};
use super::error::{Lacking, NotAssumed, NotGiven, RoleOf, chain, find};
use super::keyed_locks::KeyedLocks;
use super::operation::Operation;
use super::reachability::GivenUp;
use super::token_bucket::TokenBucket;

/// Makes calls at the pace the quotas allow, and makes them again where that can help.
#[derive(Debug)]
pub(super) struct RetryingClient {
    buckets: [TokenBucket; Operation::ALL.len()],
    max_retries: u32,
    keyed_locks: KeyedLocks,
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Some ten seconds: a network that blinks comes back within them, a mistyped address never does.
pub(super) const MAX_RETRIES_UNREACHABLE: u32 = 7;
const GRACE: Duration = Duration::from_millis(500);

impl RetryingClient {
    /// `quota` gives the requests a second for each call.
    pub(super) fn new(max_retries: u32, quota: impl Fn(Operation) -> f64) -> Self {
        let buckets = Operation::ALL.map(|operation| TokenBucket::new(quota(operation)));
        Self { buckets, max_retries, keyed_locks: KeyedLocks::default() }
    }

    /// Waits for the turn to write to something, and has it while the guard lives.
    pub(super) async fn turn(
        &self,
        operation: Operation,
        name: &str,
        stopped: &CancellationToken,
    ) -> Result<OwnedMutexGuard<()>, CallError> {
        let turn = stopped.run_until_cancelled(self.keyed_locks.take(name)).await;
        turn.ok_or_else(|| CallError::stopped(operation, Effect::None))
    }

    /// Makes a call until it succeeds, fails for good, is not worth more, or `stopped` is cancelled.
    pub(super) async fn call<T, E, F>(
        &self,
        operation: Operation,
        effort: &Effort,
        stopped: &CancellationToken,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempts = 0;
        let mut clock_corrected = false;
        let mut effect = Effect::None;
        loop {
            stopped
                .run_until_cancelled(self.buckets[operation as usize].take())
                .await
                .ok_or_else(|| CallError::stopped(operation, effect))?;
            if effort.time_left() == Some(Duration::ZERO) {
                return Err(CallError::too_late(operation, attempts));
            }
            let begun = Instant::now();
            // What the SDK does for a call takes kilobytes, which had better not be part of all that
            // waits for the call.
            let attempt = Box::pin(within(effort.time_left(), attempt()));
            let Some(answer) = until_cut_off(stopped, attempt).await else {
                return Err(CallError::stopped(operation, Effect::Possible));
            };
            attempts += 1;
            let mut error = match answer {
                Some(Ok(answer)) => {
                    tracing::debug!(operation = operation.name(), attempts, "responded");
                    return Ok(answer);
                }
                Some(Err(error)) => CallError::of(operation, &error, attempts),
                None => CallError::too_late(operation, attempts),
            };
            effect = effect.max(error.effect);
            error.effect = effect;
            if error.cause == Cause::Clock && !std::mem::replace(&mut clock_corrected, true) {
                tracing::info!(
                    operation = operation.name(),
                    "the clock of this machine is wrong, signing with AWS's time"
                );
                continue;
            }
            if matches!(error.cause, Cause::Passing | Cause::Unreachable) {
                effort.wasted(begun.elapsed());
            }
            let wait = full_jitter(attempts);
            let in_time = effort.time_left().is_none_or(|left| left > wait);
            if attempts > effort.retries(self.retries_after(&error)) || !in_time {
                return Err(error);
            }
            tracing::debug!(
                operation = operation.name(),
                attempts,
                code = error.code,
                wait_ms = wait.as_millis() as u64,
                "will be retried"
            );
            stopped
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .ok_or_else(|| CallError::stopped(operation, effect))?;
            effort.wasted(wait);
        }
    }

    fn retries_after(&self, error: &CallError) -> u32 {
        match error.cause {
            Cause::Passing => self.max_retries,
            Cause::Unreachable if error.given_up => 0,
            Cause::Unreachable => self.max_retries.min(MAX_RETRIES_UNREACHABLE),
            _ => 0,
        }
    }
}

/// What comes of a call in this time; nothing where that is not enough.
async fn within<T>(time: Option<Duration>, call: impl Future<Output = T>) -> Option<T> {
    match time {
        Some(time) => tokio::time::timeout(time, call).await.ok(),
        None => Some(call.await),
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
    pub(crate) operation: Operation,
    pub(crate) cause: Cause,
    /// Why there were no credentials, where that is the cause.
    pub(crate) lacking: Option<Lacking>,
    /// What AWS says of a call that it denied.
    pub(crate) denial: Option<Box<Denial>>,
    /// The destination of the filter that the call writes.
    pub(crate) destination_arn: Option<Box<str>>,
    effect: Effect,
    /// Whether the endpoint refused so many connections that it was given up.
    given_up: bool,
    code: String,
    message: String,
    attempts: u32,
}

/// Whether a call that did not succeed may have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    None,
    /// One of its attempts was not answered.
    Possible,
}

/// What CloudWatch Logs lacks to use a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MissingAccess {
    /// The function's resource policy does not let it invoke the function.
    InvokePermission,
    /// The stream is not ready, or the role may not write to it.
    Delivery,
    /// It may not assume the role.
    RoleTrust,
    /// A CloudWatch Logs destination's access policy does not let the account ship to it.
    AccessPolicy,
}

/// Why a call did not succeed: the one verdict on AWS's response, which everything else follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The log group or filter is not there.
    Missing,
    /// No slot is left.
    Full,
    /// There is one of that name already.
    Exists,
    /// The current credentials may not do this.
    Denied,
    /// CloudWatch Logs may not use the destination, or not yet: a fresh permission takes up to a
    /// minute to be known everywhere.
    NotYetPermitted(MissingAccess),
    /// The log group is there, and what else the call names is not: its destination, or a role.
    DestinationMissing,
    /// The log group's class does not take the call.
    Class,
    /// The endpoint, an emulator most likely, has never heard of the call.
    Unsupported,
    /// Throttled, aborted, unavailable or without a response, still so after all retries.
    Passing,
    /// Could not connect to AWS, still so after some retries.
    Unreachable,
    /// Anything else that AWS refused.
    Refused,
    /// This machine's clock is wrong, and signing by AWS's did not help.
    Clock,
    /// The request could not be made, so it The request was not sent.
    NotSent,
    /// There are no credentials to sign it with: none at all, or none were given.
    NoCredentials,
    /// TLS certificate verification failed, so nothing was sent.
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
/// Those of them that come before anything is done.
const THROTTLED_CODES: [&str; 6] = [
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

const DENIED_CODES: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"];

/// What CloudWatch Logs says when it tried a destination and could not use it. The one about the
/// role comes as a ValidationException: <https://github.com/hashicorp/terraform-provider-aws/pull/43762>.
const NOT_PERMITTED: [(&str, MissingAccess); 4] = [
    ("Could not execute the lambda function", MissingAccess::InvokePermission),
    ("Could not deliver test message to specified", MissingAccess::Delivery),
    ("Could not deliver message to specified", MissingAccess::Delivery),
    ("permission to assume the provided role", MissingAccess::RoleTrust),
];

/// What emulators answer to calls that they do not have.
const UNSUPPORTED_CODES: [&str; 3] =
    ["InvalidAction", "NotImplemented", "UnknownOperationException"];
const UNKNOWN_ACTION: &str = "Unknown action";

const ONLY_STANDARD: &str = "only supported on the Standard log class";

impl CallError {
    /// Whether AWS rejected a call about filters for a class of which it does not say that it has
    /// none. Its words for that are not known, so every rejection is taken for it.
    pub(crate) fn rejects(&self, class: &LogGroupClass) -> bool {
        class.may_reject_filters() && matches!(self.cause, Cause::Class | Cause::Refused)
    }

    fn of<E>(operation: Operation, error: &SdkError<E, HttpResponse>, attempts: u32) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let code = error.code().unwrap_or_default();
        let message = error.message().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let given_up = find::<GivenUp>(error);
        let cause = match error {
            _ if given_up.is_some() => Cause::Unreachable,
            SdkError::ServiceError(_) if is_page(error.raw_response()) => Cause::Unsupported,
            SdkError::ServiceError(_) => {
                match answered(code, message.as_deref().unwrap_or_default(), status) {
                    // Kinesis says so of requests that come too fast.
                    Cause::Full if operation == Operation::ListStreamConsumers => Cause::Passing,
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
                return Self::without_credentials(operation, error, attempts);
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => Cause::Untrusted,
            SdkError::DispatchFailure(failure) if failure.is_io() => Cause::Unreachable,
            SdkError::DispatchFailure(_) => Cause::Passing,
            _ => Cause::NotSent,
        };
        let effect = match cause {
            Cause::Passing if !THROTTLED_CODES.contains(&code) => Effect::Possible,
            _ => Effect::None,
        };
        let denial = message.as_deref().and_then(Denial::read).map(Box::new);
        let message = message
            .or_else(|| given_up.map(ToString::to_string))
            .or_else(|| is_page(error.raw_response()).then(|| PAGE.to_owned()))
            .unwrap_or_else(|| chain(error));
        Self {
            denial,
            effect,
            given_up: given_up.is_some(),
            code: code.to_owned(),
            attempts,
            ..Self::bare(operation, cause, message)
        }
    }

    fn without_credentials(
        operation: Operation,
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
        let lacking = Some(lacking);
        Self { lacking, attempts, ..Self::bare(operation, Cause::NoCredentials, message) }
    }

    /// With the destination of the filter that the call writes.
    pub(super) fn about(mut self, destination_arn: &str) -> Self {
        self.destination_arn = Some(destination_arn.into());
        self
    }

    /// Whether STS gave no credentials for the role of a resource.
    pub(crate) fn is_about_the_resources_role(&self) -> bool {
        self.lacking == Some(Lacking::Role(RoleOf::Resource))
    }

    /// Whether the call may have had its effect all the same: an attempt was not answered, or cut
    /// off.
    pub(crate) fn may_have_been_done(&self) -> bool {
        self.effect == Effect::Possible
    }

    /// The key by which failures are grouped. AWS's messages name the log group if a permission is
    /// missing, so they are too specific there.
    pub(crate) fn likeness(&self) -> (Operation, Cause, &str) {
        let text = match (self.cause, &self.denial) {
            (Cause::Refused | Cause::DestinationMissing, _) => &self.message,
            (_, Some(denial)) => &denial.action,
            (_, None) => &self.code,
        };
        (self.operation, self.cause, text)
    }

    fn stopped(operation: Operation, effect: Effect) -> Self {
        let message = "Terraform asked to stop".to_owned();
        Self { effect, attempts: 0, ..Self::bare(operation, Cause::Stopped, message) }
    }

    /// An optional call for which there was no time left.
    fn too_late(operation: Operation, attempts: u32) -> Self {
        let message = format!("no response within {} seconds", ALLOWANCE.as_secs());
        let effect = Effect::Possible;
        Self { effect, attempts, ..Self::bare(operation, Cause::Passing, message) }
    }

    /// A response that AWS's documentation does not allow.
    pub(super) fn nonsense(operation: Operation, message: impl Into<String>) -> Self {
        Self::bare(operation, Cause::Refused, message.into())
    }

    fn bare(operation: Operation, cause: Cause, message: String) -> Self {
        Self {
            operation,
            cause,
            lacking: None,
            denial: None,
            destination_arn: None,
            effect: Effect::None,
            given_up: false,
            code: String::new(),
            message,
            attempts: 1,
        }
    }
}

const PAGE: &str = "an HTML page, which AWS does not send";

/// Whether a response is a web page about an internal error: so moto answers to calls that it does
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
        match Denial::read(message) {
            Some(denial) if denial.is_by_destination() => {
                Cause::NotYetPermitted(MissingAccess::AccessPolicy)
            }
            _ => Cause::Denied,
        }
    } else if let Some((_, missing)) =
        NOT_PERMITTED.into_iter().find(|(text, _)| message.contains(text))
    {
        Cause::NotYetPermitted(missing)
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
        let Self { operation, code, message, attempts, .. } = self;
        write!(f, "{} failed", operation.name())?;
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
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_sdk_cloudwatchlogs::error::ErrorMetadata;
    use aws_sdk_cloudwatchlogs::operation::describe_account_policies::DescribeAccountPoliciesError as Refusal;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_full_log_group_is_not_retried() {
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
    fn an_existing_name_differs_from_a_concurrent_write() {
        let taken = "The statement id (ship) provided already exists.";
        assert_eq!(answered(CONFLICT, taken, Some(409)), Cause::Exists);
        let busy = "The operation cannot be performed at this time. An update is in progress.";
        assert_eq!(answered(CONFLICT, busy, Some(409)), Cause::Passing);
        assert_eq!(answered("PolicyLengthExceededException", "", Some(400)), Cause::Full);
    }

    #[test]
    fn an_unusable_destination_differs_from_an_invalid_argument() {
        let message = "Could not execute the lambda function. Make sure you have given CloudWatch \
                       Logs permission to execute your function.";
        let answered = |code, message| answered(code, message, Some(400));
        let missing = Cause::NotYetPermitted;
        assert_eq!(
            answered("InvalidParameterException", message),
            missing(MissingAccess::InvokePermission)
        );
        let message = "Make sure you have given CloudWatch Logs permission to assume the provided \
                       role.";
        assert_eq!(answered("ValidationException", message), missing(MissingAccess::RoleTrust));
    }

    #[test]
    fn a_destinations_access_policy_differs_from_an_iam_denial() {
        let answered = |message: &str| answered("AccessDeniedException", message, Some(400));
        let message = "User with accountId: 111122223333 is not authorized to perform: \
                       logs:PutSubscriptionFilter on resource: \
                       arn:aws:logs:eu-west-1:444455556666:destination:central";
        assert_eq!(answered(message), Cause::NotYetPermitted(MissingAccess::AccessPolicy));
        let forbidden = format!("{message} with an explicit deny in a service control policy");
        assert_eq!(answered(&forbidden), Cause::Denied);
        assert_eq!(answered(""), Cause::Denied);
    }

    #[test]
    fn an_operation_that_an_emulator_does_not_support_is_not_retried() {
        let unsupported = |code, message, status| {
            assert_eq!(answered(code, message, Some(status)), Cause::Unsupported);
        };
        unsupported("UnknownOperationException", "", 400);
        unsupported("InvalidOperationException", "Unknown action: ListLogGroups", 400);
        unsupported("InternalFailure", "not yet implemented", 501);
        assert_eq!(answered("InvalidOperationException", "", Some(400)), Cause::Refused);
    }

    /// Makes a call that always ends so; returns the number of attempts and the time it took.
    async fn made<F>(effort: &Effort, answer: impl Fn() -> F) -> (CallError, u32, Duration)
    where
        F: Future<Output = SdkError<Refusal, HttpResponse>>,
    {
        let client = RetryingClient::new(25, |_| 1000.0);
        let (count, stopped) = (AtomicU32::new(0), CancellationToken::new());
        let start = Instant::now();
        let made = client.call(Operation::DescribeAccountPolicies, effort, &stopped, || {
            count.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(answer().await) }
        });
        let error = made.await.unwrap_err();
        (error, count.load(Ordering::Relaxed), start.elapsed())
    }

    fn refused(code: &str) -> SdkError<Refusal, HttpResponse> {
        let metadata = ErrorMetadata::builder().code(code).build();
        let response = HttpResponse::new(400.try_into().unwrap(), SdkBody::empty());
        SdkError::service_error(Refusal::generic(metadata), response)
    }

    #[tokio::test(start_paused = true)]
    async fn a_required_call_is_retried_as_configured() {
        let (error, made, _) = made(&Effort::Needed, async || refused("InternalFailure")).await;
        assert_eq!((error.cause, made), (Cause::Passing, 26));
        assert!(error.may_have_been_done());
        let (error, ..) =
            self::made(&Effort::Needed, async || refused("ThrottlingException")).await;
        assert!(!error.may_have_been_done(), "AWS refused it before it began");
    }

    #[tokio::test(start_paused = true)]
    async fn an_optional_call_is_made_twice_at_most() {
        for code in ["InternalFailure", "ThrottlingException"] {
            let (error, made, time) = made(&Effort::optional(), async || refused(code)).await;
            assert_eq!((error.cause, made), (Cause::Passing, 2));
            assert!(time <= ALLOWANCE, "{time:?}");
        }
        for code in ["AccessDeniedException", "UnknownOperationException"] {
            let (_, made, time) = made(&Effort::optional(), async || refused(code)).await;
            assert_eq!((made, time), (1, Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn optional_calls_waste_three_seconds_together_at_most() {
        let effort = Effort::optional();
        let start = Instant::now();
        let mut calls = 0;
        for _ in 0..100 {
            let hanging = async || {
                tokio::time::sleep(Duration::from_secs(1)).await;
                refused("InternalFailure")
            };
            let (error, made, _) = made(&effort, hanging).await;
            assert_eq!(error.cause, Cause::Passing);
            calls += made;
        }
        assert_eq!(start.elapsed().as_secs(), ALLOWANCE.as_secs(), "{:?}", start.elapsed());
        assert!(calls <= 4, "{calls}");
        let never = async || std::future::pending().await;
        let (error, made, time) = made(&Effort::optional(), never).await;
        assert_eq!((made, time), (1, ALLOWANCE));
        assert!(error.to_string().contains("no response within 3 seconds"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn successful_optional_calls_use_no_allowance() {
        let effort = Effort::optional();
        for _ in 0..100 {
            let slow = async || {
                tokio::time::sleep(Duration::from_secs(2)).await;
                refused("ResourceNotFoundException")
            };
            let (error, ..) = made(&effort, slow).await;
            assert_eq!(error.cause, Cause::Missing);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_cut_off_may_have_succeeded_and_a_queued_one_not() {
        let client = RetryingClient::new(25, |_| 0.01);
        let stopped = CancellationToken::new();
        let pending = || std::future::pending::<Result<(), SdkError<Refusal, HttpResponse>>>();
        let call =
            || client.call(Operation::PutSubscriptionFilter, &Effort::Needed, &stopped, pending);
        let stop = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stopped.cancel();
        };
        let (under_way, waiting, ()) = tokio::join!(call(), call(), stop);
        let (under_way, waiting) = (under_way.unwrap_err(), waiting.unwrap_err());
        assert_eq!((under_way.cause, waiting.cause), (Cause::Stopped, Cause::Stopped));
        assert!(under_way.may_have_been_done());
        assert!(!waiting.may_have_been_done());
    }

    #[test]
    fn waits_grow_and_stay_below_their_ceiling() {
        for attempts in 1..40 {
            let ceiling = FIRST_WAIT.saturating_mul(1 << attempts.min(16)).min(LONGEST_WAIT);
            assert!(full_jitter(attempts) <= ceiling);
        }
    }
}
