//! A proxy between the shipper and a server that records every exchange.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::runtime;

/// Headers of a connection and not of what goes over it, and those that say when and where.
const NOT_RECORDED: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "transfer-encoding",
    "user-agent",
    "accept",
];

/// A request and the response to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was sent.
    pub request: Sent,
    /// What came back.
    pub response: Received,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its headers, but for those of the connection.
    pub headers: BTreeMap<String, String>,
    /// Its body, decompressed; one that is not UTF-8 in hexadecimal digits, in `0x…`.
    pub body: String,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Its status.
    pub status: u16,
    /// Its headers, but for those of the connection.
    pub headers: BTreeMap<String, String>,
    /// Its body, as in a request.
    pub body: String,
}

/// The proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Recorder {
    /// Starts one in front of a server at this URL, which has no path.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(upstream: &str) -> anyhow::Result<Self> {
        let listener = runtime::block_on(TcpListener::bind(("127.0.0.1", 0)))
            .context("opening a port for the recorder")?;
        let address = listener.local_addr().context("reading the recorder's port")?;
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let server = runtime::spawn(serve(listener, upstream.to_owned(), Arc::clone(&exchanges)));
        Ok(Self { address, exchanges, server })
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The exchanges so far, in the order of their ends.
    ///
    /// # Panics
    /// Never: nothing panics while it holds the lock.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().expect("nothing panics while it holds the lock").clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, upstream: String, exchanges: Arc<Mutex<Vec<Exchange>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (upstream, exchanges) = (upstream.clone(), Arc::clone(&exchanges));
        connections.spawn(async move {
            let service = service_fn(move |request| {
                pass_on(upstream.clone(), Arc::clone(&exchanges), request)
            });
            // A client that goes away ends here.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// A server that does not respond closes the connection here too.
async fn pass_on(
    upstream: String,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    request: Request<Incoming>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.context("reading a request")?.to_bytes();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let mut passed_on = runtime::CLIENT
        .request(parts.method.clone(), format!("{upstream}{target}"))
        .body(body.clone());
    for (name, value) in &parts.headers {
        if !["host", "connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            passed_on = passed_on.header(name, value);
        }
    }
    let response = passed_on.send().await.with_context(|| format!("calling {upstream}{target}"))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let answer = response.bytes().await.context("reading a response")?;
    let exchange = Exchange {
        request: Sent {
            method: parts.method.to_string(),
            target,
            headers: recorded(&parts.headers),
            body: text(&parts.headers, &body),
        },
        response: Received {
            status: status.as_u16(),
            headers: recorded(&headers),
            body: text(&headers, &answer),
        },
    };
    if let Ok(mut exchanges) = exchanges.lock() {
        exchanges.push(exchange);
    }
    let mut response = Response::new(Full::new(answer));
    *response.status_mut() = StatusCode::from_u16(status.as_u16())?;
    for (name, value) in &headers {
        if !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            response.headers_mut().append(name, value.clone());
        }
    }
    Ok(response)
}

fn recorded(headers: &hyper::HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| !NOT_RECORDED.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect()
}

fn text(headers: &hyper::HeaderMap, body: &[u8]) -> String {
    let is_gzip = headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    let mut decompressed = Vec::new();
    let body = match GzDecoder::new(body).read_to_end(&mut decompressed) {
        Ok(_) if is_gzip => &decompressed,
        _ => body,
    };
    std::str::from_utf8(body).map_or_else(|_| hexadecimal(body), str::to_owned)
}

/// Bytes as they are recorded where they are no text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut digits, byte| {
        use std::fmt::Write;
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
