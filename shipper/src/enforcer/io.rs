//! The enforcer's I/O: calls of AWS, its configuration, the clocks.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use logagg_policy::LogGroupClass;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::Value;

use crate::aws::{Aws, AwsError, Problem, Service};
use crate::config::{Source, SourceError};
use crate::destination::Ambiguity;
use crate::tags::{MAX_TABLE_BYTES, TableBucket};

/// All I/O.
pub(super) trait Io {
    /// The clock for deadlines.
    fn now(&self) -> Instant;

    /// The clock for dates of log groups and events.
    fn date(&self) -> SystemTime;

    fn sleep(&self, time: Duration) -> LocalBoxFuture<'_, ()>;

    /// A single attempt of a call, within `timeout`.
    fn call<'a>(
        &'a self,
        call: &'a Call<'a>,
        timeout: Duration,
    ) -> LocalBoxFuture<'a, Result<Bytes, CallError>>;

    /// Reads the configuration, until `until` at the latest.
    fn read_config(&self, until: Instant) -> LocalBoxFuture<'_, Result<String, SourceError>>;

    /// Whether the configuration may change while the function is warm.
    fn may_config_change(&self) -> bool;
}

/// A call of AWS.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) service: Service,
    pub(super) region: &'a str,
    pub(super) operation: &'static str,
    pub(super) input: Input<'a>,
}

/// The input of a call.
#[derive(Clone, Debug)]
pub(super) enum Input<'a> {
    /// An operation of a JSON service.
    Json(Value),
    /// A GET of a path.
    Get { path: &'a [&'a str], query: &'a [(&'a str, &'a str)] },
    /// An asynchronous invocation of the function at a path.
    Event { path: &'a [&'a str], payload: &'a str },
    /// A read of an object.
    GetObject { bucket: &'a TableBucket, key: &'a str },
    /// A write of an object.
    PutObject { bucket: &'a TableBucket, key: &'a str, body: Bytes },
}

/// Why a call failed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum CallError {
    /// It was not attempted, because it would not end before the deadline less the reserve.
    #[error("no time left for {}:{operation}", .service.name())]
    NoTime { service: Service, operation: &'static str },
    /// AWS returned an error.
    #[error("{}{}", .error, .message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Aws { error: AwsError, message: Option<String> },
}

impl CallError {
    pub(super) fn unreadable(service: Service, operation: &'static str) -> Self {
        Self::failed(service, operation, Problem::Unreadable)
    }

    fn failed(service: Service, operation: &'static str, problem: Problem) -> Self {
        Self::Aws { error: AwsError { service, operation, problem }, message: None }
    }

    /// AWS's error code.
    pub(super) fn code(&self) -> Option<&str> {
        self.aws().and_then(AwsError::code)
    }

    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::NoTime { operation, .. } => operation,
            Self::Aws { error, .. } => error.operation,
        }
    }

    pub(super) fn is_denied(&self) -> bool {
        self.aws().is_some_and(AwsError::is_denied)
    }

    pub(super) fn is_no_time(&self) -> bool {
        matches!(self, Self::NoTime { .. })
    }

    /// Whether AWS rejected a call about filters for a class of which it does not say that it has
    /// none.
    pub(super) fn rejects(&self, class: &LogGroupClass) -> bool {
        class.may_reject_filters() && self.may_be_of_class()
    }

    /// Whether AWS may have rejected a call about filters for the class of the log group. Its words
    /// for that are known of some classes only.
    pub(super) fn may_be_of_class(&self) -> bool {
        const CODES: [&str; 3] =
            ["InvalidOperationException", "InvalidParameterException", "ValidationException"];
        self.code().is_some_and(|code| CODES.contains(&code))
    }

    /// Whether a retry may succeed.
    pub(super) fn is_retryable(&self) -> bool {
        self.aws().is_some_and(AwsError::is_retryable)
    }

    /// Whether the call may have been executed despite the error.
    pub(super) fn is_unclear(&self) -> bool {
        self.aws().is_some_and(|error| error.ambiguity() == Ambiguity::Unclear)
    }

    fn aws(&self) -> Option<&AwsError> {
        match self {
            Self::NoTime { .. } => None,
            Self::Aws { error, .. } => Some(error),
        }
    }
}

/// AWS itself.
pub(super) struct AwsIo {
    pub(super) aws: Aws,
    pub(super) source: Source,
}

