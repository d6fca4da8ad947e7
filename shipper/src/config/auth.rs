//! Credentials for services that take those every HTTP server knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::fields::Fields;

/// Reads `auth`, which may be left out, into the header `Authorization`.
pub(super) fn authorization(fields: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let mut auth = fields.optional_object("auth")?;
    let header = match auth.choice("type", &["basic", "bearer"])? {
        "basic" => basic(&mut auth),
        _ => auth.secret_header("token", "Bearer "),
    };
    auth.finish();
    header
}

/// Reads user name and password.
pub(super) fn basic(auth: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let username = auth.like("^[^:]+$").text("username");
    let password = auth.secret("password");
    let (username, password) = (username?, password?);
    if username.contains(':') {
        auth.mistake_in("username", "must not have a colon");
        return None;
    }
    let encoded = STANDARD.encode(format!("{username}:{}", password.expose()));
    HeaderValue::try_from(format!("Basic {encoded}")).ok()
}

/// Reads a key of Elasticsearch's.
pub(super) fn api_key(auth: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let api_key = auth.like("^[A-Za-z0-9+/=_-]+$").secret("api_key")?;
    let api_key = api_key.expose();
    let is_encoded =
        api_key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte));
    if !is_encoded {
        auth.mistake_in(
            "api_key",
            "must be the key in its encoded form, which Elasticsearch shows as \"encoded\"",
        );
        return None;
    }
    HeaderValue::try_from(format!("ApiKey {api_key}")).ok()
}
