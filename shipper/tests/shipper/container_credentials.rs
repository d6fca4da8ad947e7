//! Credentials from an endpoint, as in functions with SnapStart.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use logagg_shipper::aws::{Aws, AwsError, Environment, Service as AwsService};
use logagg_shipper::delivery::Client;
use serde_json::{Value, json};

use crate::http::{self, Reply, Request, Response, Server, Service};
use crate::lambda::{Lambda, accepting};
use crate::{PAYLOAD, SECRET, event};

const TIMEOUT: Duration = Duration::from_secs(60);

/// The credentials endpoint. By default it returns the next key, valid for an hour.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
struct Credentials {
    state: Arc<CredentialsState>,
    server: Server,
}

#[derive(Default)]
struct CredentialsState {
    replies: Mutex<VecDeque<Reply>>,
    given: Mutex<usize>,
    violations: Mutex<Vec<String>>,
}

impl Credentials {
    fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect());
        let state = Arc::new(CredentialsState { replies, ..CredentialsState::default() });
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    fn url(&self) -> String {
        format!("{}/2021-04-23/credentials?a=b", self.server.url())
    }

    /// The number of requests.
    fn asked(&self) -> usize {
        let violations = self.state.violations.lock().unwrap();
        assert!(violations.is_empty(), "{violations:?}");
        *self.state.given.lock().unwrap()
    }

    /// The environment with this endpoint, without keys.
    fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.url()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", format!("{SECRET}-authorization")),
            ("AWS_ACCESS_KEY_ID", String::new()),
            ("AWS_SECRET_ACCESS_KEY", String::new()),
            ("AWS_SESSION_TOKEN", String::new()),
        ]
    }
}

fn until(expiration: SystemTime, number: usize) -> Response {
    let expiration = humantime::format_rfc3339_seconds(expiration).to_string();
    let body = json!({
        "AccessKeyId": format!("AKID{number}"), "SecretAccessKey": format!("{SECRET}-key"),
        "Token": format!("{SECRET}-token-{number}"), "Expiration": expiration,
        "RoleArn": "arn:aws:iam::123456789012:role/shipper",
    });
    Response::new(200, body.to_string())
}

impl Service for CredentialsState {
    fn response(&self, request: Request) -> Reply {
        let mut given = self.given.lock().unwrap();
        *given += 1;
        let authorization = format!("{SECRET}-authorization");
        let is_right = request.method == "GET"
            && request.target == "/2021-04-23/credentials?a=b"
            && request.header("authorization") == Some(authorization.as_str());
        if !is_right {
            self.violations.lock().unwrap().push(format!("{request:?}"));
        }
        let reply = self.replies.lock().unwrap().pop_front();
        let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
        reply.unwrap_or_else(|| Reply::Response(until(in_an_hour, *given)))
    }
}

/// An AWS service that returns these responses, and then succeeds.
#[derive(Default)]
struct Aside {
    responses: Mutex<VecDeque<Response>>,
    requests: Mutex<Vec<Request>>,
}

const SUCCESS: &str = r#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"}]}"#;

impl Aside {
    fn start(responses: impl IntoIterator<Item = Response>) -> (Arc<Self>, Server) {
        let responses = Mutex::new(responses.into_iter().collect());
        let service = Arc::new(Self { responses, ..Self::default() });
        let server = Server::start(Arc::clone(&service));
        (service, server)
    }

    /// The keys that signed the requests, and the tokens in them.
    fn signed_by(&self) -> Vec<(String, String)> {
        let requests = self.requests.lock().unwrap();
        let keys = requests.iter().map(|request| {
            let authorization = request.header("authorization").unwrap();
            let (_, rest) = authorization.split_once("Credential=").unwrap();
            let key = rest.split_once('/').unwrap().0.to_owned();
            (key, request.header("x-amz-security-token").unwrap().to_owned())
        });
        keys.collect()
    }
}

impl Service for Aside {
    fn response(&self, request: Request) -> Reply {
        self.requests.lock().unwrap().push(request);
        let response = self.responses.lock().unwrap().pop_front();
        Reply::Response(response.unwrap_or_else(|| Response::new(200, SUCCESS)))
    }
}

fn aws(variables: &[(&str, String)], endpoint: &str) -> Aws {
    let mut pairs = vec![("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", endpoint)];
    pairs.extend(variables.iter().map(|(name, value)| (*name, value.as_str())));
    Aws::new(Client::default().in_environment(Environment::from_pairs(&pairs)))
}

