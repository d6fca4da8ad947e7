//! The configuration: one JSON document, read once at start.
//!
//! The types define both parsing and the schema. The document is validated against the schema
//! first, so that all errors are reported at once, each with its path. Rules that concern several
//! fields are checked in code, for all parts that are valid by the schema. Any error stops the
//! start: a shipper with a partial configuration would silently lose logs.

mod arn;
mod auth;
pub(crate) mod backfill;
mod datadog;
mod destination;
mod destination_config;
mod elasticsearch;
mod events_per_record;
mod firehose;
mod headers;
mod honeycomb;
mod http;
mod kinesis;
mod loggly;
mod logzio;
mod loki;
pub(crate) mod metrics;
mod names;
mod newrelic;
mod otlp;
mod processing;
mod risks;
mod routes;
mod rule;
mod s3;
pub(crate) mod schema;
mod sending;
mod signing;
mod source;
mod splunk_hec;
mod sumologic;
pub(crate) mod tags;
mod tls;
mod transform;
mod undelivered;
mod url;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use boon::Format;
use flate2::Compression;
use schemars::JsonSchema;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::backfill::Backfill;
use crate::destination::Deduplication;
use crate::processing::Processing;
use crate::routing::Router;
use crate::secret::{SecretArn, Secrets};
use crate::tags::TagSource;
use crate::undelivered::Undelivered;
pub use destination::TYPES;
pub use destination_config::DestinationConfig;
use names::Templates;
use risks::MEBIBYTE;
pub use risks::Risk;
use routes::UsedTag;
use schema::{FieldError, FieldPath, Validator, number};
pub use source::{Source, SourceError, VARIABLE};

/// The configuration of the shipper.
pub struct Config {
    /// The destinations, by name.
    pub destinations: BTreeMap<String, DestinationConfig>,
    /// The maximum size of an event after decompression.
    pub max_decoded_bytes: usize,
    /// The part of the invocation's time that is reserved for ending it.
    pub reserve: Duration,
    /// The timeout of a request.
    pub request_timeout: Duration,
    /// The compression level.
    pub gzip_level: Compression,
    /// Which destinations a record is sent to, and under which names.
    pub router: Router,
    /// The filter, sampling and redaction rules; `None` sends everything unchanged.
    pub processing: Option<Processing>,
    /// The namespace of the metrics, if they are enabled.
    pub metrics_namespace: Option<String>,
    /// The time after which secrets are fetched again.
    pub secret_max_age: Duration,
    /// The storage for undelivered events.
    pub undelivered: Option<Undelivered>,
    /// How log events are read from CloudWatch Logs, if they are.
    pub backfill: Option<Backfill>,
    /// Where the tags of log groups and functions are read, if they are.
    pub tags: Option<TagSource>,
    /// The response to Lambda when some records of a batch failed.
    pub batch_failures: BatchFailures,
}

/// The response to Lambda when some records of a batch from a stream or a queue failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchFailures {
    /// The failed records. Lambda evaluates them only if the event source mapping has
    /// `ReportBatchItemFailures`; otherwise those records are lost.
    #[default]
    Report,
    /// An error for the whole batch, which is required without that setting.
    Fail,
}

/// A document that is validated as far as possible without the secrets whose ARNs it contains.
pub struct Draft {
    value: Value,
    validator: Validator,
    memory_mb: Option<u64>,
    read: Option<Config>,
    wanted: Vec<(SecretArn, FieldPath)>,
}

/// All errors of a configuration.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    place: String,
    errors: Vec<String>,
}

