//! The configuration of a Logz.io destination.

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::{FieldError, not_beside};
use super::url::{HttpUrl, url_or};
use crate::destination::Destination;
use crate::destination::logzio::Logzio;
use crate::secret::Secret;

/// The fields of type `logzio`.
///
/// <https://docs.logz.io/docs/user-guide/admin/hosting-regions/account-region/>
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("dependentSchemas" = not_beside("region", "url")))]
pub(super) struct Settings {
    token: Secret,
    #[serde(default = "default_region")]
    #[schemars(extend(
        "pattern" = "^[a-z0-9-]{2,10}$",
        "errorMessage" = "must be a region code, such as \"eu\"",
    ))]
    region: String,
    url: Option<HttpUrl>,
    #[serde(default = "default_log_type")]
    #[schemars(extend("pattern" = r"^\S+$", "errorMessage" = "must not contain white space"))]
    log_type: String,
}

fn default_region() -> String {
    "us".to_owned()
}

/// The default log type.
fn default_log_type() -> String {
    "lambda".to_owned()
}

impl Settings {
    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let of_region = match &*self.region {
            "us" => "https://listener.logz.io:8071".to_owned(),
            code => format!("https://listener-{code}.logz.io:8071"),
        };
        let listener = url_or(self.url, &of_region)?;
        Ok(Box::new(Logzio::new(listener, &self.token, &self.log_type)))
    }
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
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected), "{fields}");
    }

    #[test]
    fn the_listener_is_selected_by_region_or_url() {
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
    fn errors_name_the_field() {
        check(r#""region":"eu""#, "token: is missing");
        check(r#""token":"""#, "token: is empty");
        check(
            r#""token":"t","log_type":"my type""#,
            "log_type: is \"my type\", must not contain white space",
        );
        check(r#""token":5"#, "token: must be a string, is a number");
        check(
            r#""token":"t","region":"evil.example/""#,
            "region: is \"evil.example/\", must be a region code, such as \"eu\"",
        );
        check(
            r#""token":"t","region":"eu","url":"http://127.0.0.1""#,
            "region: conflicts with \"url\"; remove one of them",
        );
    }
}
