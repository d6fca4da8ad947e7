//! The configuration: one JSON document, read once at start.
//!
//! It is read whole, so that every mistake is reported at once, each with its place. A mistake
//! stops the start: a shipper that runs with half a configuration loses logs without a word.

mod datadog;
mod elasticsearch;
mod fields;
mod kind;
mod logzio;
mod newrelic;
mod splunk_hec;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use flate2::Compression;
use serde_json::Value;

use crate::delivery::{JsonFields, Oversized};
use crate::destination::{Destination, Keys};
use fields::{Fields, Mistakes};
use kind::Kind;
pub use kind::TYPES;

/// The environment variable that holds the document.
pub const VARIABLE: &str = "LOGAGG_CONFIG";

/// What a user decides.
pub struct Config {
    /// Where records go, by the name the user gave.
    pub destinations: BTreeMap<String, DestinationConfig>,
    /// The most an event may have after decompression.
    pub max_decoded_bytes: usize,
    /// How much of the invocation's time is kept for ending it properly.
    pub reserve: Duration,
    /// The longest time for one request.
    pub request_timeout: Duration,
    /// How hard to compress.
    pub gzip_level: Compression,
}

/// A destination and how it is delivered to.
pub struct DestinationConfig {
    /// The log service.
    pub destination: Box<dyn Destination>,
    /// What to do with records larger than it takes.
    pub oversized: Oversized,
    /// Whether the fields of structured lines are sent.
    pub json_fields: JsonFields,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq)]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the document.
    pub fn parse(document: &str) -> Result<Self, ConfigError> {
        const MEBIBYTE: u64 = 1024 * 1024;

        let value: Value = serde_json::from_str(document).map_err(|error| {
            // By position only: the document holds secrets.
            let (line, column) = (error.line(), error.column());
            ConfigError(vec![format!(
                "it is not JSON: syntax error at line {line} column {column}"
            )])
        })?;
        let mut mistakes = Mistakes::default();
        let Some(mut root) = Fields::root(&value, &mut mistakes) else {
            return Err(ConfigError(mistakes.into_list()));
        };
        let destinations = destinations(&mut root);
        let max_decoded_bytes =
            root.number("max_decoded_bytes", MEBIBYTE..=1024 * MEBIBYTE, 64 * MEBIBYTE);
        let reserve_ms = root.number("reserve_ms", 100..=60_000, 1_000);
        let request_timeout_ms = root.number("request_timeout_ms", 100..=600_000, 10_000);
        let gzip_level = root.number("gzip_level", 1..=9, 1);
        root.finish();
        let list = mistakes.into_list();
        if !list.is_empty() {
            return Err(ConfigError(list));
        }
        Ok(Self {
            destinations,
            max_decoded_bytes: usize::try_from(max_decoded_bytes).unwrap_or(usize::MAX),
            reserve: Duration::from_millis(reserve_ms),
            request_timeout: Duration::from_millis(request_timeout_ms),
            gzip_level: u32::try_from(gzip_level).map_or(Compression::fast(), Compression::new),
        })
    }

    /// The error for a variable that is not set.
    pub fn missing() -> ConfigError {
        ConfigError(vec!["it is not set".to_owned()])
    }
}

