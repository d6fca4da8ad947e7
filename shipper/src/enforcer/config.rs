//! The enforcer's configuration: which policies, and how much of AWS's quotas.

use std::fmt;
use std::time::Duration;

use logagg_policy::Document;
use serde_json::Value;

use crate::config::Object;
use crate::config::fields::{Fields, Findings};
use crate::config::{metrics_namespace, shape};

/// What the enforcer enforces, and how.
#[derive(Debug, PartialEq)]
pub struct EnforcerConfig {
    /// The policies, as `logagg_policy.<name>.document` gives them.
    pub policies: Vec<Document>,
    /// A sweep looks at log groups younger than this.
    pub sweep_max_age: Duration,
    /// The most calls of one operation in a second.
    pub requests_per_second: f64,
    /// The namespace of the metrics, if there are to be any.
    pub metrics_namespace: Option<String>,
}

/// Every mistake in a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

const HOUR_SECONDS: u64 = 60 * 60;
const DEFAULT_SWEEP_MAX_AGE_HOURS: u64 = 24;
const MOST_HOURS: u64 = 24 * 365;

/// Less than half of what CloudWatch Logs allows an account, so that a plan has the rest.
const DEFAULT_REQUESTS_PER_SECOND: f64 = 2.0;
const MOST_REQUESTS_PER_SECOND: f64 = 50.0;

impl EnforcerConfig {
    /// Reads a configuration whole.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.starts_with('\u{feff}') {
            return Err(ConfigError(vec![
                "it begins with a byte order mark; save it as UTF-8 without one".to_owned(),
            ]));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ConfigError(vec![format!(
                "it is not JSON: syntax error at line {line} column {column}"
            )])
        })?;
        if is_policy(&value) {
            return Err(ConfigError(vec![
                "it is the document of one policy; write {\"policies\": [the document]}".to_owned(),
            ]));
        }
        let mut findings = Findings::default();
        let config = read(&value, &mut findings);
        match config {
            Some(config) if findings.mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError(findings.mistakes)),
        }
    }

    /// The shape of the document.
    pub fn shape() -> Object {
        shape::of(|value, findings| drop(read(value, findings)))
    }
}

/// Whether this is a policy's document where a configuration should be.
fn is_policy(value: &Value) -> bool {
    let has = |name: &str| value.get(name).is_some();
    !has("policies") && ["version", "account_id", "region"].into_iter().all(has)
}

fn read<'v>(value: &'v Value, findings: &mut Findings<'v>) -> Option<EnforcerConfig> {
    let mut root = Fields::root(value, findings)?;
    // Where editors find the schema of the document.
    root.optional_text("$schema");
    let policies = policies(&mut root);
    let hours = root.number("sweep_max_age_hours", 1..=MOST_HOURS, DEFAULT_SWEEP_MAX_AGE_HOURS);
    let requests_per_second = root.real(
        "requests_per_second",
        &(0.1..=MOST_REQUESTS_PER_SECOND),
        DEFAULT_REQUESTS_PER_SECOND,
    );
    let metrics_namespace = metrics_namespace(&mut root);
    root.finish();
    Some(EnforcerConfig {
        policies,
        sweep_max_age: Duration::from_secs(hours * HOUR_SECONDS),
        requests_per_second,
        metrics_namespace,
    })
}

fn policies(root: &mut Fields<'_, '_>) -> Vec<Document> {
    let mut policies: Vec<Document> = Vec::new();
    for (index, policy) in root.documents("policies", "logagg_policy's document").iter().enumerate()
    {
        // `jsonencode` makes a string of a document, unless it is decoded first.
        let text = match policy {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match text.parse::<Document>() {
            Ok(policy) => {
                // No function is in two accounts.
                if let Some(first) =
                    policies.first().filter(|it| it.account_id != policy.account_id)
                {
                    let mistake = format!(
                        "is for account {}, and the policy {:?} for {}: give each account an enforcer \
                         of its own",
                        policy.account_id, first.name, first.account_id
                    );
                    root.mistake_in(&format!("policies[{index}]"), &mistake);
                }
                policies.push(policy);
            }
            Err(error) => root.mistake_in(&format!("policies[{index}]"), &error.to_string()),
        }
    }
    policies
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = if self.0.len() == 1 { "mistake" } else { "mistakes" };
        write!(f, "the configuration has {} {mistakes}:", self.0.len())?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
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
    fn every_mistake_is_told_at_once() {
        let wrong = json!({
            "policies": [POLICY, POLICY.replace(":30", ":31"), 5],
            "sweep_max_age_hours": 0, "requests_per_second": "fast", "policy": {},
        });
        let error = EnforcerConfig::parse(&wrong.to_string()).unwrap_err().to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[0], "the configuration has 5 mistakes:");
        assert!(lines[1].starts_with("  policies[1]: retention_in_days: "), "{error}");
        assert!(lines[2].starts_with("  policies[2]: "), "{error}");
        assert_eq!(lines[3], "  sweep_max_age_hours: is 0, must be between 1 and 8760");
        assert_eq!(lines[4], "  requests_per_second: is a string, must be a number from 0.1 to 50");
        assert!(lines[5].starts_with("  policy: is not known; did you mean"), "{error}");
    }

    #[test]
    fn policies_of_two_accounts_are_an_error_at_the_start() {
        let other = POLICY.replace("123456789012", "999999999999");
        let error = EnforcerConfig::parse(&json!({"policies": [POLICY, other]}).to_string());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("policies[1]: is for account 999999999999"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_or_a_policy_in_place_of_the_configuration_is_named() {
        let told = |text: &str| EnforcerConfig::parse(text).unwrap_err().to_string();
        let config = json!({"policies": [POLICY]}).to_string();
        assert!(told(&format!("\u{feff}{config}")).contains("byte order mark"));
        assert!(told(POLICY).contains("{\"policies\": [the document]}"));
    }

    #[test]
    fn without_policies_there_is_nothing_to_enforce() {
        let told = |text: &str| EnforcerConfig::parse(text).unwrap_err().to_string();
        assert_eq!(told("{}"), "the configuration has 1 mistake:\n  policies: is missing");
        assert!(told("{\"policies\":[]}").contains("at least one"));
        assert!(told("{\"policies\"").contains("syntax error at line 1 column 11"));
        assert!(told("[]").contains("must be an object"));
    }
}
