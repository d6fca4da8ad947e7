//! The AWS client against a mock server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use logagg_shipper::aws::{Aws, AwsError, Bucket, Environment, Service, retry_until};
use logagg_shipper::delivery::Client;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::contract::ensure_checksum;
use crate::event;
use crate::http::{self, Reply, Request, Response, Server};
use crate::lambda::Lambda;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns responses one after another, and records the requests.
#[derive(Default)]
struct Stub {
    responses: Mutex<VecDeque<Response>>,
    requests: Mutex<Vec<Request>>,
}

impl http::Service for Stub {
    fn response(&self, request: Request) -> Reply {
        self.requests.lock().unwrap().push(request);
        let response = self.responses.lock().unwrap().pop_front();
        response.map_or(Reply::Reset, Reply::Response)
    }
}

/// Runs `calls` against a server with these responses, and returns their result and the requests.
async fn against<T>(
    responses: Vec<Response>,
    calls: impl AsyncFnOnce(&Aws) -> T,
) -> (T, Vec<Request>) {
    let stub = Arc::new(Stub { responses: Mutex::new(responses.into()), ..Stub::default() });
    let server = Server::start(Arc::clone(&stub));
    let environment = Environment::from_pairs(&[
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "S3CR3T"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_ENDPOINT_URL", &server.url()),
    ]);
    let result = calls(&Aws::new(Client::default().in_environment(environment))).await;
    drop(server);
    let requests = std::mem::take(&mut *stub.requests.lock().unwrap());
    (result, requests)
}

async fn parameter(aws: &Aws, timeout: Duration) -> Result<Value, AwsError> {
    aws.call(Service::Ssm, None, "GetParameter", &json!({"Name": "x"}), timeout).await
}

