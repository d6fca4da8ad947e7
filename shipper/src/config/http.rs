//! The configuration of a generic HTTP destination.

use reqwest::Method;
use reqwest::header::AUTHORIZATION;

use super::auth::authorization;
use super::fields::Fields;
use super::headers::headers;
use super::url::url_with_query;
use crate::destination::http::{DEFAULT_RECORD_BYTES, DEFAULT_REQUEST_BYTES, Format, Http};
use crate::destination::{Destination, Encoding, Limits};

/// Reads the fields of type `http`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    const LARGEST_REQUEST_BYTES: usize = 100_000_000;

    let url = url_with_query(fields, "https://logs.example/ingest");
    let method = match fields.choice_or_first("method", &["POST", "PUT"]) {
        "PUT" => Method::PUT,
        _ => Method::POST,
    };
    let format = match fields.choice_or_first("format", &["ndjson", "json_array"]) {
        "json_array" => Format::JsonArray,
        _ => Format::Ndjson,
    };
    let encoding = match fields.choice_or_first("compression", &["gzip", "none"]) {
        "none" => Encoding::Identity,
        _ => Encoding::Gzip,
    };
    let mut headers = headers(fields);
    if let Some(mut authorization) = authorization(fields) {
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
    }
    let max_request_bytes =
        fields.bytes("max_request_bytes", 10_000..=LARGEST_REQUEST_BYTES, DEFAULT_REQUEST_BYTES);
    let max_record_bytes = fields.bytes(
        "max_record_bytes",
        5_000..=max_request_bytes,
        DEFAULT_RECORD_BYTES.min(max_request_bytes),
    );
    let max_request_records = fields.bytes("max_request_records", 1..=1_000_000, 1_000_000);
    let limits =
        Limits { max_request_records, ..Limits::of_bytes(max_request_bytes, max_record_bytes) };
    Some(Box::new(Http::new(method, url?, headers, format, encoding, limits)))
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
    fn what_is_left_out_has_a_default() {
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
    fn everything_can_be_said_otherwise() {
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
    fn mistakes_name_the_field() {
        for (fields, expected) in [
            (
                r#""url":"https://u:s3cr3t@logs.example""#,
                "url: must not hold credentials; give them in the fields meant for them",
            ),
            (
                r#""url":"https://logs.example","method":"GET""#,
                "method: is \"GET\", must be one of \"POST\", \"PUT\"",
            ),
            (
                r#""url":"https://logs.example","max_record_bytes":6000000"#,
                "max_record_bytes: is 6000000, must be between 5000 and 5000000",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
