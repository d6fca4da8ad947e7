//! The configuration of a Sumo Logic destination.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use super::auth::header;
use super::headers::{HEADER_VALUE, NO_HEADER_VALUE};
use super::names::Templates;
use super::schema::{FieldError, names_like};
use super::url::SecretUrl;
use crate::destination::Destination;
use crate::destination::sumologic::{Names, SumoLogic};
use crate::routing::NameField;

/// The pattern of a name in the fields header. Sumo Logic silently drops longer ones, and more than
/// [`MAX_FIELDS`].
///
/// <https://help.sumologic.com/docs/manage/fields/>
const OWN_NAME: &str = r"^[^,=\u0000-\u0008\u000a-\u001f\u007f]{1,255}$";

/// The error for other names.
const NO_OWN_NAME: &str =
    "must be at most 255 characters without a comma, equals sign or control character";

/// The pattern of a value in the fields header.
const OWN_FIELD: &str = r"^[^,=\u0000-\u0008\u000a-\u001f\u007f]{1,200}$";

/// The error for other values.
const NO_OWN_FIELD: &str =
    "must be at most 200 characters without a comma, equals sign or control character";

/// The maximum number of fields in a request.
const MAX_FIELDS: usize = 30;

/// The fields of type `sumologic`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    url: SecretUrl,
    #[schemars(extend("pattern" = HEADER_VALUE, "errorMessage" = NO_HEADER_VALUE))]
    category: Option<String>,
    #[schemars(extend("pattern" = HEADER_VALUE, "errorMessage" = NO_HEADER_VALUE))]
    host: Option<String>,
    #[schemars(extend("pattern" = HEADER_VALUE, "errorMessage" = NO_HEADER_VALUE))]
    name: Option<String>,
    #[schemars(transform = own_fields)]
    fields: Option<BTreeMap<String, OwnField>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = OWN_FIELD, "errorMessage" = NO_OWN_FIELD))]
struct OwnField(String);

fn own_fields(schema: &mut Schema) {
    names_like(schema, OWN_NAME, NO_OWN_NAME);
    schema.insert("maxProperties".to_owned(), MAX_FIELDS.into());
}

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        templates.take(&mut self.category, NameField::Category)?;
        templates.take(&mut self.host, NameField::Host)?;
        templates.take(&mut self.name, NameField::Name)?;
        Ok(())
    }

    /// <https://help.sumologic.com/docs/manage/fields/#x-sumo-fields-http-header>
    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let url = self.url.url()?;
        let category = self.category.map(|text| header(&text, "category")).transpose()?;
        let names = Names {
            host: self.host.map(|text| header(&text, "host")).transpose()?,
            name: self.name.map(|text| header(&text, "name")).transpose()?,
        };
        let fields = self.fields.map(|fields| {
            let pairs = fields.iter().map(|(name, OwnField(value))| format!("{name}={value}"));
            header(&pairs.collect::<Vec<_>>().join(","), "fields")
        });
        Ok(Box::new(SumoLogic::new(url, category, names, fields.transpose()?)))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(
            r#"{{"destinations":{{"x":{{"type":"sumologic","url":"https://c.example/r/S",{fields}}}}}}}"#
        ))
    }

    #[test]
    fn category_and_fields_become_headers() {
        let config = config(r#""category":"prod/lambda","fields":{"env":"prod","team":"shop"}"#);
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "https://c.example/r/S");
        assert_eq!(endpoint.headers["x-sumo-category"], "prod/lambda");
        assert_eq!(endpoint.headers["x-sumo-fields"], "env=prod,team=shop");
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (
                r#""fields":{"a":"b,c"}"#,
                "fields.a: is \"b,c\", must be at most 200 characters without a comma, equals \
                 sign or control character",
            ),
            (
                r#""category":"a\nb""#,
                "category: is \"a\\nb\", must not contain line breaks or control characters",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