impl AwsIo {
    fn request(&self, call: &Call<'_>) -> Result<Request, Problem> {
        let url = |path: &[&str]| -> Result<Url, Problem> {
            let mut url = self.aws.endpoint(call.service, Some(call.region))?;
            let mut segments = url.path_segments_mut().map_err(|()| Problem::Unsignable)?;
            segments.pop_if_empty().extend(path);
            drop(segments);
            Ok(url)
        };
        match &call.input {
            Input::Json(input) => {
                self.aws.json_request(call.service, Some(call.region), call.operation, input)
            }
            Input::Get { path, query } => {
                let mut url = url(path)?;
                if !query.is_empty() {
                    url.query_pairs_mut().extend_pairs(*query);
                }
                Ok(Request::new(Method::GET, url))
            }
            Input::Event { path, payload } => {
                let mut request = Request::new(Method::POST, url(path)?);
                let kind = HeaderName::from_static("x-amz-invocation-type");
                request.headers_mut().insert(kind, HeaderValue::from_static("Event"));
                *request.body_mut() = Some((*payload).to_owned().into());
                Ok(request)
            }
            Input::GetObject { .. } | Input::PutObject { .. } => Err(Problem::Unsignable),
        }
    }

    async fn attempt(&self, call: &Call<'_>, timeout: Duration) -> Result<Bytes, CallError> {
        let (service, operation) = (call.service, call.operation);
        let of_s3 = |error| CallError::Aws { error, message: None };
        match &call.input {
            Input::GetObject { bucket, key } => {
                let bucket = bucket.bucket(&self.aws);
                let object = bucket.get_changed(key, None, MAX_TABLE_BYTES, timeout).await;
                Ok(object.map_err(of_s3)?.map(|object| object.body).unwrap_or_default())
            }
            Input::PutObject { bucket, key, body } => {
                let headers = HeaderMap::from_iter([(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/gzip"),
                )]);
                let bucket = bucket.bucket(&self.aws);
                let put = bucket.put(key, body.clone(), headers, timeout).await;
                put.map(|_| Bytes::new()).map_err(of_s3)
            }
            Input::Json(_) | Input::Get { .. } | Input::Event { .. } => {
                let request = self
                    .request(call)
                    .map_err(|problem| CallError::failed(service, operation, problem))?;
                let region = Some(call.region);
                let sent = self.aws.send_with_message(service, region, operation, request, timeout);
                let response =
                    sent.await.map_err(|(error, message)| CallError::Aws { error, message })?;
                Ok(response.body)
            }
        }
    }
}

impl Io for AwsIo {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn date(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> LocalBoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed_local()
    }

    fn call<'a>(
        &'a self,
        call: &'a Call<'a>,
        timeout: Duration,
    ) -> LocalBoxFuture<'a, Result<Bytes, CallError>> {
        self.attempt(call, timeout).boxed_local()
    }

    fn read_config(&self, until: Instant) -> LocalBoxFuture<'_, Result<String, SourceError>> {
        self.source.read(&self.aws, until).boxed_local()
    }

    fn may_config_change(&self) -> bool {
        matches!(self.source, Source::Ssm(_) | Source::S3 { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Environment;
    use crate::delivery::Client;
    use crate::enforcer::{EnforceError, Enforcer};

    #[tokio::test]
    async fn an_endpoint_that_aws_does_not_have_is_an_error_at_the_start() {
        let start = async |value: &str| {
            let variables = [("AWS_REGION", "us-gov-west-1"), ("AWS_USE_FIPS_ENDPOINT", value)];
            let client = Client::default().in_environment(Environment::from_pairs(&variables));
            let source = Source::File("no-such-file.json".into());
            Enforcer::start(source, Aws::new(client), Instant::now()).await.err().unwrap()
        };
        let error = start("yes").await;
        assert_eq!(error.to_string(), "AWS_USE_FIPS_ENDPOINT must be true or false");
        assert_eq!(error.error_type(), "Logagg.InvalidConfiguration");
        assert!(matches!(start("true").await, EnforceError::Source(_)));
    }

    #[test]
    fn the_next_part_of_a_sweep_is_invoked_without_a_trace_header() {
        let environment = Environment::from_pairs(&[("AWS_REGION", "eu-west-1")]);
        let client = Client::default().in_environment(environment);
        let source = Source::File("config.json".into());
        let io = AwsIo { aws: Aws::new(client), source };
        let path = ["functions", "arn:aws:lambda:eu-west-1:123456789012:function:e", "invocations"];
        let input = Input::Event { path: &path, payload: "{}" };
        let (service, region) = (Service::Lambda, "eu-west-1");
        let request = io.request(&Call { service, region, operation: "Invoke", input }).unwrap();
        let names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-amz-invocation-type"]);
        assert_eq!(request.url().host_str(), Some("lambda.eu-west-1.amazonaws.com"));
    }
}
