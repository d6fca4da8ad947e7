//! A destination that cannot be reached has received nothing, however short the request timeout is.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use logagg_shipper::aws::{Aws, AwsError, Environment, Service};
use logagg_shipper::delivery::{Client, Fault};
use logagg_shipper::destination::Ambiguity;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::http::{Reply, Request, Response, Server, Service as Serves};

/// Shorter than the connection timeout.
const SHORT: Duration = Duration::from_millis(300);

/// Longer than the connection timeout.
const LONG: Duration = Duration::from_secs(30);

/// A listener whose backlog is full, so that connections are not accepted.
struct Full {
    address: SocketAddr,
    _socket: Socket,
    _waiting: Vec<TcpStream>,
}

impl Full {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
            assert!(waiting.len() < 64, "there is no end of room");
            waiting.push(stream);
        }
        Self { address, _socket: socket, _waiting: waiting }
    }
}

/// A server that reads requests and never responds.
struct Silent;

impl Serves for Silent {
    fn response(&self, request: Request) -> Reply {
        assert_eq!(request.body, b"line");
        assert_eq!(request.header("content-length"), Some("4"));
        Reply::Silence
    }
}

/// A server that returns the request's body.
struct Echo;

impl Serves for Echo {
    fn response(&self, request: Request) -> Reply {
        Reply::Response(Response::new(200, request.body))
    }
}

/// Sends a record to an address.
async fn send(client: &Client, address: SocketAddr, timeout: Duration) -> Result<Vec<u8>, Fault> {
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let mut request = reqwest::Request::new(Method::POST, url);
    *request.body_mut() = Some("line".into());
    let (_, _, body) = client.execute(request, timeout, 100).await?;
    Ok(body.to_vec())
}

#[tokio::test]
async fn a_request_that_fails_while_connecting_was_certainly_not_received() {
    let (client, full) = (Client::default(), Full::new());
    for timeout in [SHORT, LONG] {
        let fault = send(&client, full.address, timeout).await.unwrap_err();
        assert_eq!((fault, fault.ambiguity()), (Fault::NotConnected, Ambiguity::NothingAccepted));
    }
}

#[tokio::test]
async fn a_request_that_fails_while_waiting_may_have_been_received() {
    let client = Client::default();
    let server = Server::start(Arc::new(Silent));
    let fault = send(&client, server.address, SHORT).await.unwrap_err();
    assert_eq!((fault, fault.ambiguity()), (Fault::Timeout, Ambiguity::Unclear));
}

#[tokio::test]
async fn an_existing_connection_is_used_for_short_requests_too() {
    let client = Client::default();
    let server = Server::start(Arc::new(Echo));
    for timeout in [LONG, Duration::from_secs(3), LONG] {
        assert_eq!(send(&client, server.address, timeout).await, Ok(b"line".to_vec()));
    }
}

#[tokio::test]
async fn a_call_of_aws_that_fails_while_connecting_was_certainly_not_executed() {
    let full = Full::new();
    let environment = Environment::from_pairs(&[
        ("AWS_ENDPOINT_URL", format!("http://{}", full.address).as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ]);
    let aws = Aws::new(Client::default().in_environment(environment));
    let input = json!({"QueueUrl": "x", "MessageBody": "x"});
    let sent: Result<Value, AwsError> =
        aws.call(Service::Sqs, None, "SendMessage", &input, SHORT).await;
    let error = sent.unwrap_err();
    assert_eq!(error.to_string(), "sqs:SendMessage: not_connected");
    assert_eq!(error.ambiguity(), Ambiguity::NothingAccepted);
}
