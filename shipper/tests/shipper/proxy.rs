//! Requests through a proxy of the environment variables.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::SECRET;
use crate::bulk::Bulk;
use crate::event;
use crate::http::{Reply, Request, Response, Server, Service, unused_url};
use crate::lambda::{Invoked, Lambda, accepting};
use crate::settled::settled;
use crate::tls::{authority, trusted};

/// What a proxy does with a request to connect.
#[derive(Clone, Copy)]
enum Policy {
    Connects,
    /// Rejects with this status line.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#name-407-proxy-authentication-re>
    Rejects(&'static str),
}

/// The first line and the credentials of a request.
type Line = (String, Option<String>);

/// A proxy that forwards one request per connection, or a tunnel.
struct Proxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Line>>>,
}

impl Proxy {
    fn start(policy: Policy) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = Arc::clone(&proxy.requests);
        // Ends with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let requests = Arc::clone(&requests);
                thread::spawn(move || forward(client.unwrap(), policy, &requests));
            }
        });
        proxy
    }

    /// The URL, with a user name and a password.
    fn url(&self) -> String {
        format!("http://logagg:{SECRET}@{}", self.address)
    }

    /// The destinations of the requests.
    fn destinations(&self) -> BTreeSet<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(line, _)| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    }
}

/// Handles a connection: `CONNECT`, or a request with an absolute URL.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#CONNECT>,
/// <https://www.rfc-editor.org/rfc/rfc9112#name-absolute-form>
fn forward(mut client: TcpStream, policy: Policy, requests: &Mutex<Vec<Line>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let credentials = headers
        .lines()
        .filter_map(|header| header.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"))
        .map(|(_, value)| value.to_owned());
    requests.lock().unwrap().push((line.to_owned(), credentials));
    if let Policy::Rejects(status) = policy {
        return write!(client, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").ok();
    }
    let (method, target) = line.split_once(' ').unwrap();
    let mut server = if method == "CONNECT" {
        let server = TcpStream::connect(target.split_once(' ').unwrap().0).ok()?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
        server
    } else {
        let (host, path) = target.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut server = TcpStream::connect(host).ok()?;
        write!(server, "{method} /{path}\r\nconnection: close\r\n{headers}").ok()?;
        server
    };
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut server, &mut client);
    client.shutdown(Shutdown::Write).ok()
}

/// A destination with TLS, which the function trusts.
struct Destination {
    bulk: Bulk,
    ca: String,
    folder: TempDir,
}

impl Destination {
    fn start() -> Self {
        let authority = authority();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        let ca = file.to_str().unwrap().to_owned();
        Self { bulk: Bulk::with_tls(trusted(&authority)), ca, folder }
    }

    /// `CONNECT` with the destination's address.
    fn connect(&self) -> String {
        let url = self.bulk.config()["url"].as_str().unwrap().to_owned();
        format!("CONNECT {}", url.strip_prefix("https://").unwrap())
    }

    /// Sends two messages with these variables.
    fn send(&self, variables: &[(&str, &str)]) -> Invoked {
        assert!(self.folder.path().exists());
        let config = json!({"destinations": {"search": self.bulk.config()}, "reserve_ms": 29_000});
        let config = accepting(&config);
        let mut environment =
            vec![("LOGAGG_CONFIG", config.as_str()), ("SSL_CERT_FILE", self.ca.as_str())];
        environment.extend(variables);
        let mut lambda = Lambda::start_in(&environment);
        lambda.invoke_within(&event::of(2), Duration::from_secs(30))
    }
}

fn messages() -> [String; 2] {
    [event::message(0), event::message(1)]
}

#[test]
fn requests_go_through_the_proxy_with_its_credentials() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let (destination, proxy) = (Destination::start(), Proxy::start(Policy::Connects));
        let invoked = destination.send(&[(variable, &proxy.url()), ("NO_PROXY", "other.example")]);
        let counts = settled(&invoked, "search", &messages(), &destination.bulk.held());
        assert_eq!(counts.get("delivered"), 2, "{variable}");
        assert_eq!(proxy.destinations(), BTreeSet::from([destination.connect()]));
        let requests = proxy.requests.lock().unwrap();
        // base64 of `logagg:S3CR3T`.
        let credentials = Some("Basic bG9nYWdnOlMzQ1IzVA==".to_owned());
        assert!(requests.iter().all(|(_, sent)| *sent == credentials), "{requests:?}");
    }
}

