//! HTTP: the one place with I/O.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{io, iter};

use bytes::{Bytes, BytesMut};
use reqwest::cookie::CookieStore;
use reqwest::header::{CONTENT_ENCODING, COOKIE, HeaderMap, HeaderValue, RETRY_AFTER, SET_COOKIE};
use reqwest::{StatusCode, Url, redirect};
use rustls::ClientConfig;

use super::body_probe::BodyProbe;
use super::root_certificates;
use crate::aws::{self, Environment};
use crate::destination::{
    Ambiguity, Encoding, Endpoint, ReasonCode, Request, Response, Signing, speaks_tls,
};

/// How long to wait for a connection. A service that is down should cost a moment, not the
/// request's whole time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an unused connection is kept. Some servers close idle connections after 5 s, which a frozen
/// sandbox does not notice: a request on such a connection breaks, and nobody knows whether it was taken.
///
/// <https://nodejs.org/api/http.html#serverkeepalivetimeout>
const IDLE: Duration = Duration::from_secs(4);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection came about, so nothing was sent: an unknown name, no route, no answer.
    NotConnected,
    /// Nobody listens at the address.
    ConnectionRefused,
    /// The service could not prove by certificate who it is, or there is no TLS there, or none here.
    TlsFailed,
    /// There are no credentials to sign with, so nothing was sent.
    NotSigned,
    /// The answer did not come in time.
    Timeout,
    /// The connection broke, or the answer ended early or had no end.
    Broken,
    /// What came back is no HTTP, as from a port for gRPC or for TLS.
    NotHttp,
}

impl Fault {
    /// The word under which it is counted.
    pub fn class(self) -> ReasonCode {
        match self {
            Self::NotConnected => ReasonCode::new("not_connected"),
            Self::ConnectionRefused => ReasonCode::new("connection_refused"),
            Self::TlsFailed => ReasonCode::new("tls_failed"),
            Self::NotSigned => ReasonCode::new("not_signed"),
            Self::Timeout => ReasonCode::new("timeout"),
            Self::Broken => ReasonCode::new("connection_broken"),
            Self::NotHttp => ReasonCode::new("not_http"),
        }
    }

    /// Whether something may have been taken all the same.
    pub fn ambiguity(self) -> Ambiguity {
        match self {
            Self::NotConnected | Self::ConnectionRefused | Self::TlsFailed | Self::NotSigned => {
                Ambiguity::NothingTaken
            }
            Self::Timeout | Self::Broken | Self::NotHttp => Ambiguity::Unclear,
        }
    }
}

/// An HTTP client for everything, kept across invocations, and set up when the first request is
/// sent. What is signed is signed as an environment says.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    environment: Option<Arc<Environment>>,
}

/// What all copies of a client share.
struct Shared {
    tls: OnceLock<ClientConfig>,
    /// The connections to each server, by its origin.
    connections: Mutex<BTreeMap<String, Connections>>,
    /// Goes on while the sandbox is frozen, as the clock of the connection pools does not.
    clock: fn() -> SystemTime,
}

/// The connections to a server.
struct Connections {
    http: reqwest::Client,
    last_used: SystemTime,
}

impl Default for Client {
    fn default() -> Self {
        Self::with_clock(SystemTime::now)
    }
}

impl Client {
    fn with_clock(clock: fn() -> SystemTime) -> Self {
        let shared = Shared { tls: OnceLock::new(), connections: Mutex::default(), clock };
        Self { shared: Arc::new(shared), environment: None }
    }

    /// The same client, with the same connections, in another environment.
    #[must_use]
    pub fn in_environment(self, environment: Environment) -> Self {
        Self { environment: Some(Arc::new(environment)), ..self }
    }

    /// What is known of AWS here. It is read when it is first asked for.
    pub fn environment(&self) -> &Environment {
        match &self.environment {
            Some(environment) => environment,
            None => Environment::of_process(),
        }
    }

