//! Errors of AWS calls, and their classification.

use std::borrow::Cow;

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::not_fetched::NotFetched;
use super::service::{Service, USE_FIPS};
use crate::delivery::Fault;
use crate::destination::Ambiguity;

/// Why a call failed. AWS's message is omitted, because it may quote the request.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{}:{operation}: {problem}{}", .service.name(), in_iam(operation, problem))]
pub struct AwsError {
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: &'static str,
    /// Why it failed.
    pub problem: Problem,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A variable that Lambda sets is missing.
    #[error("{variable} is not set; Lambda sets it for every function")]
    NotSet {
        /// The variable.
        variable: &'static str,
    },
    /// The container credentials endpoint is not allowed.
    #[error(
        "{variable} must be a URL that begins with https://, or with http:// and a loopback address, \
         169.254.170.2, 169.254.170.23 or fd00:ec2::23"
    )]
    NoCredentialsUrl {
        /// The variable.
        variable: &'static str,
    },
    /// Credentials cannot be fetched.
    #[error(transparent)]
    NotFetched(NotFetched),
    /// An endpoint is not a URL.
    #[error("{variable} must be a URL that begins with http:// or https://")]
    NoUrl {
        /// The variable.
        variable: &'static str,
    },
    /// A region is invalid.
    #[error("invalid region {region:?}")]
    NoRegion {
        /// The invalid value.
        region: String,
    },
    /// A boolean variable is neither `true` nor `false`.
    #[error("{variable} must be true or false")]
    NoSwitch {
        /// The variable.
        variable: &'static str,
    },
    /// The service has no FIPS endpoint, but FIPS is enabled.
    #[error(
        "{} has no FIPS endpoint in {region}: unset {USE_FIPS}, or set {} to the one to use",
        .service.name(), .service.variable()
    )]
    NoFips {
        /// The service.
        service: Service,
        /// The region.
        region: String,
    },
    /// The service has no JSON protocol.
    #[error("the service has no JSON protocol")]
    SpeaksNoJson,
    /// The key cannot be part of a URL.
    #[error("an object key must not contain a segment \".\" or \"..\"")]
    DotsInKey,
    /// The request cannot be encoded or signed.
    #[error("the request cannot be signed")]
    Unsignable,
    /// There was no response.
    #[error("{}", .0.reason().as_str())]
    NoResponse(Fault),
    /// The service rejected the request.
    #[error("{code} (status {status})")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// AWS's error code, or `other` if it does not have the form of a code.
        code: String,
    },
    /// The response has status 2xx and an invalid body.
    #[error("the response cannot be read")]
    Unreadable,
}

impl Problem {
    fn is_denied(&self) -> bool {
        matches!(self, Self::Rejected { status, code }
            if (matches!(status, 401 | 403) && !is_throttling(code)) || code.starts_with("AccessDenied"))
    }
}

impl AwsError {
    /// Whether a retry of the same call may succeed.
    pub fn is_retryable(&self) -> bool {
        match &self.problem {
            Problem::NoResponse(_) | Problem::Unreadable => true,
            Problem::Rejected { status, code } => {
                matches!(status, 429 | 500 | 502..=504 | 509)
                    || is_throttling(code)
                    || (code == "LimitExceededException" && self.service == Service::Kinesis)
                    || matches!(
                        code.as_str(),
                        "BadDigest"
                            | "RequestTimeout"
                            | "RequestTimeoutException"
                            | "InternalFailure"
                            | "InternalError"
                            | "InternalServiceError"
                            | "InternalServerError"
                            | "ServiceUnavailable"
                            | "ServiceUnavailableException"
                            | "OperationAborted"
                            | "OperationAbortedException"
                    )
            }
            Problem::NotFetched(not_fetched) => not_fetched.is_retryable(),
            Problem::NotSet { .. }
            | Problem::NoCredentialsUrl { .. }
            | Problem::NoUrl { .. }
            | Problem::NoRegion { .. }
            | Problem::NoSwitch { .. }
            | Problem::NoFips { .. }
            | Problem::SpeaksNoJson
            | Problem::DotsInKey
            | Problem::Unsignable => false,
        }
    }

    /// Whether the call may have been executed despite the error.
    pub fn ambiguity(&self) -> Ambiguity {
        match &self.problem {
            Problem::NoResponse(fault) => fault.ambiguity(),
            Problem::Unreadable => Ambiguity::Unclear,
            Problem::Rejected { status, .. } => Ambiguity::after(*status),
            _ => Ambiguity::NothingAccepted,
        }
    }

