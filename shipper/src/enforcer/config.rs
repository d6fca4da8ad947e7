//! The enforcer's configuration: policies and the rate of calls.

use std::fmt;
use std::time::Duration;

use boon::Format;
use logagg_policy::Document;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::gap_fill::GapFill;
use crate::config::backfill;
use crate::config::metrics;
use crate::config::schema::{self, FieldError, Validator, number};
use crate::config::tags;
use crate::tags::TableBucket;

/// The configuration of the enforcer.
#[derive(Debug, PartialEq)]
pub struct EnforcerConfig {
    /// The policies, as in `logagg_policy.<name>.document`.
    pub policies: Vec<Document>,
    /// The maximum age of log groups that a sweep evaluates.
    pub sweep_max_age: Duration,
    /// The maximum number of calls of one operation per second.
    pub requests_per_second: f64,
    /// Which tags are written where, if they are.
    pub tag_table: Option<TagTableConfig>,
    /// Which gaps are filled, if they are.
    pub gap_fill: Option<GapFill>,
    /// The namespace of the metrics, if they are enabled.
    pub metrics_namespace: Option<String>,
}

/// Which tags are written where.
#[derive(Clone, Debug, PartialEq)]
pub struct TagTableConfig {
    /// The bucket of the tables.
    pub bucket: TableBucket,
    /// The chosen keys.
    pub keys: Vec<String>,
}

/// All errors of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

const HOUR_SECONDS: u64 = 60 * 60;

/// The fields of the document.
#[derive(Deserialize, JsonSchema)]
struct Settings {
    /// The URL of the schema, for editors.
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    #[schemars(extend(
        "minItems" = 1,
        "items" = json!({"type": ["string", "object"], "format": POLICY.name}),
        "errorMessage" = "must be a list of at least one logagg_policy document",
    ))]
    policies: Vec<Value>,
    #[serde(default = "number::<24>")]
    #[schemars(range(min = 1, max = 24 * 365))]
    sweep_max_age_hours: u64,
    #[serde(default = "default_requests_per_second")]
    #[schemars(range(min = 0.1, max = 50))]
    requests_per_second: f64,
    tag_table: Option<tags::TableSettings>,
    gap_fill: Option<backfill::GapFillSettings>,
    metrics: Option<metrics::Settings>,
}

/// Less than half of CloudWatch Logs' quota for an account, so that Terraform has the rest.
fn default_requests_per_second() -> f64 {
    2.0
}

/// A policy's document, as a string or as an object: `jsonencode` of an undecoded document is a
/// string.
const POLICY: Format = Format {
    name: "policy-document",
    func: |value| match value {
        Value::String(_) | Value::Object(_) => policy(value).map(drop).map_err(Into::into),
        _ => Ok(()),
    },
};

impl EnforcerConfig {
    /// Parses a configuration.
    ///
    /// # Errors All errors of the configuration, each with its path.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.starts_with('\u{feff}') {
            return Err(ConfigError(vec![
                "the document begins with a byte order mark; save it as UTF-8 without one"
                    .to_owned(),
            ]));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ConfigError(vec![format!("invalid JSON: syntax error at line {line} column {column}")])
        })?;
        if is_policy(&value) {
            return Err(ConfigError(vec![
                "the document is a single policy; write {\"policies\": [the document]}".to_owned(),
            ]));
        }
        read(&value)
            .map_err(|errors| ConfigError(errors.iter().map(FieldError::to_string).collect()))
    }

    /// The schema of the document.
    pub fn schema() -> Value {
        schema::of::<Settings>()
    }
}

/// Whether the document is a single policy.
fn is_policy(value: &Value) -> bool {
    let has = |name: &str| value.get(name).is_some();
    !has("policies") && ["version", "account_id", "region"].into_iter().all(has)
}