/// The configuration of the shipper.
#[derive(Deserialize, JsonSchema)]
struct Settings {
    /// The URL of the schema, for editors.
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    #[schemars(extend(
        "minProperties" = 1,
        "errorMessage" = "is empty: configure at least one destination, as \"<name>\": \
            {\"type\": …}",
    ))]
    destinations: BTreeMap<String, destination::Settings>,
    #[schemars(extend(
        "minItems" = 1,
        "errorMessage" = "is empty, so nothing would be sent; remove it to send everything to \
            every destination",
    ))]
    routes: Option<Vec<routes::Settings>>,
    undelivered: Option<undelivered::Settings>,
    backfill: Option<backfill::Settings>,
    tags: Option<tags::Settings>,
    #[serde(default)]
    batch_failures: BatchFailures,
    processing: Option<processing::Settings>,
    metrics: Option<metrics::Settings>,
    #[schemars(range(min = MEBIBYTE, max = 1024 * MEBIBYTE))]
    max_decoded_bytes: Option<u64>,
    #[serde(default = "number::<1_000>")]
    #[schemars(range(min = 100, max = 60_000))]
    reserve_ms: u64,
    #[serde(default = "number::<10_000>")]
    #[schemars(range(min = 100, max = 600_000))]
    request_timeout_ms: u64,
    #[serde(default = "number::<1>")]
    #[schemars(range(min = 1, max = 9))]
    gzip_level: u64,
    #[serde(default = "number::<3_600>")]
    #[schemars(range(min = 60, max = 86_400))]
    secret_max_age_s: u64,
    #[serde(default)]
    #[schemars(extend("items" = schema::some_of(&Risk::NAMES)))]
    accepted_risks: Vec<String>,
}

/// Formats that need more than a pattern.
const FORMATS: [Format; 10] = [
    processing::PATTERN,
    elasticsearch::INDEX,
    rule::REGEX,
    s3::PREFIX,
    transform::GROUPS,
    undelivered::PREFIX,
    undelivered::QUEUE_URL,
    url::SECRET_URL,
    url::URL,
    url::URL_WITH_QUERY,
];

/// The result of validating a document.
#[derive(Default)]
struct Found {
    config: Option<Config>,
    errors: Vec<FieldError>,
    /// Risks, each with its path.
    risks: Vec<(Risk, String)>,
    /// The secrets to be fetched.
    wanted: Vec<(SecretArn, FieldPath)>,
}

/// The schema of the types, written by `cargo xtask docs`: reading it takes a quarter of the time
/// of generating it.
const SCHEMA: &str = include_str!("schema.json");

/// The schema of the document, generated from its types.
pub fn schema() -> Value {
    schema::of::<Settings>()
}

impl Config {
    /// Parses a document without ARNs of secrets, whatever its risks.
    pub fn parse(document: &str) -> Result<Self, ConfigError> {
        let value = json(document)?;
        let mut found = Found::read(&validator(&value)?, &value, None, &[]);
        found.risks.clear();
        found.errors.extend(found.wanted.iter().map(|(_, place)| {
            let text = "is the ARN of a secret, which only a running function can fetch";
            FieldError::new(place.to_string(), text)
        }));
        found.into_config()
    }
}

impl Draft {
    /// Validates a document, including risks that it does not accept. `memory_mb` is the function's
    /// memory.
    pub fn check(document: &str, memory_mb: Option<u64>) -> Result<Self, ConfigError> {
        let value = json(document)?;
        let validator = validator(&value)?;
        let mut found = Found::read(&validator, &value, memory_mb, &[]);
        let wanted = std::mem::take(&mut found.wanted);
        let read = Some(found.into_config()?).filter(|_| wanted.is_empty());
        Ok(Self { value, validator, memory_mb, read, wanted })
    }

    /// The secrets that the document refers to.
    pub fn wanted(&self) -> BTreeSet<SecretArn> {
        self.wanted.iter().map(|(arn, _)| arn.clone()).collect()
    }

