//! The configuration of parking and of replay.

use std::time::Duration;

use reqwest::Url;

use super::MEBIBYTE;
use super::fields::Fields;
use super::url::{HTTP, is_http};
use crate::park::{BucketPlace, Park, Place, QueuePlace};
use crate::replay::Replay;

/// What keys begin with unless the user says otherwise.
const DEFAULT_PREFIX: &str = "logagg/";

/// What a prefix looks like.
const FOLDER: &str = r"^[^/][\s\S]*/$";

/// Reads `park`.
pub(super) fn read(root: &mut Fields<'_, '_>) -> Option<Park> {
    let mut fields = root.optional_object("park")?;
    let place = match fields.choice("type", &["s3", "sqs"]) {
        Some("s3") => {
            let prefix = fields.like(FOLDER).text_or("prefix", DEFAULT_PREFIX);
            bucket(&mut fields, prefix).map(Place::Bucket)
        }
        Some("sqs") => queue(&mut fields).map(Place::Queue),
        // Without a known type nobody can say which other fields are right.
        _ => return None,
    };
    let reserve_ms = fields.number("reserve_ms", 100..=60_000, 3_000);
    fields.finish();
    Some(Park { place: place?, reserve: Duration::from_millis(reserve_ms) })
}

/// Reads `replay`.
pub(super) fn read_replay(root: &mut Fields<'_, '_>, park: Option<&Park>) -> Replay {
    const DEFAULT_BYTES_PER_SECOND: u64 = 2 * MEBIBYTE;

    let mut replay = Replay { bytes_per_second: DEFAULT_BYTES_PER_SECOND, on_failure: None };
    let Some(mut fields) = root.optional_object("replay") else {
        return replay;
    };
    if !matches!(park, Some(Park { place: Place::Bucket(_), .. })) {
        fields.mistake(
            "has nothing to replay: it is for what is parked in S3, so configure \"park\" with \
             \"type\": \"s3\"; what is parked in SQS is replayed by an event source mapping",
        );
    }
    replay.bytes_per_second =
        fields.number("bytes_per_second", 1_000..=1_024 * MEBIBYTE, DEFAULT_BYTES_PER_SECOND);
    if let Some(mut on_failure) = fields.optional_object("on_failure") {
        let prefix = on_failure.like(FOLDER).optional_text("prefix").unwrap_or_default();
        replay.on_failure = bucket(&mut on_failure, prefix);
        on_failure.finish();
    }
    fields.finish();
    replay
}

fn bucket(fields: &mut Fields<'_, '_>, prefix: &str) -> Option<BucketPlace> {
    let bucket = fields.like("^[a-z0-9.-]{3,63}$").text("bucket");
    let region = fields.optional_text("region").map(str::to_owned);
    let bucket = bucket?;
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
    let is_path = prefix.is_empty() || (prefix.ends_with('/') && !prefix.starts_with('/'));
    if !is_path {
        let mistake = format!(
            "is {prefix:?}, must end with a slash and not begin with one, as in \"logagg/\""
        );
        fields.mistake_in("prefix", &mistake);
        return None;
    }
    Some(BucketPlace { bucket: bucket.to_owned(), region, prefix: prefix.to_owned() })
}

