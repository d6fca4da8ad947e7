//! The destination types and their common fields.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Url;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::destination_config::DestinationConfig;
use super::headers::Headers;
use super::names::Templates;
use super::schema::{FieldError, by_type, size, some_of, within};
use super::sending::Sending;
use super::tls::Tls;
use super::{
    datadog, elasticsearch, firehose, honeycomb, http, kinesis, loggly, logzio, loki, newrelic,
    otlp, s3, splunk_hec, sumologic,
};
use crate::delivery::{self, JsonFields};
use crate::destination::{Destination, RecordField, RecordFields};

/// The names of all types.
pub const TYPES: [&str; 14] = [
    "datadog",
    "elasticsearch",
    "firehose",
    "honeycomb",
    "http",
    "kinesis",
    "loggly",
    "logzio",
    "loki",
    "newrelic",
    "otlp",
    "s3",
    "splunk_hec",
    "sumologic",
];

/// The types that do not send the fields of JSON messages.
const WITHOUT_JSON_FIELDS: [&str; 3] = ["loki", "newrelic", "splunk_hec"];

/// The types that send them only if asked for.
const JSON_FIELDS_OMITTED: [&str; 2] = ["datadog", "otlp"];

/// The types that send requests to AWS services.
const OF_AWS: [&str; 3] = ["firehose", "kinesis", "s3"];

/// The paths that types append to `url`; users often include them.
const APPENDED: [(&str, &str); 6] = [
    ("datadog", "/api/v2/logs"),
    ("elasticsearch", "/_bulk"),
    ("honeycomb", "/1/batch"),
    ("loki", "/loki/api/v1/push"),
    ("newrelic", "/log/v1"),
    ("splunk_hec", "/services/collector"),
];

/// The headers of a signature.
const OF_SIGNATURES: [&str; 4] =
    ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// The fields of a destination.
#[derive(Deserialize, JsonSchema)]
#[schemars(transform = of_type)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) of_type: OfType,
    #[serde(default)]
    pub(super) oversized: Oversized,
    json_fields: Option<Sending>,
    #[serde(default)]
    record_fields: RecordFieldsSettings,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    query: BTreeMap<String, String>,
    tls: Option<Tls>,
    #[schemars(range(min = 5_000, max = 838_860_800))]
    max_record_bytes: Option<usize>,
    #[schemars(range(min = 60, max = 315_360_000))]
    max_age_s: Option<u64>,
    #[serde(default = "size::<8>")]
    #[schemars(range(min = 1, max = 64))]
    pub(super) max_in_flight: usize,
}

/// Changes of the fields that are sent beside messages.
#[derive(Default, Deserialize, JsonSchema)]
struct RecordFieldsSettings {
    #[serde(default)]
    #[schemars(extend("items" = some_of(&RecordField::ALL.map(RecordField::name))))]
    add: Vec<String>,
    #[serde(default)]
    #[schemars(extend("items" = some_of(&RecordField::ALL.map(RecordField::name))))]
    omit: Vec<String>,
}

/// The fields of one destination type.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OfType {
    Datadog(datadog::Settings),
    Elasticsearch(elasticsearch::Settings),
    Firehose(firehose::Settings),
    Honeycomb(honeycomb::Settings),
    Http(http::Settings),
    Kinesis(kinesis::Settings),
    Loggly(loggly::Settings),
    Logzio(logzio::Settings),
    Loki(loki::Settings),
    Newrelic(newrelic::Settings),
    Otlp(otlp::Settings),
    S3(s3::Settings),
    SplunkHec(splunk_hec::Settings),
    Sumologic(sumologic::Settings),
}

/// How records are handled that exceed the destination's size limit.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Oversized {
    #[default]
    Split,
    Truncate,
    Reject,
    DeadLetter,
}

fn of_type(schema: &mut Schema) {
    by_type(schema);
    for branch in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = branch["if"]["properties"]["type"]["const"].clone();
        let is_one_of = |names: &[&str]| names.iter().any(|it| name == *it);
        let Some(properties) = branch["then"]["properties"].as_object_mut() else {
            continue;
        };
        if is_one_of(&WITHOUT_JSON_FIELDS) {
            properties.remove("json_fields");
        } else {
            let default = if is_one_of(&JSON_FIELDS_OMITTED) { "omit" } else { "send" };
            properties["json_fields"]["default"] = json!(default);
        }
        if is_one_of(&OF_AWS) {
            properties.remove("headers");
            properties.remove("query");
            properties.remove("tls");
        }
    }
}

