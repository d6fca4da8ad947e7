//! The configuration of a Grafana Loki destination.

use reqwest::header::HeaderValue;

use super::auth::authorization;
use super::fields::Fields;
use super::url::url;
use crate::destination::Destination;
use crate::destination::loki::{
    LATE, Loki, MAX_LINE_BYTES, MAX_OWN_LABELS, MAX_REQUEST_BYTES, Sizes, StructuredMetadata,
};

/// The labels that every stream has.
const ALWAYS: [&str; 4] = ["account", "log_group", "service_name", LATE];

/// Reads the fields of type `loki`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    /// What Loki can be configured to take is bounded by its gRPC messages.
    const LARGEST_REQUEST_BYTES: usize = 100_000_000;

    let url = url(fields, "https://logs-prod-012.grafana.net");
    let authorization = authorization(fields);
    let tenant = tenant(fields);
    let labels = labels(fields);
    let metadata = match fields.choice_or_first("structured_metadata", &["send", "omit"]) {
        "omit" => StructuredMetadata::Omitted,
        _ => StructuredMetadata::Sent,
    };
    let max_request_bytes =
        fields.bytes("max_request_bytes", 20_000..=LARGEST_REQUEST_BYTES, MAX_REQUEST_BYTES);
    let most_of_a_line = max_request_bytes - 10_000;
    let max_line_bytes =
        fields.bytes("max_line_bytes", 5_000..=most_of_a_line, MAX_LINE_BYTES.min(most_of_a_line));
    let sizes = Sizes { max_request_bytes, max_line_bytes };
    Some(Box::new(Loki::new(url?, authorization, tenant, labels, metadata, &sizes)))
}

fn tenant(fields: &mut Fields<'_, '_>) -> Option<HeaderValue> {
    let tenant = fields.like("^[ -~]+$").optional_text("tenant")?;
    let is_printable = tenant.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let header = HeaderValue::try_from(tenant).ok().filter(|_| is_printable);
    if header.is_none() {
        fields.mistake_in("tenant", "must have nothing but printable ASCII characters");
    }
    header
}

/// Reads `labels` by the rules of Prometheus.
///
/// <https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>
fn labels(fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let Some(mut named) = fields.optional_object("labels") else {
        return labels;
    };
    let names = named.names();
    let mistake = format!(
        "has {} labels; Loki takes {MAX_OWN_LABELS} beside those that are always there",
        names.len()
    );
    named.count(0..=MAX_OWN_LABELS, &mistake);
    for name in names {
        let value = named.text(&name);
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            named.mistake_in(&name, "is no name of a label: letters, digits and _, no digit first");
        } else if ALWAYS.contains(&name.as_str()) {
            named.mistake_in(&name, "is set by the shipper; choose another name");
        } else if let Some(value) = value {
            labels.push((name, value.to_owned()));
        }
    }
    named.finish();
    labels
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
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
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
    fn mistakes_name_the_field() {
        check(
            r#""labels":{"1a":"x"}"#,
            "labels.1a: is no name of a label: letters, digits and _, no digit first",
        );
        check(
            r#""labels":{"log_group":"x"}"#,
            "labels.log_group: is set by the shipper; choose another name",
        );
        check(r#""labels":{"a":1}"#, "labels.a: must be a string, is a number");
        check(r#""tenant":"ü""#, "tenant: must have nothing but printable ASCII characters");
        check(
            r#""auth":{"type":"api_key","api_key":"k"}"#,
            "auth.type: is \"api_key\", must be one of \"basic\", \"bearer\"",
        );
        let many: Vec<String> = (0..13).map(|number| format!(r#""l{number}":"x""#)).collect();
        check(
            &format!(r#""labels":{{{}}}"#, many.join(",")),
            "labels: has 13 labels; Loki takes 11 beside those that are always there",
        );
    }
}
