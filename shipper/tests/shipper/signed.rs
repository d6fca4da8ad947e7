//! Destinations of types `http` and `otlp` whose requests are signed for an AWS service.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::contract::ensure_signed;
use crate::event;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::lambda::Lambda;

/// Accepts requests that are signed for its service, after a first one for which it has no
/// capacity.
struct Verifier {
    service: &'static str,
    requests: Mutex<Vec<Request>>,
    violations: Mutex<Vec<String>>,
}

impl Service for Verifier {
    fn response(&self, request: Request) -> Reply {
        let mut requests = self.requests.lock().unwrap();
        if let Err(violation) = ensure_signed(&request, self.service) {
            self.violations.lock().unwrap().push(violation);
        }
        let status = if requests.is_empty() { 503 } else { 200 };
        requests.push(request);
        Reply::Response(Response::new(status, "{}"))
    }
}

/// The requests of an invocation with such a destination, each of which is signed.
fn requests(service: &'static str, mut destination: Value) -> Vec<Request> {
    let (requests, violations) = (Mutex::default(), Mutex::default());
    let verifier = Arc::new(Verifier { service, requests, violations });
    let server = Server::start(Arc::clone(&verifier));
    let path = destination["url"].as_str().unwrap().to_owned();
    destination["url"] = json!(format!("{}{path}", server.url()));
    destination["auth"] = json!({"type": "aws", "service": service, "region": "eu-west-1"});
    let config = json!({"destinations": {"x": destination}});
    let invoked = Lambda::start(&config).invoke(&event::of(3));
    assert_eq!(*verifier.violations.lock().unwrap(), [""; 0]);
    let counts = &invoked.summary["destinations"]["x"];
    assert_eq!((&counts["delivered"], &counts["retries"]), (&json!(3), &json!(1)), "{counts}");
    std::mem::take(&mut *verifier.requests.lock().unwrap())
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html>
#[test]
fn an_otlp_request_is_signed_with_its_headers_and_its_compressed_body() {
    let requests = requests(
        "logs",
        json!({
            "type": "otlp",
            "url": "/v1/logs",
            "headers": {"x-aws-log-group": "/central/lambda", "x-aws-log-stream": "all"},
        }),
    );
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.target, "/v1/logs");
        assert_eq!(request.header("x-aws-log-group"), Some("/central/lambda"));
        assert_eq!(request.header("x-aws-log-stream"), Some("all"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
    }
}

/// <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/configure-client.html>
#[test]
fn an_http_request_is_signed_with_its_path_and_query() {
    let requests = requests(
        "osis",
        json!({
            "type": "http",
            "url": "/log/in%20gest?a=b%26c&d",
            "format": "json_array",
            "query": {"tenant": "shop 1"},
            "headers": {"X-Amz-Invocation-Type": "Event"},
        }),
    );
    for request in &requests {
        assert_eq!(request.target, "/log/in%20gest?a=b%26c&d&tenant=shop+1");
        assert_eq!(request.header("x-amz-invocation-type"), Some("Event"));
    }

    // What is verified here is the whole request.
    let [request, ..] = &requests[..] else { panic!("no request") };
    let is_signed = |change: fn(&mut Request)| {
        let mut request = request.clone();
        change(&mut request);
        ensure_signed(&request, "osis").is_ok()
    };
    assert!(is_signed(|_| {}));
    assert!(!is_signed(|request| request.body.push(b' ')));
    assert!(!is_signed(|request| request.target.push('x')));
    assert!(!is_signed(|request| request.method = "PUT".to_owned()));
    assert!(!is_signed(|request| {
        request.headers.insert("content-encoding".to_owned(), "identity".to_owned());
    }));
    assert!(!is_signed(|request| drop(request.headers.insert("x-new".to_owned(), String::new()))));
    assert!(ensure_signed(request, "logs").is_err());
}
