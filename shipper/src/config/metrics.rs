//! The configuration of metrics.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// The fields of `metrics`.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Settings {
    #[serde(default = "default_namespace")]
    #[schemars(extend(
        "pattern" = "^[A-Za-z0-9._/# -][A-Za-z0-9._/#: -]{0,254}$",
        "not" = json!({"pattern": "^AWS/"}),
        "errorMessage" = "must be at most 255 letters, digits and . - _ / # : and not begin with \
                          : or AWS/",
    ))]
    pub(crate) namespace: String,
}

fn default_namespace() -> String {
    "logagg".to_owned()
}
