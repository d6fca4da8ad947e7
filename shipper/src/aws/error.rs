//! Why a call failed: judged here, and nowhere else.

use std::borrow::Cow;

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::container_credentials::NotFetched;
use super::endpoint::{Service, USE_FIPS};
use crate::delivery::Fault;
use crate::destination::Ambiguity;

/// Why a call failed. AWS's own text is left out, since it may quote what was sent.
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

/// What is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A variable is missing that Lambda sets.
    #[error("{variable} is not set, as Lambda does for every function")]
    NotSet {
        /// The variable.
        variable: &'static str,
    },
    /// Credentials are at an endpoint that may not be asked.
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
    /// An endpoint was set that is none.
    #[error("{variable} must be a URL that begins with http:// or https://")]
    NoUrl {
        /// The variable.
        variable: &'static str,
    },
    /// A region was given that is none.
    #[error("{region:?} is no region's name")]
    NoRegion {
        /// What was given.
        region: String,
    },
    /// A variable that switches something says neither.
    #[error("{variable} must be true or false")]
    NoSwitch {
        /// The variable.
        variable: &'static str,
    },
    /// The service has no endpoint with FIPS, which is asked for.
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
    /// The service has another protocol than JSON.
    #[error("the service does not speak JSON")]
    SpeaksNoJson,
    /// The key cannot be written as a URL.
    #[error("a key cannot have \".\" or \"..\" between slashes")]
    DotsInKey,
    /// The request cannot be written down or signed.
    #[error("the request cannot be signed")]
    Unsignable,
    /// No answer came.
    #[error("{}", .0.class().as_str())]
    NoAnswer(Fault),
    /// The service refused.
    #[error("{code} (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// AWS's name of the error, or `other` for what has not the form of one.
        code: String,
    },
    /// The service answered 2xx, and something that cannot be read.
    #[error("the answer cannot be read")]
    Unreadable,
}

impl Problem {
    fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { status, code }
            if (matches!(status, 401 | 403) && !is_throttling(code)) || code.starts_with("AccessDenied"))
    }
}