    /// Whether the role lacks a permission or the credentials are invalid.
    pub fn is_denied(&self) -> bool {
        self.problem.is_denied()
    }

    /// The error for a response that was not received by [`Aws`](super::Aws).
    pub fn rejected(service: Service, status: u16, body: &[u8]) -> Self {
        let code = code(&HeaderMap::new(), body);
        Self { service, operation: "request", problem: Problem::Rejected { status, code } }
    }

    /// AWS's error code.
    pub fn code(&self) -> Option<&str> {
        match &self.problem {
            Problem::Rejected { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// The IAM action to grant, for operations whose action has another name.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>
fn in_iam(operation: &str, problem: &Problem) -> &'static str {
    match operation {
        _ if !problem.is_denied() => "",
        "ChangeMessageVisibilityBatch" => ", IAM action sqs:ChangeMessageVisibility",
        "SendMessageBatch" => ", IAM action sqs:SendMessage",
        "ListObjectsV2" => ", IAM action s3:ListBucket",
        "GetResources" => ", IAM action tag:GetResources",
        _ => "",
    }
}

/// `LimitExceededException` is excluded: only Kinesis uses it for a rate; elsewhere it is a quota,
/// which a retry does not change.
pub(crate) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ProvisionedThroughputExceededException"
            | "KMSThrottlingException"
            | "KmsThrottled"
            | "KMS.ThrottlingException"
            | "BandwidthLimitExceeded"
            | "SlowDown"
    )
}

/// Whether the error code means expired credentials.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>,
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html>
pub(super) fn is_expired(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")
}

/// Whether the error code may be caused by a wrong clock.
pub(super) fn may_be_skew(code: &str) -> bool {
    matches!(
        code,
        "RequestTimeTooSkewed"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "AuthFailure"
    )
}

/// The error code, from a header or the body, depending on the protocol.
pub(super) fn code(headers: &HeaderMap, body: &[u8]) -> String {
    const LONGEST: usize = 80;

    let in_header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = in_header
        .map(str::to_owned)
        .or_else(|| if body.trim_ascii_start().starts_with(b"<") { xml(body) } else { json(body) });
    let code = code.as_deref().map(bare).unwrap_or_default();
    let is_code = (1..=LONGEST).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_');
    if is_code { code.to_owned() } else { "other".to_owned() }
}

/// AWS's message, truncated and without control characters. Only for errors whose message names
/// resources and rules: the message about an invalid signature quotes the session token.
pub(super) fn message(code: &str, body: &[u8]) -> Option<String> {
    const MAX_CHARS: usize = 300;

    #[derive(Deserialize)]
    struct Error {
        #[serde(alias = "Message", alias = "errorMessage")]
        message: Option<String>,
    }

    let quotes_no_secret = matches!(
        code,
        "AccessDeniedException"
            | "InvalidOperationException"
            | "InvalidParameterException"
            | "LimitExceededException"
            | "OperationAbortedException"
            | "ResourceNotFoundException"
            | "ServiceUnavailableException"
            | "ThrottlingException"
            | "ValidationException"
    );
    let error: Error = serde_json::from_slice(body).ok().filter(|_| quotes_no_secret)?;
    let message = error.message?;
    let mut shown: String = message
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .take(MAX_CHARS)
        .collect();
    if message.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    Some(shown).filter(|shown| !shown.trim().is_empty())
}

/// `QueueDoesNotExist` of `com.amazonaws.sqs#QueueDoesNotExist:http://…`.
fn bare(code: &str) -> &str {
    let code = code.split_once('#').map_or(code, |(_, name)| name);
    code.split_once(':').map_or(code, |(name, _)| name)
}

fn json(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "__type")]
        error_type: Option<String>,
        code: Option<String>,
        message: Option<Value>,
    }

    /// The only sign of expired credentials in the 403 response of an Amazon OpenSearch Service
    /// domain.
    const EXPIRED: &str = "The security token included in the request is expired";

    let error: Error = serde_json::from_slice(body).ok()?;
    let expired = error.message.is_some_and(|message| message == EXPIRED);
    error.error_type.or(error.code).or_else(|| expired.then(|| "ExpiredToken".to_owned()))
}