fn destinations(root: &mut Fields<'_, '_>) -> BTreeMap<String, DestinationConfig> {
    let mut destinations = BTreeMap::new();
    let Some(mut named) = root.object("destinations") else {
        return destinations;
    };
    let names = named.names();
    if names.is_empty() {
        named.mistake("has no destination: give at least one, as \"<name>\": {\"type\": …}");
    }
    for name in &names {
        let Some(mut fields) = named.object(name) else {
            continue;
        };
        // Without a known type nobody can say which other fields are right.
        let Some(kind) = fields.choice("type", &TYPES).and_then(Kind::named) else {
            continue;
        };
        let destination = (kind.read)(&mut fields);
        let oversized = match fields.optional_choice("oversized", &["split", "cut", "refuse"]) {
            Some("cut") => Oversized::Cut,
            Some("refuse") => Oversized::Refuse,
            _ => Oversized::Split,
        };
        let json_fields = match kind.json_fields {
            JsonFields::Omit => JsonFields::Omit,
            JsonFields::Send => match fields.optional_choice("json_fields", &["send", "omit"]) {
                Some("omit") => JsonFields::Omit,
                _ => JsonFields::Send,
            },
        };
        fields.finish();
        if let Some(destination) = destination {
            let config = DestinationConfig { destination, oversized, json_fields };
            destinations.insert(name.clone(), config);
        }
    }
    if names.len() > 1 {
        for (name, config) in &destinations {
            if config.destination.keys() == Keys::NotTaken {
                named.mistake(&format!(
                    "\"{name}\" cannot stand beside another destination: when one of them fails, \
                     Lambda repeats the event to all, and \"{name}\" would store again what it has, \
                     since it takes no document ids; give it a shipper of its own"
                ));
            }
        }
    }
    destinations
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let mistakes = if count == 1 { "mistake" } else { "mistakes" };
        write!(formatter, "{VARIABLE} has {count} {mistakes}:")?;
        for mistake in &self.0 {
            write!(formatter, "\n  {mistake}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"destinations":{"search":{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}}}"#;

    #[track_caller]
    fn check(document: &str, expected: &str) {
        let error = match Config::parse(document) {
            Ok(_) => panic!("accepted: {document}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(error, expected, "{document}");
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = Config::parse(GOOD).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.max_decoded_bytes, 64 * 1024 * 1024);
        assert_eq!(config.reserve, Duration::from_secs(1));
        assert_eq!(config.request_timeout, Duration::from_secs(10));
        assert_eq!(config.gzip_level, Compression::new(1));
        let search = &config.destinations["search"];
        assert_eq!(search.oversized, Oversized::Split);
        assert_eq!(search.json_fields, JsonFields::Send);
        assert_eq!(search.destination.endpoint().url.path(), "/logs/_bulk");
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_its_place() {
        let types = TYPES.map(|name| format!("{name:?}")).join(", ");
        check(
            r#"{
                "destination": {},
                "destinations": {
                    "search": {"type": "elasticsearch", "url": "127.0.0.1:9200", "indx": "logs",
                               "auth": {"type": "basic", "username": "u", "pasword": "s3cr3t"}},
                    "other": {"type": "elastic"},
                    "third": 5
                },
                "reserve_ms": 5,
                "gzip_level": "fast"
            }"#,
            &format!(
                "LOGAGG_CONFIG has 10 mistakes:\n  \
             destinations.other.type: is \"elastic\", must be one of {types}; did you mean \"elasticsearch\"?\n  \
             destinations.search.url: must be a URL that begins with http:// or https://, as in \"https://search.example:9200\"\n  \
             destinations.search.index: is missing\n  \
             destinations.search.auth.password: is missing\n  \
             destinations.search.auth.pasword: is not known; did you mean \"password\"?\n  \
             destinations.search.indx: is not known; did you mean \"index\"?\n  \
             destinations.third: must be an object, is a number\n  \
             reserve_ms: is 5, must be between 100 and 60000\n  \
             gzip_level: must be a whole number, is a string\n  \
             destination: is not known; did you mean \"destinations\"?"
            ),
        );
    }

    #[test]
    fn a_document_that_is_no_json_is_told_by_position_and_not_shown() {
        check(
            "{\"token\": \"s3cr3t\"",
            "LOGAGG_CONFIG has 1 mistake:\n  it is not JSON: syntax error at line 1 column 18",
        );
        check("[]", "LOGAGG_CONFIG has 1 mistake:\n  must be an object, is an array");
        check("{}", "LOGAGG_CONFIG has 1 mistake:\n  destinations: is missing");
        check(
            r#"{"destinations":{}}"#,
            "LOGAGG_CONFIG has 1 mistake:\n  destinations: has no destination: give at least one, as \"<name>\": {\"type\": …}",
        );
    }

    #[test]
    fn several_destinations_must_all_take_keys() {
        let search = r#"{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}"#;
        let logzio = r#"{"type":"logzio","token":"t"}"#;
        let two = format!(r#"{{"destinations":{{"a":{search},"b":{search}}}}}"#);
        assert!(Config::parse(&two).is_ok());
        let alone = format!(r#"{{"destinations":{{"a":{logzio}}}}}"#);
        assert!(Config::parse(&alone).is_ok());
        check(
            &format!(r#"{{"destinations":{{"a":{search},"b":{logzio}}}}}"#),
            "LOGAGG_CONFIG has 1 mistake:\n  destinations: \"b\" cannot stand beside another destination: \
             when one of them fails, Lambda repeats the event to all, and \"b\" would store again what it has, \
             since it takes no document ids; give it a shipper of its own",
        );
    }
}
