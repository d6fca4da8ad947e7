//! The configuration of a Splunk destination.

use super::fields::Fields;
use super::url::url;
use crate::destination::Destination;
use crate::destination::splunk_hec::{Acknowledgement, MAX_REQUEST_BYTES, Naming, SplunkHec};

/// The source type by which Splunk's own add-on calls what comes from CloudWatch Logs.
const DEFAULT_SOURCETYPE: &str = "aws:cloudwatchlogs";

/// Reads the fields of type `splunk_hec`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    /// The largest request that a collector takes by default (`max_content_length`).
    const LARGEST_REQUEST_BYTES: usize = 838_860_800;

    let url = url(fields, "https://http-inputs-acme.splunkcloud.com");
    let authorization = fields.secret_header("token", "Splunk ");
    let naming = Naming {
        host: fields.optional_text("host"),
        source: fields.optional_text("source"),
        sourcetype: fields.text_or("sourcetype", DEFAULT_SOURCETYPE),
        index: fields.optional_text("index"),
    };
    let acknowledgement = match fields.choice_or_first("acknowledgement", &["none", "await"]) {
        "await" => Acknowledgement::Awaited,
        _ => Acknowledgement::NotAskedFor,
    };
    let max_request_bytes =
        fields.bytes("max_request_bytes", 10_000..=LARGEST_REQUEST_BYTES, MAX_REQUEST_BYTES);
    let max_event_bytes =
        fields.bytes("max_event_bytes", 5_000..=max_request_bytes, max_request_bytes);
    Some(Box::new(SplunkHec::new(
        &url?,
        authorization?,
        &naming,
        acknowledgement,
        max_request_bytes,
        max_event_bytes,
    )))
}

#[cfg(test)]
mod tests {
    use reqwest::header::AUTHORIZATION;

    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"splunk_hec",{fields}}}}}}}"#))
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let error = config(fields).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected));
    }

    const BASE: &str = r#""url":"https://splunk.example:8088","token":"t""#;

    #[test]
    fn the_collector_is_below_the_address_and_the_token_in_a_header_that_is_not_shown() {
        let config = config(BASE).unwrap_or_else(|error| panic!("{error}"));
        let destination = &config.destinations["x"].destination;
        let endpoint = destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "https://splunk.example:8088/services/collector/event");
        assert_eq!(endpoint.headers[AUTHORIZATION], "Splunk t");
        assert!(endpoint.headers[AUTHORIZATION].is_sensitive());
        assert!(!endpoint.headers.contains_key("x-splunk-request-channel"));
        assert!(destination.receipts().is_none());
    }

    #[test]
    fn whoever_awaits_acknowledgement_has_a_channel() {
        let config = config(&format!(r#"{BASE},"acknowledgement":"await""#));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let destination = &config.destinations["x"].destination;
        assert!(destination.endpoint().headers.contains_key("x-splunk-request-channel"));
        assert!(destination.receipts().is_some());
    }

    #[test]
    fn mistakes_name_the_field_and_never_a_secret() {
        check(r#""url":"https://s.example""#, "token: is missing");
        check(
            r#""url":"https://s.example","token":"s3cr\u00e9t""#,
            "token: must have nothing but printable ASCII characters",
        );
        check(
            &format!(r#"{BASE},"acknowledgement":true"#),
            "acknowledgement: must be a string, is a boolean",
        );
        check(
            &format!(r#"{BASE},"max_request_bytes":20000,"max_event_bytes":30000"#),
            "max_event_bytes: is 30000, must be between 5000 and 20000",
        );
        check(&format!(r#"{BASE},"json_fields":"send""#), "json_fields: is not known");
    }
}
