//! The configuration of backfill.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::number;
pub(crate) use super::undelivered::QUEUE_URL;
use crate::backfill::Backfill;

/// The fields of `backfill`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    #[schemars(extend("pattern" = "^https?://[^/]", "format" = QUEUE_URL.name))]
    queue_url: String,
    #[serde(default = "default_rate")]
    #[schemars(range(min = 0.1, max = 100.0))]
    requests_per_second: f64,
    #[serde(default = "number::<2>")]
    #[schemars(range(min = 1, max = 1_000))]
    concurrency: u64,
    #[serde(default = "number::<300>")]
    #[schemars(range(min = 0, max = 900))]
    ingestion_lag_s: u64,
    #[serde(default)]
    exclude_log_groups: Vec<String>,
}

/// The fields of the enforcer's `gap_fill`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct GapFillSettings {
    #[schemars(extend("pattern" = "^https?://[^/]", "format" = QUEUE_URL.name))]
    queue_url: String,
    #[schemars(extend(
        "pattern" = "^arn:[^:]+:[^:]+:[^:]*:[^:]*:",
        "errorMessage" = "must be the ARN of the filters' destination",
    ))]
    destination_arn: String,
    #[serde(default = "number::<300>")]
    #[schemars(range(min = 1, max = 450))]
    margin_s: u64,
}

impl GapFillSettings {
    /// Queue, destination and margin.
    pub(crate) fn into_parts(self) -> (String, String, Duration) {
        (self.queue_url, self.destination_arn, Duration::from_secs(self.margin_s))
    }
}

/// Below the quota of 5 calls of FilterLogEvents a second, which people who search share.
fn default_rate() -> f64 {
    4.0
}

impl Settings {
    pub(super) fn backfill(self) -> Backfill {
        let per_execution = self.requests_per_second / self.concurrency as f64;
        Backfill {
            queue_url: self.queue_url,
            apart: Duration::from_secs_f64(1.0 / per_execution),
            requests_per_second: self.requests_per_second,
            ingestion_lag: Duration::from_secs(self.ingestion_lag_s),
            exclude: self.exclude_log_groups.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(fields: &str) -> Result<Config, String> {
        let document = format!(
            r#"{{"destinations":{{"x":{{"type":"http","url":"http://127.0.0.1:1"}}}},"backfill":{fields}}}"#
        );
        Config::parse(&document).map_err(|error| error.to_string())
    }

    #[test]
    fn the_rate_is_shared_by_all_executions() {
        let queue = r#""queue_url":"https://sqs.eu-west-1.amazonaws.com/1/a""#;
        let backfill = config(&format!("{{{queue}}}")).unwrap().backfill.unwrap();
        assert_eq!(backfill.apart, Duration::from_millis(500));
        let fields = format!(
            r#"{{{queue},"requests_per_second":10,"concurrency":5,"ingestion_lag_s":0,"exclude_log_groups":["/a"]}}"#
        );
        let backfill = config(&fields).unwrap().backfill.unwrap();
        assert_eq!(backfill.apart, Duration::from_millis(500));
        assert_eq!(backfill.ingestion_lag, Duration::ZERO);
        assert!(backfill.exclude.contains("/a"));
    }

    #[test]
    fn errors_name_the_field() {
        let error = config("{}").err().unwrap();
        assert!(error.contains("backfill.queue_url: is missing"), "{error}");
        let error = config(r#"{"queue_url":"https://q/1/a.fifo"}"#).err().unwrap();
        assert!(error.contains("must be a standard queue"), "{error}");
    }
}