    /// The fields that contain a secret's ARN.
    pub fn fields_with(&self, arn: &SecretArn) -> String {
        let fields = self.wanted.iter().filter(|(wanted, _)| wanted == arn);
        let fields: BTreeSet<String> = fields.map(|(_, place)| place.to_string()).collect();
        fields.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// The configuration with the secrets in place of their ARNs.
    pub fn complete(&mut self, secrets: &Secrets) -> Result<Config, ConfigError> {
        if let Some(config) = self.read.take() {
            return Ok(config);
        }
        let mut value = self.value.clone();
        let mut missing = Vec::new();
        let mut fetched = Vec::new();
        for (arn, place) in &self.wanted {
            let secret = secrets.get(arn).map_or("", |secret| secret.expose());
            if secret.is_empty() {
                let text = "is the ARN of a secret that is empty";
                missing.push(FieldError::new(place.to_string(), text));
            } else if let Some(field) = place.find_mut(&mut value) {
                *field = json!(secret);
                fetched.push(place.clone());
            }
        }
        let mut found = Found::read(&self.validator, &value, self.memory_mb, &fetched);
        found.errors.extend(missing);
        found.into_config()
    }
}

/// The validator for this document.
fn validator(document: &Value) -> Result<Validator, ConfigError> {
    let read = serde_json::from_str(SCHEMA);
    let mut schema = read.map_err(|error| ConfigError::new(vec![error.to_string()]))?;
    schema::keep_fields(&mut schema, &[document]);
    Validator::new(schema, &FORMATS).map_err(|error| ConfigError::new(vec![error]))
}

/// Parses a document as JSON.
fn json(document: &str) -> Result<Value, ConfigError> {
    let read = serde_json::from_str::<EachOnce>(document);
    read.map(|EachOnce(value)| value).map_err(|error| {
        // Position only: the document contains secrets.
        let (line, column) = (error.line(), error.column());
        ConfigError::new(vec![if error.is_data() {
            format!(
                "duplicate field, the second before line {line} column {column}: remove one of \
                 them"
            )
        } else {
            format!("invalid JSON: syntax error at line {line} column {column}")
        }])
    })
}

/// JSON without duplicate fields, of which one would be silently ignored.
struct EachOnce(Value);

impl<'de> Deserialize<'de> for EachOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = EachOnce;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("JSON")
            }

            fn visit_bool<E>(self, value: bool) -> Result<EachOnce, E> {
                Ok(EachOnce(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<EachOnce, E> {
                Ok(EachOnce(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<EachOnce, E> {
                Ok(EachOnce(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<EachOnce, E> {
                Ok(EachOnce(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<EachOnce, E> {
                Ok(EachOnce(value.into()))
            }

            fn visit_unit<E>(self) -> Result<EachOnce, E> {
                Ok(EachOnce(Value::Null))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<EachOnce, A::Error> {
                let mut values = Vec::new();
                while let Some(EachOnce(value)) = items.next_element()? {
                    values.push(value);
                }
                Ok(EachOnce(values.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<EachOnce, A::Error> {
                let mut object = Map::new();
                while let Some(name) = fields.next_key::<String>()? {
                    if object.contains_key(&name) {
                        return Err(A::Error::custom("a field twice"));
                    }
                    let EachOnce(value) = fields.next_value()?;
                    object.insert(name, value);
                }
                Ok(EachOnce(object.into()))
            }
        }

        deserializer.deserialize_any(Each)
    }
}

impl Found {
    /// Validates the whole document; the secrets at the `fetched` paths are already replaced.
    fn read(
        validator: &Validator,
        document: &Value,
        memory_mb: Option<u64>,
        fetched: &[FieldPath],
    ) -> Self {
        let checked = validator.check(document, fetched);
        let mut valid_parts = checked.valid_parts(document);
        let mut found = Self { errors: checked.errors, wanted: checked.secrets, ..Self::default() };
        if let Some(parts) = valid_parts.as_object_mut() {
            // All of them may be invalid.
            parts.entry("destinations").or_insert_with(|| json!({}));
            match Settings::deserialize(&valid_parts) {
                Ok(settings) => {
                    found.config =
                        Some(found.settings(document, &valid_parts, settings, memory_mb));
                }
                Err(_) => {
                    found.error(
                        "",
                        "cannot be read although it matches the schema; this is a bug, please \
                         report it",
                    );
                }
            }
        }
        found
    }

    /// Converts the valid settings.
    fn settings(
        &mut self,
        document: &Value,
        valid_parts: &Value,
        settings: Settings,
        memory_mb: Option<u64>,
    ) -> Config {
        let has_storage = document.get("undelivered").is_some();
        if !has_storage {
            self.risks.push((Risk::NoUndeliveredStorage, String::new()));
        }
        if let Some(undelivered) = &settings.undelivered {
            let routes = settings.routes.as_deref().unwrap_or_default();
            self.errors.extend(undelivered.overlaps(&settings.destinations, routes));
        }
        for (name, destination) in valid_parts["destinations"].as_object().into_iter().flatten() {
            if let Some(text) = destination::duplicate_path(destination) {
                self.error(format!("destinations.{name}.url"), text);
            }
            if settings.tags.is_none() && destination["tag_fields"].get(0).is_some() {
                let text = "no tags are read: configure \"tags\"";
                self.error(format!("destinations.{name}.tag_fields"), text);
            }
            if url::is_in_the_clear(destination) {
                self.risks.push((Risk::InsecureHttp, format!("destinations.{name}.url")));
            }
        }
        let (destinations, targets) =
            self.destinations(settings.destinations, valid_parts, has_storage);
        let names = document["destinations"].as_object().into_iter().flatten();
        let names: Vec<&String> = names.map(|(name, _)| name).collect();
        let used_tags = routes::used_tags(settings.routes.as_deref().unwrap_or_default(), &targets);
        if settings.tags.is_none() {
            self.errors.extend(used_tags.iter().filter_map(UsedTag::without_tags));
        }
        let (router, errors) = routes::router(settings.routes, &targets, &names);
        self.errors.extend(errors);
        if has_storage {
            self.check_names(&names);
        } else if names.len() > 1 {
            self.check_keys(&destinations);
        }
        if let Some(processing) = &settings.processing {
            self.errors.extend(processing.repeated_names());
        }
        let routed = if router.is_needless() { 0 } else { destinations.len() };
        let largest_event_bytes =
            memory_mb.map_or(u64::MAX, |memory_mb| risks::largest_event_bytes(memory_mb, routed));
        let max_decoded_bytes = settings
            .max_decoded_bytes
            .unwrap_or(largest_event_bytes.clamp(MEBIBYTE, 64 * MEBIBYTE));
        if max_decoded_bytes > largest_event_bytes {
            let place = "max_decoded_bytes".to_owned();
            self.risks.push((Risk::LowMemory { largest_event_bytes }, place));
        }
        self.risks
            .retain(|(risk, _)| !settings.accepted_risks.iter().any(|name| name == risk.name()));
        Config {
            destinations,
            router,
            max_decoded_bytes: usize::try_from(max_decoded_bytes).unwrap_or(usize::MAX),
            reserve: Duration::from_millis(settings.reserve_ms),
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            gzip_level: u32::try_from(settings.gzip_level)
                .map_or(Compression::fast(), Compression::new),
            processing: settings.processing.and_then(processing::Settings::processing),
            metrics_namespace: settings.metrics.map(|metrics| metrics.namespace),
            secret_max_age: Duration::from_secs(settings.secret_max_age_s),
            undelivered: settings.undelivered.map(undelivered::Settings::undelivered),
            backfill: settings.backfill.map(backfill::Settings::backfill),
            tags: settings.tags.map(|tags| tags.source(used_tags.into_iter().map(|used| used.key))),
            batch_failures: settings.batch_failures,
        }
    }

    fn destinations(
        &mut self,
        settings: BTreeMap<String, destination::Settings>,
        valid_parts: &Value,
        has_storage: bool,
    ) -> (BTreeMap<String, DestinationConfig>, BTreeMap<String, routes::Target>) {
        let mut destinations = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for (name, mut settings) in settings {
            let place = format!("destinations.{name}");
            if settings.oversized == destination::Oversized::DeadLetter && !has_storage {
                self.error(
                    format!("{place}.oversized"),
                    "\"dead_letter\" requires storage for undelivered events: configure \
                     \"undelivered\"",
                );
            }
            let labels = settings.labels();
            let destination_type = valid_parts["destinations"][&name]["type"].as_str();
            let mut templates = Templates::of(destination_type.unwrap_or_default());
            let taken = settings.take_templates(&mut templates);
            match taken.and_then(|()| settings.build()) {
                Ok(config) => {
                    targets.insert(name.clone(), routes::Target { templates, labels });
                    destinations.insert(name, config);
                }
                Err(error) => {
                    let error = error.below(&place);
                    // A secret that is not fetched yet cannot be validated.
                    if !self.wanted.iter().any(|(_, place)| error.is_at(place)) {
                        self.errors.push(error);
                    }
                }
            }
        }
        (destinations, targets)
    }

    /// Checks that the names of destinations can be part of the keys of stored events.
    fn check_names(&mut self, names: &[&String]) {
        for name in names.iter().filter(|name| !is_key_part(name)) {
            self.error(
                format!("destinations.{name}"),
                "invalid name: must be at most 64 letters, digits, - and _, beginning with a \
                 letter or digit, because undelivered events are stored under it",
            );
        }
    }

    /// Checks that each of several destinations deduplicates.
    fn check_keys(&mut self, destinations: &BTreeMap<String, DestinationConfig>) {
        for (name, config) in destinations {
            if config.destination.deduplication() == Deduplication::None {
                self.error(
                    "destinations",
                    format!(
                        "\"{name}\" cannot be combined with another destination: when one of \
                         them fails, Lambda retries the event for all, and \"{name}\" would \
                         store duplicates, because it does not deduplicate; configure \
                         \"undelivered\", or deploy a separate shipper for it"
                    ),
                );
            }
        }
    }

    fn error(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.errors.push(FieldError::new(place, text));
    }

    /// The configuration, unless there are errors or risks.
    fn into_config(mut self) -> Result<Config, ConfigError> {
        self.errors.sort();
        let errors = self.errors.iter().map(FieldError::to_string);
        let risks = self.risks.iter().map(|(risk, place)| risk.message(place));
        let errors: Vec<String> = errors.chain(risks).collect();
        match self.config {
            Some(config) if errors.is_empty() => Ok(config),
            _ => Err(ConfigError::new(errors)),
        }
    }
}

impl ConfigError {
    fn new(errors: Vec<String>) -> Self {
        Self { place: VARIABLE.to_owned(), errors }
    }

    /// Sets the source that the error names.
    #[must_use]
    pub fn in_source(self, source: &Source) -> Self {
        Self { place: source.to_string(), ..self }
    }
}

/// Whether a destination's name can be part of a stored event's key.
fn is_key_part(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len();
        let errors = if count == 1 { "error" } else { "errors" };
        write!(formatter, "{} has {count} {errors}:", self.place)?;
        for error in &self.errors {
            write!(formatter, "\n  {error}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{JsonFields, Oversized};
    use crate::secret::Secret;

    const GOOD: &str = r#"{"destinations":{"search":{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}}}"#;

    #[track_caller]
    fn check(document: &str, expected: &str) {
        let error = match Config::parse(document) {
            Ok(_) => panic!("accepted: {document}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(error, expected, "{document}");
    }

    /// Visits every part of a schema except those that are conditions.
    fn parts<'s>(schema: &'s Value, visit: &mut impl FnMut(&'s Value)) {
        visit(schema);
        let tried = ["anyOf", "if", "not", "dependentSchemas"];
        match schema {
            Value::Array(items) => items.iter().for_each(|item| parts(item, visit)),
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(name, _)| !tried.contains(&name.as_str()));
                fields.for_each(|(_, field)| parts(field, visit));
            }
            _ => {}
        }
    }

    #[test]
    fn the_stored_schema_is_generated_from_the_types() {
        let read: Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(read, schema(), "stale; to write it again run: cargo xtask docs");
    }

    #[test]
    fn every_pattern_has_an_error_message_or_a_format() {
        let schema = schema();
        let mut formats = BTreeSet::new();
        parts(&schema, &mut |part| {
            let is_there = |name| part.get(name).is_some_and(Value::is_string);
            let is_of_secrets = part == &json!({"pattern": SecretArn::PATTERN});
            assert!(
                !is_there("pattern")
                    || is_there("errorMessage")
                    || is_there("format")
                    || is_of_secrets,
                "{part}"
            );
            formats.extend(part["format"].as_str().map(str::to_owned));
        });
        let checked = FORMATS.iter().map(|format| format.name).chain(["secret"]);
        assert_eq!(formats, checked.map(str::to_owned).collect());
    }

    #[test]
    fn every_type_is_named() {
        let schema = schema();
        let destination = &schema["properties"]["destinations"]["additionalProperties"];
        assert_eq!(destination["properties"]["type"]["enum"], json!(TYPES));
    }

    #[test]
    fn the_largest_event_depends_on_the_memory() {
        for (memory_mb, mebibytes) in [(40, 1), (128, 16), (256, 41), (368, 64), (10_240, 64)] {
            let document = GOOD.replacen(
                '{',
                r#"{"accepted_risks":["low_memory","no_undelivered_storage"],"#,
                1,
            );
            let config = Draft::check(&document, Some(memory_mb))
                .and_then(|mut draft| draft.complete(&Secrets::default()))
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.max_decoded_bytes >> 20, mebibytes, "{memory_mb}");
        }
    }

    #[test]
    fn optional_fields_have_defaults() {
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
    fn every_error_is_reported_at_once_with_its_path() {
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
                "LOGAGG_CONFIG has 10 errors:\n  destination: unknown field; did you mean \
                 \"destinations\"?\n  destinations.other.type: invalid value \"elastic\": must \
                 be one of {types}; did you mean \"elasticsearch\"?\n  destinations.search.auth.password: \
                 is missing\n  destinations.search.auth.pasword: unknown field; did you mean \
                 \"password\"?\n  destinations.search.index: is missing\n  destinations.search.indx: \
                 unknown field; did you mean \"index\"?\n  destinations.search.url: must be a \
                 URL that begins with http:// or https://, such as \
                 \"https://logs.example:8080\"\n  destinations.third: must be an object, is a \
                 number\n  gzip_level: must be a whole number, is a string\n  reserve_ms: \
                 invalid value 5: must be between 100 and 60000"
            ),
        );
    }

    #[test]
    fn rules_about_several_fields_are_checked_in_all_valid_parts() {
        check(
            r#"{
                "destinations": {
                    "a": {"type": "logzio"},
                    "b": {"type": "http", "url": "https://b.example", "max_record_bytes": 6000000},
                    "c": {"type": "loki", "url": "https://c.example", "max_request_bytes": 20000,
                          "max_record_bytes": 20000, "oversized": "dead_letter", "tenannt": "t"},
                    "d": {"type": "elasticsearch", "url": "https://d.example", "index": "logs",
                          "auth": {"type": "aws"}}
                },
                "processing": {"include": [{"name": "x", "kinds": ["start"]}, {"name": "x", "message": "x"}]},
                "metrics": {"namespace": "AWS/Lambda"}
            }"#,
            "LOGAGG_CONFIG has 8 errors:\n  destinations.a.token: is missing\n  destinations.b.max_record_bytes: \
             invalid value 6000000: must be between 5000 and 5000000\n  destinations.c.max_record_bytes: \
             invalid value 20000: must be between 5000 and 10000\n  destinations.c.oversized: \
             \"dead_letter\" requires storage for undelivered events: configure \
             \"undelivered\"\n  destinations.c.tenannt: unknown field; did you mean \
             \"tenant\"?\n  destinations.d.auth.service: is missing and cannot be derived from \
             the host name: set \"es\" for Amazon OpenSearch Service, \"aoss\" for OpenSearch \
             Serverless\n  metrics.namespace: must be at most 255 letters, digits and . - _ / # \
             : and not begin with : or AWS/\n  processing.include[1].name: duplicate name \
             \"x\": another rule has the same name",
        );
    }

    #[test]
    fn integers_may_have_a_decimal_point_and_nothing_may_be_null() {
        let with = |fields: &str| GOOD.replacen('{', &format!("{{{fields},"), 1);
        let config =
            Config::parse(&with(r#""reserve_ms":500.0"#)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.reserve, Duration::from_millis(500));
        for (fields, expected) in [
            (r#""reserve_ms":500.5"#, "reserve_ms: must be a whole number, is 500.5"),
            (r#""reserve_ms":-1"#, "reserve_ms: invalid value -1: must be between 100 and 60000"),
            (r#""reserve_ms":null"#, "reserve_ms: must be a whole number, is null"),
            (r#""undelivered":null"#, "undelivered: must be an object, is null"),
            (r#""accepted_risks":null"#, "accepted_risks: must be a list, is null"),
        ] {
            check(&with(fields), &format!("LOGAGG_CONFIG has 1 error:\n  {expected}"));
        }
    }

    #[test]
    fn a_fetched_secret_follows_the_same_rules_and_is_not_shown() {
        const ARN: &str = "arn:aws:ssm:eu-west-1:123456789012:parameter/key";

        let document = json!({
            "destinations": {
                "x": {"type": "datadog", "api_key": ARN},
                "y": {"type": "honeycomb", "dataset": "d", "api_key": ARN},
            },
            "undelivered": {"bucket": "undelivered"},
        });
        let complete = |secret: &str| {
            let mut draft = Draft::check(&document.to_string(), None).unwrap();
            let wanted: Vec<SecretArn> = draft.wanted().into_iter().collect();
            assert_eq!(wanted.len(), 1);
            assert_eq!(
                draft.fields_with(&wanted[0]),
                "destinations.x.api_key, destinations.y.api_key"
            );
            let secrets = Secrets::from([(wanted[0].clone(), Secret::new(secret))]);
            draft.complete(&secrets).map_err(|error| error.to_string())
        };
        // A fetched value is not an ARN even if it begins like one.
        for secret in ["s3cr3t", "arn:s3cr3t"] {
            let config = complete(secret).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["x"].destination.endpoint();
            assert_eq!(endpoint.headers["dd-api-key"], secret);
        }
        for (secret, expected) in [
            ("s3cr\u{e9}t", "must contain only printable ASCII characters"),
            ("", "is the ARN of a secret that is empty"),
        ] {
            let fields =
                ["x", "y"].map(|name| format!("\n  destinations.{name}.api_key: {expected}"));
            let expected = format!("LOGAGG_CONFIG has 2 errors:{}", fields.concat());
            assert_eq!(complete(secret).err(), Some(expected));
        }
    }

    #[test]
    fn invalid_json_is_reported_by_position_without_its_content() {
        check(
            "{\"token\": \"s3cr3t\"",
            "LOGAGG_CONFIG has 1 error:\n  invalid JSON: syntax error at line 1 column 18",
        );
        check("[]", "LOGAGG_CONFIG has 1 error:\n  must be an object, is an array");
        check("{}", "LOGAGG_CONFIG has 1 error:\n  destinations: is missing");
        check(
            r#"{"destinations":{}}"#,
            "LOGAGG_CONFIG has 1 error:\n  destinations: is empty: configure at least one \
             destination, as \"<name>\": {\"type\": …}",
        );
    }

    #[test]
    fn with_storage_destination_names_must_be_valid_in_a_key() {
        let search = r#"{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}"#;
        check(
            &format!(
                r#"{{"destinations":{{"a/b":{search}}},"undelivered":{{"bucket":"undelivered"}}}}"#
            ),
            "LOGAGG_CONFIG has 1 error:\n  destinations.a/b: invalid name: must be at most 64 \
             letters, digits, - and _, beginning with a letter or digit, because undelivered \
             events are stored under it",
        );
    }

    #[test]
    fn oversized_records_are_dead_letters_only_where_there_is_storage() {
        let search = r#"{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs","oversized":"dead_letter"}"#;
        let expected = "LOGAGG_CONFIG has 1 error:\n  destinations.a.oversized: \"dead_letter\" \
            requires storage for undelivered events: configure \"undelivered\"";
        check(&format!(r#"{{"destinations":{{"a":{search}}}}}"#), expected);
        let bucket = r#"{"bucket":"undelivered"}"#;
        let good = format!(r#"{{"destinations":{{"a":{search}}},"undelivered":{bucket}}}"#);
        assert!(Config::parse(&good).is_ok());
    }

    #[test]
    fn several_destinations_must_all_deduplicate() {
        let search = r#"{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}"#;
        let logzio = r#"{"type":"logzio","token":"t"}"#;
        let two = format!(r#"{{"destinations":{{"a":{search},"b":{search}}}}}"#);
        assert!(Config::parse(&two).is_ok());
        let alone = format!(r#"{{"destinations":{{"a":{logzio}}}}}"#);
        assert!(Config::parse(&alone).is_ok());
        check(
            &format!(r#"{{"destinations":{{"a":{search},"b":{logzio}}}}}"#),
            "LOGAGG_CONFIG has 1 error:\n  destinations: \"b\" cannot be combined with another \
             destination: when one of them fails, Lambda retries the event for all, and \"b\" \
             would store duplicates, because it does not deduplicate; configure \
             \"undelivered\", or deploy a separate shipper for it",
        );
        let storage = r#""undelivered":{"bucket":"undelivered"}"#;
        let stored = format!(r#"{{"destinations":{{"a":{search},"b":{logzio}}},{storage}}}"#);
        assert!(Config::parse(&stored).is_ok());
    }

    #[test]
    fn a_duplicate_field_is_an_error_that_does_not_show_its_value() {
        let twice = GOOD.replace(r#""index":"logs""#, r#""index":"s3cr3t","index":"logs""#);
        let error = Config::parse(&twice).err().unwrap().to_string();
        assert!(error.contains("duplicate field"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn a_rule_with_an_empty_list_is_an_error() {
        let rule = r#"{"processing":{"exclude":[{"name":"noise","kinds":[]}]},"#;
        let error = Config::parse(&GOOD.replacen('{', rule, 1)).err().unwrap().to_string();
        assert!(error.contains("processing.exclude[0].kinds: is empty"), "{error}");
    }
}