impl Settings {
    /// Whether the fields of JSON messages are sent. Datadog parses them from the message itself,
    /// and so do many pipelines of OpenTelemetry.
    fn json_fields(&self) -> JsonFields {
        match (&self.of_type, self.json_fields) {
            (OfType::Loki(_) | OfType::Newrelic(_) | OfType::SplunkHec(_), _)
            | (OfType::Datadog(_) | OfType::Otlp(_), None)
            | (_, Some(Sending::Omit)) => JsonFields::Omit,
            _ => JsonFields::Send,
        }
    }

    /// The fields that are sent beside messages. Ids are left out where nothing removes duplicates by
    /// them, and what a type says elsewhere.
    fn record_fields(&self) -> RecordFields {
        let default = match &self.of_type {
            OfType::Elasticsearch(settings) if settings.sends_ids() => {
                RecordFields::all_but(&[RecordField::EventId])
            }
            OfType::Elasticsearch(_)
            | OfType::Firehose(_)
            | OfType::Http(_)
            | OfType::Kinesis(_)
            | OfType::S3(_) => RecordFields::ALL,
            OfType::SplunkHec(_) => RecordFields::all_but(&[
                RecordField::Dataset,
                RecordField::EventId,
                RecordField::Function,
                RecordField::Version,
                RecordField::Kind,
                RecordField::Report,
            ]),
            _ => RecordFields::all_but(&[RecordField::EventId, RecordField::Dataset]),
        };
        let RecordFieldsSettings { add, omit } = &self.record_fields;
        RecordField::ALL.into_iter().fold(default, |fields, field| {
            let is_in = |names: &[String]| names.iter().any(|name| name == field.name());
            match (is_in(omit), is_in(add)) {
                (true, _) => fields.without(field),
                (false, true) => fields.with(field),
                (false, false) => fields,
            }
        })
    }

    /// The names of labels.
    pub(super) fn labels(&self) -> BTreeSet<String> {
        match &self.of_type {
            OfType::Loki(settings) => settings.label_names(),
            _ => BTreeSet::new(),
        }
    }

    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        match &mut self.of_type {
            OfType::Datadog(settings) => settings.take_templates(templates),
            OfType::Elasticsearch(settings) => settings.take_templates(templates),
            OfType::Honeycomb(settings) => settings.take_templates(templates),
            OfType::Kinesis(settings) => settings.take_templates(templates),
            OfType::Loggly(settings) => settings.take_templates(templates),
            OfType::Loki(settings) => settings.take_templates(templates),
            OfType::S3(settings) => settings.take_templates(templates),
            OfType::SplunkHec(settings) => settings.take_templates(templates),
            OfType::Sumologic(settings) => settings.take_templates(templates),
            OfType::Firehose(_)
            | OfType::Http(_)
            | OfType::Logzio(_)
            | OfType::Newrelic(_)
            | OfType::Otlp(_) => Ok(()),
        }
    }

    /// The destination and its delivery settings.
    pub(super) fn build(self) -> Result<DestinationConfig, FieldError> {
        let json_fields = self.json_fields();
        let record_fields = self.record_fields();
        let has_own_type = matches!(self.of_type, OfType::Http(_));
        let of_requests = self.of_type.headers_of_requests();
        let mut destination = self.of_type.destination(self.max_record_bytes)?;
        let most = destination.limits().max_record_bytes;
        within("max_record_bytes", self.max_record_bytes, 5_000..=most, most)?;
        let endpoint = destination.endpoint_mut();
        let (fixed, is_signed) = (endpoint.headers.clone(), endpoint.signing.is_some());
        self.headers.add_to(&mut endpoint.headers, |name| {
            let is_of_signature = OF_SIGNATURES.contains(&name);
            let is_fixed = fixed.contains_key(name) && !(has_own_type && name == "content-type");
            name == "user-agent"
                || of_requests.contains(&name)
                || is_fixed
                || (is_signed && is_of_signature)
        })?;
        endpoint.query.extend(self.query);
        if let Some(tls) = &self.tls {
            if endpoint.url.scheme() != "https" {
                let text = "requires a \"url\" that begins with https://";
                return Err(FieldError::new("tls", text));
            }
            endpoint.tls = Some(tls.client_config().map_err(|error| error.below("tls"))?);
        }
        Ok(DestinationConfig {
            destination,
            oversized: self.oversized.into(),
            json_fields,
            record_fields,
            max_in_flight: self.max_in_flight,
            max_record_bytes: self.max_record_bytes,
            max_age: self.max_age_s.map(Duration::from_secs),
        })
    }
}