fn read(document: &Value) -> Result<EnforcerConfig, Vec<FieldError>> {
    let validator =
        Validator::new(schema::of::<Settings>(), &[POLICY, tags::PREFIX, backfill::QUEUE_URL]);
    let validator = validator.map_err(|error| vec![FieldError::new("", error)])?;
    let checked = validator.check(document, &[]);
    let mut valid_parts = checked.valid_parts(document);
    let mut errors = checked.errors;
    if let Some(parts) = valid_parts.as_object_mut() {
        parts.entry("policies").or_insert_with(|| json!([]));
    }
    let Ok(settings) = Settings::deserialize(&valid_parts) else {
        return Err(errors);
    };
    let policies: Vec<Document> = settings.policies.iter().flat_map(policy).collect();
    // A function has a single account.
    for (index, policy) in policies.iter().enumerate() {
        if let Some(first) = policies.first().filter(|it| it.account_id != policy.account_id) {
            let text = format!(
                "is for account {}, but the policy {:?} is for {}: deploy one enforcer per \
                 account",
                policy.account_id, first.name, first.account_id
            );
            errors.push(FieldError::new(format!("policies[{index}]"), text));
        }
    }
    if !errors.is_empty() {
        errors.sort();
        return Err(errors);
    }
    Ok(EnforcerConfig {
        policies,
        sweep_max_age: Duration::from_secs(settings.sweep_max_age_hours * HOUR_SECONDS),
        requests_per_second: settings.requests_per_second,
        tag_table: settings.tag_table.map(|table| {
            let (bucket, keys) = table.into_parts();
            TagTableConfig { bucket, keys }
        }),
        gap_fill: settings.gap_fill.map(|gap_fill| {
            let (queue_url, destination_arn, margin) = gap_fill.into_parts();
            GapFill { queue_url, destination_arn, margin }
        }),
        metrics_namespace: settings.metrics.map(|metrics| metrics.namespace),
    })
}

fn policy(value: &Value) -> Result<Document, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse::<Document>().map_err(|error| error.to_string())
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = if self.0.len() == 1 { "error" } else { "errors" };
        write!(f, "the configuration has {} {errors}:", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POLICY: &str = "{\"version\":1,\"name\":\"logs\",\"region\":\"eu-west-1\",\
                          \"account_id\":\"123456789012\",\"retention_in_days\":30,\
                          \"select\":[{\"name_prefixes\":[\"/aws/lambda/\"]}]}";

    #[test]
    fn a_document_may_be_a_string_or_an_object() {
        let object: Value = serde_json::from_str(POLICY).unwrap();
        let config = EnforcerConfig::parse(&json!({"policies": [POLICY, object]}).to_string());
        let config = config.unwrap();
        assert_eq!(config.policies[0], config.policies[1]);
        assert_eq!(config.sweep_max_age, Duration::from_secs(86_400));
    }

    #[test]
    fn every_error_is_reported_at_once() {
        let wrong = json!({
            "policies": [POLICY, POLICY.replace(":30", ":31"), 5],
            "sweep_max_age_hours": 0, "requests_per_second": "fast", "policy": {},
        });
        let error = EnforcerConfig::parse(&wrong.to_string()).unwrap_err().to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[0], "the configuration has 5 errors:");
        assert!(lines[1].starts_with("  policies[1]: retention_in_days: "), "{error}");
        assert!(lines[2].starts_with("  policies[2]: "), "{error}");
        assert!(lines[3].starts_with("  policy: unknown field; did you mean"), "{error}");
        assert_eq!(lines[4], "  requests_per_second: must be a number, is a string");
        assert_eq!(lines[5], "  sweep_max_age_hours: invalid value 0: must be between 1 and 8760");
    }

    #[test]
    fn policies_of_two_accounts_are_an_error_at_start() {
        let other = POLICY.replace("123456789012", "999999999999");
        let error = EnforcerConfig::parse(&json!({"policies": [POLICY, other]}).to_string());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("policies[1]: is for account 999999999999"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_or_a_policy_in_place_of_the_configuration_is_named() {
        let reported = |text: &str| EnforcerConfig::parse(text).unwrap_err().to_string();
        let config = json!({"policies": [POLICY]}).to_string();
        assert!(reported(&format!("\u{feff}{config}")).contains("byte order mark"));
        assert!(reported(POLICY).contains("{\"policies\": [the document]}"));
    }

    #[test]
    fn without_policies_there_is_nothing_to_enforce() {
        let reported = |text: &str| EnforcerConfig::parse(text).unwrap_err().to_string();
        assert_eq!(reported("{}"), "the configuration has 1 error:\n  policies: is missing");
        assert!(reported("{\"policies\":[]}").contains("at least one"));
        assert!(reported("{\"policies\"").contains("syntax error at line 1 column 11"));
        assert!(reported("[]").contains("must be an object"));
    }
}
