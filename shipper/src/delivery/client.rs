//! The HTTP client: the only part with I/O.

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
use super::certificate_alert;
use super::certificate_request::CertificateRequest;
use super::fault::Fault;
use super::{proxy, root_certificates};
use crate::aws::{Environment, has_corrected_clock, sign};
use crate::destination::{Encoding, Endpoint, Request, Response, Signing, speaks_tls};

/// The connection timeout. A destination that is down costs this time, not the whole request
/// timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an idle connection is kept. Some servers close idle connections after 5 s, which a
/// frozen sandbox does not notice; a request on such a connection fails, and it is unknown whether
/// it was received.
///
/// <https://nodejs.org/api/http.html#serverkeepalivetimeout>
const IDLE: Duration = Duration::from_secs(4);

/// An HTTP client that is shared by all destinations and invocations, and set up with the first
/// request. Requests are signed with the credentials of an environment.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    environment: Option<Arc<Environment>>,
}

/// The state that all clones of a client share.
struct Shared {
    tls: OnceLock<ClientConfig>,
    connections: Mutex<BTreeMap<ConnectionKey, Connections>>,
    /// A clock that advances while the sandbox is frozen, unlike that of the connection pool.
    clock: fn() -> SystemTime,
}

/// An origin, and the address of the TLS settings of a destination that has its own.
type ConnectionKey = (String, Option<usize>);

/// The connections to a server.
struct Connections {
    http: reqwest::Client,
    last_used: SystemTime,
    /// Keeps the address in the key from being reused.
    _tls: Option<Arc<ClientConfig>>,
    certificate_request: Arc<CertificateRequest>,
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

    /// The same client and connections, with another environment.
    #[must_use]
    pub fn in_environment(self, environment: Environment) -> Self {
        Self { environment: Some(Arc::new(environment)), ..self }
    }

    /// The AWS environment, read on first use.
    pub fn environment(&self) -> &Environment {
        match &self.environment {
            Some(environment) => environment,
            None => Environment::of_process(),
        }
    }

