//! The configuration of an Elasticsearch destination.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::fields::Fields;
use super::url::url;
use crate::destination::Destination;
use crate::destination::elasticsearch::{Elasticsearch, MAX_REQUEST_BYTES};

/// Reads the fields of type `elasticsearch`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    /// The largest request that a server can be configured to take.
    const LARGEST_REQUEST_BYTES: u64 = 2_000_000_000;

    let url = url(fields, "https://search.example:9200");
    let index = index(fields);
    let authorization = authorization(fields);
    let max_request_bytes = fields.number(
        "max_request_bytes",
        10_000..=LARGEST_REQUEST_BYTES,
        MAX_REQUEST_BYTES as u64,
    );
    Some(Box::new(Elasticsearch::new(
        url?,
        index?,
        authorization,
        usize::try_from(max_request_bytes).unwrap_or(MAX_REQUEST_BYTES),
    )))
}

/// Reads `index` by the rules of Elasticsearch.
///
/// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>
fn index<'v>(fields: &mut Fields<'v, '_>) -> Option<&'v str> {
    const LONGEST_BYTES: usize = 255;

    let index = fields.text("index")?;
    let allowed = index.len() <= LONGEST_BYTES
        && !index.starts_with(['-', '_', '+', '.'])
        && !index.contains(|character: char| {
            character.is_uppercase()
                || character.is_whitespace()
                || character.is_control()
                || "\\/*?\"<>|,#:%".contains(character)
        });
    if !allowed {
        let mistake = format!(
            "is {index:?}, which is no name of an index or data stream: lower case, at most 255 \
             bytes, without blanks and any of \\ / * ? \" < > | , # : %, not beginning with - _ + ."
        );
        fields.mistake_in("index", &mistake);
        return None;
    }
    Some(index)
}

fn authorization(fields: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let mut auth = fields.optional_object("auth")?;
    let header = match auth.choice("type", &["basic", "api_key"]) {
        Some("basic") => basic(&mut auth),
        Some("api_key") => api_key(&mut auth),
        _ => return None,
    };
    auth.finish();
    header
}

fn basic(auth: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let username = auth.text("username");
    let password = auth.secret("password");
    let (username, password) = (username?, password?);
    if username.contains(':') {
        auth.mistake_in("username", "must not have a colon");
        return None;
    }
    let encoded = STANDARD.encode(format!("{username}:{}", password.expose()));
    HeaderValue::try_from(format!("Basic {encoded}")).ok()
}

fn api_key(auth: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let api_key = auth.secret("api_key")?;
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

#[cfg(test)]
mod tests {
    use reqwest::header::AUTHORIZATION;

    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(
            r#"{{"destinations":{{"search":{{"type":"elasticsearch",{fields}}}}}}}"#
        ))
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let error = config(fields).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.search.{expected}");
        assert_eq!(error, Some(expected), "{fields}");
    }

    #[track_caller]
    fn check_authorization(auth: &str, expected: &str) {
        let fields = format!(r#""url":"https://s.example","index":"logs","auth":{auth}"#);
        let config = config(&fields).unwrap_or_else(|error| panic!("{error}"));
        let header = &config.destinations["search"].destination.endpoint().headers[AUTHORIZATION];
        assert_eq!(header, expected);
        assert!(header.is_sensitive());
    }

    #[test]
    fn both_kinds_of_credentials_become_a_header() {
        check_authorization(
            r#"{"type":"basic","username":"u","password":"p:ä"}"#,
            "Basic dTpwOsOk",
        );
        check_authorization(
            r#"{"type":"api_key","api_key":"VnVhQ2ZHY0JDZGJrU=="}"#,
            "ApiKey VnVhQ2ZHY0JDZGJrU==",
        );
    }

    #[test]
    fn mistakes_name_the_field_and_never_a_secret() {
        let base = r#""url":"https://s.example","index":"logs""#;
        check(
            r#""url":"https://u:s3cr3t@s.example","index":"logs""#,
            "url: must not hold credentials; give them in the fields meant for them",
        );
        check(
            r#""url":"https://s.example/?x=1","index":"logs""#,
            "url: must not have a query or a fragment (what follows ? or #)",
        );
        check(
            r#""url":"https://s.example","index":"Logs""#,
            "index: is \"Logs\", which is no name of an index or data stream: lower case, at most 255 bytes, \
             without blanks and any of \\ / * ? \" < > | , # : %, not beginning with - _ + .",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"basic","username":"a:b","password":"s3cr3t"}}"#),
            "auth.username: must not have a colon",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"api_key","api_key":"id:s3cr3t"}}"#),
            "auth.api_key: must be the key in its encoded form, which Elasticsearch shows as \"encoded\"",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"bearer"}}"#),
            "auth.type: is \"bearer\", must be one of \"basic\", \"api_key\"",
        );
        check(
            &format!(r#"{base},"max_request_bytes":1"#),
            "max_request_bytes: is 1, must be between 10000 and 2000000000",
        );
    }
}
