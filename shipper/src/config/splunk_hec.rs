//! The configuration of a Splunk destination.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::auth::Token;
use super::names::Templates;
use super::schema::{FieldError, size, within};
use super::url::HttpUrl;
use crate::destination::Destination;
use crate::destination::splunk_hec::{self, MAX_REQUEST_BYTES, Naming, SplunkHec};
use crate::routing::NameField;

/// The fields of type `splunk_hec`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    url: HttpUrl,
    token: Token,
    host: Option<String>,
    source: Option<String>,
    sourcetype: Option<String>,
    index: Option<String>,
    #[serde(default)]
    #[schemars(extend("items" = json!({"type": "string", "minLength": 1, "maxLength": 128})))]
    tag_fields: Vec<String>,
    #[serde(default)]
    indexer_acknowledgement: bool,
    /// The maximum that a collector accepts by default (`max_content_length`).
    #[serde(default = "size::<MAX_REQUEST_BYTES>")]
    #[schemars(range(min = 10_000, max = 838_860_800))]
    max_request_bytes: usize,
}

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        templates.take(&mut self.host, NameField::Host)?;
        templates.take(&mut self.source, NameField::Source)?;
        templates.take(&mut self.sourcetype, NameField::Sourcetype)?;
        templates.take(&mut self.index, NameField::Index)?;
        Ok(())
    }

    pub(super) fn destination(
        self,
        max_record_bytes: Option<usize>,
    ) -> Result<Box<dyn Destination>, FieldError> {
        let naming = Naming {
            host: self.host.as_deref(),
            source: self.source.as_deref(),
            sourcetype: self.sourcetype.as_deref(),
            index: self.index.as_deref(),
            tag_fields: &self.tag_fields,
        };
        let acknowledgement = match self.indexer_acknowledgement {
            false => splunk_hec::Acknowledgement::NotAskedFor,
            true => splunk_hec::Acknowledgement::Awaited,
        };
        let most = self.max_request_bytes;
        Ok(Box::new(SplunkHec::new(
            &self.url.0,
            self.token.header("Splunk ", "token")?,
            &naming,
            acknowledgement,
            self.max_request_bytes,
            within("max_record_bytes", max_record_bytes, 5_000..=most, most)?,
        )))
    }
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
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
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
        assert!(destination.acknowledgements().is_none());
    }

    #[test]
    fn acknowledgement_uses_a_channel() {
        let config = config(&format!(r#"{BASE},"indexer_acknowledgement":true"#));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let destination = &config.destinations["x"].destination;
        assert!(destination.endpoint().headers.contains_key("x-splunk-request-channel"));
        assert!(destination.acknowledgements().is_some());
    }

    #[test]
    fn errors_name_the_field_and_never_a_secret() {
        check(r#""url":"https://s.example""#, "token: is missing");
        check(
            r#""url":"https://s.example","token":"s3cr\u00e9t""#,
            "token: must contain only printable ASCII characters",
        );
        check(
            &format!(r#"{BASE},"indexer_acknowledgement":"yes""#),
            "indexer_acknowledgement: must be a boolean, is a string",
        );
        check(
            &format!(r#"{BASE},"max_request_bytes":20000,"max_record_bytes":30000"#),
            "max_record_bytes: invalid value 30000: must be between 5000 and 20000",
        );
        check(&format!(r#"{BASE},"json_fields":"send""#), "json_fields: unknown field");
        check(
            &format!(r#"{BASE},"max_event_bytes":9000"#),
            "max_event_bytes: unknown field; did you mean \"max_record_bytes\"?",
        );
    }
}