impl AwsError {
    /// Whether the same call may do better in a moment.
    pub fn is_retryable(&self) -> bool {
        match &self.problem {
            Problem::NoAnswer(_) | Problem::Unreadable => true,
            Problem::Refused { status, code } => {
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

    /// Whether the call may have been carried out all the same.
    pub fn ambiguity(&self) -> Ambiguity {
        match &self.problem {
            Problem::NoAnswer(fault) => fault.ambiguity(),
            Problem::Unreadable => Ambiguity::Unclear,
            Problem::Refused { status, .. } => Ambiguity::after(*status),
            _ => Ambiguity::NothingTaken,
        }
    }

    /// Whether the role lacks a permission, or the credentials are no good.
    pub fn is_denied(&self) -> bool {
        self.problem.is_denied()
    }

    /// Whether the credentials have expired.
    pub(crate) fn is_expired(&self) -> bool {
        self.code().is_some_and(is_expired)
    }

    /// The error of an answer that somebody else than [`Aws`](super::Aws) was given.
    pub fn refused(service: Service, status: u16, body: &[u8]) -> Self {
        let code = code(&HeaderMap::new(), body);
        Self { service, operation: "request", problem: Problem::Refused { status, code } }
    }

    /// AWS's name of the error.
    pub fn code(&self) -> Option<&str> {
        match &self.problem {
            Problem::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// What to grant, where a denied operation is not named as its permission is.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>
fn in_iam(operation: &str, problem: &Problem) -> &'static str {
    match operation {
        _ if !problem.is_denied() => "",
        "ChangeMessageVisibilityBatch" => ", which IAM calls sqs:ChangeMessageVisibility",
        "SendMessageBatch" => ", which IAM calls sqs:SendMessage",
        "ListObjectsV2" => ", which IAM calls s3:ListBucket",
        _ => "",
    }
}

/// `LimitExceededException` is not among them: it means a rate at Kinesis only; elsewhere it is a limit,
/// which no patience moves.
fn is_throttling(code: &str) -> bool {
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

/// Whether a refusal with this code means that the credentials have expired.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>,
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html>
pub(super) fn is_expired(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")
}

/// Whether a refusal with this code may come of a wrong clock.
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

/// The error's name, from wherever a protocol has it.
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

/// AWS's message, shortened to a bound and without control characters. Only that of an error whose
/// message names resources and rules: the one about a wrong signature quotes the session token.
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

/// The name alone, of `com.amazonaws.sqs#QueueDoesNotExist:http://…`.
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

    /// All that a domain of Amazon OpenSearch Service says of expired credentials, with status 403, as its
    /// users report.
    const EXPIRED: &str = "The security token included in the request is expired";

    let error: Error = serde_json::from_slice(body).ok()?;
    let expired = error.message.is_some_and(|message| message == EXPIRED);
    error.error_type.or(error.code).or_else(|| expired.then(|| "ExpiredToken".to_owned()))
}

/// S3 answers `<Error><Code>…`, others put that into `<ErrorResponse>`.
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
    fn the_code_is_found_wherever_a_protocol_has_it() {
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
    fn text_that_is_no_code_is_not_repeated() {
        for body in ["", "{", "<", "<Error>", "<html>s3cr3t</html>", r#"{"__type":"the s3cr3t"}"#] {
            check(None, body, "other");
        }
    }

    #[test]
    fn a_message_is_bounded_and_never_that_of_a_signature() {
        let body = |text: &str| serde_json::json!({"message": text}).to_string();
        let refused = "Could not execute the lambda function.";
        let shown = message("InvalidParameterException", body(refused).as_bytes());
        assert_eq!(shown.as_deref(), Some(refused));
        let long = message("ValidationException", body(&"a\n".repeat(1_000)).as_bytes()).unwrap();
        assert_eq!(long.chars().count(), 301);
        assert!(!long.contains('\n'));
        let quoting = body("The Canonical String should have been x-amz-security-token:s3cr3t");
        assert_eq!(message("InvalidSignatureException", quoting.as_bytes()), None);
        assert_eq!(message("ValidationException", b"<html>"), None);
    }

    #[test]
    fn errors_name_the_call_and_the_code_and_nothing_else() {
        let problem = Problem::Refused { status: 400, code: "AccessDeniedException".to_owned() };
        let error = AwsError { service: Service::Ssm, operation: "GetParameter", problem };
        assert_eq!(error.to_string(), "ssm:GetParameter: AccessDeniedException (status 400)");
        assert!(error.is_denied() && !error.is_retryable());
    }

    /// <https://github.com/async-aws/aws/issues/1227>
    #[test]
    fn a_throttled_call_is_not_a_denied_one() {
        let problem = Problem::Refused { status: 403, code: "RequestThrottled".to_owned() };
        let error = AwsError { service: Service::Sqs, operation: "SendMessageBatch", problem };
        assert_eq!(error.to_string(), "sqs:SendMessageBatch: RequestThrottled (status 403)");
        assert!(!error.is_denied() && error.is_retryable());
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        let retryable = |service, status, code: &str| {
            let problem = Problem::Refused { status, code: code.to_owned() };
            AwsError { service, operation: "X", problem }.is_retryable()
        };
        // What happens to a request on its way is not the request's fault.
        assert!(retryable(Service::S3, 400, "BadDigest"));
        // The model of SQS, SendMessageBatch; the second name is that of its query protocol.
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
        fn any_answer_gives_a_code_and_no_panic(
            body in "(<Error>)?<?[ -~<>&;/]{0,60}(<Code>[a-zA-Z ]{0,9}</Code>)?.*",
        ) {
            let code = code(&HeaderMap::new(), body.as_bytes());
            prop_assert!(!code.is_empty() && !code.contains(' '));
        }
    }
}
