//! The configuration: one JSON document, read once at start.
//!
//! It is read whole, so that every mistake is reported at once, each with its place. A mistake
//! stops the start: a shipper that runs with half a configuration loses logs without a word.

mod admit;
mod arn;
mod auth;
mod datadog;
mod elasticsearch;
pub(crate) mod fields;
mod firehose;
mod headers;
mod honeycomb;
mod http;
mod kind;
mod kinesis;
mod loggly;
mod logzio;
mod loki;
mod newrelic;
mod otlp;
mod risks;
mod s3;
pub(crate) mod shape;
mod source;
mod splunk_hec;
mod sumologic;
mod undelivered;
mod url;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use flate2::Compression;
use serde_json::Value;

use crate::admit::Admission;
use crate::delivery::{JsonFields, Oversized};
use crate::destination::{Destination, Keys};
use crate::secret::{SecretArn, Secrets};
use crate::undelivered::Undelivered;
use fields::{Fields, Findings};
use kind::Kind;
pub use kind::TYPES;
pub use risks::Risk;
pub use shape::{Field, Form, Object, Presence, Rule};
pub use source::{Source, SourceError, VARIABLE};

const MEBIBYTE: u64 = 1024 * 1024;

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
    /// Which lines are sent and what of them; `None` for everything.
    pub admission: Option<Admission>,
    /// The namespace of the metrics, if there are to be any.
    pub metrics_namespace: Option<String>,
    /// How long fetched secrets are used before they are fetched again.
    pub secret_max_age: Duration,
    /// Where undelivered events are stored.
    pub undelivered: Option<Undelivered>,
    /// What Lambda is told when only some records of a batch have failed.
    pub batch_failures: BatchFailures,
}

/// What Lambda is told when only some records of a batch from a stream or a queue have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFailures {
    /// Which. Lambda pays attention only where the event source mapping has
    /// `ReportBatchItemFailures`; elsewhere those records are lost.
    Report,
    /// That the whole batch has, as it must be told without that setting.
    Fail,
}

/// A destination and how it is delivered to.
pub struct DestinationConfig {
    /// The log service.
    pub destination: Box<dyn Destination>,
    /// What to do with records larger than it takes.
    pub oversized: Oversized,
    /// Whether the fields of structured lines are sent.
    pub json_fields: JsonFields,
    /// The most requests that are under way at once.
    pub max_in_flight: usize,
}

/// A document that has been checked as far as that is possible without the secrets of which it has
/// the ARNs.
pub struct Draft {
    value: Value,
    memory_mb: Option<u64>,
    read: Option<Config>,
    wanted: BTreeMap<SecretArn, BTreeSet<String>>,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    place: String,
    mistakes: Vec<String>,
}

impl Config {
    /// Reads a document that has no ARNs of secrets in it, whatever it risks.
    pub fn parse(document: &str) -> Result<Self, ConfigError> {
        let value = json(document)?;
        let mut findings = Findings::default();
        let config = read(&value, &mut findings, None);
        let fetched = findings.wanted.values().flatten().map(|field| {
            format!("{field}: is the ARN of a secret, which only a running function can fetch")
        });
        let mistakes = findings.mistakes.into_iter().chain(fetched).collect();
        ConfigError::of_mistakes(mistakes)?;
        config.ok_or_else(|| ConfigError::new(Vec::new()))
    }
}

impl Draft {
    /// Checks a document for mistakes and for risks that it does not accept. `memory_mb` is what the
    /// function has.
    pub fn check(document: &str, memory_mb: Option<u64>) -> Result<Self, ConfigError> {
        let value = json(document)?;
        let mut findings = Findings::default();
        let read = read(&value, &mut findings, memory_mb);
        let wanted = std::mem::take(&mut findings.wanted);
        ConfigError::of_mistakes(findings.refusals())?;
        let read = read.filter(|_| wanted.is_empty());
        Ok(Self { value, memory_mb, read, wanted })
    }

    /// The secrets that are needed to complete it.
    pub fn wanted(&self) -> BTreeSet<SecretArn> {
        self.wanted.keys().cloned().collect()
    }