    /// Sends a request to an endpoint and reads the response within `timeout`. A request that is
    /// rejected because of a wrong clock is resent with the service's clock.
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
        let mut retry = None;
        if let Some(signing) = &endpoint.signing {
            retry = request.try_clone();
            self.sign(signing, &mut request)?;
        }
        let max_response_bytes = endpoint.max_response_bytes;
        let tls = endpoint.tls.as_ref();
        let mut result = self.execute_with(tls, request, timeout, max_response_bytes).await?;
        if let (Some(signing), Some(mut retry)) = (&endpoint.signing, retry)
            && has_corrected_clock(result.0, &result.1, &result.2)
        {
            self.sign(signing, &mut retry)?;
            let timeout = timeout.saturating_sub(begun.elapsed());
            result = self.execute_with(tls, retry, timeout, max_response_bytes).await?;
        }
        let (status, headers, body) = result;
        if let Some(jar) = cookies {
            jar.set_cookies(&mut headers.get_all(SET_COOKIE).iter(), &url);
        }
        let retry_after =
            headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Response { status: status.as_u16(), retry_after, body })
    }

    /// Sends a request and reads the response, up to a size limit, within `timeout`.
    pub async fn execute(
        &self,
        request: reqwest::Request,
        timeout: Duration,
        max_response_bytes: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Fault> {
        self.execute_with(None, request, timeout, max_response_bytes).await
    }

    /// Like [`Client::execute`], with TLS settings other than the client's.
    async fn execute_with(
        &self,
        tls: Option<&Arc<ClientConfig>>,
        mut request: reqwest::Request,
        timeout: Duration,
        max_response_bytes: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Fault> {
        *request.timeout_mut() = Some(timeout);
        // With a longer timeout, the connection timeout ends first. The body is then left
        // unwrapped, so that HTTP/2 can resend it.
        let watch =
            (timeout <= CONNECT_TIMEOUT).then(|| BodyProbe::over_body(&mut request)).flatten();
        let key = connection_key(request.url(), tls);
        let (http, certificate_request) = self.http(&key, tls)?;
        let mut response = http.execute(request).await.map_err(|error| match fault(&error) {
            _ if certificate_alert::is_reason_for(&error) => match has_client_certificate(tls) {
                true => Fault::ClientCertificateRejected,
                false => Fault::ClientCertificateRequired,
            },
            // The timeout ended before there was a connection.
            Fault::Timeout if watch.is_some_and(|watch| !watch.is_under_way()) => {
                Fault::NotConnected
            }
            Fault::Broken if certificate_request.may_be_reason() => {
                Fault::BrokenWithoutClientCertificate
            }
            fault => fault,
        })?;
        certificate_request.on_response();
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = BytesMut::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // A TLS server does not read an HTTP request to its end, and resets the connection.
                Err(_) if status == StatusCode::BAD_REQUEST && speaks_tls(&body) => break,
                Err(error) => return Err(fault(&error)),
            };
            if body.len() + chunk.len() > max_response_bytes {
                return Err(Fault::Broken);
            }
            body.extend_from_slice(&chunk);
        }
        if let Some(used) = self.connections().get_mut(&key) {
            used.last_used = (self.shared.clock)();
        }
        Ok((status, headers, body.freeze()))
    }

    /// The client for a server: with the existing connections, unless they were idle for so long
    /// that the server may have closed them.
    fn http(
        &self,
        key: &ConnectionKey,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<(reqwest::Client, Arc<CertificateRequest>), Fault> {
        let now = (self.shared.clock)();
        let mut connections = self.connections();
        let mut certificate_request = Arc::default();
        if let Some(used) = connections.get_mut(key) {
            // The same for all connections, because a TLS session is resumed only with it.
            certificate_request = Arc::clone(&used.certificate_request);
            if now.duration_since(used.last_used).is_ok_and(|idle| idle < IDLE) {
                used.last_used = now;
                return Ok((used.http.clone(), certificate_request));
            }
        }
        let http = self.set_up(tls, &certificate_request)?;
        let used = Connections {
            http: http.clone(),
            last_used: now,
            _tls: tls.cloned(),
            certificate_request: Arc::clone(&certificate_request),
        };
        connections.insert(key.clone(), used);
        Ok((http, certificate_request))
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<ConnectionKey, Connections>> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets up HTTP with this process's environment; opens no connection.
    fn set_up(
        &self,
        own: Option<&Arc<ClientConfig>>,
        certificate_request: &Arc<CertificateRequest>,
    ) -> Result<reqwest::Client, Fault> {
        let mut tls = match (own, self.shared.tls.get()) {
            (Some(own), _) => ClientConfig::clone(own),
            (None, Some(tls)) => tls.clone(),
            (None, None) => {
                let tls = root_certificates::tls().map_err(|_| Fault::TlsFailed)?;
                self.shared.tls.get_or_init(|| tls).clone()
            }
        };
        if !has_client_certificate(own) {
            tls.client_auth_cert_resolver = Arc::clone(certificate_request) as _;
        }
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            // A redirected POST may become a GET, whose 200 does not mean delivery.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("logagg/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Fault::NotConnected)
    }

    fn sign(&self, signing: &Signing, request: &mut reqwest::Request) -> Result<(), Fault> {
        let region = signing.region.as_deref();
        sign(self.environment(), &signing.service, region, request).map_err(|_| Fault::NotSigned)
    }
}

fn connection_key(url: &Url, tls: Option<&Arc<ClientConfig>>) -> ConnectionKey {
    (url.origin().ascii_serialization(), tls.map(|tls| Arc::as_ptr(tls).addr()))
}

fn has_client_certificate(tls: Option<&Arc<ClientConfig>>) -> bool {
    tls.is_some_and(|tls| tls.client_auth_cert_resolver.has_certs())
}

/// The header value of an encoding.
fn content_encoding(encoding: Encoding) -> Option<&'static str> {
    match encoding {
        Encoding::Identity => None,
        Encoding::Gzip => Some("gzip"),
        Encoding::Snappy => Some("snappy"),
    }
}