#[test]
fn hosts_of_no_proxy_are_reached_directly() {
    for (variable, hosts) in [("NO_PROXY", "127.0.0.1"), ("no_proxy", ".example, 127.0.0.0/8")] {
        let (destination, proxy) = (Destination::start(), Proxy::start(Policy::Connects));
        let invoked = destination.send(&[("HTTPS_PROXY", &proxy.url()), (variable, hosts)]);
        let counts = settled(&invoked, "search", &messages(), &destination.bulk.held());
        assert_eq!(counts.get("delivered"), 2);
        assert!(proxy.destinations().is_empty(), "{variable}={hosts}");
    }
}

#[test]
fn a_proxy_that_refuses_is_reported_and_nothing_is_lost() {
    for (policy, reason) in [
        (Policy::Rejects("407 Proxy Authentication Required"), "proxy_authentication_required"),
        (Policy::Rejects("403 Forbidden"), "proxy_rejected"),
    ] {
        let (destination, proxy) = (Destination::start(), Proxy::start(policy));
        let invoked = destination.send(&[("HTTPS_PROXY", &proxy.url())]);
        let counts = settled(&invoked, "search", &messages(), &destination.bulk.held());
        assert_eq!(counts.reasons("returned_to_source")[reason], 2, "{reason}");
        assert_eq!(counts.get("possible_duplicates"), 0, "{reason}");
        assert!(destination.bulk.arrivals().is_empty(), "{reason}");
    }
    let destination = Destination::start();
    let invoked = destination.send(&[("HTTPS_PROXY", &unused_url())]);
    let counts = settled(&invoked, "search", &messages(), &destination.bulk.held());
    assert_eq!(counts.reasons("returned_to_source")["proxy_not_connected"], 2);
    assert_eq!(counts.get("possible_duplicates"), 0);
}

#[test]
fn an_invalid_proxy_url_stops_the_start_without_being_shown() {
    let config = accepting(&json!({"destinations": {"search": Bulk::start().config()}}));
    let url = format!("socks5://logagg:{SECRET}@proxy.example:1080");
    let error = Lambda::start_in(&[("LOGAGG_CONFIG", &config), ("HTTPS_PROXY", &url)]).init_error();
    assert_eq!(
        error.message,
        "logagg shipper cannot start: HTTPS_PROXY must be the URL of an HTTP proxy, such as \
         \"http://proxy.example:3128\"; special characters in user name and password must be \
         percent-encoded"
    );
}

/// AWS, and the endpoint of container credentials beside it.
#[derive(Default)]
struct Aws {
    targets: Mutex<Vec<String>>,
}

impl Service for Aws {
    fn response(&self, request: Request) -> Reply {
        self.targets.lock().unwrap().push(request.target.clone());
        let body: Value = match request.target.as_str() {
            "/credentials" => json!({
                "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "key", "Token": "token",
                "Expiration": "2100-01-01T00:00:00Z",
            }),
            _ if request.header("x-amz-target") == Some("secretsmanager.GetSecretValue") => {
                json!({"SecretString": SECRET})
            }
            _ => json!({"items": [{"create": {"status": 201}}]}),
        };
        Reply::Response(Response::new(200, body.to_string()))
    }
}

#[test]
fn calls_of_aws_go_through_the_proxy_and_container_credentials_never_do() {
    let (aws, proxy) = (Arc::new(Aws::default()), Proxy::start(Policy::Connects));
    let server = Server::start(Arc::clone(&aws));
    let config = accepting(&json!({"destinations": {"search": {
        "type": "elasticsearch", "url": "https://search.example", "index": "logs",
        "auth": {"type": "basic", "username": "u", "password":
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:search-AbCdEf"},
    }}}));
    let mut lambda = Lambda::start_in(&[
        ("LOGAGG_CONFIG", &config),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/credentials", server.url())),
        ("AWS_ENDPOINT_URL", &server.url()),
        ("HTTP_PROXY", &proxy.url()),
    ]);
    // A control message sends nothing.
    lambda.invoke(&event::control());
    let expected = BTreeSet::from([format!("POST {}/", server.url())]);
    assert_eq!(proxy.destinations(), expected);
    assert_eq!(*aws.targets.lock().unwrap(), ["/credentials", "/"]);
}
