//! Secrets are fetched by their ARNs, once, and again after they were rejected.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::event;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::lambda::{Lambda, accepting};
use crate::secret_stores::SecretStores;
use crate::{SECRET, bulk};

const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:search-AbCdEf";
const PARAMETER_ARN: &str = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/password";

/// A cluster that requires a password, and counts requests.
struct Cluster {
    password: Mutex<String>,
    requests: Mutex<usize>,
}

impl Cluster {
    fn start(password: &str) -> (Arc<Self>, Server) {
        let password = Mutex::new(password.to_owned());
        let cluster = Arc::new(Self { password, requests: Mutex::new(0) });
        let server = Server::start(Arc::clone(&cluster));
        (cluster, server)
    }

    fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }
}

impl Service for Cluster {
    fn response(&self, request: Request) -> Reply {
        if let Some(response) = bulk::mapping(&request) {
            return Reply::Response(response);
        }
        *self.requests.lock().unwrap() += 1;
        let credentials = STANDARD.encode(format!("logagg:{}", self.password.lock().unwrap()));
        let is_right = request.header("authorization") == Some(&format!("Basic {credentials}"));
        Reply::Response(if is_right {
            Response::new(200, r#"{"items":[{"create":{"status":201}}]}"#)
        } else {
            Response::new(401, format!("wrong password: {SECRET}"))
        })
    }
}

fn config(server: &Server, password: &str) -> Value {
    json!({"destinations": {"search": {
        "type": "elasticsearch", "url": server.url(), "index": bulk::INDEX,
        "auth": {"type": "basic", "username": "logagg", "password": password},
    }}})
}

/// A server that rejects unknown URLs in the destination's own form.
struct Doorman {
    path: Mutex<String>,
    rejection: Response,
    success: &'static str,
}

impl Service for Doorman {
    fn response(&self, request: Request) -> Reply {
        let is_right = request.target.contains(&*self.path.lock().unwrap())
            || request
                .header("authorization")
                .is_some_and(|header| header.contains(&*self.path.lock().unwrap()));
        let success = Response::new(200, self.success);
        Reply::Response(if is_right { success } else { self.rejection.clone() })
    }
}

fn start(secret_stores: &SecretStores, config: &Value) -> Lambda {
    Lambda::start_in(&[
        ("AWS_ENDPOINT_URL", &secret_stores.url()),
        ("LOGAGG_CONFIG", &accepting(config)),
    ])
}

#[test]
fn a_secret_is_fetched_once_for_all_invocations() {
    for (arn, kept_under, kept) in [
        (SECRET_ARN.to_owned(), SECRET_ARN, format!("{SECRET}\n")),
        (format!("{SECRET_ARN}:password"), SECRET_ARN, json!({"password": SECRET}).to_string()),
        (PARAMETER_ARN.to_owned(), PARAMETER_ARN, SECRET.to_owned()),
    ] {
        let secret_stores = SecretStores::start();
        secret_stores.keep(kept_under, &kept);
        let (cluster, server) = Cluster::start(SECRET);
        let mut lambda = start(&secret_stores, &config(&server, &arn));
        for _ in 0..3 {
            let invoked = lambda.invoke(&event::of(1));
            assert_eq!(invoked.summary["destinations"]["search"]["delivered"], 1, "{arn}");
        }
        assert_eq!((secret_stores.asked(), cluster.requests()), (vec![kept_under.to_owned()], 3));
    }
}

#[test]
fn a_rotated_secret_is_fetched_again_and_the_event_delivered() {
    let secret_stores = SecretStores::start();
    secret_stores.keep(SECRET_ARN, &format!("{SECRET}-1"));
    let (cluster, server) = Cluster::start(&format!("{SECRET}-1"));
    let mut lambda = start(&secret_stores, &config(&server, SECRET_ARN));
    lambda.invoke(&event::of(1));

    secret_stores.keep(SECRET_ARN, &format!("{SECRET}-2"));
    *cluster.password.lock().unwrap() = format!("{SECRET}-2");
    for _ in 0..2 {
        let invoked = lambda.invoke(&event::of(1));
        assert_eq!(invoked.summary["outcome"], "ok");
        assert_eq!(invoked.summary["destinations"]["search"]["delivered"], 1);
    }
    // The first, the rejected one, its retry, and the last.
    assert_eq!((secret_stores.asked().len(), cluster.requests()), (2, 4));
}

#[test]
fn a_permanently_rejected_secret_is_not_fetched_for_every_invocation() {
    let secret_stores = SecretStores::start();
    secret_stores.keep(SECRET_ARN, SECRET);
    let (cluster, server) = Cluster::start("another");
    let mut lambda = start(&secret_stores, &config(&server, SECRET_ARN));
    for _ in 0..3 {
        let invoked = lambda.invoke(&event::of(1));
        let reasons = &invoked.summary["destinations"]["search"]["reasons"];
        assert_eq!(reasons["returned_to_source"]["status_401"], 1);
        assert!(invoked.result.is_err());
    }
    assert_eq!((secret_stores.asked().len(), cluster.requests()), (2, 3));
}

#[test]
fn a_hanging_secret_fetch_ends_before_the_invocation() {
    let secret_stores = SecretStores::start();
    secret_stores.keep(SECRET_ARN, SECRET);
    let (cluster, server) = Cluster::start(SECRET);
    let mut lambda = start(&secret_stores, &config(&server, SECRET_ARN));
    lambda.invoke(&event::of(1));
    *cluster.password.lock().unwrap() = "another".to_owned();
    secret_stores.fall_silent();
    // A second of it is the reserve. An invocation that misses its deadline fails the test.
    let invoked = lambda.invoke_within(&event::of(1), Duration::from_millis(2_500));
    let reasons = &invoked.summary["destinations"]["search"]["reasons"];
    assert_eq!(reasons["returned_to_source"]["status_401"], 1);
    assert_eq!(secret_stores.asked().len(), 2);
    let warnings = invoked.summary["warnings"].to_string();
    assert!(warnings.contains("cannot fetch secrets"), "{warnings}");
}

#[test]
fn a_rejected_secret_is_fetched_again_for_every_destination() {
    let splunk = |url: String| json!({"type": "splunk_hec", "url": url, "token": SECRET_ARN});
    let sumo = |_: String| json!({"type": "sumologic", "url": SECRET_ARN});
    let codes = [(403, 1), (401, 2), (400, 3), (403, 4), (400, 21)];
    let codes = codes.map(|(status, code)| Response::new(status, format!(r#"{{"code":{code}}}"#)));
    let of_splunk = codes.map(|rejection| (rejection, r#"{"text":"Success","code":0}"#, true));
    let of_sumo = [401, 404].map(|status| (Response::new(status, ""), "", false));
    for (rejection, success, is_splunk) in of_splunk.into_iter().chain(of_sumo) {
        let described = format!("{rejection:?}");
        let path = Mutex::new(format!("{SECRET}-1"));
        let doorman = Arc::new(Doorman { path, rejection, success });
        let server = Server::start(Arc::clone(&doorman));
        let secret_stores = SecretStores::start();
        let kept = |number: usize| match is_splunk {
            true => format!("{SECRET}-{number}"),
            // The URL is the secret.
            false => format!("{}/receiver/{SECRET}-{number}", server.url()),
        };
        secret_stores.keep(SECRET_ARN, &kept(1));
        let destination = if is_splunk { splunk(server.url()) } else { sumo(server.url()) };
        let mut lambda = start(&secret_stores, &json!({"destinations": {"x": destination}}));
        assert_eq!(lambda.invoke(&event::of(1)).summary["outcome"], "ok", "{described}");

        secret_stores.keep(SECRET_ARN, &kept(2));
        *doorman.path.lock().unwrap() = format!("{SECRET}-2");
        let invoked = lambda.invoke(&event::of(1));
        assert_eq!(invoked.summary["destinations"]["x"]["delivered"], 1, "{described}");
        assert_eq!(secret_stores.asked().len(), 2, "{described}");
    }
}

#[test]
fn a_url_in_a_secret_follows_the_same_rules() {
    let config = json!({"destinations": {"x": {"type": "sumologic", "url": SECRET_ARN}}});
    for (kept, described) in [
        (
            SECRET.to_owned(),
            "destinations.x.url: must be a URL that begins with http:// or https://, such as \
             \"https://logs.example:8080\"",
        ),
        (
            format!("http://sumo.example/{SECRET}"),
            "destinations.x.url: the URL begins with http:// and is not a loopback address",
        ),
    ] {
        let secret_stores = SecretStores::start();
        secret_stores.keep(SECRET_ARN, &kept);
        let message = start(&secret_stores, &config).init_error().message;
        assert!(message.contains(described), "{message}");
    }
}

#[test]
fn missing_secrets_are_reported_with_field_and_permission() {
    let secret_stores = SecretStores::start();
    let denied = format!(r#"{{"__type":"AccessDeniedException","Message":"{SECRET}"}}"#);
    secret_stores.response([Response::new(400, denied)]);
    let (_, server) = Cluster::start(SECRET);
    let lambda = start(&secret_stores, &config(&server, SECRET_ARN));
    assert_eq!(
        lambda.init_error().message,
        format!(
            "logagg shipper cannot start: cannot fetch secrets:\n  destinations.search.auth.password: \
             cannot fetch {SECRET_ARN}: secretsmanager:GetSecretValue: AccessDeniedException \
             (status 400); grant the function's role secretsmanager:GetSecretValue on it, and \
             kms:Decrypt on its key if that is a customer managed key"
        )
    );
}

#[test]
fn a_document_with_arns_is_validated_before_anything_is_fetched() {
    let secret_stores = SecretStores::start();
    let (_, server) = Cluster::start(SECRET);
    let mut wrong = config(&server, "arn:aws:s3:::bucket/key");
    wrong["destinations"]["search"]["indx"] = json!("logs");
    let error = start(&secret_stores, &wrong).init_error().message;
    assert!(error.contains("LOGAGG_CONFIG has 2 errors"), "{error}");
    assert!(error.contains("auth.password: is not the ARN of a secret"), "{error}");
    assert!(secret_stores.asked().is_empty());
}
