//! The configuration of an S3 destination.

use boon::Format;
use schemars::JsonSchema;
use serde::Deserialize;

use super::names::Templates;
use super::schema::{FieldError, check_text, size};
use super::url::{HttpUrl, url_of_bucket};
use crate::destination::Destination;
use crate::destination::s3::{DEFAULT_OBJECT_BYTES, S3};
use crate::destination::time_template::TimeTemplate;
use crate::routing::{Allowed, NameField, Template};

/// The fields of type `s3`.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    #[schemars(extend(
        "pattern" = "^[a-z0-9][a-z0-9.-]{2,62}$",
        "errorMessage" = "must be a bucket name: 3 to 63 lower-case letters, digits, . and -",
    ))]
    pub(super) bucket: String,
    region: Option<String>,
    #[serde(default = "default_prefix")]
    #[schemars(extend("pattern" = "^[^/]", "format" = PREFIX.name))]
    pub(super) prefix: String,
    #[serde(default = "size::<DEFAULT_OBJECT_BYTES>")]
    #[schemars(range(min = 10_000, max = 1_000_000_000))]
    max_object_bytes: usize,
    url: Option<HttpUrl>,
}

/// The default prefix of objects.
fn default_prefix() -> String {
    "logs/{yyyy}/{MM}/{dd}/{HH}/".to_owned()
}

/// The prefix of keys, with date fields.
pub(super) const PREFIX: Format =
    Format { name: "s3-prefix", func: |value| check_text(value, |text| prefix(text).map(drop)) };

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        // Times are written by the destination.
        if prefix(&self.prefix).is_ok_and(|prefix| prefix.is_none()) {
            templates.required(&self.prefix, NameField::Prefix)?;
        }
        Ok(())
    }

    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let prefix = prefix(&self.prefix).map_err(|text| FieldError::new("prefix", text))?;
        let prefix = prefix.unwrap_or_default();
        let region = self.region.as_deref();
        let url = url_of_bucket(self.url, &self.bucket, region)?;
        Ok(Box::new(S3::new(url, region, prefix, self.max_object_bytes)))
    }
}

/// `None` for a template with other values than the time.
fn prefix(text: &str) -> Result<Option<TimeTemplate>, String> {
    let has_dots = text.split('/').any(|part| matches!(part, "." | ".."));
    if text.starts_with('/') || text.contains("//") || has_dots {
        return Err(
            "must not begin with a slash, and must not contain // or a segment . or ..".to_owned()
        );
    }
    match TimeTemplate::parse(text) {
        Ok(times) => Ok(Some(times)),
        Err(_) => {
            let template = Template::parse(text, Allowed::ObjectKey);
            template.map(|_| None).map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"s3",{fields}}}}}}}"#))
    }

    #[test]
    fn a_custom_endpoint_has_the_bucket_in_its_path() {
        let fields = r#""bucket":"logs","region":"eu-west-1","url":"http://127.0.0.1:1""#;
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "http://127.0.0.1:1/logs");
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (
                r#""bucket":"A","region":"eu-west-1""#,
                "bucket: is \"A\", must be a bucket name: 3 to 63 lower-case letters, digits, . \
                 and -",
            ),
            (
                r#""bucket":"logs","region":"eu-west-1","prefix":"a/{ss}/""#,
                "prefix: has the unknown value {ss}: use account, region, log_group, log_stream, \
                 function, service, kind, level, tag:<key>, field:<path>, or the time in yyyy, MM, \
                 dd and HH",
            ),
            (
                r#""bucket":"logs","region":"eu-west-1","prefix":"../a""#,
                "prefix: must not begin with a slash, and must not contain // or a segment . or \
                 ..",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
