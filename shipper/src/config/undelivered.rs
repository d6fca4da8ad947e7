//! The configuration of the storage for undelivered events.

use std::collections::BTreeMap;
use std::time::Duration;

use boon::Format;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

use super::destination::{self, OfType};
use super::routes;
use super::schema::{FieldError, check_text, number};
use super::url::is_http;
use crate::undelivered::object_key::ON_FAILURE_PREFIX;
use crate::undelivered::{Storage, Undelivered};

/// The fields of `undelivered`.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    #[schemars(extend("pattern" = BUCKET, "errorMessage" = NO_BUCKET))]
    pub(super) bucket: String,
    #[serde(default = "default_prefix")]
    #[schemars(extend("pattern" = PREFIX_PATTERN, "format" = PREFIX.name))]
    pub(super) prefix: String,
    region: Option<String>,
    #[schemars(extend("pattern" = ACCOUNT, "errorMessage" = NO_ACCOUNT))]
    bucket_owner: Option<String>,
    #[schemars(extend("pattern" = "^https?://[^/]", "format" = QUEUE_URL.name))]
    queue_url: Option<String>,
    #[serde(default = "number::<3_000>")]
    #[schemars(range(min = 100, max = 60_000))]
    reserve_ms: u64,
}

/// The form of a bucket's name, and the error for another one.
pub(super) const BUCKET: &str = "^[a-z0-9.-]{3,63}$";
pub(super) const NO_BUCKET: &str = "must be a bucket name: 3 to 63 characters of a to z, 0 to 9, - \
                                    and . (the name, not an ARN)";

/// The form of an account ID, and the error for another one.
pub(super) const ACCOUNT: &str = "^[0-9]{12}$";
pub(super) const NO_ACCOUNT: &str = "must be an account ID of 12 digits";

/// The form of a prefix, for editors.
pub(super) const PREFIX_PATTERN: &str = r"^[^/][\s\S]*/$";

/// The default prefix of keys.
pub(super) fn default_prefix() -> String {
    "logagg/".to_owned()
}

/// The prefix of keys.
pub(crate) const PREFIX: Format =
    Format { name: "undelivered-prefix", func: |value| check_text(value, check_prefix) };

/// The URL of an SQS queue.
pub(crate) const QUEUE_URL: Format =
    Format { name: "queue-url", func: |value| check_text(value, check_queue_url) };

impl Settings {
    /// An error for every destination that writes to the same bucket under an overlapping prefix, its
    /// own or that of a route.
    pub(super) fn overlaps(
        &self,
        destinations: &BTreeMap<String, destination::Settings>,
        routes: &[routes::Settings],
    ) -> Vec<FieldError> {
        let prefix = &self.prefix;
        let is_inside = |other: &str| {
            // The constant beginning of the prefix.
            let written = other.split('{').next().unwrap_or_default();
            written.starts_with(&**prefix) || prefix.starts_with(written)
        };
        let overlap = |(name, other): (&String, &destination::Settings)| {
            let OfType::S3(other) = &other.of_type else { return None };
            let of_routes = routes.iter().filter_map(|route| route.prefix_at(name));
            let mut prefixes = of_routes.chain([&*other.prefix]);
            (other.bucket == self.bucket && prefixes.any(is_inside)).then(|| {
                let text = format!(
                    "invalid prefix {prefix:?}: it overlaps the prefix of the destination \
                     {name:?} in the same bucket"
                );
                FieldError::new("undelivered.prefix", text)
            })
        };
        destinations.iter().filter_map(overlap).collect()
    }

    pub(super) fn undelivered(self) -> Undelivered {
        Undelivered {
            storage: Storage {
                bucket: self.bucket,
                region: self.region,
                bucket_owner: self.bucket_owner,
                prefix: self.prefix,
            },
            queue_url: self.queue_url,
            reserve: Duration::from_millis(self.reserve_ms),
        }
    }
}

fn check_prefix(prefix: &str) -> Result<(), String> {
    let has_dots = prefix.split('/').any(|part| matches!(part, "." | ".."));
    let error = if !prefix.ends_with('/') || prefix.starts_with('/') {
        "must end with a slash and not begin with one, such as \"logagg/\""
    } else if prefix.contains("//") || has_dots {
        "must not contain // or a segment . or .."
    } else if prefix.starts_with(ON_FAILURE_PREFIX) || ON_FAILURE_PREFIX.starts_with(prefix) {
        "must not be the prefix of Lambda's on-failure records, \"aws/lambda/\""
    } else {
        return Ok(());
    };
    Err(format!("invalid prefix {prefix:?}: {error}"))
}