/// The error if `url` ends with the path that the type appends.
pub(super) fn duplicate_path(destination: &Value) -> Option<String> {
    let (_, appended) = APPENDED.iter().find(|(name, _)| destination["type"] == *name)?;
    let url = Url::parse(destination["url"].as_str()?).ok()?;
    let path = url.path().trim_end_matches('/');
    let tails = ["", "/event", "/raw"].map(|tail| path.strip_suffix(tail).unwrap_or(path));
    tails
        .iter()
        .any(|path| path.ends_with(appended))
        .then(|| format!("ends with {appended}, which the shipper appends; remove it"))
}

impl OfType {
    /// The headers that differ between requests.
    fn headers_of_requests(&self) -> &'static [&'static str] {
        match self {
            Self::SplunkHec(_) => &["cookie"],
            Self::Sumologic(_) => &["x-sumo-category", "x-sumo-host", "x-sumo-name"],
            _ => &[],
        }
    }

    fn destination(
        self,
        max_record_bytes: Option<usize>,
    ) -> Result<Box<dyn Destination>, FieldError> {
        match self {
            Self::Datadog(settings) => settings.destination(),
            Self::Elasticsearch(settings) => settings.destination(),
            Self::Firehose(settings) => settings.destination(),
            Self::Honeycomb(settings) => settings.destination(),
            Self::Http(settings) => settings.destination(max_record_bytes),
            Self::Kinesis(settings) => settings.destination(),
            Self::Loggly(settings) => settings.destination(),
            Self::Logzio(settings) => settings.destination(),
            Self::Loki(settings) => settings.destination(max_record_bytes),
            Self::Newrelic(settings) => settings.destination(),
            Self::Otlp(settings) => settings.destination(),
            Self::S3(settings) => settings.destination(),
            Self::SplunkHec(settings) => settings.destination(max_record_bytes),
            Self::Sumologic(settings) => settings.destination(),
        }
    }
}

impl From<Oversized> for delivery::Oversized {
    fn from(oversized: Oversized) -> Self {
        match oversized {
            Oversized::Split => Self::Split,
            Oversized::Truncate => Self::Truncate,
            Oversized::Reject => Self::Reject,
            Oversized::DeadLetter => Self::DeadLetter,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::{Config, ConfigError};
    use crate::delivery::JsonFields;

    fn config(destination: &Value) -> Result<Config, ConfigError> {
        Config::parse(&json!({"destinations": {"x": destination}}).to_string())
    }

    #[track_caller]
    fn check(mut destination: Value, fields: &Value, expected: &str) {
        for (name, value) in fields.as_object().unwrap() {
            destination[name] = value.clone();
        }
        let error = config(&destination).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected), "{destination}");
    }

    fn of_every_type() -> Vec<Value> {
        let url = "https://service.example/base";
        vec![
            json!({"type": "datadog", "url": url, "api_key": "k"}),
            json!({"type": "elasticsearch", "url": url, "index": "logs"}),
            json!({"type": "honeycomb", "url": url, "api_key": "k", "dataset": "d"}),
            json!({"type": "http", "url": url}),
            json!({"type": "loggly", "url": url, "token": "t"}),
            json!({"type": "logzio", "url": url, "token": "t"}),
            json!({"type": "loki", "url": url}),
            json!({"type": "newrelic", "url": url, "license_key": "k"}),
            json!({"type": "otlp", "url": url}),
            json!({"type": "splunk_hec", "url": url, "token": "t"}),
            json!({"type": "sumologic", "url": url}),
        ]
    }

