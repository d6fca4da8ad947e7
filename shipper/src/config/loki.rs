//! The configuration of a Grafana Loki destination.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::auth::{Auth, NOT_PRINTABLE, PRINTABLE, header};
use super::names::Templates;
use super::schema::{FieldError, names_like, never, size, within};
use super::sending::Sending;
use super::url::HttpUrl;
use crate::destination::Destination;
use crate::destination::loki::{
    LATE, Loki, MAX_LINE_BYTES, MAX_OWN_LABELS, MAX_REQUEST_BYTES, Sizes, StructuredMetadata,
};
use crate::routing::NameField;

/// The labels of every stream.
const ALWAYS: [&str; 4] = ["account", "log_group", "service_name", LATE];

/// The fields of type `loki`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    url: HttpUrl,
    auth: Option<Auth>,
    #[schemars(extend("pattern" = PRINTABLE, "errorMessage" = NOT_PRINTABLE))]
    tenant: Option<String>,
    #[serde(default)]
    #[schemars(transform = labels)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    structured_metadata: Sending,
    /// Loki's limit is bounded by its gRPC messages.
    #[serde(default = "size::<MAX_REQUEST_BYTES>")]
    #[schemars(range(min = 20_000, max = 100_000_000))]
    max_request_bytes: usize,
}

/// Prometheus's rules for label names.
///
/// <https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>
pub(super) fn labels(schema: &mut Schema) {
    names_like(
        schema,
        "^[A-Za-z_][A-Za-z0-9_]*$",
        "is not a valid label name: use letters, digits and _, and do not begin with a digit",
    );
    let always = format!("^({})$", ALWAYS.join("|"));
    if let Some(names) = schema.get_mut("patternProperties") {
        names[always] = never("is set by the shipper; choose another name");
    }
    schema.insert("maxProperties".to_owned(), json!(MAX_OWN_LABELS));
    let message = format!(
        "has too many labels: at most {MAX_OWN_LABELS} in addition to those of the shipper"
    );
    schema.insert("errorMessage".to_owned(), json!(message));
}

impl Settings {
    /// The names of its labels.
    pub(super) fn label_names(&self) -> BTreeSet<String> {
        self.labels.keys().cloned().collect()
    }

    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        templates.take(&mut self.tenant, NameField::Tenant)?;
        templates.take_labels(&mut self.labels)?;
        Ok(())
    }

    /// The limit of a record is at least 10,000 bytes below that of a request.
    pub(super) fn destination(
        self,
        max_record_bytes: Option<usize>,
    ) -> Result<Box<dyn Destination>, FieldError> {
        let HttpUrl(url) = self.url;
        let authorization = self.auth.as_ref().map(Auth::header).transpose()?;
        let tenant = self.tenant.map(|tenant| header(&tenant, "tenant")).transpose()?;
        let metadata = match self.structured_metadata {
            Sending::Send => StructuredMetadata::Sent,
            Sending::Omit => StructuredMetadata::Omitted,
        };
        let max_request_bytes = self.max_request_bytes;
        let most = max_request_bytes - 10_000;
        let max_line_bytes =
            within("max_record_bytes", max_record_bytes, 5_000..=most, MAX_LINE_BYTES)?;
        let sizes = Sizes { max_request_bytes, max_line_bytes };
        let labels = self.labels.into_iter().collect();
        Ok(Box::new(Loki::new(url, authorization, tenant, labels, metadata, &sizes)))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::AUTHORIZATION;

    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"loki",{fields}}}}}}}"#))
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let fields = format!(r#""url":"https://loki.example",{fields}"#);
        let error = config(&fields).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn credentials_and_tenant_become_headers() {
        let fields = r#""url":"https://loki.example/base","tenant":"shop",
            "auth":{"type":"bearer","token":"t"},"labels":{"env":"prod"}"#;
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "https://loki.example/base/loki/api/v1/push");
        assert_eq!(endpoint.headers["x-scope-orgid"], "shop");
        assert_eq!(endpoint.headers[AUTHORIZATION], "Bearer t");
        assert!(endpoint.headers[AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn errors_name_the_field() {
        check(
            r#""labels":{"1a":"x"}"#,
            "labels.1a: is not a valid label name: use letters, digits and _, and do not begin \
             with a digit",
        );
        check(
            r#""labels":{"log_group":"x"}"#,
            "labels.log_group: is set by the shipper; choose another name",
        );
        check(r#""labels":{"a":1}"#, "labels.a: must be a string, is a number");
        check(r#""tenant":"ü""#, "tenant: is \"ü\", must contain only printable ASCII characters");
        check(
            r#""auth":{"type":"api_key","api_key":"k"}"#,
            "auth.type: invalid value \"api_key\": must be one of \"basic\", \"bearer\"",
        );
        let many: Vec<String> = (0..13).map(|number| format!(r#""l{number}":"x""#)).collect();
        check(
            &format!(r#""labels":{{{}}}"#, many.join(",")),
            "labels: has too many labels: at most 11 in addition to those of the shipper",
        );
    }
}
