//! The configuration of a Loggly destination.

use schemars::JsonSchema;
use serde::Deserialize;

use super::names::Templates;
use super::schema::FieldError;
use super::url::{HttpUrl, url_or};
use crate::destination::Destination;
use crate::destination::loggly::Loggly;
use crate::routing::NameField;
use crate::secret::Secret;

/// The fields of type `loggly`.
///
/// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/tags.htm>
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    token: Secret,
    #[serde(default = "default_tags")]
    #[schemars(extend(
        "pattern" =
            "^([A-Za-z0-9][A-Za-z0-9_.*-]{0,63}(,[A-Za-z0-9][A-Za-z0-9_.*-]{0,63})*|.*[{}].*)$",
        "errorMessage" = "must be comma-separated tags, such as \"lambda,prod\": letters, digits \
            and -_.*, at most 64 characters each",
    ))]
    tags: String,
    url: Option<HttpUrl>,
}

/// The default tags.
fn default_tags() -> String {
    "lambda".to_owned()
}

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        let mut tags = Some(std::mem::take(&mut self.tags));
        templates.take(&mut tags, NameField::Tags)?;
        self.tags = tags.unwrap_or_else(default_tags);
        Ok(())
    }

    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let url = url_or(self.url, "https://logs-01.loggly.com")?;
        Ok(Box::new(Loggly::new(url, self.token, &self.tags)))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"loggly",{fields}}}}}}}"#))
    }

    #[test]
    fn token_and_tags_are_in_the_url() {
        for (fields, expected) in [
            (r#""token":"t""#, "https://logs-01.loggly.com/bulk/t/tag/lambda/"),
            (
                r#""token":"t","tags":"a,b","url":"http://127.0.0.1:1""#,
                "http://127.0.0.1:1/bulk/t/tag/a,b/",
            ),
        ] {
            let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.destinations["x"].destination.endpoint().url.as_str(), expected);
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (r#""tags":"a""#, "token: is missing"),
            (
                r#""token":"t","tags":"a,,b""#,
                "tags: is \"a,,b\", must be comma-separated tags, such as \"lambda,prod\": \
                 letters, digits and -_.*, at most 64 characters each",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