    /// Sends a request to an endpoint and reads the answer, all of it within `timeout`. One that is
    /// rejected since this machine's clock is wrong is sent once more by the service's.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, Fault> {
        let mut url = request.address.url.unwrap_or_else(|| endpoint.url.clone());
        if !endpoint.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&endpoint.query);
        }
        let method = request.address.method.unwrap_or_else(|| endpoint.method.clone());
        let mut headers = endpoint.headers.clone();
        headers.extend(request.address.headers);
        if let Some(encoding) = content_encoding(request.encoding) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let cookies = endpoint.cookies.as_deref();
        headers.extend(cookies.and_then(|jar| jar.cookies(&url)).map(|value| (COOKIE, value)));
        let body = request.body;
        let mut request = reqwest::Request::new(method, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let begun = Instant::now();
        let mut again = None;
        if let Some(signing) = &endpoint.signing {
            again = request.try_clone();
            self.sign(signing, &mut request)?;
        }
        let max_answer_bytes = endpoint.max_answer_bytes;
        let mut answered = self.execute(request, timeout, max_answer_bytes).await?;
        if let (Some(signing), Some(mut again)) = (&endpoint.signing, again)
            && aws::has_corrected_clock(answered.0, &answered.1, &answered.2)
        {
            self.sign(signing, &mut again)?;
            let timeout = timeout.saturating_sub(begun.elapsed());
            answered = self.execute(again, timeout, max_answer_bytes).await?;
        }
        let (status, headers, body) = answered;
        if let Some(jar) = cookies {
            jar.set_cookies(&mut headers.get_all(SET_COOKIE).iter(), &url);
        }
        let retry_after =
            headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Response { status: status.as_u16(), retry_after, body })
    }

    /// Sends a request and reads the answer, at most so much of it, all within `timeout`.
    pub async fn execute(
        &self,
        mut request: reqwest::Request,
        timeout: Duration,
        max_answer_bytes: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Fault> {
        *request.timeout_mut() = Some(timeout);
        // A longer time is never over before that of connecting is. There the body stays one that
        // HTTP/2 may send once more by itself.
        let watch =
            (timeout <= CONNECT_TIMEOUT).then(|| BodyProbe::over_body(&mut request)).flatten();
        let url = request.url().clone();
        let mut response =
            self.http(&url)?.execute(request).await.map_err(|error| match fault(&error) {
                // The time was over before there was a connection.
                Fault::Timeout if watch.is_some_and(|watch| !watch.is_under_way()) => {
                    Fault::NotConnected
                }
                fault => fault,
            })?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = BytesMut::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // A server that speaks nothing but TLS reads no request to its end, and resets the connection.
                Err(_) if status == StatusCode::BAD_REQUEST && speaks_tls(&body) => break,
                Err(error) => return Err(fault(&error)),
            };
            if body.len() + chunk.len() > max_answer_bytes {
                return Err(Fault::Broken);
            }
            body.extend_from_slice(&chunk);
        }
        if let Some(used) = self.connections().get_mut(&origin(&url)) {
            used.last_used = (self.shared.clock)();
        }
        Ok((status, headers, body.freeze()))
    }

    /// What sends requests to a server: over the connections that there are, unless they have been idle for
    /// so long that the server may have closed them.
    fn http(&self, url: &Url) -> Result<reqwest::Client, Fault> {
        let now = (self.shared.clock)();
        let mut connections = self.connections();
        if let Some(used) = connections.get_mut(&origin(url))
            && now.duration_since(used.last_used).is_ok_and(|idle| idle < IDLE)
        {
            used.last_used = now;
            return Ok(used.http.clone());
        }
        let http = self.set_up()?;
        connections.insert(origin(url), Connections { http: http.clone(), last_used: now });
        Ok(http)
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<String, Connections>> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets HTTP up, in the environment of this process; nothing is connected yet.
    fn set_up(&self) -> Result<reqwest::Client, Fault> {
        let tls = match self.shared.tls.get() {
            Some(tls) => tls,
            None => {
                let tls = root_certificates::tls().map_err(|_| Fault::TlsFailed)?;
                self.shared.tls.get_or_init(|| tls)
            }
        };
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            // A redirected POST may arrive as a GET, whose 200 says nothing about the records.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("logagg/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Fault::NotConnected)
    }

    fn sign(&self, signing: &Signing, request: &mut reqwest::Request) -> Result<(), Fault> {
        let region = signing.region.as_deref();
        aws::sign(self.environment(), signing.service, region, request)
            .map_err(|_| Fault::NotSigned)
    }
}

/// What tells a server from others: scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The name of an encoding as a header has it.
fn content_encoding(encoding: Encoding) -> Option<&'static str> {
    match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => Some("gzip"),
        Encoding::Snappy => Some("snappy"),
    }
}

fn fault(error: &reqwest::Error) -> Fault {
    if error.is_connect() {
        match io_error(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Fault::ConnectionRefused,
            // The kind under which rustls reports all that is wrong with a handshake.
            Some(io::ErrorKind::InvalidData) => Fault::TlsFailed,
            _ => Fault::NotConnected,
        }
    } else if error.is_timeout() {
        Fault::Timeout
    } else if is_no_http(error) {
        Fault::NotHttp
    } else {
        Fault::Broken
    }
}

/// Whether what came back cannot be read as the beginning of an answer.
fn is_no_http(error: &reqwest::Error) -> bool {
    iter::successors(error.source(), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse)
}