    #[test]
    fn every_http_destination_accepts_headers_and_a_query() {
        for mut destination in of_every_type() {
            destination["headers"] = json!({"X-Gateway": "secret"});
            destination["query"] = json!({"a": "1 2"});
            let config = config(&destination).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["x"].destination.endpoint();
            assert_eq!(endpoint.headers["x-gateway"], "secret");
            assert!(endpoint.headers["x-gateway"].is_sensitive());
            assert_eq!(endpoint.query, [("a".to_owned(), "1 2".to_owned())]);
        }
        let s3 = json!({"type": "s3", "bucket": "logs", "region": "eu-west-1"});
        check(s3, &json!({"headers": {"a": "b"}}), "headers: unknown field");
    }

    #[test]
    fn headers_that_a_type_sends_itself_are_not_replaced() {
        let taken = "is set by the shipper; remove it";
        let splunk = || json!({"type": "splunk_hec", "url": "https://s.example", "token": "t"});
        for name in ["Authorization", "content-type"] {
            let headers = json!({"headers": {name: "x"}});
            check(splunk(), &headers, &format!("headers.{name}: {taken}"));
        }
        let sumo = json!({"type": "sumologic", "url": "https://s.example"});
        let name = json!({"headers": {"X-Sumo-Name": "x"}});
        check(sumo, &name, &format!("headers.X-Sumo-Name: {taken}"));
        let signed = json!({"type": "elasticsearch", "index": "logs", "auth": {"type": "aws"},
            "url": "https://a.eu-west-1.es.amazonaws.com"});
        let date = json!({"headers": {"X-Amz-Date": "x"}});
        check(signed, &date, &format!("headers.X-Amz-Date: {taken}"));
        let twice = "headers.x-a: is set twice: header names are case-insensitive";
        check(splunk(), &json!({"headers": {"X-A": "1", "x-a": "2"}}), twice);
        let http = json!({"type": "http", "url": "https://s.example",
            "headers": {"content-type": "application/json"}});
        let config = config(&http).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.headers["content-type"], "application/json");
    }

    #[test]
    fn a_url_with_the_appended_path_is_an_error() {
        for (destination, path) in of_every_type().into_iter().zip([
            "/api/v2/logs",
            "/_bulk",
            "/1/batch",
            "",
            "",
            "",
            "/loki/api/v1/push",
            "/log/v1",
            "",
            "/services/collector",
            "",
        ]) {
            if path.is_empty() {
                continue;
            }
            // A longer path segment with the same beginning is another path.
            let mut other = destination.clone();
            other["url"] = json!(format!("https://service.example{path}-of-a-gateway"));
            config(&other).unwrap_or_else(|error| panic!("{error}"));
            let url = json!({"url": format!("https://service.example{path}")});
            let expected = format!("url: ends with {path}, which the shipper appends; remove it");
            check(destination, &url, &expected);
        }
        let otlp = json!({"type": "otlp", "url": "https://service.example/v1/logs"});
        config(&otlp).unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn the_record_size_limit_is_the_destinations() {
        let datadog = || json!({"type": "datadog", "api_key": "k"});
        let mut smaller = datadog();
        smaller["max_record_bytes"] = json!(200_000);
        smaller["max_age_s"] = json!(3_600);
        let config = config(&smaller).unwrap_or_else(|error| panic!("{error}"));
        let config = &config.destinations["x"];
        assert_eq!(config.max_record_bytes, Some(200_000));
        assert_eq!(config.max_age.map(|age| age.as_secs()), Some(3_600));
        let most = config.destination.limits().max_record_bytes;
        check(
            datadog(),
            &json!({"max_record_bytes": most + 1}),
            &format!(
                "max_record_bytes: invalid value {}: must be between 5000 and {most}",
                most + 1
            ),
        );
    }

    #[test]
    fn datadog_parses_json_from_the_message() {
        for (destination, expected) in [
            (json!({"type": "datadog", "api_key": "k"}), JsonFields::Omit),
            (json!({"type": "datadog", "api_key": "k", "json_fields": "send"}), JsonFields::Send),
            (json!({"type": "http", "url": "https://s.example"}), JsonFields::Send),
        ] {
            let config = config(&destination).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.destinations["x"].json_fields, expected, "{destination}");
        }
    }
}
