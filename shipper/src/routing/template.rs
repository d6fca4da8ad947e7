//! Templates of names: text with values of a record in braces.

use std::borrow::Cow;

use super::allowed::Allowed;
use crate::destination::time_template::{TimeTemplate, TimeTemplateError};
use crate::log_source_value::LogSourceValue;
use crate::processing::Fields;
use crate::record::Record;

/// What stands for a value that a record does not have, in a name that must be.
const UNKNOWN: &str = "unknown";

/// A name with values in braces, such as `team-{tag:team|none}-{yyyy.MM}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
    allowed: Allowed,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Time(TimeTemplate),
    Value { value: Value, default: Option<String> },
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    OfLogSource(LogSourceValue),
    Kind,
    Level,
    Field(String),
}

/// Why a template is invalid.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// A brace is not closed or not opened.
    #[error("has an unmatched brace")]
    Unbalanced,
    /// A value in braces is unknown.
    #[error(
        "has the unknown value {{{0}}}: use account, region, log_group, log_stream, function, \
         service, kind, level, tag:<key>, field:<path>, or the time in yyyy, MM, dd and HH"
    )]
    Unknown(String),
    /// A text is not allowed in the name.
    #[error("has {0:?}, which is not allowed in this name; {1:?} is")]
    NotAllowed(String, String),
}

/// What a template's values depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependsOn {
    /// The log source: all records of a log source have the same name.
    #[default]
    LogSource,
    /// The record.
    Record,
}

impl Template {
    /// Parses a template for a name in which this is allowed.
    pub fn parse(text: &str, allowed: Allowed) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let (text, after) = rest.split_at(brace);
            push(text, &mut parts);
            let inside = after.strip_prefix('{').ok_or(TemplateError::Unbalanced)?;
            let (inside, after) = inside.split_once('}').ok_or(TemplateError::Unbalanced)?;
            parts.push(part(inside)?);
            rest = after;
        }
        push(rest, &mut parts);
        let template = Self { parts, allowed };
        template.check_texts()?;
        Ok(template)
    }

    /// Whether it has no values.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// What its values depend on.
    pub fn depends_on(&self) -> DependsOn {
        let of_source = |part: &Part| match part {
            Part::Text(_) => true,
            Part::Time(_) => false,
            Part::Value { value, .. } => matches!(value, Value::OfLogSource(_)),
        };
        if self.parts.iter().all(of_source) { DependsOn::LogSource } else { DependsOn::Record }
    }

    /// The keys of its tags, each with its default.
    pub fn tags(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value { value: Value::OfLogSource(LogSourceValue::Tag(key)), default } => {
                Some((key.as_str(), default.as_deref()))
            }
            _ => None,
        })
    }

    /// The name of a record; `None` if it has not all values.
    pub fn name(&self, record: &Record<'_>) -> Option<String> {
        self.write(record, None)
    }

    /// The name of a record, with [`UNKNOWN`] for values that it does not have.
    pub fn name_or_unknown(&self, record: &Record<'_>) -> String {
        self.write(record, Some(UNKNOWN)).unwrap_or_else(|| UNKNOWN.to_owned())
    }

    fn write(&self, record: &Record<'_>, missing: Option<&str>) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Time(time) => name.push_str(&time.at(record.time)),
                Part::Value { value, default } => {
                    let value = value.of(record).map(|value| self.allowed.value(&value));
                    let value = value.filter(|value| !value.is_empty());
                    let value = value.as_deref().or(default.as_deref()).or(missing)?;
                    name.push_str(value);
                }
            }
        }
        self.allowed.name(&name)
    }

    /// Texts and defaults must be allowed as they are, between values.
    fn check_texts(&self) -> Result<(), TemplateError> {
        for part in &self.parts {
            let text = match part {
                Part::Text(text) | Part::Value { default: Some(text), .. } => text.clone(),
                Part::Time(time) => time.at_1970(),
                Part::Value { default: None, .. } => continue,
            };
            let is_allowed = |text: &str| {
                let framed = format!("a{text}a");
                self.allowed.value(&framed) == framed
            };
            let are_tags = matches!(self.allowed, Allowed::Tag | Allowed::LogglyTag);
            let is_allowed =
                if are_tags { text.split(',').all(is_allowed) } else { is_allowed(&text) };
            if !is_allowed {
                let better = self.allowed.value(&text);
                return Err(TemplateError::NotAllowed(text, better));
            }
        }
        let first = self.parts.first();
        if let Some(Part::Text(text)) = first
            && self.allowed.name(text).is_none_or(|name| !text.starts_with(&name))
        {
            let better = self.allowed.name(text).unwrap_or_default();
            return Err(TemplateError::NotAllowed(text.clone(), better));
        }
        Ok(())
    }
}

impl Value {
    fn of<'r>(&self, record: &'r Record<'_>) -> Option<Cow<'r, str>> {
        match self {
            Self::OfLogSource(value) => value.of(record.log_source).map(Cow::Borrowed),
            Self::Kind => Some(Cow::Borrowed(record.line.kind.name())),
            Self::Level => record.line.level.map(|level| Cow::Borrowed(level.name())),
            Self::Field(path) => field(record.line.json?, path).map(Cow::Owned),
        }
    }
}

