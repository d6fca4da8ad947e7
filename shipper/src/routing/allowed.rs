//! What destinations allow in a name, and what becomes of a value that they do not allow.

/// What may be in a name. A value that is not allowed is made a name: characters that are not
/// allowed become a hyphen, upper case becomes lower case where it must, and what is too long is
/// cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Anything.
    All,
    /// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>
    ElasticsearchIndex,
    /// <https://docs.splunk.com/Documentation/Splunk/latest/Indexer/Setupmultipleindexes>
    SplunkIndex,
    /// A part of an object's key: no control characters, no slash at its ends, no segment of dots.
    ObjectKey,
    /// The value of a header: no control characters.
    Header,
    /// <https://grafana.com/docs/loki/latest/operations/multi-tenancy/>
    LokiTenant,
    /// One of several tags, separated by commas.
    Tag,
    /// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/tags.htm>
    LogglyTag,
    /// A label's value in Loki (`max_label_value_length`).
    ///
    /// <https://grafana.com/docs/loki/latest/configure/#limits_config>
    LokiLabel,
    /// A segment of a path.
    Segment,
    /// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html>
    PartitionKey,
}

impl Allowed {
    /// A value as it may be in a name.
    pub fn value(self, value: &str) -> String {
        match self {
            Self::All | Self::LokiLabel | Self::PartitionKey => value.to_owned(),
            Self::ElasticsearchIndex => hyphens(&value.to_lowercase(), |character| {
                !(character.is_whitespace()
                    || character.is_control()
                    || "\\/*?\"<>|,#:%".contains(character))
            }),
            Self::SplunkIndex => hyphens(&value.to_lowercase(), |character| {
                character.is_ascii_alphanumeric() || "_-".contains(character)
            }),
            Self::ObjectKey => {
                let value = value.trim_matches('/').replace("//", "/");
                let segments = value.split('/').map(|part| match part {
                    "." | ".." => "-".to_owned(),
                    _ => replaced(part, |character| !character.is_control()),
                });
                segments.collect::<Vec<_>>().join("/")
            }
            Self::Header => replaced(value, |character| !character.is_control()),
            Self::LokiTenant => hyphens(value, |character| {
                character.is_ascii_alphanumeric() || "!-_.*'()".contains(character)
            }),
            Self::Tag => replaced(value, |character| !(character == ',' || character.is_control())),
            Self::LogglyTag => hyphens(value, |character| {
                character.is_ascii_alphanumeric() || "-_.*".contains(character)
            }),
            Self::Segment => hyphens(value, |character| character != '/'),
        }
    }

    /// A name within the length that is allowed, with an allowed beginning; `None` if nothing is
    /// left.
    pub fn name(self, name: &str) -> Option<String> {
        let (name, max_bytes) = match self {
            Self::ElasticsearchIndex => (name.trim_start_matches(['-', '_', '+', '.']), 255),
            Self::SplunkIndex => (name.trim_start_matches(['-', '_']), 80),
            Self::ObjectKey => (name.trim_start_matches('/'), 900),
            Self::LokiTenant => (name.trim_start_matches('.'), 150),
            Self::LokiLabel => (name, 2_048),
            Self::PartitionKey => (name, 128),
            Self::LogglyTag => {
                let tags = name.split(',').filter_map(|tag| {
                    let tag = tag.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
                    (!tag.is_empty()).then(|| cut(tag, 64))
                });
                return Some(tags.collect::<Vec<_>>().join(",")).filter(|tags| !tags.is_empty());
            }
            Self::All | Self::Header | Self::Tag | Self::Segment => (name, usize::MAX),
        };
        Some(cut(name, max_bytes).to_owned()).filter(|name| !name.is_empty())
    }
}

fn cut(name: &str, max_bytes: usize) -> &str {
    &name[..name.floor_char_boundary(max_bytes)]
}

fn replaced(value: &str, is_allowed: impl Fn(char) -> bool) -> String {
    value.chars().map(|character| if is_allowed(character) { character } else { '-' }).collect()
}

/// Names of log groups begin with a slash, which would be a hyphen.
fn hyphens(value: &str, is_allowed: impl Fn(char) -> bool) -> String {
    replaced(value, is_allowed).trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_allowed_becomes_one_that_is() {
        for (allowed, value, expected) in [
            (Allowed::All, "/aws/x", "/aws/x"),
            (Allowed::ElasticsearchIndex, "/aws/lambda/Pay Out", "aws-lambda-pay-out"),
            (Allowed::SplunkIndex, "Team.A", "team-a"),
            (Allowed::ObjectKey, "/aws//lambda/../x", "aws/lambda/-/x"),
            (Allowed::Header, "a\nb", "a-b"),
            (Allowed::LokiTenant, "/aws/lambda/x", "aws-lambda-x"),
            (Allowed::Tag, "a,b", "a-b"),
            (Allowed::LogglyTag, "/aws/lambda/x,y", "aws-lambda-x-y"),
            (Allowed::Segment, "/aws/x", "aws-x"),
        ] {
            assert_eq!(allowed.value(value), expected, "{allowed:?} {value}");
        }
    }

    #[test]
    fn a_name_begins_and_ends_as_allowed() {
        for (allowed, name, expected) in [
            (Allowed::ElasticsearchIndex, "-_x", Some("x".to_owned())),
            (Allowed::ElasticsearchIndex, &*"ä".repeat(200), Some("ä".repeat(127))),
            (Allowed::SplunkIndex, "_internal", Some("internal".to_owned())),
            (Allowed::LokiTenant, "..", None),
            (Allowed::LogglyTag, "-a,,b", Some("a,b".to_owned())),
            (Allowed::PartitionKey, "", None),
        ] {
            assert_eq!(allowed.name(name), expected, "{allowed:?} {name}");
        }
    }
}
