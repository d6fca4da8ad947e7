//! Credentials for services that take those every HTTP server knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::schema::{FieldError, by_type, like_or_arn};
use crate::secret::Secret;

/// What a text of printable ASCII characters looks like.
pub(super) const PRINTABLE: &str = "^[ -~]+$";

/// What is said of a text that has others.
pub(super) const NOT_PRINTABLE: &str = "must have nothing but printable ASCII characters";

/// A secret that goes into a header.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(PRINTABLE), "errorMessage" = NOT_PRINTABLE))]
pub(super) struct Token(Secret);

/// A key of Elasticsearch's.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend(
    "anyOf" = like_or_arn("^[A-Za-z0-9+/=_-]+$"),
    "errorMessage" =
        "must be the key in its encoded form, which Elasticsearch shows as \"encoded\"",
))]
pub(super) struct ApiKey(Secret);

/// User name and password.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Basic {
    /// It is not shown, since what stands behind a colon may be the password.
    #[schemars(extend("not" = json!({"pattern": ":"}), "errorMessage" = "must not have a colon"))]
    username: String,
    password: Secret,
}

/// What becomes the header `Authorization`.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(transform = by_type)]
pub(super) enum Auth {
    Basic(Basic),
    Bearer { token: Token },
}

impl Auth {
    /// The header.
    pub(super) fn header(&self) -> Result<HeaderValue, FieldError> {
        match self {
            Self::Basic(basic) => basic.header(),
            Self::Bearer { token } => token.header("Bearer ", "token"),
        }
        .map_err(|error| error.below("auth"))
    }
}

impl Basic {
    /// The header.
    pub(super) fn header(&self) -> Result<HeaderValue, FieldError> {
        let credentials = format!("{}:{}", self.username, self.password.expose());
        header(&format!("Basic {}", STANDARD.encode(credentials)), "password")
    }
}

impl ApiKey {
    /// The header.
    pub(super) fn header(&self) -> Result<HeaderValue, FieldError> {
        header(&format!("ApiKey {}", self.0.expose()), "api_key")
    }
}

impl Token {
    /// A header with the secret in it, which is in `field`.
    pub(super) fn header(&self, scheme: &str, field: &str) -> Result<HeaderValue, FieldError> {
        header(&format!("{scheme}{}", self.0.expose()), field)
    }
}

/// A header with what is given in `field`.
pub(super) fn header(text: &str, field: &str) -> Result<HeaderValue, FieldError> {
    HeaderValue::try_from(text).map_err(|_| FieldError::new(field, NOT_PRINTABLE))
}
