//! What is sent to a service.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::cookie::Jar;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use crate::aws::Service;

/// Where requests go. Headers that hold secrets are marked sensitive, and the URL is not for
/// showing either: some services have the token in it.
#[derive(Clone)]
pub struct Endpoint {
    /// The HTTP method.
    pub method: Method,
    /// The whole URL.
    pub url: Url,
    /// What stands behind every URL that requests go to, beside what is there.
    pub query: Vec<(String, String)>,
    /// All headers but those about compression and length.
    pub headers: HeaderMap,
    /// The most that is read of an answer. One that is longer counts as broken.
    pub max_answer_bytes: usize,
    /// How requests are signed, where they are.
    pub signing: Option<Signing>,
    /// Where cookies are kept, for a service that knows by them behind a load balancer which of its servers
    /// has had a request.
    pub cookies: Option<Arc<Jar>>,
}

impl Endpoint {
    /// The most that is read of an answer unless the service's own limit is another. The answer to
    /// the largest `_bulk` request stays far below.
    const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

    /// An endpoint to which requests are posted.
    pub fn post(url: Url, headers: HeaderMap) -> Self {
        Self {
            method: Method::POST,
            url,
            query: Vec::new(),
            headers,
            max_answer_bytes: Self::MAX_ANSWER_BYTES,
            signing: None,
            cookies: None,
        }
    }
}

/// For whom a request is signed with the credentials of the function's role.
#[derive(Clone, Debug, PartialEq)]
pub struct Signing {
    /// The service.
    pub service: Service,
    /// Its region, unless it is the function's.
    pub region: Option<String>,
}

/// One request to a destination's endpoint. It stands for itself: what was to be sent can be kept
/// and sent another day without the records it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// In what it differs from the endpoint.
    pub address: Address,
    /// How the body is compressed.
    pub encoding: Encoding,
    /// The body, compressed.
    pub body: Bytes,
}

/// In what a request differs from its destination's [`Endpoint`]. It holds no secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Address {
    /// The HTTP method, if it is another than the endpoint's.
    pub method: Option<Method>,
    /// The URL, if it is another than the endpoint's.
    pub url: Option<Url>,
    /// Headers beside the endpoint's.
    pub headers: HeaderMap,
}

/// How bodies are compressed, as `Content-Encoding` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// As gzip.
    Gzip,
    /// As one block of Snappy, without frames.
    Snappy,
}
