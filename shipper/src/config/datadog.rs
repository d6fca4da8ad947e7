//! The configuration of a Datadog destination.

use reqwest::Url;

use super::fields::Fields;
use super::url::optional_url;
use crate::destination::Destination;
use crate::destination::datadog::Datadog;

/// The site of an organisation that names none.
const DEFAULT_SITE: &str = "datadoghq.com";

/// The source by which Datadog chooses how lines are parsed.
const DEFAULT_SOURCE: &str = "lambda";

/// Reads the fields of type `datadog`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    let api_key = fields.secret_header("api_key", "");
    let intake = intake(fields);
    let source = fields.text_or("source", DEFAULT_SOURCE);
    let service = fields.optional_text("service");
    let tags = fields.optional_text("tags");
    Some(Box::new(Datadog::new(intake?, api_key?, source, service, tags)))
}

/// The intake's address: by site, or whole.
///
/// <https://docs.datadoghq.com/getting_started/site/>
fn intake(fields: &mut Fields<'_, '_>) -> Option<Url> {
    let site = fields.like(r"^[a-z0-9.-]*\.[a-z0-9.-]*$").text_or("site", DEFAULT_SITE);
    let given = optional_url(fields, "https://http-intake.logs.datadoghq.eu");
    if !fields.are_exclusive("site", "url") || fields.has("url") {
        return given;
    }
    let is_site = site.contains('.')
        && site.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
        });
    if !is_site {
        let mistake = format!("is {site:?}, must be a site's name, as in \"datadoghq.eu\"");
        fields.mistake_in("site", &mistake);
        return None;
    }
    Url::parse(&format!("https://http-intake.logs.{site}/")).ok()
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"datadog",{fields}}}}}}}"#))
    }

    #[track_caller]
    fn check_url(fields: &str, expected: &str) {
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), expected);
        assert!(endpoint.headers["dd-api-key"].is_sensitive());
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let error = config(fields).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn the_intake_is_found_by_site_or_url() {
        check_url(r#""api_key":"k""#, "https://http-intake.logs.datadoghq.com/api/v2/logs");
        check_url(
            r#""api_key":"k","site":"us3.datadoghq.com""#,
            "https://http-intake.logs.us3.datadoghq.com/api/v2/logs",
        );
        check_url(
            r#""api_key":"k","url":"http://127.0.0.1:1/proxy""#,
            "http://127.0.0.1:1/proxy/api/v2/logs",
        );
    }

    #[test]
    fn mistakes_name_the_field() {
        check(r#""site":"datadoghq.eu""#, "api_key: is missing");
        check(
            r#""api_key":"k","site":"evil.example/""#,
            "site: is \"evil.example/\", must be a site's name, as in \"datadoghq.eu\"",
        );
        check(
            r#""api_key":"k","site":"datadoghq.eu","url":"http://127.0.0.1""#,
            "site: cannot stand beside \"url\"; leave one of them out",
        );
    }
}