#[tokio::test]
async fn a_json_call_is_signed_and_addressed_to_its_operation() {
    let response = Response::new(200, r#"{"Parameter":{"Value":"v"}}"#);
    let (result, requests) =
        against(vec![response], async |aws| parameter(aws, TIMEOUT).await).await;
    assert_eq!(result, Ok(json!({"Parameter": {"Value": "v"}})));
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
    assert_eq!(request.header("x-amz-target"), Some("AmazonSSM.GetParameter"));
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(request.header("x-amz-security-token"), Some("token"));
    let authorization = request.header("authorization").unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
    assert!(authorization.starts_with(start), "{authorization}");
    assert!(authorization.contains("/eu-west-1/ssm/aws4_request"), "{authorization}");
    assert_eq!(request.body, br#"{"Name":"x"}"#);
}

#[tokio::test]
async fn an_error_is_classified_by_its_code_alone() {
    let response = Response::new(400, r#"{"__type":"AccessDeniedException","message":"PAYL0AD"}"#);
    let (result, _) = against(vec![response], async |aws| parameter(aws, TIMEOUT).await).await;
    let error = result.unwrap_err();
    assert!(error.is_denied());
    assert_eq!(error.to_string(), "ssm:GetParameter: AccessDeniedException (status 400)");
}

#[tokio::test]
async fn clock_skew_is_corrected_once() {
    let theirs = SystemTime::now() + Duration::from_secs(3_600);
    let skewed = || {
        Response::new(403, r#"{"__type":"InvalidSignatureException"}"#)
            .with("date", httpdate::fmt_http_date(theirs))
    };
    let well = || Response::new(200, "{}");
    let (result, requests) = against(vec![skewed(), well(), well()], async |aws| {
        parameter(aws, TIMEOUT).await.and(parameter(aws, TIMEOUT).await)
    })
    .await;
    assert_eq!(result, Ok(json!({})));
    let hours: Vec<_> =
        requests.iter().map(|request| &request.headers["x-amz-date"][..11]).collect();
    assert_ne!(hours[0], hours[1]);
    assert_eq!(hours[1], hours[2]);

    // An invalid key has the same code, but the right date.
    let rejected = Response::new(403, r#"{"__type":"InvalidSignatureException"}"#)
        .with("date", httpdate::fmt_http_date(SystemTime::now()));
    let (result, requests) =
        against(vec![rejected], async |aws| parameter(aws, TIMEOUT).await).await;
    assert!(result.unwrap_err().is_denied());
    assert_eq!(requests.len(), 1);
}

#[test]
fn clock_skew_is_corrected_for_destinations_too() {
    let theirs = SystemTime::now() + Duration::from_secs(3_600);
    let skewed = Response::new(400, r#"{"__type":"InvalidSignatureException"}"#)
        .with("date", httpdate::fmt_http_date(theirs));
    let well =
        || Response::new(200, r#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"}]}"#);
    let responses = Mutex::new([skewed, well(), well()].into());
    let stub = Arc::new(Stub { responses, ..Stub::default() });
    let server = Server::start(Arc::clone(&stub));
    let mut lambda = Lambda::start(&json!({"destinations": {"stream": {
        "type": "firehose", "url": server.url(),
        "stream_arn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs",
    }}}));
    for _ in 0..2 {
        let counts = &lambda.invoke(&event::of(1)).summary["destinations"]["stream"];
        assert_eq!((&counts["delivered"], &counts["retries"]), (&json!(1), &json!(0)));
    }
    let requests = stub.requests.lock().unwrap();
    let hours: Vec<_> =
        requests.iter().map(|request| &request.headers["x-amz-date"][..11]).collect();
    assert_eq!(hours.len(), 3);
    assert_ne!(hours[0], hours[1]);
    assert_eq!(hours[1], hours[2]);
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn throttling_is_retried_and_a_rejection_is_not() {
    let throttled = || Response::new(400, r#"{"__type":"ThrottlingException"}"#);
    let responses = vec![throttled(), throttled(), Response::new(200, "{}")];
    let patient = async |aws: &Aws| {
        let until = Instant::now() + TIMEOUT;
        retry_until(until, TIMEOUT, async |timeout| parameter(aws, timeout).await).await
    };
    let (result, requests) = against(responses, patient).await;
    assert_eq!((result, requests.len()), (Ok(json!({})), 3));
    let missing = Response::new(400, r#"{"__type":"ParameterNotFound"}"#);
    let (result, requests) = against(vec![missing], patient).await;
    assert_eq!((result.unwrap_err().code(), requests.len()), (Some("ParameterNotFound"), 1));
}

#[tokio::test]
async fn objects_are_written_read_listed_and_deleted() {
    let listing =
        "<ListBucketResult><Contents><Key>a</Key><Size>4</Size></Contents></ListBucketResult>";
    let missing = "<Error><Code>NoSuchKey</Code><Message>PAYL0AD</Message></Error>";
    let responses = vec![
        Response::new(200, "").with("etag", "\"1\""),
        Response::new(200, "body").with("etag", "\"1\""),
        Response::new(200, listing),
        Response::new(204, ""),
        Response::new(404, missing),
    ];
    let ((), requests) = against(responses, async |aws| {
        let bucket = Bucket { aws, name: "logs", region: Some("eu-central-1"), owner: None };
        let body = Bytes::from_static(b"body");
        let etag = bucket.put("a b", body.clone(), HeaderMap::new(), TIMEOUT).await;
        assert_eq!(etag, Ok(Some("\"1\"".to_owned())));
        let object = bucket.get("a b", TIMEOUT).await.unwrap();
        assert_eq!((object.body, object.etag.as_deref()), (body, Some("\"1\"")));
        let listing = bucket.list("a", Some("p/1"), 10, TIMEOUT).await.unwrap();
        assert_eq!((listing.objects[0].key.as_str(), listing.objects[0].bytes), ("a", 4));
        assert_eq!(bucket.delete("a b", TIMEOUT).await, Ok(()));
        let error = bucket.get("a b", TIMEOUT).await.unwrap_err();
        assert_eq!(error.to_string(), "s3:GetObject: NoSuchKey (status 404)");
    })
    .await;
    let asked: Vec<_> =
        requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    assert_eq!(
        asked,
        [
            "PUT /logs/a%20b",
            "GET /logs/a%20b",
            "GET /logs?continuation-token=p%2F1&encoding-type=url&list-type=2&max-keys=10&prefix=a",
            "DELETE /logs/a%20b",
            "GET /logs/a%20b",
        ]
    );
    let hash = "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5";
    assert_eq!(requests[0].header("x-amz-content-sha256"), Some(hash));
    assert!(requests[0].headers["authorization"].contains("/eu-central-1/s3/aws4_request"));
    assert_eq!(ensure_checksum(&requests[0]), Ok(()));
    let has_checksum = |request: &Request| request.header("x-amz-checksum-crc32").is_some();
    assert!(!requests[1..].iter().any(has_checksum));
}