/// The text, number or boolean at a path in a JSON object.
fn field(json: &str, path: &str) -> Option<String> {
    match serde_json::from_str(Fields::parse(json)?.get(path)?.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn push(text: &str, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// Parses the content of braces.
fn part(inside: &str) -> Result<Part, TemplateError> {
    let unknown = || TemplateError::Unknown(inside.to_owned());
    let (name, default) = match inside.split_once('|') {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (inside, None),
    };
    let value = match name {
        "account" => Value::OfLogSource(LogSourceValue::Account),
        "region" => Value::OfLogSource(LogSourceValue::Region),
        "log_group" => Value::OfLogSource(LogSourceValue::LogGroup),
        "log_stream" => Value::OfLogSource(LogSourceValue::LogStream),
        "function" => Value::OfLogSource(LogSourceValue::Function),
        "service" => Value::OfLogSource(LogSourceValue::Service),
        "kind" => Value::Kind,
        "level" => Value::Level,
        _ => match name.split_once(':') {
            Some(("tag", key)) if !key.is_empty() => {
                Value::OfLogSource(LogSourceValue::Tag(key.to_owned()))
            }
            Some(("field", path)) if path.split('.').all(|part| !part.is_empty()) => {
                Value::Field(path.to_owned())
            }
            _ => {
                let time = TimeTemplate::parse(&format!("{{{inside}}}"));
                return time.map(Part::Time).map_err(|error| match error {
                    TimeTemplateError::Unbalanced => TemplateError::Unbalanced,
                    TimeTemplateError::Unknown(_) => unknown(),
                });
            }
        },
    };
    Ok(Part::Value { value, default })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::log_source::LogSource;

    #[track_caller]
    fn check(template: &str, allowed: Allowed, message: &str, expected: Option<&str>) {
        let log_source = LogSource::new(
            "123456789012",
            "/aws/lambda/Pay",
            "2026/11/30/[$LATEST]0123456789abcdef0123456789abcdef",
        );
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123);
        let record = Record { time, ..Record::of(&log_source, message) };
        let template = Template::parse(template, allowed).unwrap();
        assert_eq!(template.name(&record).as_deref(), expected);
    }

    #[test]
    fn a_name_has_the_values_of_its_record() {
        let json = r#"{"level":"error","team":{"name":"Pay Out","id":7}}"#;
        check("{account}{log_group}", Allowed::All, "x", Some("123456789012/aws/lambda/Pay"));
        check("{function}-{kind}", Allowed::All, "x", Some("Pay-application"));
        check("{level}", Allowed::All, json, Some("error"));
        check("{field:team.name}", Allowed::All, json, Some("Pay Out"));
        check("{field:team.id}", Allowed::All, json, Some("7"));
        check("{field:team.id}", Allowed::All, r#"{"team.id":8,"team":{"id":7}}"#, Some("8"));
        check(
            "logs-{field:team.name}-{yyyy.MM.dd}",
            Allowed::ElasticsearchIndex,
            json,
            Some("logs-pay-out-2023.11.06"),
        );
        check("logs/{log_group}/{HH}/", Allowed::ObjectKey, "x", Some("logs/aws/lambda/Pay/10/"));
    }

    #[test]
    fn a_missing_value_has_its_default_or_there_is_no_name() {
        check("a-{level|none}", Allowed::All, "x", Some("a-none"));
        check("a-{tag:team|}", Allowed::All, "x", Some("a-"));
        check("a-{level}", Allowed::All, "x", None);
        check("a-{field:team}", Allowed::All, r#"{"team":{}}"#, None);
    }

    #[test]
    fn what_can_never_be_a_name_is_an_error() {
        let error = |text: &str, allowed| Template::parse(text, allowed).unwrap_err();
        assert_eq!(error("{x", Allowed::All), TemplateError::Unbalanced);
        assert_eq!(error("x}", Allowed::All), TemplateError::Unbalanced);
        for inside in ["", "tag:", "field:", "field:a..b", "ss", "Account"] {
            let expected = TemplateError::Unknown(inside.to_owned());
            assert_eq!(error(&format!("{{{inside}}}"), Allowed::All), expected);
        }
        for text in ["Logs-{level}", "{level|A}", "a*b", "-a", "{account}/{level}", "a-{yyyy/MM}"] {
            let error = error(text, Allowed::ElasticsearchIndex);
            assert!(matches!(error, TemplateError::NotAllowed(..)), "{text}: {error}");
        }
    }

    #[test]
    fn a_template_of_the_log_source_has_one_name_for_all_its_records() {
        let depends_on = |text| Template::parse(text, Allowed::All).unwrap().depends_on();
        assert_eq!(depends_on("a-{log_group}-{tag:x}"), DependsOn::LogSource);
        for text in ["{level}", "{field:a}", "{dd}", "{kind}"] {
            assert_eq!(depends_on(text), DependsOn::Record);
        }
    }
}
