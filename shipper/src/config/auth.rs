//! Credentials of HTTP destinations.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::schema::{FieldError, by_type, like_or_arn};
use crate::secret::Secret;

/// The pattern of printable ASCII.
pub(super) const PRINTABLE: &str = "^[ -~]+$";

/// The error for other strings.
pub(super) const NOT_PRINTABLE: &str = "must contain only printable ASCII characters";

/// A secret in a header.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(PRINTABLE), "errorMessage" = NOT_PRINTABLE))]
pub(super) struct Token(Secret);

/// An API key of Elasticsearch.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend(
    "anyOf" = like_or_arn("^[A-Za-z0-9+/=_-]+$"),
    "errorMessage" =
        "must be the encoded form of the API key, which Elasticsearch returns as \"encoded\"",
))]
pub(super) struct ApiKey(Secret);

/// A username and a password.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Basic {
    /// Not shown: what follows a colon may be the password.
    #[schemars(extend("not" = json!({"pattern": ":"}), "errorMessage" = "must not contain a colon"))]
    username: String,
    password: Secret,
}

/// Credentials for the header `Authorization`.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(transform = by_type)]
pub(super) enum Auth {
    Basic(Basic),
    Bearer { token: Token },
}

impl Auth {
    pub(super) fn header(&self) -> Result<HeaderValue, FieldError> {
        match self {
            Self::Basic(basic) => basic.header(),
            Self::Bearer { token } => token.header("Bearer ", "token"),
        }
        .map_err(|error| error.below("auth"))
    }
}

impl Basic {
    pub(super) fn header(&self) -> Result<HeaderValue, FieldError> {
        let credentials = format!("{}:{}", self.username, self.password.expose());
        header(&format!("Basic {}", STANDARD.encode(credentials)), "password")
    }
}

impl ApiKey {
    pub(super) fn header(&self) -> Result<HeaderValue, FieldError> {
        header(&format!("ApiKey {}", self.0.expose()), "api_key")
    }
}

impl Token {
    /// The header with the secret of `field`.
    pub(super) fn header(&self, scheme: &str, field: &str) -> Result<HeaderValue, FieldError> {
        header(&format!("{scheme}{}", self.0.expose()), field)
    }
}

/// The header with the value of `field`.
pub(super) fn header(text: &str, field: &str) -> Result<HeaderValue, FieldError> {
    HeaderValue::try_from(text).map_err(|_| FieldError::new(field, NOT_PRINTABLE))
}
