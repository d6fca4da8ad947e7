//! The configuration of a Honeycomb destination.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Token;
use super::names::Templates;
use super::schema::{FieldError, not_beside};
use super::url::{HttpUrl, url_or};
use crate::destination::Destination;
use crate::destination::honeycomb::Honeycomb;
use crate::routing::NameField;

/// The fields of type `honeycomb`.
///
/// <https://docs.honeycomb.io/api/>
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("dependentSchemas" = not_beside("region", "url")))]
pub(super) struct Settings {
    api_key: Token,
    #[schemars(extend("pattern" = "^[^/]+$", "errorMessage" = "must not contain a slash"))]
    dataset: String,
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
}

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        templates.required(&self.dataset, NameField::Dataset)?;
        Ok(())
    }

    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let of_region = match self.region {
            Region::Us => "https://api.honeycomb.io/",
            Region::Eu => "https://api.eu1.honeycomb.io/",
        };
        let url = url_or(self.url, of_region)?;
        Ok(Box::new(Honeycomb::new(url, self.api_key.header("", "api_key")?, &self.dataset)))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"honeycomb",{fields}}}}}}}"#))
    }

    #[test]
    fn the_api_is_selected_by_region_or_url() {
        for (fields, expected) in [
            (r#""api_key":"k","dataset":"d""#, "https://api.honeycomb.io/1/batch/d"),
            (
                r#""api_key":"k","dataset":"d","region":"eu""#,
                "https://api.eu1.honeycomb.io/1/batch/d",
            ),
            (
                r#""api_key":"k","dataset":"d","url":"http://127.0.0.1:1""#,
                "http://127.0.0.1:1/1/batch/d",
            ),
        ] {
            let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["x"].destination.endpoint();
            assert_eq!(endpoint.url.as_str(), expected);
            assert!(endpoint.headers["x-honeycomb-team"].is_sensitive());
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (r#""api_key":"k""#, "dataset: is missing"),
            (r#""api_key":"k","dataset":"a/b""#, "dataset: is \"a/b\", must not contain a slash"),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