fn queue(fields: &mut Fields<'_, '_>) -> Option<QueuePlace> {
    let url = fields.like(HTTP).text("queue_url").map(str::to_owned);
    let dead_url = fields.like(HTTP).optional_text("dead_queue_url").map(str::to_owned);
    let mut is_right = true;
    for (name, url) in [("queue_url", &url), ("dead_queue_url", &dead_url)] {
        let Some(url) = url else {
            continue;
        };
        let is_url = is_http(url) && Url::parse(url).is_ok_and(|url| url.path().len() > 1);
        if !is_url {
            let mistake = "must be a queue's URL, as in \
                 \"https://sqs.eu-west-1.amazonaws.com/123456789012/parked\"";
            fields.mistake_in(name, mistake);
            is_right = false;
        }
    }
    if url.is_some() && url == dead_url {
        fields.mistake_in("dead_queue_url", "must be another queue than \"queue_url\"");
        is_right = false;
    }
    is_right.then_some(QueuePlace { url: url?, dead_url })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BatchFailures, Config};

    fn config(fields: &str) -> Result<Config, String> {
        let document = format!(
            r#"{{"destinations":{{"x":{{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs"}}}},{fields}}}"#
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
        let config = config(r#""park":{"type":"s3","bucket":"leftovers"}"#).unwrap();
        let bucket = BucketPlace {
            bucket: "leftovers".to_owned(),
            region: None,
            prefix: "logagg/".to_owned(),
        };
        let park = Park { place: Place::Bucket(bucket), reserve: Duration::from_secs(3) };
        assert_eq!(config.park, Some(park));
        assert_eq!(config.replay, Replay { bytes_per_second: 2_097_152, on_failure: None });
    }

    #[test]
    fn everything_can_be_said() {
        let config = config(
            r#""park":{"type":"sqs","queue_url":"https://sqs.eu-west-1.amazonaws.com/1/a",
                "dead_queue_url":"https://sqs.eu-west-1.amazonaws.com/1/b","reserve_ms":500},
               "batch_failures":"fail""#,
        )
        .unwrap();
        assert_eq!(config.batch_failures, BatchFailures::Fail);
        let queue = QueuePlace {
            url: "https://sqs.eu-west-1.amazonaws.com/1/a".to_owned(),
            dead_url: Some("https://sqs.eu-west-1.amazonaws.com/1/b".to_owned()),
        };
        let park = Park { place: Place::Queue(queue), reserve: Duration::from_millis(500) };
        assert_eq!(config.park, Some(park));
    }

    #[test]
    fn a_replay_can_take_its_time_and_what_lambda_has_kept() {
        let config = config(
            r#""park":{"type":"s3","bucket":"leftovers","prefix":"a/b/"},
               "replay":{"bytes_per_second":5000,"on_failure":{"bucket":"kept","region":"eu-west-1",
                "prefix":"aws/lambda/async/shipper/"}}"#,
        )
        .unwrap();
        assert_eq!(config.replay.bytes_per_second, 5_000);
        let on_failure = config.replay.on_failure.unwrap();
        assert_eq!(on_failure.prefix, "aws/lambda/async/shipper/");
    }

    #[test]
    fn a_replay_without_a_bucket_is_a_mistake() {
        check(
            r#""replay":{"bytes_per_second":5000}"#,
            "replay: has nothing to replay: it is for what is parked in S3, so configure \"park\" with \
             \"type\": \"s3\"; what is parked in SQS is replayed by an event source mapping",
        );
    }

    #[test]
    fn mistakes_name_the_field() {
        check(r#""park":{"type":"s3"}"#, "park.bucket: is missing");
        check(
            r#""park":{"type":"S3","bucket":"x"}"#,
            "park.type: is \"S3\", must be one of \"s3\", \"sqs\"",
        );
        check(
            r#""park":{"type":"s3","bucket":"arn:aws:s3:::b"}"#,
            "park.bucket: is \"arn:aws:s3:::b\", which is no bucket's name: 3 to 63 of a to z, 0 to 9, \
             - and . (the name alone, not an ARN)",
        );
        check(
            r#""park":{"type":"s3","bucket":"leftovers","prefix":"logs"}"#,
            "park.prefix: is \"logs\", must end with a slash and not begin with one, as in \"logagg/\"",
        );
        check(
            r#""park":{"type":"sqs","queue_url":"parked"}"#,
            "park.queue_url: must be a queue's URL, as in \
             \"https://sqs.eu-west-1.amazonaws.com/123456789012/parked\"",
        );
        check(
            r#""park":{"type":"sqs","queue_url":"https://q/1/a","dead_queue_url":"https://q/1/a"}"#,
            "park.dead_queue_url: must be another queue than \"queue_url\"",
        );
    }
}
