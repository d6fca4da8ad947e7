//! The types of destinations, and what all of them have.

use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::{Mistake, by_type, size};
use super::{
    datadog, elasticsearch, firehose, honeycomb, http, kinesis, loggly, logzio, loki, newrelic,
    otlp, s3, splunk_hec, sumologic,
};
use crate::delivery::{self, JsonFields};
use crate::destination::Destination;

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

/// The types that take no fields of structured lines beside the message.
const WITHOUT_JSON_FIELDS: [&str; 4] = ["loki", "newrelic", "otlp", "splunk_hec"];

/// The fields of a destination.
#[derive(Deserialize, JsonSchema)]
#[schemars(transform = of_type)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) of_type: OfType,
    #[serde(default)]
    pub(super) oversized: Oversized,
    #[serde(default)]
    json_fields: Sending,
    #[serde(default = "size::<8>")]
    #[schemars(range(min = 1, max = 64))]
    pub(super) max_in_flight: usize,
}

/// The fields that only destinations of one type have.
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

/// What becomes of a record that is larger than a destination takes.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Oversized {
    #[default]
    Split,
    Cut,
    Refuse,
    DeadLetter,
}

/// Whether something goes along.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sending {
    #[default]
    Send,
    Omit,
}

fn of_type(schema: &mut Schema) {
    by_type(schema);
    for branch in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = &branch["if"]["properties"]["type"]["const"];
        if WITHOUT_JSON_FIELDS.iter().any(|it| name == it)
            && let Some(properties) = branch["then"]["properties"].as_object_mut()
        {
            properties.remove("json_fields");
        }
    }
}

/// Leaves out of a document's schema the types that the document does not have: to compile all of
/// them takes longer than all else.
pub(super) fn keep_types(schema: &mut Value, document: &Value) {
    let destinations = document["destinations"].as_object().into_iter().flatten();
    let types: Vec<&Value> = destinations.map(|(_, destination)| &destination["type"]).collect();
    let destination = &mut schema["properties"]["destinations"]["additionalProperties"];
    if let Some(branches) = destination["allOf"].as_array_mut() {
        branches.retain(|it| types.contains(&&it["if"]["properties"]["type"]["const"]));
    }
}

impl Settings {
    /// Whether the fields of structured lines are sent.
    pub(super) fn json_fields(&self) -> JsonFields {
        match (&self.of_type, self.json_fields) {
            (OfType::Loki(_) | OfType::Newrelic(_) | OfType::Otlp(_) | OfType::SplunkHec(_), _)
            | (_, Sending::Omit) => JsonFields::Omit,
            _ => JsonFields::Send,
        }
    }
}

impl OfType {
    pub(super) fn destination(self) -> Result<Box<dyn Destination>, Mistake> {
        match self {
            Self::Datadog(settings) => settings.destination(),
            Self::Elasticsearch(settings) => settings.destination(),
            Self::Firehose(settings) => settings.destination(),
            Self::Honeycomb(settings) => settings.destination(),
            Self::Http(settings) => settings.destination(),
            Self::Kinesis(settings) => settings.destination(),
            Self::Loggly(settings) => settings.destination(),
            Self::Logzio(settings) => settings.destination(),
            Self::Loki(settings) => settings.destination(),
            Self::Newrelic(settings) => settings.destination(),
            Self::Otlp(settings) => settings.destination(),
            Self::S3(settings) => settings.destination(),
            Self::SplunkHec(settings) => settings.destination(),
            Self::Sumologic(settings) => settings.destination(),
        }
    }
}

impl From<Oversized> for delivery::Oversized {
    fn from(oversized: Oversized) -> Self {
        match oversized {
            Oversized::Split => Self::Split,
            Oversized::Cut => Self::Cut,
            Oversized::Refuse => Self::Refuse,
            Oversized::DeadLetter => Self::DeadLetter,
        }
    }
}

/// A number of bytes that another setting bounds; where it is left out, `by_default` or what is
/// allowed of it.
pub(super) fn within(
    field: &str,
    bytes: Option<usize>,
    allowed: RangeInclusive<usize>,
    by_default: usize,
) -> Result<usize, Mistake> {
    let (least, most) = allowed.into_inner();
    match bytes {
        None => Ok(by_default.min(most)),
        Some(bytes) if bytes <= most => Ok(bytes),
        Some(bytes) => {
            Err(Mistake::new(field, format!("is {bytes}, must be between {least} and {most}")))
        }
    }
}
