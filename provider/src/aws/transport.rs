use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use reqwest::header::{HeaderValue, USER_AGENT};
use reqwest::{Body, Certificate, Client, NoProxy, Proxy, Request, Response, Url, redirect, retry};

use super::environment::{expanded, variable};
use super::error::{chain, find, root};
use super::reachability::{Endpoints, GivenUp, Met};
use super::settings::{CannotConnect, Given, Transport, Trust};

const PROGRAM: &str = concat!("logagg/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Never through a proxy: this machine itself, and the metadata services of EC2, ECS and EKS.
const NEAR: &str = "localhost,127.0.0.0/8,::1,169.254.169.254,169.254.170.2,169.254.170.23,\
                    fd00:ec2::254,fd00:ec2::23";

/// The shared connections. The SDK's own client supports neither two proxies nor skipping
/// certificate verification.
pub(super) fn http_client(
    transport: &Transport,
    profiles_ca_bundle: Option<&str>,
) -> Result<SharedHttpClient, CannotConnect> {
    let mut builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        // Trying again is decided in one place, which is not here.
        .retry(retry::never())
        .referer(false)
        .no_proxy();
    for proxy in proxies(transport)? {
        builder = builder.proxy(proxy);
    }
    if transport.trust == Trust::Anyone {
        builder = builder.tls_danger_accept_invalid_certs(true);
    } else if let Some((given, path)) = ca_bundle(transport, profiles_ca_bundle) {
        builder = builder.tls_certs_only(certificates(given, &path)?);
    }
    let client = builder.build().map_err(CannotConnect::NoClient)?;
    Ok(SharedHttpClient::new(Http { client, endpoints: Arc::default() }))
}

/// An argument goes before its variable. A proxy for HTTP that is configured also serves HTTPS
/// where nothing is said about that, as in the AWS provider.
fn proxies(transport: &Transport) -> Result<Vec<Proxy>, CannotConnect> {
    let given = |argument: &Option<String>, name, variables: [&'static str; 2]| match argument {
        Some(url) => Some((Given::Argument(name), url.clone())),
        None => variable(&variables).map(|url| (Given::Variable(variables[0]), url)),
    };
    let http = given(&transport.http_proxy, "http_proxy", ["HTTP_PROXY", "http_proxy"]);
    let https = given(&transport.https_proxy, "https_proxy", ["HTTPS_PROXY", "https_proxy"])
        .or_else(|| http.clone().filter(|(given, _)| matches!(given, Given::Argument(_))));
    let no_proxy = transport.no_proxy.clone().or_else(|| variable(&["NO_PROXY", "no_proxy"]));
    let direct = NoProxy::from_string(&format!("{NEAR},{}", no_proxy.unwrap_or_default()));
    let mut proxies = Vec::new();
    for (selected, scheme) in [(http, Scheme::Http), (https, Scheme::Https)] {
        if let Some((given, url)) = selected.filter(|(_, url)| !url.is_empty()) {
            let proxy = match scheme {
                Scheme::Http => Proxy::http(url),
                Scheme::Https => Proxy::https(url),
            };
            let proxy = proxy.map_err(|_| CannotConnect::NotAProxy { given })?;
            proxies.push(proxy.no_proxy(direct.clone()));
        }
    }
    Ok(proxies)
}

enum Scheme {
    Http,
    Https,
}

fn ca_bundle(transport: &Transport, profiles: Option<&str>) -> Option<(Given, PathBuf)> {
    let argument = transport.custom_ca_bundle.as_deref();
    let environment = variable(&["AWS_CA_BUNDLE"]);
    let given = argument
        .map(|path| (Given::Argument("custom_ca_bundle"), path))
        .or(environment.as_deref().map(|path| (Given::Variable("AWS_CA_BUNDLE"), path)))
        .or(profiles.map(|path| (Given::Profile("ca_bundle"), path)));
    given.map(|(given, path)| (given, expanded(path)))
}

fn certificates(given: Given, path: &PathBuf) -> Result<Vec<Certificate>, CannotConnect> {
    let unreadable = |why| CannotConnect::UnreadableFile { given, path: path.clone(), why };
    let pem = std::fs::read(path).map_err(unreadable)?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(CannotConnect::NoCertificate { given, path: path.clone() }),
    }
}

