//! Calls of AWS.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::container_credentials::Generation;
use super::endpoint;
use super::error::{self, AwsError, Problem};
use super::service::Service;
use super::sign::{self, Clock, Skew};
use super::signed_requests::skew;
use crate::delivery::Client;

/// The maximum size of a response.
pub(super) const MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// An AWS client with credentials, region and endpoints.
pub struct Aws {
    pub(super) client: Client,
    clock: Clock,
}

/// A successful response of a service.
#[derive(Debug)]
pub struct Response {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Aws {
    /// Calls AWS through `client`, with its environment.
    pub fn new(client: Client) -> Self {
        Self { client, clock: Clock::default() }
    }

    /// The function's region.
    pub fn region(&self) -> Result<&str, Problem> {
        self.client.environment().region(None)
    }

    /// The endpoint of a service: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or AWS's own,
    /// with FIPS or dual-stack if the environment enables them. The region defaults to the
    /// function's.
    pub fn endpoint(&self, service: Service, region: Option<&str>) -> Result<Url, Problem> {
        let environment = self.client.environment();
        endpoint::of(service, environment.region(region)?, environment)
    }

    /// Signs a request with Signature Version 4. A streamed body can be signed only if the header
    /// `x-amz-content-sha256` contains its SHA-256 in hexadecimal digits, or `UNSIGNED-PAYLOAD`.
    /// All headers must be set already, except for the checksum of an upload to S3, and so must
    /// credentials that are not in the environment.
    pub fn sign(
        &self,
        service: Service,
        region: Option<&str>,
        request: &mut Request,
    ) -> Result<(), Problem> {
        let environment = self.client.environment();
        let region = environment.region(region)?;
        sign::sign(service.name(), region, environment.credentials()?, self.clock.now(), request)
    }

    /// Calls an operation of a JSON service within `timeout`.
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
        parse_response(&response.body).map_err(fails)
    }

    /// The unsigned request for an operation of a JSON service.
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

    /// Signs and sends a request, and returns the response, within `timeout`. A status other than
    /// 2xx is an error. `operation` names the request in errors.
    ///
    /// If the service reports a wrong clock, the request is resent with the service's clock; if it
    /// reports expired credentials, with newly fetched ones if there are any.
    pub async fn send(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, AwsError> {
        self.send_within(service, region, operation, request, (timeout, MAX_RESPONSE_BYTES)).await
    }

    /// Like [`Aws::send`], with a response of at most this size.
    pub(super) async fn send_within(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        request: Request,
        limits: (Duration, usize),
    ) -> Result<Response, AwsError> {
        let sent = self.send_again(service, region, operation, request, limits).await;
        sent.map_err(|(error, _)| error)
    }

    /// Like [`Aws::send`], with AWS's message if it contains no secrets: the code alone does not
    /// tell an operator what is wrong with a call.
    pub(crate) async fn send_with_message(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, (AwsError, Option<String>)> {
        self.send_again(service, region, operation, request, (timeout, MAX_RESPONSE_BYTES)).await
    }

    async fn send_again(
        &self,
        service: Service,
        region: Option<&str>,
        operation: &'static str,
        request: Request,
        (timeout, most): (Duration, usize),
    ) -> Result<Response, (AwsError, Option<String>)> {
        let until = Instant::now() + timeout;
        let again = request.try_clone();
        let response = self.send_once(service, region, request, (timeout, most)).await;
        let response = match (response, again) {
            (Err(Failure { skewed_by: Some(skew), .. }), Some(again)) => {
                self.clock.correct(skew);
                let timeout = until.saturating_duration_since(Instant::now());
                self.send_once(service, region, again, (timeout, most)).await
            }
            (Err(Failure { expired: Some(generation), .. }), Some(again))
                if self.client.environment().discard_credentials(Some(generation)) =>
            {
                let timeout = until.saturating_duration_since(Instant::now());
                self.send_once(service, region, again, (timeout, most)).await
            }
            (response, _) => response,
        };
        response.map_err(|Failure { problem, message, .. }| {
            (AwsError { service, operation, problem }, message)
        })
    }

    async fn send_once(
        &self,
        service: Service,
        region: Option<&str>,
        mut request: Request,
        (timeout, most): (Duration, usize),
    ) -> Result<Response, Failure> {
        let begun = Instant::now();
        let generation = self.client.environment().renew_credentials(timeout).await?;
        let timeout = timeout.saturating_sub(begun.elapsed());
        self.sign(service, region, &mut request)?;
        let (status, headers, body) = self
            .client
            .execute(request, timeout, most)
            .await
            .map_err(|fault| Failure::from(Problem::NoResponse(fault)))?;
        if status.is_success() {
            return Ok(Response { headers, body });
        }
        let code = error::code(&headers, &body);
        let skewed_by = skew(&self.clock, status, &headers, &body);
        let message = error::message(&code, &body);
        let expired = generation.filter(|_| error::is_expired(&code));
        let problem = Problem::Rejected { status: status.as_u16(), code };
        Err(Failure { problem, skewed_by, expired, message })
    }
}

/// Parses the response of an operation. An operation without output returns an empty body or an
/// empty object.
pub(crate) fn parse_response<A: DeserializeOwned>(body: &[u8]) -> Result<A, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|_| Problem::Unreadable)
}

/// Why an attempt failed, the clock skew or the expired credentials if they are the reason, and
/// AWS's message.
struct Failure {
    problem: Problem,
    skewed_by: Option<Skew>,
    expired: Option<Generation>,
    message: Option<String>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, skewed_by: None, expired: None, message: None }
    }
}
