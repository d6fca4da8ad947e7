//! Requests to destinations.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::cookie::Jar;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use rustls::ClientConfig;

/// The endpoint of a destination. Headers with secrets are marked as sensitive; the URL must not be
/// shown either, because some destinations have the token in it.
#[derive(Clone)]
pub struct Endpoint {
    /// The HTTP method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// Parameters that are added to the query of every URL.
    pub query: Vec<(String, String)>,
    /// All headers except those about compression and length.
    pub headers: HeaderMap,
    /// The maximum size of a response. A longer one counts as an incomplete response.
    pub max_response_bytes: usize,
    /// TLS settings, if they are not the usual ones.
    pub tls: Option<Arc<ClientConfig>>,
    /// How requests are signed, if they are.
    pub signing: Option<Signing>,
    /// The cookies of a destination behind a load balancer that uses them for sticky sessions.
    pub cookies: Option<Arc<Jar>>,
}

impl Endpoint {
    /// The default maximum size of a response. The response to the largest `_bulk` request is far
    /// smaller.
    const MAX_RESPONSE_BYTES: usize = 32 * 1024 * 1024;

    /// An endpoint for POST requests.
    pub fn post(url: Url, headers: HeaderMap) -> Self {
        Self {
            method: Method::POST,
            url,
            query: Vec::new(),
            headers,
            max_response_bytes: Self::MAX_RESPONSE_BYTES,
            tls: None,
            signing: None,
            cookies: None,
        }
    }
}

/// The service to sign requests for, with the credentials of the function's role.
#[derive(Clone, Debug, PartialEq)]
pub struct Signing {
    /// The signing name of the service.
    pub service: Cow<'static, str>,
    /// Its region, unless it is the function's.
    pub region: Option<String>,
}

/// A request to a destination's endpoint. It is self-contained: it does not borrow from records.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How it differs from the endpoint.
    pub address: Address,
    /// The compression of the body.
    pub encoding: Encoding,
    /// The compressed body.
    pub body: Bytes,
}

/// How a request differs from its destination's [`Endpoint`]. Contains no secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Address {
    /// The HTTP method, if it differs.
    pub method: Option<Method>,
    /// The URL, if it differs.
    pub url: Option<Url>,
    /// Additional headers.
    pub headers: HeaderMap,
}

/// The compression of a body, as in `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip.
    Gzip,
    /// A single Snappy block, without framing.
    Snappy,
}
