//! URLs of destinations.

use std::net::IpAddr;

use boon::Format;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::schema::{FieldError, check_text, like_or_arn};
use crate::aws::{self, Service};
use crate::secret::{Secret, SecretArn};

/// The pattern of a URL.
const HTTP: &str = "^https?://[^/]";

/// A URL without credentials, because URLs appear in logs.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = HTTP, "format" = URL.name))]
pub(super) struct HttpUrl(#[schemars(with = "String")] pub(super) Url);

/// A URL that may have a query.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = HTTP, "format" = URL_WITH_QUERY.name))]
pub(super) struct HttpUrlWithQuery(#[schemars(with = "String")] pub(super) Url);

/// A URL that is itself a credential, or the ARN of the secret that contains it.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(HTTP), "format" = SECRET_URL.name))]
pub(super) struct SecretUrl(Secret);

pub(super) const URL: Format =
    Format { name: "http-url", func: |value| check_text(value, |text| plain(text).map(drop)) };

pub(super) const URL_WITH_QUERY: Format = Format {
    name: "http-url-with-query",
    func: |value| check_text(value, |text| with_query(text).map(drop)),
};

pub(super) const SECRET_URL: Format = Format {
    name: "secret-http-url",
    func: |value| match value.as_str() {
        Some(text) if SecretArn::is_meant(text) => Ok(()),
        _ => (URL.func)(value),
    },
};

impl TryFrom<String> for HttpUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        plain(&text).map(Self)
    }
}

impl TryFrom<String> for HttpUrlWithQuery {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        with_query(&text).map(Self)
    }
}

impl SecretUrl {
    /// Parses the URL in the field `url`.
    pub(super) fn url(&self) -> Result<Url, FieldError> {
        url(self.0.expose())
    }
}

/// A URL with a default.
pub(super) fn url_or(given: Option<HttpUrl>, by_default: &str) -> Result<Url, FieldError> {
    given.map_or_else(|| url(by_default), |HttpUrl(url)| Ok(url))
}

/// A URL that defaults to the AWS service's endpoint.
pub(super) fn url_of_service(
    given: Option<HttpUrl>,
    service: Service,
    region: &str,
) -> Result<Url, FieldError> {
    let of_aws = || aws::address(service, Some(region));
    given
        .map_or_else(of_aws, |HttpUrl(url)| Ok(url))
        .map_err(|problem| FieldError::new("", problem.to_string()))
}

/// The URL of a bucket, which defaults to AWS's endpoint.
pub(super) fn url_of_bucket(
    given: Option<HttpUrl>,
    bucket: &str,
    region: Option<&str>,
) -> Result<Url, FieldError> {
    let Some(HttpUrl(mut url)) = given else {
        return aws::bucket_address(bucket, region)
            .map_err(|problem| FieldError::new("region", problem.to_string()));
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(bucket);
    }
    Ok(url)
}

/// Whether requests to a destination's `url` are unencrypted on the network.
pub(super) fn is_in_the_clear(destination: &Value) -> bool {
    let url = destination["url"].as_str().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| url.scheme() == "http" && !is_own_machine(&url))
}

/// Whether a string begins like a URL. `Url` accepts more, such as `HTTP:/x`.
pub(super) fn is_http(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    })
}

fn url(text: &str) -> Result<Url, FieldError> {
    plain(text).map_err(|text| FieldError::new("url", text))
}

fn plain(text: &str) -> Result<Url, String> {
    let url = parse(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not contain a query or a fragment (what follows ? or #)".to_owned());
    }
    Ok(url)
}

fn with_query(text: &str) -> Result<Url, String> {
    let url = parse(text)?;
    if url.fragment().is_some() {
        return Err("must not contain a fragment (what follows #)".to_owned());
    }
    Ok(url)
}

fn parse(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| is_http(text) && url.has_host());
    let Some(url) = url else {
        return Err("must be a URL that begins with http:// or https://, such as \
             \"https://logs.example:8080\""
            .to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "must not contain credentials; use the destination's fields for credentials".to_owned()
        );
    }
    Ok(url)
}

/// Whether the URL is a loopback address.
fn is_own_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
