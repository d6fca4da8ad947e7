//! The configuration of an OTLP destination.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::{FieldError, size};
use super::signing::Auth;
use super::url::HttpUrl;
use crate::destination::Destination;
use crate::destination::otlp::{MAX_REQUEST_BYTES, Otlp};

/// The fields of type `otlp`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    url: HttpUrl,
    auth: Option<Auth>,
    #[serde(default = "size::<MAX_REQUEST_BYTES>")]
    #[schemars(range(min = 20_000, max = 100_000_000))]
    max_request_bytes: usize,
    /// Attributes of the resource; they replace the shipper's of the same name.
    #[serde(default)]
    resource_attributes: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let HttpUrl(url) = self.url;
        let (headers, signing) = Auth::of(self.auth.as_ref(), &url)?;
        let (max, attributes) = (self.max_request_bytes, self.resource_attributes);
        let mut otlp = Otlp::new(url, headers, max, attributes);
        otlp.endpoint_mut().signing = signing;
        Ok(Box::new(otlp))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};
    use crate::delivery::JsonFields;

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"otlp",{fields}}}}}}}"#))
    }

    #[test]
    fn configured_headers_are_sent_and_not_shown() {
        let fields = r#""url":"https://otlp.example","headers":{"X-Api-Key":"k"},
            "auth":{"type":"basic","username":"u","password":"p"}"#;
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "https://otlp.example/v1/logs");
        assert_eq!(endpoint.headers["x-api-key"], "k");
        assert_eq!(endpoint.headers["authorization"], "Basic dTpw");
        assert!(endpoint.headers["x-api-key"].is_sensitive());
        assert!(endpoint.headers["authorization"].is_sensitive());
        assert_eq!(endpoint.headers["content-type"], "application/x-protobuf");
    }

    #[test]
    fn resource_attributes_and_json_fields_are_optional() {
        let config = config(
            r#""url":"https://otlp.example","json_fields":"send",
            "resource_attributes":{"deployment.environment.name":"prod"}"#,
        );
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.destinations["x"].json_fields, JsonFields::Send);
    }

    #[test]
    fn invalid_and_reserved_headers_are_errors() {
        for (headers, expected) in [
            (r#"{"a b":"x"}"#, "a b: is not a valid header name"),
            (r#"{"Host":"x"}"#, "Host: is set by the shipper; remove it"),
            (r#"{"a":"x\ny"}"#, "a: must not contain line breaks or control characters"),
            (r#"{"a":5}"#, "a: must be a string, is a number"),
        ] {
            let fields = format!(r#""url":"https://otlp.example","headers":{headers}"#);
            let error = config(&fields).err().map(|error| error.to_string());
            let expected =
                format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.headers.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
