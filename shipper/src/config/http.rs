//! The configuration of a generic HTTP destination.

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{FieldError, size, within};
use super::signing::Auth;
use super::url::HttpUrlWithQuery;
use crate::destination::http::{self, DEFAULT_RECORD_BYTES, DEFAULT_REQUEST_BYTES, Http};
use crate::destination::{Destination, Encoding, Limits};

/// The fields of type `http`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    url: HttpUrlWithQuery,
    #[serde(default)]
    method: Verb,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    compression: Compression,
    auth: Option<Auth>,
    #[serde(default = "size::<DEFAULT_REQUEST_BYTES>")]
    #[schemars(range(min = 10_000, max = 100_000_000))]
    max_request_bytes: usize,
    #[serde(default = "size::<1_000_000>")]
    #[schemars(range(min = 1, max = 1_000_000))]
    max_request_records: usize,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Post,
    Put,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Ndjson,
    JsonArray,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Compression {
    #[default]
    Gzip,
    None,
}

impl Settings {
    pub(super) fn destination(
        self,
        max_record_bytes: Option<usize>,
    ) -> Result<Box<dyn Destination>, FieldError> {
        let HttpUrlWithQuery(url) = self.url;
        let method = match self.method {
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
        };
        let format = match self.format {
            Format::Ndjson => http::Format::Ndjson,
            Format::JsonArray => http::Format::JsonArray,
        };
        let encoding = match self.compression {
            Compression::Gzip => Encoding::Gzip,
            Compression::None => Encoding::Identity,
        };
        let (headers, signing) = Auth::of(self.auth.as_ref(), &url)?;
        let most = self.max_request_bytes;
        let max_record_bytes =
            within("max_record_bytes", max_record_bytes, 5_000..=most, DEFAULT_RECORD_BYTES)?;
        let limits = Limits {
            max_request_records: self.max_request_records,
            ..Limits::of_bytes(self.max_request_bytes, max_record_bytes)
        };
        let mut http = Http::new(method, url, headers, format, encoding, limits);
        http.endpoint_mut().signing = signing;
        Ok(Box::new(http))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use crate::config::{Config, ConfigError};
    use crate::destination::Encoding;

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"http",{fields}}}}}}}"#))
    }

    #[test]
    fn optional_fields_have_defaults() {
        let config = config(r#""url":"https://logs.example/in?a=b""#);
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let destination = &config.destinations["x"].destination;
        assert_eq!(destination.endpoint().url.as_str(), "https://logs.example/in?a=b");
        assert_eq!(destination.endpoint().method, Method::POST);
        assert_eq!(destination.endpoint().headers["content-type"], "application/x-ndjson");
        assert_eq!(destination.encoding(), Encoding::Gzip);
        assert_eq!(destination.limits().max_request_bytes, 5_000_000);
        assert_eq!(destination.limits().max_record_bytes, 1_000_000);
    }

    #[test]
    fn every_default_can_be_overridden() {
        let fields = r#""url":"https://logs.example","method":"PUT","format":"json_array",
            "compression":"none","max_request_bytes":50000,"max_request_records":10"#;
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let destination = &config.destinations["x"].destination;
        assert_eq!(destination.endpoint().method, Method::PUT);
        assert_eq!(destination.endpoint().headers["content-type"], "application/json");
        assert_eq!(destination.encoding(), Encoding::Identity);
        let limits = destination.limits();
        assert_eq!((limits.max_request_bytes, limits.max_request_records), (50_000, 10));
        assert_eq!(limits.max_record_bytes, 50_000);
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (
                r#""url":"https://u:s3cr3t@logs.example""#,
                "url: must not contain credentials; use the destination's fields for credentials",
            ),
            (
                r#""url":"https://logs.example","method":"GET""#,
                "method: invalid value \"GET\": must be one of \"POST\", \"PUT\"",
            ),
            (
                r#""url":"https://logs.example","max_record_bytes":6000000"#,
                "max_record_bytes: invalid value 6000000: must be between 5000 and 5000000",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