fn fault(error: &reqwest::Error) -> Fault {
    if let Some(fault) = proxy::fault(error) {
        fault
    } else if error.is_connect() {
        match io_error(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Fault::ConnectionRefused,
            // The kind that rustls uses for all handshake errors.
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

/// Whether the response cannot be parsed as HTTP.
fn is_no_http(error: &reqwest::Error) -> bool {
    iter::successors(error.source(), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse)
}

/// The innermost I/O error of an error. A wrapping I/O error contains it, but does not return it as
/// its source.
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

    /// A server that responds to the beginning of a request and resets the connection, as Go's TLS
    /// servers do.
    fn reject(response: &'static [u8]) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                connection.read_exact(&mut [0; 5]).unwrap();
                connection.write_all(response).unwrap();
                // Closing a socket with unread data resets the connection.
            }
        });
        Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new())
    }

    #[tokio::test]
    async fn a_tls_server_is_detected_although_the_connection_is_reset() {
        let endpoint = reject(
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        );
        let response = Client::default().send(&endpoint, request(), TIME).await.unwrap();
        assert_eq!(response.status, 400);
        // For other statuses the missing part is unknown.
        for response in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"[..],
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n{\"successfulLines\":",
        ] {
            let endpoint = reject(response);
            let fault = Client::default().send(&endpoint, request(), TIME).await.unwrap_err();
            assert_eq!(fault, Fault::Broken);
        }
    }

    /// A server that returns this response to every request, and reports the number of the
    /// connection.
    fn serve(response: &'static [u8]) -> (Endpoint, mpsc::Receiver<(usize, String)>) {
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
                            connection.write_all(response).unwrap();
                        }
                    }
                });
            }
        });
        (Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new()), receiver)
    }

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_connection_that_was_idle_while_the_sandbox_was_frozen_is_not_reused() {
        let (endpoint, requests) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let client = Client::with_clock(now);
        // Hardly any time passes on the clock that is frozen.
        for (idle_millis, connection) in [(0, 0), (3_900, 0), (3_900, 0), (4_000, 1), (100, 1)] {
            NOW.set(NOW.get() + Duration::from_millis(idle_millis));
            client.send(&endpoint, request(), TIME).await.unwrap();
            assert_eq!(requests.recv().unwrap().0, connection, "{idle_millis} ms");
        }
        // A clock that was set back says nothing about the idle time.
        NOW.set(SystemTime::UNIX_EPOCH);
        client.send(&endpoint, request(), TIME).await.unwrap();
        assert_eq!(requests.recv().unwrap().0, 2);
    }

    #[tokio::test]
    async fn a_destination_with_its_own_tls_settings_has_its_own_connections() {
        let (endpoint, requests) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let own = || Some(Arc::new(root_certificates::tls().unwrap()));
        let endpoints = [None, own(), own()].map(|tls| Endpoint { tls, ..endpoint.clone() });
        let client = Client::with_clock(now);
        for connection in [0, 1, 2, 1, 0, 2] {
            client.send(&endpoints[connection], request(), TIME).await.unwrap();
            assert_eq!(requests.recv().unwrap().0, connection);
        }
    }

    #[tokio::test]
    async fn a_response_that_is_not_http_is_distinguished_from_a_closed_connection() {
        // The first HTTP/2 frame of a gRPC port, and a TLS alert.
        for response in [&b"\0\0\0\x04\0\0\0\0\0"[..], b"\x15\x03\x01\0\x02\x02\x46"] {
            let (endpoint, _requests) = serve(response);
            let fault = Client::default().send(&endpoint, request(), TIME).await.unwrap_err();
            assert_eq!(fault, Fault::NotHttp);
        }
    }

    #[tokio::test]
    async fn cookies_are_returned_if_the_endpoint_has_a_cookie_jar() {
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
    async fn a_request_that_times_out_before_the_handshake_was_not_received() {
        // A server that accepts connections and never responds.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let endpoint = Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new());
        let time = CONNECT_TIMEOUT / 10;
        let fault = Client::default().send(&endpoint, request(), time).await.unwrap_err();
        assert_eq!(fault, Fault::NotConnected);
    }
}
