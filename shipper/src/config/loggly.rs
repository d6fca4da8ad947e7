//! The configuration of a Loggly destination.

use super::fields::Fields;
use super::url::url_or;
use crate::destination::Destination;
use crate::destination::loggly::Loggly;

/// The tags of lines unless the user names others.
const DEFAULT_TAGS: &str = "lambda";

/// Reads the fields of type `loggly`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    const LOGGLY: &str = "https://logs-01.loggly.com";

    let token = fields.secret("token");
    let url = url_or(fields, LOGGLY, LOGGLY);
    let tags = tags(fields)?;
    Some(Box::new(Loggly::new(url?, &token?, tags)))
}

/// Reads `tags` by the rules of Loggly.
///
/// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/tags.htm>
fn tags<'v>(fields: &mut Fields<'v, '_>) -> Option<&'v str> {
    const LONGEST: usize = 64;

    let like = "^[A-Za-z0-9][A-Za-z0-9_.*-]{0,63}(,[A-Za-z0-9][A-Za-z0-9_.*-]{0,63})*$";
    let tags = fields.like(like).text_or("tags", DEFAULT_TAGS);
    let is_tag = |tag: &str| {
        (1..=LONGEST).contains(&tag.len())
            && tag.starts_with(|first: char| first.is_ascii_alphanumeric())
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte))
    };
    if !tags.split(',').all(is_tag) {
        let mistake = format!(
            "is {tags:?}, must be tags with commas between them, as in \"lambda,prod\": letters, \
             digits and -_.*, at most {LONGEST} characters each"
        );
        fields.mistake_in("tags", &mistake);
        return None;
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"loggly",{fields}}}}}}}"#))
    }

    #[test]
    fn token_and_tags_are_in_the_address() {
        for (fields, expected) in [
            (r#""token":"t""#, "https://logs-01.loggly.com/bulk/t/tag/lambda/"),
            (
                r#""token":"t","tags":"a,b","url":"http://127.0.0.1:1""#,
                "http://127.0.0.1:1/bulk/t/tag/a,b/",
            ),
        ] {
            let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.destinations["x"].destination.endpoint().url.as_str(), expected);
        }
    }

    #[test]
    fn mistakes_name_the_field() {
        for (fields, expected) in [
            (r#""tags":"a""#, "token: is missing"),
            (
                r#""token":"t","tags":"a,,b""#,
                "tags: is \"a,,b\", must be tags with commas between them, as in \"lambda,prod\": \
                 letters, digits and -_.*, at most 64 characters each",
            ),
        ] {
            let error = config(fields).err().map(|error| error.to_string());
            let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.x.{expected}");
            assert_eq!(error, Some(expected));
        }
    }
}