/// The I/O error at the bottom of an error. One that wraps another is passed over: it is not
/// among the sources, but holds it.
fn io_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e io::Error> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        let io_error = error.downcast_ref::<io::Error>();
        found = io_error.or(found);
        next = match io_error.and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use reqwest::cookie::Jar;

    use super::*;
    use crate::destination::Address;

    thread_local! {
        static NOW: Cell<SystemTime> = const { Cell::new(SystemTime::UNIX_EPOCH) };
    }

    fn now() -> SystemTime {
        NOW.get()
    }

    fn request() -> Request {
        let address = Address::default();
        let body = Bytes::from_static(b"records");
        Request { address, encoding: Encoding::Identity, body }
    }

    /// A server that answers the beginning of a request and resets the connection, as those in Go do that
    /// speak nothing but TLS.
    fn reject(answer: &'static [u8]) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                connection.read_exact(&mut [0; 5]).unwrap();
                connection.write_all(answer).unwrap();
                // Closed with something left to read, a connection is reset.
            }
        });
        Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new())
    }

    #[tokio::test]
    async fn a_server_that_wants_tls_says_so_though_the_connection_breaks_behind_it() {
        let endpoint = reject(
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        );
        let answer = Client::default().send(&endpoint, request(), TIME).await.unwrap();
        assert_eq!(answer.status, 400);
        // Of others nobody knows what stands in the part that is missing.
        for answer in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"[..],
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n{\"successfulLines\":",
        ] {
            let endpoint = reject(answer);
            let fault = Client::default().send(&endpoint, request(), TIME).await.unwrap_err();
            assert_eq!(fault, Fault::Broken);
        }
    }

    /// A server that answers every request so, and tells each with the number of its connection.
    fn serve(answer: &'static [u8]) -> (Endpoint, mpsc::Receiver<(usize, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let (mut connection, sender) = (connection.unwrap(), sender.clone());
                thread::spawn(move || {
                    let mut read = Vec::new();
                    let mut bytes = [0; 1_000];
                    while let Ok(count @ 1..) = connection.read(&mut bytes) {
                        read.extend_from_slice(&bytes[..count]);
                        if read.ends_with(b"records") {
                            let request = String::from_utf8(std::mem::take(&mut read)).unwrap();
                            let _ = sender.send((number, request));
                            connection.write_all(answer).unwrap();
                        }
                    }
                });
            }
        });
        (Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new()), receiver)
    }

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_connection_that_was_idle_while_the_sandbox_was_frozen_is_not_used_again() {
        let (endpoint, requests) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let client = Client::with_clock(now);
        // Hardly any time passes on the clock that stands still.
        for (idle_millis, connection) in [(0, 0), (3_900, 0), (3_900, 0), (4_000, 1), (100, 1)] {
            NOW.set(NOW.get() + Duration::from_millis(idle_millis));
            client.send(&endpoint, request(), TIME).await.unwrap();
            assert_eq!(requests.recv().unwrap().0, connection, "{idle_millis} ms");
        }
        // A clock that was set back says nothing about how long it was.
        NOW.set(SystemTime::UNIX_EPOCH);
        client.send(&endpoint, request(), TIME).await.unwrap();
        assert_eq!(requests.recv().unwrap().0, 2);
    }

    #[tokio::test]
    async fn what_is_no_http_is_told_from_a_connection_that_broke() {
        // The first frame of HTTP/2, as a port for gRPC sends it, and an alert of TLS.
        for answer in [&b"\0\0\0\x04\0\0\0\0\0"[..], b"\x15\x03\x01\0\x02\x02\x46"] {
            let (endpoint, _requests) = serve(answer);
            let fault = Client::default().send(&endpoint, request(), TIME).await.unwrap_err();
            assert_eq!(fault, Fault::NotHttp);
        }
    }

    #[tokio::test]
    async fn a_cookie_goes_back_where_the_endpoint_keeps_cookies() {
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nset-cookie: AWSALB=a1; Path=/\r\n\
            content-length: 0\r\n\r\n";
        for keeps in [true, false] {
            let (endpoint, requests) = serve(ANSWER);
            let cookies = keeps.then(|| Arc::new(Jar::default()));
            let endpoint = Endpoint { cookies, ..endpoint };
            let client = Client::default();
            for has_cookie in [false, keeps] {
                client.send(&endpoint, request(), TIME).await.unwrap();
                let (_, request) = requests.recv().unwrap();
                assert_eq!(request.contains("cookie: AWSALB=a1"), has_cookie, "{request}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_whose_time_is_over_while_it_is_about_to_speak_tls_was_not_taken() {
        // Somebody who takes connections and never says anything.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let endpoint = Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new());
        let time = CONNECT_TIMEOUT / 10;
        let fault = Client::default().send(&endpoint, request(), time).await.unwrap_err();
        assert_eq!(fault, Fault::NotConnected);
    }
}
