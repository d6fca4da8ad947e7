//! The configuration of the storage for undelivered events.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::arn::is_account;
use super::fields::Fields;
use super::url::{HTTP, is_http};
use crate::undelivered::object_key::ON_FAILURE_PREFIX;
use crate::undelivered::{Storage, Undelivered};

/// What keys begin with unless the user says otherwise.
const DEFAULT_PREFIX: &str = "logagg/";

/// What a prefix looks like.
const FOLDER: &str = r"^[^/][\s\S]*/$";

/// Reads `undelivered`. `destinations` is what the document has there.
pub(super) fn read(root: &mut Fields<'_, '_>, destinations: Option<&Value>) -> Option<Undelivered> {
    let mut fields = root.optional_object("undelivered")?;
    let prefix = fields.like(FOLDER).text_or("prefix", DEFAULT_PREFIX);
    let bucket = bucket(&mut fields);
    let region = fields.optional_text("region").map(str::to_owned);
    let owner = fields.like("^[0-9]{12}$").optional_text("bucket_owner");
    let owner_is_account = owner.is_none_or(is_account);
    if !owner_is_account {
        fields.mistake_in("bucket_owner", "must be the 12 digits of an account's id");
    }
    let queue_url = fields.like(HTTP).optional_text("queue_url");
    let is_queue = queue_url
        .is_none_or(|url| is_http(url) && Url::parse(url).is_ok_and(|url| url.path().len() > 1));
    if !is_queue {
        fields.mistake_in(
            "queue_url",
            "must be a queue's URL, as in \"https://sqs.eu-west-1.amazonaws.com/123456789012/undelivered\"",
        );
    } else if queue_url.is_some_and(|url| url.ends_with(".fifo")) {
        fields.mistake_in("queue_url", "must be a standard queue: S3 does not notify FIFO queues");
    }
    let is_path = is_path(&mut fields, prefix);
    if let Some(bucket) = bucket {
        for name in overlapping(destinations, bucket, prefix) {
            let mistake = format!(
                "is {prefix:?}, which overlaps what the destination \"{name}\" writes to the same bucket"
            );
            fields.mistake_in("prefix", &mistake);
        }
    }
    let reserve_ms = fields.number("reserve_ms", 100..=60_000, 3_000);
    fields.finish();
    let bucket = bucket.filter(|_| is_path && owner_is_account && is_queue)?.to_owned();
    let (bucket_owner, prefix) = (owner.map(str::to_owned), prefix.to_owned());
    Some(Undelivered {
        storage: Storage { bucket, region, bucket_owner, prefix },
        queue_url: queue_url.map(str::to_owned),
        reserve: Duration::from_millis(reserve_ms),
    })
}

fn bucket<'v>(fields: &mut Fields<'v, '_>) -> Option<&'v str> {
    let bucket = fields.like("^[a-z0-9.-]{3,63}$").text("bucket")?;
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
    let is_name = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
        });
    if !is_name {
        let mistake = format!(
            "is {bucket:?}, which is no bucket's name: 3 to 63 of a to z, 0 to 9, - and . (the name \
             alone, not an ARN)"
        );
        fields.mistake_in("bucket", &mistake);
        return None;
    }
    Some(bucket)
}

fn is_path(fields: &mut Fields<'_, '_>, prefix: &str) -> bool {
    let has_dots = prefix.split('/').any(|part| matches!(part, "." | ".."));
    let mistake = if !prefix.ends_with('/') || prefix.starts_with('/') {
        "must end with a slash and not begin with one, as in \"logagg/\""
    } else if prefix.contains("//") || has_dots {
        "must not have two slashes together, nor . or .. between them"
    } else if prefix.starts_with(ON_FAILURE_PREFIX) || ON_FAILURE_PREFIX.starts_with(prefix) {
        "must be another than that of Lambda's on-failure records, \"aws/lambda/\""
    } else {
        return true;
    };
    fields.mistake_in("prefix", &format!("is {prefix:?}, {mistake}"));
    false
}

/// The destinations that write to the same bucket below or above a prefix.
fn overlapping<'v>(
    destinations: Option<&'v Value>,
    bucket: &str,
    prefix: &str,
) -> impl Iterator<Item = &'v str> {
    let destinations = destinations.and_then(Value::as_object).into_iter().flatten();
    let names = destinations.filter(move |(_, it)| {
        let text = |name: &str| it.get(name).and_then(Value::as_str);
        let other = text("prefix").unwrap_or(super::s3::DEFAULT_PREFIX);
        // What the other begins with whatever the time is.
        let other = other.split('{').next().unwrap_or_default();
        text("type") == Some("s3")
            && text("bucket") == Some(bucket)
            && (other.starts_with(prefix) || prefix.starts_with(other))
    });
    names.map(|(name, _)| name.as_str()).collect::<Vec<_>>().into_iter()
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
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  {expected}");
        assert_eq!(error, Some(expected), "{fields}");
    }

    #[test]
    fn what_is_left_out_has_a_default() {
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
    fn everything_can_be_said() {
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
                    "undelivered.prefix: is {prefix:?}, which overlaps what the destination \"archive\" \
                     writes to the same bucket"
                ),
            );
        }
    }

    #[test]
    fn mistakes_name_the_field() {
        check(r#""undelivered":{}"#, "undelivered.bucket: is missing");
        check(
            r#""undelivered":{"bucket":"arn:aws:s3:::b"}"#,
            "undelivered.bucket: is \"arn:aws:s3:::b\", which is no bucket's name: 3 to 63 of a to z, 0 \
             to 9, - and . (the name alone, not an ARN)",
        );
        for (prefix, expected) in [
            ("logs", "must end with a slash and not begin with one, as in \"logagg/\""),
            ("/logs/", "must end with a slash and not begin with one, as in \"logagg/\""),
            ("a//b/", "must not have two slashes together, nor . or .. between them"),
            ("a/../b/", "must not have two slashes together, nor . or .. between them"),
            ("aws/", "must be another than that of Lambda's on-failure records, \"aws/lambda/\""),
        ] {
            check(
                &format!(r#""undelivered":{{"bucket":"undelivered","prefix":"{prefix}"}}"#),
                &format!("undelivered.prefix: is {prefix:?}, {expected}"),
            );
        }
        check(
            r#""undelivered":{"bucket":"undelivered","queue_url":"pointers"}"#,
            "undelivered.queue_url: must be a queue's URL, as in \
             \"https://sqs.eu-west-1.amazonaws.com/123456789012/undelivered\"",
        );
        check(
            r#""undelivered":{"bucket":"undelivered","queue_url":"https://q/1/a.fifo"}"#,
            "undelivered.queue_url: must be a standard queue: S3 does not notify FIFO queues",
        );
        check(
            r#""undelivered":{"bucket":"undelivered","bucket_owner":"12345"}"#,
            "undelivered.bucket_owner: must be the 12 digits of an account's id",
        );
    }

    #[test]
    fn an_earlier_name_is_an_unknown_field_with_the_one_it_has_now() {
        check(
            r#""accept":[],"park":{"type":"s3","bucket":"b"}"#,
            "park: is not known; did you mean \"undelivered\"?",
        );
        check(
            r#""replay":{"bytes_per_second":5}"#,
            "replay: is not known; did you mean \"undelivered\"?",
        );
    }
}