    /// The fields that have a secret's ARN.
    pub fn fields_with(&self, arn: &SecretArn) -> String {
        let fields = self.wanted.get(arn).into_iter().flatten();
        fields.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The configuration with the secrets in place of their ARNs.
    pub fn complete(&mut self, secrets: &Secrets) -> Result<Config, ConfigError> {
        if let Some(config) = self.read.take() {
            return Ok(config);
        }
        let mut findings = Findings::with(secrets);
        let config = read(&self.value, &mut findings, self.memory_mb);
        ConfigError::of_mistakes(findings.refusals())?;
        config.ok_or_else(|| ConfigError::new(Vec::new()))
    }
}

fn json(document: &str) -> Result<Value, ConfigError> {
    serde_json::from_str(document).map_err(|error| {
        // By position only: the document holds secrets.
        let (line, column) = (error.line(), error.column());
        ConfigError::new(vec![format!(
            "it is not JSON: syntax error at line {line} column {column}"
        )])
    })
}

/// Reads the whole document.
fn read<'v>(
    value: &'v Value,
    findings: &mut Findings<'v>,
    memory_mb: Option<u64>,
) -> Option<Config> {
    let mut root = Fields::root(value, findings)?;
    // Where editors find the schema of the document.
    root.optional_text("$schema");
    let accepted = risks::accepted(&mut root);
    let undelivered = undelivered::read(&mut root, value.get("destinations"));
    let batch_failures = match root.choice_or_first("batch_failures", &["report", "fail"]) {
        "fail" => BatchFailures::Fail,
        _ => BatchFailures::Report,
    };
    let has_storage = root.has("undelivered");
    let destinations = destinations(&mut root, has_storage);
    let admission = admit::read(&mut root);
    let metrics_namespace = metrics_namespace(&mut root);
    let largest_event_bytes = memory_mb.map_or(u64::MAX, risks::largest_event_bytes);
    let max_decoded_bytes = root
        .optional_number("max_decoded_bytes", MEBIBYTE..=1024 * MEBIBYTE)
        .unwrap_or(largest_event_bytes.clamp(MEBIBYTE, 64 * MEBIBYTE));
    let reserve_ms = root.number("reserve_ms", 100..=60_000, 1_000);
    let request_timeout_ms = root.number("request_timeout_ms", 100..=600_000, 10_000);
    let gzip_level = root.number("gzip_level", 1..=9, 1);
    let secret_max_age_s = root.number("secret_max_age_s", 60..=86_400, 3_600);
    if !has_storage {
        root.risk_in("", Risk::NoUndeliveredStorage);
    }
    if max_decoded_bytes > largest_event_bytes {
        root.risk_in("max_decoded_bytes", Risk::LittleMemory { largest_event_bytes });
    }
    root.finish();
    findings.risks.retain(|(risk, _)| !accepted.contains(&risk.name()));
    Some(Config {
        destinations,
        max_decoded_bytes: usize::try_from(max_decoded_bytes).unwrap_or(usize::MAX),
        reserve: Duration::from_millis(reserve_ms),
        request_timeout: Duration::from_millis(request_timeout_ms),
        gzip_level: u32::try_from(gzip_level).map_or(Compression::fast(), Compression::new),
        admission,
        metrics_namespace,
        secret_max_age: Duration::from_secs(secret_max_age_s),
        undelivered,
        batch_failures,
    })
}

/// The shape of the document.
pub fn shape() -> Object {
    shape::of(|value, findings| drop(read(value, findings, None)))
}

/// Reads `metrics`.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub(crate) fn metrics_namespace(root: &mut Fields<'_, '_>) -> Option<String> {
    const LONGEST: usize = 255;

    let mut fields = root.optional_object("metrics")?;
    let like = "^[A-Za-z0-9._/# -][A-Za-z0-9._/#: -]{0,254}$";
    let namespace = fields.like(like).text_or("namespace", "logagg");
    let is_namespace = namespace.len() <= LONGEST
        && !namespace.starts_with(':')
        && !namespace.starts_with("AWS/")
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte));
    if !is_namespace {
        let mistake = format!(
            "is {namespace:?}, must be at most {LONGEST} letters, digits and . - _ / # : and not \
             begin with : or AWS/"
        );
        fields.mistake_in("namespace", &mistake);
    }
    fields.finish();
    is_namespace.then(|| namespace.to_owned())
}