fn check_queue_url(text: &str) -> Result<(), String> {
    if !is_http(text) || !Url::parse(text).is_ok_and(|url| url.path().len() > 1) {
        return Err("must be a queue URL, such as \
             \"https://sqs.eu-west-1.amazonaws.com/123456789012/undelivered\""
            .to_owned());
    }
    if text.ends_with(".fifo") {
        return Err("must be a standard queue, not a FIFO queue".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(fields: &str) -> Result<Config, String> {
        let document = format!(
            r#"{{"destinations":{{"x":{{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}},
                "archive":{{"type":"s3","bucket":"archive","region":"eu-west-1"}}}},{fields}}}"#
        );
        Config::parse(&document).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let error = config(fields).err();
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  {expected}");
        assert_eq!(error, Some(expected), "{fields}");
    }

    #[test]
    fn optional_fields_have_defaults() {
        let config = config(r#""undelivered":{"bucket":"undelivered"}"#).unwrap();
        let storage = Storage {
            bucket: "undelivered".to_owned(),
            region: None,
            bucket_owner: None,
            prefix: "logagg/".to_owned(),
        };
        let reserve = Duration::from_secs(3);
        assert_eq!(config.undelivered, Some(Undelivered { storage, queue_url: None, reserve }));
    }

    #[test]
    fn every_setting_can_be_set() {
        let config = config(
            r#""undelivered":{"bucket":"undelivered","region":"eu-west-1","prefix":"a/b/",
                "bucket_owner":"123456789012","reserve_ms":500,
                "queue_url":"https://sqs.eu-west-1.amazonaws.com/1/a"}"#,
        )
        .unwrap();
        let undelivered = config.undelivered.unwrap();
        assert_eq!(undelivered.storage.prefix, "a/b/");
        assert_eq!(undelivered.storage.bucket_owner.as_deref(), Some("123456789012"));
        assert_eq!(
            undelivered.queue_url.as_deref(),
            Some("https://sqs.eu-west-1.amazonaws.com/1/a")
        );
        assert_eq!(undelivered.reserve, Duration::from_millis(500));
    }

    #[test]
    fn a_bucket_can_be_shared_with_an_archive_under_another_prefix() {
        assert!(config(r#""undelivered":{"bucket":"archive"}"#).is_ok());
        for prefix in ["logs/", "logs/2026/"] {
            check(
                &format!(r#""undelivered":{{"bucket":"archive","prefix":"{prefix}"}}"#),
                &format!(
                    "undelivered.prefix: invalid prefix {prefix:?}: it overlaps the prefix of \
                     the destination \"archive\" in the same bucket"
                ),
            );
        }
    }

    #[test]
    fn errors_name_the_field() {
        check(r#""undelivered":{}"#, "undelivered.bucket: is missing");
        check(
            r#""undelivered":{"bucket":"arn:aws:s3:::b"}"#,
            "undelivered.bucket: is \"arn:aws:s3:::b\", must be a bucket name: 3 to 63 \
             characters of a to z, 0 to 9, - and . (the name, not an ARN)",
        );
        for (prefix, expected) in [
            ("logs", "must end with a slash and not begin with one, such as \"logagg/\""),
            ("/logs/", "must end with a slash and not begin with one, such as \"logagg/\""),
            ("a//b/", "must not contain // or a segment . or .."),
            ("a/../b/", "must not contain // or a segment . or .."),
            ("aws/", "must not be the prefix of Lambda's on-failure records, \"aws/lambda/\""),
        ] {
            check(
                &format!(r#""undelivered":{{"bucket":"undelivered","prefix":"{prefix}"}}"#),
                &format!("undelivered.prefix: invalid prefix {prefix:?}: {expected}"),
            );
        }
        check(
            r#""undelivered":{"bucket":"undelivered","queue_url":"pointers"}"#,
            "undelivered.queue_url: must be a queue URL, such as \
             \"https://sqs.eu-west-1.amazonaws.com/123456789012/undelivered\"",
        );
        check(
            r#""undelivered":{"bucket":"undelivered","queue_url":"https://q/1/a.fifo"}"#,
            "undelivered.queue_url: must be a standard queue, not a FIFO queue",
        );
        check(
            r#""undelivered":{"bucket":"undelivered","bucket_owner":"12345"}"#,
            "undelivered.bucket_owner: is \"12345\", must be an account ID of 12 digits",
        );
    }

    #[test]
    fn a_former_name_is_an_unknown_field_with_a_suggestion() {
        check(
            r#""accepted_risks":[],"park":{"type":"s3","bucket":"b"}"#,
            "park: unknown field; did you mean \"undelivered\"?",
        );
        check(
            r#""replay":{"bytes_per_second":5}"#,
            "replay: unknown field; did you mean \"undelivered\"?",
        );
    }
}
