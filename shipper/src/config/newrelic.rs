//! The configuration of a New Relic destination.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Token;
use super::schema::{FieldError, not_beside};
use super::url::{HttpUrl, url_or};
use crate::destination::Destination;
use crate::destination::newrelic::NewRelic;

/// The fields of type `newrelic`.
///
/// <https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/#endpoint>
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("dependentSchemas" = not_beside("region", "url")))]
pub(super) struct Settings {
    license_key: Token,
    #[serde(default)]
    region: Region,
    url: Option<HttpUrl>,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Region {
    #[default]
    Us,
    Eu,
    Gov,
}

impl Settings {
    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let of_region = match self.region {
            Region::Us => "https://log-api.newrelic.com/",
            Region::Eu => "https://log-api.eu.newrelic.com/",
            Region::Gov => "https://gov-log-api.newrelic.com/",
        };
        let url = url_or(self.url, of_region)?;
        Ok(Box::new(NewRelic::new(url, self.license_key.header("", "license_key")?)))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"newrelic",{fields}}}}}}}"#))
    }

    #[test]
    fn the_api_is_selected_by_region_or_url() {
        for (fields, expected) in [
            (r#""license_key":"k""#, "https://log-api.newrelic.com/log/v1"),
            (r#""license_key":"k","region":"eu""#, "https://log-api.eu.newrelic.com/log/v1"),
            (r#""license_key":"k","url":"http://127.0.0.1:1""#, "http://127.0.0.1:1/log/v1"),
        ] {
            let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["x"].destination.endpoint();
            assert_eq!(endpoint.url.as_str(), expected);
            assert!(endpoint.headers["api-key"].is_sensitive());
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (r#""region":"eu""#, "license_key: is missing"),
            (
                r#""license_key":"k","region":"asia""#,
                "region: invalid value \"asia\": must be one of \"us\", \"eu\", \"gov\"",
            ),
            (
                r#""license_key":"k","region":"eu","url":"http://127.0.0.1""#,
                "region: conflicts with \"url\"; remove one of them",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