async fn call(aws: &Aws, timeout: Duration) -> Result<Value, AwsError> {
    aws.call(AwsService::Ssm, None, "GetParameter", &json!({"Name": "x"}), timeout).await
}

fn key(number: usize) -> (String, String) {
    (format!("AKID{number}"), format!("{SECRET}-token-{number}"))
}

#[tokio::test]
async fn credentials_are_fetched_once_until_they_expire() {
    let (credentials, (service, server)) = (Credentials::start([]), Aside::start([]));
    let aws = aws(&credentials.variables(), &server.url());
    let (first, second) = tokio::join!(call(&aws, TIMEOUT), call(&aws, TIMEOUT));
    assert!(first.is_ok() && second.is_ok() && call(&aws, TIMEOUT).await.is_ok());
    assert_eq!(credentials.asked(), 1);
    assert_eq!(service.signed_by(), [key(1), key(1), key(1)]);
}

#[tokio::test]
async fn expired_credentials_are_renewed() {
    let past = SystemTime::now() - Duration::from_secs(60);
    let credentials = Credentials::start([Reply::Response(until(past, 1))]);
    let (service, server) = Aside::start([]);
    let aws = aws(&credentials.variables(), &server.url());
    assert!(call(&aws, TIMEOUT).await.is_ok());
    assert!(call(&aws, TIMEOUT).await.is_ok());
    assert_eq!(service.signed_by().last(), Some(&key(2)));
}