/// Carries the SDK's requests.
#[derive(Clone, Debug)]
struct Http {
    client: Client,
    endpoints: Arc<Endpoints>,
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { client, endpoints } = self.clone();
        HttpConnectorFuture::new(async move {
            let url =
                Url::parse(request.uri()).map_err(|error| ConnectorError::user(error.into()))?;
            let endpoint = endpoints.of(&url);
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (mut head, body) = request.into_parts();
            head.headers.insert(USER_AGENT, user_agent(head.headers.get(USER_AGENT)));
            let body = body
                .bytes()
                .map(<[u8]>::to_vec)
                .ok_or_else(|| ConnectorError::user("a body that streams cannot be sent".into()))?;
            let mut request = Request::new(head.method, url);
            *request.headers_mut() = head.headers;
            *request.body_mut() = Some(body.into());
            let answer = endpoint.reach(async {
                let answer = client.execute(request).await;
                (met(&answer), answer)
            });
            received(answer.await.map_err(given_up)?.map_err(failed)?).await
        })
    }
}

/// This program, and the SDK beside it: what CloudTrail shows. The header is not signed.
fn user_agent(sdk: Option<&HeaderValue>) -> HeaderValue {
    let sdk = sdk.and_then(|sdk| sdk.to_str().ok()).unwrap_or_default();
    let both = format!("{PROGRAM} {sdk}");
    HeaderValue::from_str(both.trim_end()).unwrap_or(HeaderValue::from_static(PROGRAM))
}

/// What a request shows of its endpoint.
fn met(answer: &Result<Response, reqwest::Error>) -> Met {
    let error = match answer {
        Ok(_) => return Met::Answer,
        Err(error) if error.is_timeout() || is_untrusted(error) => return Met::Nothing,
        Err(error) => error,
    };
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Met::Refusal(root(error)),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
            Met::Close(root(error))
        }
        _ if error.is_connect() => Met::Nothing,
        _ => Met::Close(root(error)),
    }
}

/// An error of the user's, so that the SDK does not try again.
fn given_up(endpoint: GivenUp) -> ConnectorError {
    ConnectorError::user(endpoint.into())
}

async fn received(mut answer: Response) -> Result<HttpResponse, ConnectorError> {
    let status = answer.status();
    let headers = std::mem::take(answer.headers_mut());
    let body = answer.bytes().await.map_err(failed)?;
    // As a stream, which prints as nothing: what is in memory prints byte for byte, and the SDK
    // logs a response before it knows whether there is a secret in it.
    let body = SdkBody::from_body_1_x(Body::from(body));
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.try_into().map_err(|error: HttpError| ConnectorError::other(error.into(), None))
}

fn failed(error: reqwest::Error) -> ConnectorError {
    let untrusted = is_untrusted(&error);
    let source = Box::new(error);
    if untrusted {
        ConnectorError::user(source)
    } else if source.is_connect() {
        ConnectorError::io(source)
    } else if source.is_timeout() {
        ConnectorError::timeout(source)
    } else {
        ConnectorError::other(source, Some(ErrorKind::TransientError))
    }
}

/// rustls keeps its errors inside of those of input and output, and only its words come through.
fn is_untrusted(error: &reqwest::Error) -> bool {
    chain(error).contains("invalid peer certificate")
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::byte_stream::ByteStream;

    use super::*;

    #[tokio::test]
    async fn a_header_that_is_not_utf8_is_skipped_alone() {
        let answer = http::Response::builder()
            .status(418)
            .header("x-strange", &b"\xff"[..])
            .header("x-amzn-requestid", "1")
            .body("{}")
            .unwrap();
        let answer = received(answer.into()).await.unwrap();
        assert_eq!(answer.status().as_u16(), 418);
        assert_eq!(answer.headers().get("x-strange"), None);
        assert_eq!(answer.headers().get("x-amzn-requestid"), Some("1"));
    }

    #[tokio::test]
    async fn response_headers_are_read_and_not_logged() {
        let answer = received(http::Response::new("s3cret").into()).await.unwrap();
        let printed = format!("{answer:?}");
        assert!(!printed.contains("s3cret"), "{printed}");
        let body = ByteStream::new(answer.into_body()).collect().await.unwrap();
        assert_eq!(body.into_bytes(), "s3cret");
    }
}
