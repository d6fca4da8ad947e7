//! AWS, as far as a shipper needs it: signed requests over the HTTP client that is there anyway.
//!
//! [`Aws::call`] makes a call of the services that speak JSON, [`Bucket`] those of S3,
//! [`Aws::sign`] signs any other request. Each is one try: what may be tried again says its error,
//! and [`retry_until`] does so where nobody else does. Nothing is read, computed or connected before
//! the first call, so that whoever needs no AWS pays nothing for it.

mod container_credentials;
mod endpoint;
mod environment;
mod error;
mod retry;
mod s3;
mod sign;

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use container_credentials::NotFetched;
pub use endpoint::Service;
pub use environment::Environment;
pub use error::{AwsError, Problem};
pub use retry::retry_until;
pub use s3::{Bucket, Listed, Listing, Object, bucket_address, object_address};

use crate::delivery::Client;
use container_credentials::Generation;
use sign::Clock;

/// The most that is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A way to AWS: whose credentials, which region, which endpoints.
pub struct Aws {
    client: Client,
    clock: Clock,
}

/// Where a service is, as [`Aws::endpoint`] has it, by this process's environment.
pub fn address(service: Service, region: Option<&str>) -> Result<Url, Problem> {
    let environment = Environment::of_process();
    endpoint::of(service, environment.region(region)?, environment)
}

/// The clock by which [`sign`] signs.
static CLOCK: Clock = Clock::new();

/// Prefilter a request, as [`Aws::sign`] does, with the credentials in an environment.
pub fn sign(
    environment: &Environment,
    service: Service,
    region: Option<&str>,
    request: &mut Request,
) -> Result<(), Problem> {
    let region = environment.region(region)?;
    sign::sign(service, region, environment.credentials()?, CLOCK.now(), request)
}

/// Whether a signature was refused since the clock is wrong. [`sign`] goes by the service's own
/// clock from then on.
pub fn has_corrected_clock(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let skew = skew(&CLOCK, status, headers, body);
    if let Some(skew) = skew {
        CLOCK.correct(skew);
    }
    skew.is_some()
}

