//! The configuration of a Honeycomb destination.

use super::fields::Fields;
use super::url::url_or;
use crate::destination::Destination;
use crate::destination::honeycomb::Honeycomb;

/// Reads the fields of type `honeycomb`.
///
/// <https://docs.honeycomb.io/api/>
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    let api_key = fields.secret_header("api_key", "");
    let dataset = fields.like("^[^/]+$").text("dataset");
    let of_region = match fields.choice_or_first("region", &["us", "eu"]) {
        "eu" => "https://api.eu1.honeycomb.io/",
        _ => "https://api.honeycomb.io/",
    };
    let url = url_or(fields, "https://api.honeycomb.io", of_region);
    if !fields.are_exclusive("region", "url") {
        return None;
    }
    let dataset = dataset?;
    if dataset.contains('/') {
        fields.mistake_in("dataset", "must not have a slash");
        return None;
    }
    Some(Box::new(Honeycomb::new(url?, api_key?, dataset)))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"honeycomb",{fields}}}}}}}"#))
    }

    #[test]
    fn the_api_is_found_by_region_or_url() {
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
    fn mistakes_name_the_field() {
        for (fields, expected) in [
            (r#""api_key":"k""#, "dataset: is missing"),
            (r#""api_key":"k","dataset":"a/b""#, "dataset: must not have a slash"),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
