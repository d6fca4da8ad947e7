//! The fields that CloudWatch Logs adds to a log event: system fields, and those that the filter
//! pattern extracts.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>,
//! `emitSystemFields`

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::text::Text;

/// The extracted fields of a log event, in their order. A name may occur twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtractedFields<'a>(pub Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> ExtractedFields<'a> {
    const ACCOUNT: &'static str = "@aws.account";
    const REGION: &'static str = "@aws.region";
    const SOURCE: &'static str = "@source.log";

    /// The account in which the log event was written.
    pub fn account(&self) -> Option<&str> {
        self.system(Self::ACCOUNT)
    }

    /// The region in which the log event was written.
    pub fn region(&self) -> Option<&str> {
        self.system(Self::REGION)
    }

    /// The log group to which the log event was written. The field is its name, an ARN, or has the
    /// account before the name, as `@log` of CloudWatch Logs Insights; names have no colons.
    pub fn log_group(&self) -> Option<&str> {
        let source = self.system(Self::SOURCE)?;
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let mut parts = source.split(':');
        match parts.next() {
            Some("arn") => parts.nth(5),
            Some(first) if is_account(first) => parts.next().or(Some(first)),
            first => first,
        }
        .filter(|name| !name.is_empty())
    }

    fn is_system(name: &str) -> bool {
        [Self::ACCOUNT, Self::REGION, Self::SOURCE].contains(&name)
    }

    fn system(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(found, _)| found == name);
        field.map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }
}

static EMPTY: ExtractedFields<'static> = ExtractedFields(Vec::new());

/// The extracted fields of a record.
#[derive(Clone, Copy, Debug)]
pub enum Extracted<'a> {
    /// All fields of the log event.
    All(&'a ExtractedFields<'a>),
    /// Only the system fields, because the message is redacted: the others are parts of it.
    System(&'a ExtractedFields<'a>),
}

impl<'a> Extracted<'a> {
    /// No fields.
    pub const NONE: Self = Self::All(&EMPTY);

    /// The same fields without those that the filter pattern extracted.
    pub fn of_system(self) -> Self {
        let (Self::All(fields) | Self::System(fields)) = self;
        Self::System(fields)
    }

    /// All fields, as in the delivery.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (fields, all) = match self {
            Self::All(fields) => (fields, true),
            Self::System(fields) => (fields, false),
        };
        let fields = fields.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        fields.filter(move |(name, _)| all || ExtractedFields::is_system(name))
    }

    /// The fields that the filter pattern extracted, each name once.
    pub fn of_pattern(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let of_pattern = self.fields().filter(|(name, _)| !ExtractedFields::is_system(name));
        of_pattern.enumerate().filter_map(move |(index, field)| {
            let mut before =
                self.fields().filter(|(name, _)| !ExtractedFields::is_system(name)).take(index);
            before.all(|(name, _)| name != field.0).then_some(field)
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ExtractedFields<'a> {
    /// Whatever is not an object has no fields, so that it does not make the whole event
    /// undecodable.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = <&RawValue>::deserialize(deserializer)?.get();
        Ok(serde_json::from_str(written).map(|Object(fields)| fields).unwrap_or_default())
    }
}

/// An object. Values that are not strings are kept as written, and nulls are omitted.
struct Object<'a>(ExtractedFields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = ExtractedFields::default();
                while let Some(Text(name)) = map.next_key()? {
                    let value = map.next_value::<&RawValue>()?.get();
                    match value.as_bytes() {
                        b"null" => {}
                        [b'"', ..] => {
                            let Text(text) =
                                serde_json::from_str(value).map_err(serde::de::Error::custom)?;
                            fields.0.push((name, text));
                        }
                        _ => fields.0.push((name, Cow::Borrowed(value))),
                    }
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> ExtractedFields<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_source_of_a_centralized_log_event_is_in_system_fields() {
        let json = r#"{"@aws.account":"210987654321","@aws.region":"eu-north-1","@source.log":"/aws/lambda/f","a":"b"}"#;
        let fields = fields(json);
        assert_eq!(fields.account(), Some("210987654321"));
        assert_eq!(fields.region(), Some("eu-north-1"));
        assert_eq!(fields.log_group(), Some("/aws/lambda/f"));
        let extracted = Extracted::All(&fields);
        assert_eq!(extracted.of_pattern().collect::<Vec<_>>(), [("a", "b")]);
        assert_eq!(extracted.fields().count(), 4);
        assert_eq!(extracted.of_system().of_pattern().count(), 0);
        assert_eq!(extracted.of_system().fields().count(), 3);
    }

    #[test]
    fn a_log_group_may_be_an_arn_or_have_the_account_before_its_name() {
        for source in [
            "/aws/lambda/f",
            "210987654321:/aws/lambda/f",
            "arn:aws:logs:eu-north-1:210987654321:log-group:/aws/lambda/f",
            "arn:aws:logs:eu-north-1:210987654321:log-group:/aws/lambda/f:*",
        ] {
            let json = format!(r#"{{"@source.log":"{source}"}}"#);
            assert_eq!(fields(&json).log_group(), Some("/aws/lambda/f"), "{source}");
        }
        assert_eq!(fields(r#"{"@source.log":""}"#).log_group(), None);
    }

    #[test]
    fn values_of_other_types_are_kept_as_written() {
        for other in ["null", "5", "[]"] {
            assert_eq!(
                serde_json::from_str::<ExtractedFields<'_>>(other).unwrap(),
                ExtractedFields::default()
            );
        }
        let fields = fields(r#"{"bytes":20641,"none":null,"list":[1,"a"],"half":"a\ud800"}"#);
        let found: Vec<_> = Extracted::All(&fields).fields().collect();
        assert_eq!(found, [("bytes", "20641"), ("list", r#"[1,"a"]"#), ("half", "a\u{FFFD}")]);
    }
}