#[tokio::test]
async fn credentials_rejected_as_expired_are_renewed_once() {
    let expired = || Response::new(400, r#"{"__type":"ExpiredTokenException"}"#);
    let credentials = Credentials::start([]);
    let (service, server) =
        Aside::start([expired(), Response::new(200, "{}"), expired(), expired()]);
    let aws = aws(&credentials.variables(), &server.url());
    assert!(call(&aws, TIMEOUT).await.is_ok());
    assert_eq!(service.signed_by(), [key(1), key(2)]);
    let error = call(&aws, TIMEOUT).await.unwrap_err();
    assert_eq!(error.to_string(), "ssm:GetParameter: ExpiredTokenException (status 400)");
    assert_eq!(service.signed_by()[2..], [key(2), key(3)]);
}

#[tokio::test]
async fn keys_in_variables_have_precedence_and_are_not_renewed() {
    let credentials = Credentials::start([]);
    let (service, server) = Aside::start([Response::new(403, r#"{"__type":"ExpiredToken"}"#)]);
    let mut variables = credentials.variables();
    for (name, value) in &mut variables {
        if name.starts_with("AWS_ACCESS") || name.starts_with("AWS_S") {
            *value = format!("{SECRET}-of-variables");
        }
    }
    assert!(call(&aws(&variables, &server.url()), TIMEOUT).await.unwrap_err().is_denied());
    assert_eq!(service.signed_by().len(), 1);
    assert_eq!(credentials.asked(), 0);
}

#[tokio::test]
async fn the_token_file_is_read_for_each_fetch() {
    let credentials = Credentials::start([]);
    let (_, server) = Aside::start([]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut variables = credentials.variables().to_vec();
    variables[1].1 = "another".to_owned();
    let path = file.to_str().unwrap().to_owned();
    variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path));
    let aws = aws(&variables, &server.url());
    let error = call(&aws, TIMEOUT).await.unwrap_err().to_string();
    let expected =
        "the file in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: entity not found";
    assert!(error.ends_with(expected), "{error}");
    std::fs::write(&file, format!("{SECRET}-authorization\n")).unwrap();
    assert!(call(&aws, TIMEOUT).await.is_ok());
    assert_eq!(credentials.asked(), 1);
}

/// The error without credentials, after at most this time.
async fn rejection(replies: Vec<Reply>, timeout: Duration) -> (AwsError, usize) {
    let (credentials, (service, server)) = (Credentials::start(replies), Aside::start([]));
    let error = call(&aws(&credentials.variables(), &server.url()), timeout).await.unwrap_err();
    assert!(service.signed_by().is_empty());
    let said = error.to_string();
    for hidden in [SECRET, PAYLOAD, "2021-04-23", "a=b"] {
        assert!(!said.contains(hidden), "{said}");
    }
    let start = format!(
        "ssm:GetParameter: cannot fetch credentials from {} \
         (AWS_CONTAINER_CREDENTIALS_FULL_URI): ",
        credentials.server.url()
    );
    assert!(said.starts_with(&start), "{said}");
    (error, credentials.asked())
}

#[tokio::test]
async fn an_error_names_the_endpoint_and_the_reason_without_secrets() {
    let responses = |status, body: &str| vec![Reply::Response(Response::new(status, body)); 3];
    let body = json!({"code": "CredentialsError", "message": PAYLOAD}).to_string();
    let (error, asked) = rejection(responses(403, &body), TIMEOUT).await;
    assert!(error.to_string().ends_with(": status 403") && !error.is_retryable(), "{error}");
    assert_eq!(asked, 1);
    let (error, asked) = rejection(responses(500, ""), TIMEOUT).await;
    assert!(error.to_string().ends_with(": status 500") && error.is_retryable(), "{error}");
    assert_eq!(asked, 3);
    let no_credentials = json!({"AccessKeyId": SECRET, "SecretAccessKey": 5}).to_string();
    for body in ["", "<html>", "{}", &no_credentials] {
        let (error, _) = rejection(responses(200, body), TIMEOUT).await;
        assert!(error.to_string().ends_with(": the response cannot be read"), "{error}");
    }
    let too_long = " ".repeat(1024 * 1024);
    let (error, _) = rejection(responses(200, &too_long), TIMEOUT).await;
    assert!(error.to_string().ends_with(": the response cannot be read"), "{error}");
    let (error, _) = rejection(vec![Reply::Reset; 3], TIMEOUT).await;
    assert!(error.to_string().ends_with(": the connection broke"), "{error}");
    let redirect = Response::new(302, "").with("location", "http://127.0.0.1:1/");
    let (error, _) = rejection(vec![Reply::Response(redirect)], TIMEOUT).await;
    assert!(error.to_string().ends_with(": status 302"), "{error}");
}

#[tokio::test]
async fn an_endpoint_without_responses_takes_only_the_callers_time() {
    let (error, asked) = rejection(vec![Reply::Silence], Duration::from_millis(50)).await;
    assert!(error.to_string().ends_with(": no response in time"), "{error}");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_remote_credentials_endpoint_requires_https() {
    let (_, server) = Aside::start([]);
    for url in ["http://192.0.2.1/x", "http://credentials.example/x", "ftp://127.0.0.1/x", "x"] {
        let mut variables = Credentials::start([]).variables();
        variables[0].1 = url.to_owned();
        let error = call(&aws(&variables, &server.url()), TIMEOUT).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "ssm:GetParameter: AWS_CONTAINER_CREDENTIALS_FULL_URI must be a URL that begins with https://, or \
             with http:// and a loopback address, 169.254.170.2, 169.254.170.23 or fd00:ec2::23",
            "{url}"
        );
        assert!(!error.is_retryable());
    }
}

fn ships(variables: &[(&str, String)], url: &str) -> Lambda {
    let config = accepting(&json!({"destinations": {"stream": {
        "type": "firehose", "url": url, "stream_arn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs",
    }}}));
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("LOGAGG_CONFIG", &config));
    Lambda::start_in(&variables)
}

#[test]
fn destinations_are_signed_with_fetched_credentials_and_resigned_after_expiry() {
    let credentials = Credentials::start([]);
    let expired = Response::new(400, r#"{"__type":"ExpiredTokenException"}"#);
    let (service, server) = Aside::start([expired]);
    let mut lambda = ships(&credentials.variables(), &server.url());
    for _ in 0..2 {
        let counts = &lambda.invoke(&event::of(1)).summary["destinations"]["stream"];
        assert_eq!((&counts["delivered"], &counts["retries"]), (&json!(1), &json!(0)));
    }
    assert_eq!(service.signed_by(), [key(1), key(2), key(2)]);
    assert_eq!(credentials.asked(), 2);
}

#[test]
fn unsigned_requests_are_counted_with_a_warning() {
    let url = http::unused_url();
    let mut variables = Credentials::start([]).variables();
    variables[0].1 = format!("{url}/x");
    let (service, server) = Aside::start([]);
    let mut lambda = ships(&variables, &server.url());
    let invoked = lambda.invoke_within(&event::of(2), Duration::from_secs(4));
    let counts = &invoked.summary["destinations"]["stream"];
    assert_eq!(counts["reasons"]["returned_to_source"], json!({"not_signed": 2}));
    let warning = format!(
        "requests cannot be signed: cannot fetch credentials from {url} \
         (AWS_CONTAINER_CREDENTIALS_FULL_URI): the connection was refused"
    );
    let warnings = invoked.summary["warnings"].as_array().unwrap();
    assert!(warnings.contains(&json!(warning)), "{warnings:?}");
    assert!(service.signed_by().is_empty());
}