/// S3 returns `<Error><Code>…`; other services wrap it in `<ErrorResponse>`.
fn xml(body: &[u8]) -> Option<String> {
    fn code_in(mut element: ScopedDecoder<'_, '_>) -> Option<String> {
        while let Some(mut tag) = element.next_tag() {
            match tag.start_el().local() {
                "Code" => return try_data(&mut tag).ok().map(Cow::into_owned),
                "Error" => return code_in(tag),
                _ => {}
            }
        }
        None
    }

    let mut document = Document::try_from(body).ok()?;
    code_in(document.root_element().ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(header: Option<&'static str>, body: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(header));
        }
        assert_eq!(code(&headers, body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn the_error_code_is_found_in_every_protocol() {
        check(Some("AccessDeniedException:http://x/"), "", "AccessDeniedException");
        check(None, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#, "QueueDoesNotExist");
        check(None, r#"{"code":"ParameterNotFound","message":"m"}"#, "ParameterNotFound");
        let of_domain = r#"{"message":"The security token included in the request is expired"}"#;
        check(None, of_domain, "ExpiredToken");
        check(None, r#"{"code":"Throttling","message":{"a":1}}"#, "Throttling");
        check(
            None,
            r#"{"message":"The security token included in the request is invalid"}"#,
            "other",
        );
        let s3 = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Key>k</Key></Error>";
        check(None, s3, "NoSuchKey");
        let query = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>";
        check(None, query, "Throttling");
    }

    #[test]
    fn a_string_that_is_not_a_code_is_not_logged() {
        for body in ["", "{", "<", "<Error>", "<html>s3cr3t</html>", r#"{"__type":"the s3cr3t"}"#] {
            check(None, body, "other");
        }
    }

    #[test]
    fn an_error_message_is_truncated_and_never_about_a_signature() {
        let body = |text: &str| serde_json::json!({"message": text}).to_string();
        let rejected = "Could not execute the lambda function.";
        let shown = message("InvalidParameterException", body(rejected).as_bytes());
        assert_eq!(shown.as_deref(), Some(rejected));
        let long = message("ValidationException", body(&"a\n".repeat(1_000)).as_bytes()).unwrap();
        assert_eq!(long.chars().count(), 301);
        assert!(!long.contains('\n'));
        let quoting = body("The Canonical String should have been x-amz-security-token:s3cr3t");
        assert_eq!(message("InvalidSignatureException", quoting.as_bytes()), None);
        assert_eq!(message("ValidationException", b"<html>"), None);
    }

    #[test]
    fn errors_name_the_call_and_the_code_and_nothing_else() {
        let problem = Problem::Rejected { status: 400, code: "AccessDeniedException".to_owned() };
        let error = AwsError { service: Service::Ssm, operation: "GetParameter", problem };
        assert_eq!(error.to_string(), "ssm:GetParameter: AccessDeniedException (status 400)");
        assert!(error.is_denied() && !error.is_retryable());
    }

    /// <https://github.com/async-aws/aws/issues/1227>
    #[test]
    fn throttling_is_not_a_missing_permission() {
        let problem = Problem::Rejected { status: 403, code: "RequestThrottled".to_owned() };
        let error = AwsError { service: Service::Sqs, operation: "SendMessageBatch", problem };
        assert_eq!(error.to_string(), "sqs:SendMessageBatch: RequestThrottled (status 403)");
        assert!(!error.is_denied() && error.is_retryable());
    }

    #[test]
    fn only_transient_errors_are_retried() {
        let retryable = |service, status, code: &str| {
            let problem = Problem::Rejected { status, code: code.to_owned() };
            AwsError { service, operation: "X", problem }.is_retryable()
        };
        // Corruption in transit is not an error of the request.
        assert!(retryable(Service::S3, 400, "BadDigest"));
        // From the SQS model of SendMessageBatch; the second name is from its query protocol.
        assert!(retryable(Service::Sqs, 400, "KmsThrottled"));
        assert!(retryable(Service::Sqs, 400, "KMS.ThrottlingException"));
        assert!(retryable(Service::Ssm, 400, "ThrottlingException"));
        assert!(retryable(Service::S3, 503, "SlowDown"));
        assert!(retryable(Service::S3, 400, "RequestTimeout"));
        assert!(retryable(Service::CloudWatchLogs, 400, "OperationAbortedException"));
        assert!(retryable(Service::Kinesis, 400, "LimitExceededException"));
        assert!(!retryable(Service::CloudWatchLogs, 400, "LimitExceededException"));
        assert!(!retryable(Service::S3, 404, "NoSuchKey"));
        assert!(!retryable(Service::S3, 501, "NotImplemented"));
    }

    proptest! {
        #[test]
        fn any_response_has_a_code_without_a_panic(
            body in "(<Error>)?<?[ -~<>&;/]{0,60}(<Code>[a-zA-Z ]{0,9}</Code>)?.*",
        ) {
            let code = code(&HeaderMap::new(), body.as_bytes());
            prop_assert!(!code.is_empty() && !code.contains(' '));
        }
    }
}
