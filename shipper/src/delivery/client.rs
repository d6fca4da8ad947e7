//! HTTP: the one place with I/O.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, redirect};

use super::authorities;
use super::watched::Watch;
use crate::aws::{self, Environment};
use crate::destination::{Answer, Certainty, Class, Encoding, Endpoint, Request, Signing};

/// How long to wait for a connection. A service that is down should cost a moment, not the
/// request's whole time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an unused connection is kept. Lambda freezes the process between invocations, and
/// load balancers close idle connections after a minute or so, unnoticed by a frozen process.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

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
}

impl Fault {
    /// The word under which it is counted.
    pub fn class(self) -> Class {
        match self {
            Self::NotConnected => Class::new("not_connected"),
            Self::ConnectionRefused => Class::new("connection_refused"),
            Self::TlsFailed => Class::new("tls_failed"),
            Self::NotSigned => Class::new("not_signed"),
            Self::Timeout => Class::new("timeout"),
            Self::Broken => Class::new("connection_broken"),
        }
    }

    /// Whether something may have been taken all the same.
    pub fn certainty(self) -> Certainty {
        match self {
            Self::NotConnected | Self::ConnectionRefused | Self::TlsFailed | Self::NotSigned => {
                Certainty::NothingTaken
            }
            Self::Timeout | Self::Broken => Certainty::Unclear,
        }
    }
}

/// An HTTP client for everything, kept across invocations, and set up when the first request is
/// sent. What is signed is signed as an environment says.
#[derive(Clone, Default)]
pub struct Client {
    http: Arc<OnceLock<reqwest::Client>>,
    environment: Option<Arc<Environment>>,
}

impl Client {
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
    /// refused since this machine's clock is wrong is sent once more by the service's.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request,
        timeout: Duration,
    ) -> Result<Answer, Fault> {
        let url = request.address.url.unwrap_or_else(|| endpoint.url.clone());
        let mut headers = endpoint.headers.clone();
        headers.extend(request.address.headers);
        if let Some(encoding) = content_encoding(request.encoding) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let mut request = self
            .http()?
            .request(endpoint.method.clone(), url)
            .headers(headers)
            .body(request.body)
            .build()
            .map_err(|error| fault(&error))?;
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
        let retry_after =
            headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status: status.as_u16(), retry_after, body })
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
        let watch = (timeout <= CONNECT_TIMEOUT).then(|| Watch::over_body(&mut request)).flatten();
        let mut response =
            self.http()?.execute(request).await.map_err(|error| match fault(&error) {
                // The time was over before there was a connection.
                Fault::Timeout if watch.is_some_and(|watch| !watch.is_under_way()) => {
                    Fault::NotConnected
                }
                fault => fault,
            })?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            if body.len() + chunk.len() > max_answer_bytes {
                return Err(Fault::Broken);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, headers, body.freeze()))
    }

    fn http(&self) -> Result<&reqwest::Client, Fault> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = set_up()?;
        Ok(self.http.get_or_init(|| http))
    }

    fn sign(&self, signing: &Signing, request: &mut reqwest::Request) -> Result<(), Fault> {
        let region = signing.region.as_deref();
        aws::sign(self.environment(), signing.service, region, request)
            .map_err(|_| Fault::NotSigned)
    }
}

/// Sets HTTP up, in the environment of this process; nothing is connected yet.
fn set_up() -> Result<reqwest::Client, Fault> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(authorities::tls().map_err(|_| Fault::TlsFailed)?)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        // A redirected POST may arrive as a GET, whose 200 says nothing about the records.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("logagg/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| Fault::NotConnected)
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
    } else {
        Fault::Broken
    }
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
    use std::net::TcpListener;

    use reqwest::Url;

    use super::*;
    use crate::destination::Address;

    #[tokio::test]
    async fn a_request_whose_time_is_over_while_it_is_about_to_speak_tls_was_not_taken() {
        // Somebody who takes connections and never says anything.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let endpoint = Endpoint::post(Url::parse(&url).unwrap(), HeaderMap::new());
        let address = Address { url: None, headers: HeaderMap::new() };
        let body = Bytes::from_static(b"records");
        let request = Request { address, encoding: Encoding::Identity, body };
        let time = CONNECT_TIMEOUT / 10;
        let fault = Client::default().send(&endpoint, request, time).await.unwrap_err();
        assert_eq!(fault, Fault::NotConnected);
    }
}
