//! The configuration of an S3 destination.

use super::fields::Fields;
use super::url::url_of_bucket;
use crate::destination::Destination;
use crate::destination::dated::Dated;
use crate::destination::s3::{DEFAULT_OBJECT_BYTES, S3};

/// Where objects are written unless the user says otherwise.
pub(super) const DEFAULT_PREFIX: &str = "logs/{yyyy}/{MM}/{dd}/{HH}/";

/// Reads the fields of type `s3`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    const LARGEST_OBJECT_BYTES: usize = 1_000_000_000;

    let bucket = bucket(fields);
    let region = fields.optional_text("region");
    let prefix = prefix(fields);
    let max_object_bytes =
        fields.bytes("max_object_bytes", 10_000..=LARGEST_OBJECT_BYTES, DEFAULT_OBJECT_BYTES);
    let url = url_of_bucket(fields, bucket, region);
    Some(Box::new(S3::new(url?, region, prefix?, max_object_bytes)))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn bucket<'v>(fields: &mut Fields<'v, '_>) -> Option<&'v str> {
    let bucket = fields.like("^[a-z0-9][a-z0-9.-]{2,62}$").text("bucket")?;
    let is_name = (3..=63).contains(&bucket.len())
        && !bucket.starts_with(['.', '-'])
        && bucket.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte)
        });
    if !is_name {
        let mistake = format!(
            "is {bucket:?}, which is no name of a bucket: 3 to 63 lower-case letters, digits, . and -"
        );
        fields.mistake_in("bucket", &mistake);
        return None;
    }
    Some(bucket)
}

fn prefix(fields: &mut Fields<'_, '_>) -> Option<Dated> {
    let prefix = fields.like("^[^/]").text_or("prefix", DEFAULT_PREFIX);
    let has_dots = prefix.split('/').any(|part| matches!(part, "." | ".."));
    if prefix.starts_with('/') || prefix.contains("//") || has_dots {
        fields.mistake_in(
            "prefix",
            "must not begin with a slash, nor have two of them together, nor . or .. between them",
        );
        return None;
    }
    match Dated::parse(prefix) {
        Ok(prefix) => Some(prefix),
        Err(error) => {
            fields.mistake_in("prefix", &error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"s3",{fields}}}}}}}"#))
    }

    #[test]
    fn a_bucket_behind_an_address_of_the_users_is_in_its_path() {
        let fields = r#""bucket":"logs","region":"eu-west-1","url":"http://127.0.0.1:1""#;
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "http://127.0.0.1:1/logs");
    }

    #[test]
    fn mistakes_name_the_field() {
        for (fields, expected) in [
            (
                r#""bucket":"A","region":"eu-west-1""#,
                "bucket: is \"A\", which is no name of a bucket: 3 to 63 lower-case letters, digits, . and -",
            ),
            (
                r#""bucket":"logs","region":"eu-west-1","prefix":"a/{ss}/""#,
                "prefix: has {ss}, which is no time: use yyyy, MM, dd and HH, as in {yyyy.MM.dd}",
            ),
            (
                r#""bucket":"logs","region":"eu-west-1","prefix":"../a""#,
                "prefix: must not begin with a slash, nor have two of them together, nor . or .. between them",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
