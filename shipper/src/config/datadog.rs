//! The configuration of a Datadog destination.

use schemars::JsonSchema;
use serde::Deserialize;

use super::auth::Token;
use super::names::Templates;
use super::schema::{FieldError, not_beside};
use super::url::{HttpUrl, url_or};
use crate::destination::Destination;
use crate::destination::datadog::Datadog;
use crate::routing::NameField;

/// The fields of type `datadog`.
///
/// <https://docs.datadoghq.com/getting_started/site/>
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("dependentSchemas" = not_beside("site", "url")))]
pub(super) struct Settings {
    api_key: Token,
    #[serde(default = "default_site")]
    #[schemars(extend(
        "pattern" = r"^[a-z0-9.-]*\.[a-z0-9.-]*$",
        "errorMessage" = "must be a Datadog site, such as \"datadoghq.eu\"",
    ))]
    site: String,
    url: Option<HttpUrl>,
    source: Option<String>,
    service: Option<String>,
    tags: Option<String>,
}

/// The default site of an organization.
fn default_site() -> String {
    "datadoghq.com".to_owned()
}

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        templates.take(&mut self.source, NameField::Source)?;
        templates.take(&mut self.service, NameField::Service)?;
        templates.take(&mut self.tags, NameField::Tags)?;
        Ok(())
    }

    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let of_site = format!("https://http-intake.logs.{}/", self.site);
        Ok(Box::new(Datadog::new(
            url_or(self.url, &of_site)?,
            self.api_key.header("", "api_key")?,
            self.source.as_deref(),
            self.service.as_deref(),
            self.tags.as_deref(),
        )))
    }
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
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn the_intake_is_selected_by_site_or_url() {
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
    fn errors_name_the_field() {
        check(r#""site":"datadoghq.eu""#, "api_key: is missing");
        check(
            r#""api_key":"k","site":"evil.example/""#,
            "site: is \"evil.example/\", must be a Datadog site, such as \"datadoghq.eu\"",
        );
        check(
            r#""api_key":"k","site":"datadoghq.eu","url":"http://127.0.0.1""#,
            "site: conflicts with \"url\"; remove one of them",
        );
    }
}