fn destinations(
    root: &mut Fields<'_, '_>,
    has_storage: bool,
) -> BTreeMap<String, DestinationConfig> {
    let mut destinations = BTreeMap::new();
    let Some(mut named) = root.object("destinations") else {
        return destinations;
    };
    let names = named.names();
    named.count(
        1..=usize::MAX,
        "has no destination: give at least one, as \"<name>\": {\"type\": …}",
    );
    for name in &names {
        let Some(mut fields) = named.object(name) else {
            continue;
        };
        // Without a known type nobody can say which other fields are right.
        let Some(kind) = fields.choice("type", &TYPES).and_then(Kind::named) else {
            continue;
        };
        let destination = (kind.read)(&mut fields);
        let oversized =
            match fields.choice_or_first("oversized", &["split", "cut", "refuse", "dead_letter"]) {
                "cut" => Oversized::Cut,
                "dead_letter" => {
                    if !has_storage {
                        fields.mistake_in(
                        "oversized",
                        "is \"dead_letter\", but there is no storage: configure \"undelivered\"",
                    );
                    }
                    Oversized::DeadLetter
                }
                "refuse" => Oversized::Refuse,
                _ => Oversized::Split,
            };
        let json_fields = match kind.json_fields {
            JsonFields::Omit => JsonFields::Omit,
            JsonFields::Send => match fields.choice_or_first("json_fields", &["send", "omit"]) {
                "omit" => JsonFields::Omit,
                _ => JsonFields::Send,
            },
        };
        let max_in_flight = fields.number("max_in_flight", 1..=64, 8);
        fields.finish();
        if let Some(destination) = destination {
            let max_in_flight = usize::try_from(max_in_flight).unwrap_or(1);
            let config = DestinationConfig { destination, oversized, json_fields, max_in_flight };
            destinations.insert(name.clone(), config);
        }
    }
    if has_storage {
        for name in names.iter().filter(|name| !is_key_part(name)) {
            named.mistake_in(
                name,
                "must have a name of letters, digits, - and _, with a letter or digit first, at most \
                 64, since undelivered events are stored under it",
            );
        }
    } else if names.len() > 1 {
        for (name, config) in &destinations {
            if config.destination.keys() == Keys::NotTaken {
                named.mistake(&format!(
                    "\"{name}\" cannot stand beside another destination: when one of them fails, \
                     Lambda repeats the event to all, and \"{name}\" would store again what it has, \
                     since it takes no document ids; configure \"undelivered\", or give it a shipper of its own"
                ));
            }
        }
    }
    destinations
}

impl ConfigError {
    fn new(mistakes: Vec<String>) -> Self {
        Self { place: VARIABLE.to_owned(), mistakes }
    }

    fn of_mistakes(mistakes: Vec<String>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self::new(mistakes)) }
    }

    /// Says that the document is from there.
    #[must_use]
    pub fn in_source(self, source: &Source) -> Self {
        Self { place: source.to_string(), ..self }
    }
}

/// Whether a destination's name can stand in the key of a stored event.
fn is_key_part(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        let mistakes = if count == 1 { "mistake" } else { "mistakes" };
        write!(formatter, "{} has {count} {mistakes}:", self.place)?;
        for mistake in &self.mistakes {
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
    fn the_largest_event_goes_by_the_memory_that_there_is() {
        for (memory_mb, mebibytes) in [(40, 1), (128, 16), (256, 41), (368, 64), (10_240, 64)] {
            let document =
                GOOD.replacen('{', r#"{"accept":["little_memory","no_undelivered_storage"],"#, 1);
            let config = Draft::check(&document, Some(memory_mb))
                .and_then(|mut draft| draft.complete(&Secrets::default()))
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.max_decoded_bytes >> 20, mebibytes, "{memory_mb}");
        }
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
    fn a_stored_event_needs_a_name_that_can_stand_in_a_key() {
        let search = r#"{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}"#;
        check(
            &format!(
                r#"{{"destinations":{{"a/b":{search}}},"undelivered":{{"bucket":"undelivered"}}}}"#
            ),
            "LOGAGG_CONFIG has 1 mistake:\n  destinations.a/b: must have a name of letters, digits, - \
             and _, with a letter or digit first, at most 64, since undelivered events are stored under it",
        );
    }

    #[test]
    fn oversized_records_are_dead_letters_only_where_there_is_storage() {
        let search = r#"{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs","oversized":"dead_letter"}"#;
        let expected = "LOGAGG_CONFIG has 1 mistake:\n  destinations.a.oversized: is \"dead_letter\", but \
             there is no storage: configure \"undelivered\"";
        check(&format!(r#"{{"destinations":{{"a":{search}}}}}"#), expected);
        let bucket = r#"{"bucket":"undelivered"}"#;
        let good = format!(r#"{{"destinations":{{"a":{search}}},"undelivered":{bucket}}}"#);
        assert!(Config::parse(&good).is_ok());
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
             since it takes no document ids; configure \"undelivered\", or give it a shipper of its own",
        );
        let storage = r#""undelivered":{"bucket":"undelivered"}"#;
        let stored = format!(r#"{{"destinations":{{"a":{search},"b":{logzio}}},{storage}}}"#);
        assert!(Config::parse(&stored).is_ok());
    }
}
