//! The configuration of a Sumo Logic destination.

use reqwest::header::HeaderValue;

use super::fields::Fields;
use super::url::secret_url;
use crate::destination::Destination;
use crate::destination::sumologic::SumoLogic;

/// Reads the fields of type `sumologic`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    let url = secret_url(fields, "https://collectors.sumologic.com/receiver/v1/http/...");
    let category = category(fields);
    let own_fields = own_fields(fields);
    Some(Box::new(SumoLogic::new(url?, category, own_fields)))
}

fn category(fields: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let category = fields.optional_text("category")?;
    let header = HeaderValue::try_from(category).ok();
    if header.is_none() {
        fields.mistake_in("category", "must have no line ends and no control characters");
    }
    header
}

/// Reads `fields`, an object, into the form `name=value,…` of the header.
///
/// <https://help.sumologic.com/docs/manage/fields/#x-sumo-fields-http-header>
fn own_fields(fields: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let mut named = fields.optional_object("fields")?;
    let mut pairs = Vec::new();
    for name in named.names() {
        let Some(value) = named.text(&name) else {
            continue;
        };
        let is_clean =
            |text: &str| !text.contains([',', '=']) && HeaderValue::try_from(text).is_ok();
        if is_clean(&name) && is_clean(value) {
            pairs.push(format!("{name}={value}"));
        } else {
            named.mistake_in(&name, "must have no comma, equals sign or control character");
        }
    }
    named.finish();
    HeaderValue::try_from(pairs.join(",")).ok()
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
    fn mistakes_name_the_field() {
        for (fields, expected) in [
            (
                r#""fields":{"a":"b,c"}"#,
                "fields.a: must have no comma, equals sign or control character",
            ),
            (r#""category":"a\nb""#, "category: must have no line ends and no control characters"),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
