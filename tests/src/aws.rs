//! Requests to the AWS of the tests, which reads account and region from the credential's scope
//! and checks no signature.

use anyhow::Context;
use serde_json::Value;

use crate::runtime;

/// The region everything is in unless a test says otherwise.
pub const REGION: &str = "eu-central-1";

/// What AWS said no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The exception's name.
    pub code: String,
    /// Its message.
    pub message: String,
}

/// Speaks for one account in one region.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) region: String,
}

impl Caller {
    pub(crate) fn new(endpoint: &str, access_key: &str, region: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            access_key: access_key.to_owned(),
            region: region.to_owned(),
        }
    }

    pub(crate) fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> anyhow::Result<Result<Value, Refusal>> {
        let Self { access_key, region, .. } = self;
        let url = format!("{}{path}", self.endpoint);
        let mut request = runtime::CLIENT
            .request(method.parse().context("an HTTP method")?, &url)
            .header("authorization", credential(access_key, region, service))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        runtime::block_on(async {
            let answer = request.send().await.with_context(|| format!("calling {method} {url}"))?;
            let status = answer.status();
            let kind = answer
                .headers()
                .get("x-amzn-errortype")
                .and_then(|kind| kind.to_str().ok())
                .map(str::to_owned);
            let body = answer.bytes().await.with_context(|| format!("reading from {url}"))?;
            let body: Value = match body.is_empty() {
                true => Value::Null,
                false => serde_json::from_slice(&body).with_context(|| {
                    format!("{url} answered {status}: {}", String::from_utf8_lossy(&body))
                })?,
            };
            Ok(match status.is_success() {
                true => Ok(body),
                false => Err(Refusal {
                    status: status.as_u16(),
                    code: kind
                        .or_else(|| body["__type"].as_str().map(str::to_owned))
                        .unwrap_or_default(),
                    message: body["message"]
                        .as_str()
                        .or(body["Message"].as_str())
                        .unwrap_or_default()
                        .to_owned(),
                }),
            })
        })
    }
}

/// What a signature says of who signed for what.
pub(crate) fn credential(access_key: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}
