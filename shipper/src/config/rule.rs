//! The configuration of rules.

use boon::Format;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::schema::{check_text, some_of};
use crate::counts::OWN_LOG_GROUP;
use crate::destination::ReasonCode;
use crate::line::{Kind, Level};
use crate::log_source_value::LogSourceValue;
use crate::processing::{Condition, MessagePattern, NOT_INCLUDED, Named, Rule};

/// The error for an empty list, which would match every log event.
pub(super) const NONE: &str = "is empty, which would match every log event; remove it, or list at least one \
    value";

/// A rule that matches log events.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RuleSettings {
    pub(super) name: Name,
    message: Option<Message>,
    log_group: Option<NamePattern>,
    #[serde(default)]
    kinds: KindNames,
    #[serde(default)]
    levels: LevelNames,
}

/// Kinds of log events.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend(
    "items" = some_of(&Kind::ALL.map(Kind::name)), "minItems" = 1, "errorMessage" = NONE,
))]
pub(super) struct KindNames(Vec<String>);

/// Levels of log events.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend(
    "items" = some_of(&Level::ALL.map(Level::name)), "minItems" = 1, "errorMessage" = NONE,
))]
pub(super) struct LevelNames(Vec<String>);

/// A rule's name, which is its reason in the counts and must be unique.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend(
    "pattern" = "^[a-z0-9_]{1,40}$",
    "errorMessage" = "must be at most 40 characters of a to z, 0 to 9 and _",
    "allOf" = [reserved()],
))]
pub(super) struct Name(pub(super) String);

/// A pattern for messages.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("format" = REGEX.name))]
pub(super) struct Message(#[schemars(with = "String")] pub(super) MessagePattern);

/// A pattern for names of log groups and log streams.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("format" = REGEX.name))]
pub(super) struct NamePattern(#[schemars(with = "String")] pub(super) Regex);

/// A regular expression.
pub(super) const REGEX: Format =
    Format { name: "rust-regex", func: |value| check_text(value, |text| regex(text).map(drop)) };

impl TryFrom<String> for Message {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        MessagePattern::new(&text).map(Self).map_err(|error| no_regex(&text, &error))
    }
}

impl TryFrom<String> for NamePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        regex(&text).map(Self)
    }
}

impl RuleSettings {
    pub(super) fn rule(self) -> Rule {
        let mut conditions = conditions(&self.kinds, &self.levels);
        if let Some(NamePattern(regex)) = self.log_group {
            conditions.push(Condition::LogSource(LogSourceValue::LogGroup, vec![regex]));
        }
        let message = self.message.map(|Message(wording)| wording);
        Rule { name: ReasonCode::from_service(&self.name.0), message, conditions }
    }
}

/// The conditions on kind and level.
pub(super) fn conditions(
    KindNames(kinds): &KindNames,
    LevelNames(levels): &LevelNames,
) -> Vec<Condition> {
    let mut conditions = Vec::new();
    if !kinds.is_empty() {
        let kinds = Kind::ALL.into_iter().filter(|it| has(kinds, it.name()));
        conditions.push(Condition::Kinds(kinds.collect()));
    }
    if !levels.is_empty() {
        let levels = Level::ALL.into_iter().filter(|it| has(levels, it.name()));
        conditions.push(Condition::Levels(levels.collect()));
    }
    conditions
}

pub(super) fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|it| it == word)
}

pub(super) fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| no_regex(text, &error))
}

fn reserved() -> Value {
    let (not_included, own_log_group) = (NOT_INCLUDED, OWN_LOG_GROUP);
    let mut names = vec![not_included.as_str(), own_log_group.as_str()];
    names.extend(Named::ALL.map(Named::name));
    json!({"not": {"enum": names}, "errorMessage": "is reserved; choose another name"})
}

fn no_regex(text: &str, error: &regex::Error) -> String {
    // The last line contains the reason; the lines before it show the position.
    let error = error.to_string();
    let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("invalid regular expression {text:?}: {reason}")
}
