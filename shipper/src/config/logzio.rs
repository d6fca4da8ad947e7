//! The configuration of a Logz.io destination.

use reqwest::Url;

use super::fields::Fields;
use super::url::optional_url;
use crate::destination::Destination;
use crate::destination::logzio::Logzio;

/// The type under which lines are sent unless the user names another.
const DEFAULT_LOG_TYPE: &str = "lambda";

/// Reads the fields of type `logzio`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    let token = fields.secret("token");
    let listener = listener(fields);
    let log_type = fields.text_or("log_type", DEFAULT_LOG_TYPE);
    Some(Box::new(Logzio::new(listener?, &token?, log_type)))
}

/// The listener's address: by region, or whole.
///
/// <https://docs.logz.io/docs/user-guide/admin/hosting-regions/account-region/>
fn listener(fields: &mut Fields<'_, '_>) -> Option<Url> {
    let region = fields.like("^[a-z0-9-]{2,10}$").text_or("region", "us");
    let given = optional_url(fields, "https://listener.logz.io:8071");
    if !fields.are_exclusive("region", "url") || fields.has("url") {
        return given;
    }
    let host = match region {
        "us" => "listener.logz.io".to_owned(),
        code => {
            let is_code = (2..=10).contains(&code.len())
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit());
            if !is_code {
                let mistake = format!("is {code:?}, must be a region's code, as in \"eu\"");
                fields.mistake_in("region", &mistake);
                return None;
            }
            format!("listener-{code}.logz.io")
        }
    };
    Url::parse(&format!("https://{host}:8071/")).ok()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"logzio",{fields}}}}}}}"#))
    }

    #[track_caller]
    fn check_url(fields: &str, expected: &str) {
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let url = &config.destinations["x"].destination.endpoint().url;
        assert_eq!(url.as_str(), expected);
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let error = config(fields).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected), "{fields}");
    }

    #[test]
    fn the_listener_is_found_by_region_or_url() {
        check_url(r#""token":"t""#, "https://listener.logz.io:8071/?token=t&type=lambda");
        check_url(
            r#""token":"t","region":"us""#,
            "https://listener.logz.io:8071/?token=t&type=lambda",
        );
        check_url(
            r#""token":"t","region":"eu","log_type":"shop""#,
            "https://listener-eu.logz.io:8071/?token=t&type=shop",
        );
        check_url(
            r#""token":"t","url":"http://127.0.0.1:8071""#,
            "http://127.0.0.1:8071/?token=t&type=lambda",
        );
    }

    #[test]
    fn mistakes_name_the_field() {
        check(r#""region":"eu""#, "token: is missing");
        check(r#""token":"""#, "token: is empty");
        check(r#""token":5"#, "token: must be a string, is a number");
        check(
            r#""token":"t","region":"evil.example/""#,
            "region: is \"evil.example/\", must be a region's code, as in \"eu\"",
        );
        check(
            r#""token":"t","region":"eu","url":"http://127.0.0.1""#,
            "region: cannot stand beside \"url\"; leave one of them out",
        );
    }
}