/// How far a clock is off, if that is why a signature was refused.
fn skew(clock: &Clock, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<sign::Skew> {
    let may_be_skew = !status.is_success() && error::may_be_skew(&error::code(headers, body));
    may_be_skew.then(|| clock.skew(headers)).flatten()
}

/// What a service answered to a request that it took.
#[derive(Debug)]
pub struct Response {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Aws {
    /// Calls AWS through `client` as its environment says.
    pub fn new(client: Client) -> Self {
        Self { client, clock: Clock::default() }
    }

    /// Where a service is: as `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL` says, or else
    /// AWS's own address, with FIPS or dual-stack where the environment asks for that. The region is
    /// the function's unless another is given.
    pub fn endpoint(&self, service: Service, region: Option<&str>) -> Result<Url, Problem> {
        let environment = self.client.environment();
        endpoint::of(service, environment.region(region)?, environment)
    }

    /// Prefilter a request with Signature Version 4. A body that is streamed cannot be signed, unless
    /// the header `x-amz-content-sha256` says what to sign in its place: the body's SHA-256 in
    /// hexadecimal digits, or `UNSIGNED-PAYLOAD`. All headers must be there already, but for the
    /// checksum of an upload to S3, and so must credentials that are not in the environment.
    pub fn sign(
        &self,
        service: Service,
        region: Option<&str>,
        request: &mut Request,
    ) -> Result<(), Problem> {
        let environment = self.client.environment();
        let region = environment.region(region)?;
        sign::sign(service, region, environment.credentials()?, self.clock.now(), request)
    }

    /// Calls an operation of a service that speaks JSON, all within `timeout`.
    pub async fn call<Response: DeserializeOwned>(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        input: &(impl Serialize + Sync),
        timeout: Duration,
    ) -> Result<Response, AwsError> {
        let fails = |problem| AwsError { service, operation, problem };
        let request = self.json_request(service, region, operation, input).map_err(fails)?;
        let response = self.send(service, region, operation, request, timeout).await?;
        read_answer(&response.body).map_err(fails)
    }

    /// The request for an operation of a service that speaks JSON, not signed yet.
    pub(crate) fn json_request(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        input: &(impl Serialize + Sync),
    ) -> Result<Request, Problem> {
        let json = service.json().ok_or(Problem::SpeaksNoJson)?;
        let url = self.endpoint(service, region)?;
        let target = HeaderValue::try_from(format!("{}.{operation}", json.target_prefix));
        let body = serde_json::to_vec(input).map_err(|_| Problem::Unsignable)?;
        let mut request = Request::new(Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(json.content_type));
        headers.insert(
            HeaderName::from_static("x-amz-target"),
            target.map_err(|_| Problem::Unsignable)?,
        );
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    /// Prefilter a request, sends it, and gives the answer to it, all within `timeout`. An answer that
    /// is not 2xx is an error. `operation` is what the request is called in errors.
    ///
    /// Where the service says that the clock is wrong, the request is sent once more by the
    /// service's own clock, and where it says that the credentials have expired, with others, if these were fetched.
    pub async fn send(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, AwsError> {
        let sent = self.send_with_message(service, region, operation, request, timeout).await;
        sent.map_err(|(error, _)| error)
    }

    /// As [`Aws::send`], with AWS's own message where it is one that quotes nothing secret: for
    /// operators, who cannot tell from a code what is wrong with a call.
    pub(crate) async fn send_with_message(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, (AwsError, Option<String>)> {
        let until = Instant::now() + timeout;
        let again = request.try_clone();
        let answer = self.send_once(service, region, request, timeout).await;
        let answer = match (answer, again) {
            (Err(Failure { skewed_by: Some(skew), .. }), Some(again)) => {
                self.clock.correct(skew);
                let timeout = until.saturating_duration_since(Instant::now());
                self.send_once(service, region, again, timeout).await
            }
            (Err(Failure { expired: Some(generation), .. }), Some(again))
                if self.client.environment().discard_credentials(Some(generation)) =>
            {
                let timeout = until.saturating_duration_since(Instant::now());
                self.send_once(service, region, again, timeout).await
            }
            (answer, _) => answer,
        };
        answer.map_err(|Failure { problem, message, .. }| {
            (AwsError { service, operation, problem }, message)
        })
    }

    async fn send_once(
        &self,
        service: Service,
        region: Option<&str>,
        mut request: Request,
        timeout: Duration,
    ) -> Result<Response, Failure> {
        let begun = Instant::now();
        let generation = self.client.environment().renew_credentials(timeout).await?;
        let timeout = timeout.saturating_sub(begun.elapsed());
        self.sign(service, region, &mut request)?;
        let (status, headers, body) = self
            .client
            .execute(request, timeout, MAX_ANSWER_BYTES)
            .await
            .map_err(|fault| Failure::from(Problem::NoAnswer(fault)))?;
        if status.is_success() {
            return Ok(Response { headers, body });
        }
        let code = error::code(&headers, &body);
        let skewed_by = skew(&self.clock, status, &headers, &body);
        let message = error::message(&code, &body);
        let expired = generation.filter(|_| error::is_expired(&code));
        let problem = Problem::Refused { status: status.as_u16(), code };
        Err(Failure { problem, skewed_by, expired, message })
    }
}

/// Reads what an operation answers. One that answers nothing answers an empty body, or an empty object.
pub(crate) fn read_answer<A: DeserializeOwned>(body: &[u8]) -> Result<A, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|_| Problem::Unreadable)
}

/// Why a try failed, how far the clock is behind the service's or which credentials have expired, if
/// that is why, and what AWS says of it.
struct Failure {
    problem: Problem,
    skewed_by: Option<sign::Skew>,
    expired: Option<Generation>,
    message: Option<String>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, skewed_by: None, expired: None, message: None }
    }
}
