//! The fields of a document's text, called as the resource's arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Document, InvalidDocument, VERSION};
use crate::{
    Arn, Desired, Destination, FilterName, LogGroupClass, LoopGuard, NameRegex, Retention, Rule,
    Selection, SubscriptionFilter, TagFilter, check_log_group_name,
};

const ACCOUNT_DIGITS: usize = 12;

impl Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(&Written::of(self)).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl FromStr for Document {
    type Err = InvalidDocument;

    fn from_str(text: &str) -> Result<Self, InvalidDocument> {
        Written::parse(text)?.document()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u64,
    name: String,
    region: String,
    account_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter_pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distribution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    apply_on_transformed_logs: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field_selection_criteria: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emit_system_fields: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replace_destination_arns: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_conflict: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion_protection: Option<bool>,
    select: Vec<WrittenRule>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<WrittenRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    names: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_prefixes: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_regex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_group_classes: Option<BTreeSet<String>>,
}

impl Written {
    fn of(document: &Document) -> Self {
        let Document { desired, wanted, selection, .. } = document;
        let wanted = wanted.as_ref();
        let rules = |rules: &[Rule]| rules.iter().map(WrittenRule::of).collect();
        Self {
            version: VERSION,
            name: document.name.clone(),
            region: document.region.clone(),
            account_id: document.account_id.clone(),
            destination_arn: wanted.map(|wanted| wanted.destination_arn.clone()),
            filter_name: wanted
                .map(|wanted| wanted.name.clone())
                .filter(|name| *name != document.name),
            filter_pattern: wanted.and_then(|wanted| unless_default(&wanted.pattern)),
            role_arn: wanted.and_then(|wanted| wanted.role_arn.clone()),
            distribution: wanted
                .and_then(|wanted| unless_default(&wanted.distribution))
                .map(|distribution| distribution.to_string()),
            apply_on_transformed_logs: wanted
                .and_then(|wanted| unless_default(&wanted.apply_on_transformed_logs)),
            field_selection_criteria: wanted
                .and_then(|wanted| wanted.field_selection_criteria.clone()),
            emit_system_fields: wanted
                .and_then(|wanted| unless_default(&wanted.emit_system_fields)),
            replace_destination_arns: unless_default(&document.replaced),
            on_conflict: unless_default(&desired.on_conflict).map(|conflict| conflict.to_string()),
            retention_in_days: desired.retention.map(Retention::in_days),
            retention_mode: unless_default(&desired.mode).map(|mode| mode.to_string()),
            deletion_protection: desired.deletion_protection,
            select: rules(&selection.select),
            exclude: rules(&selection.exclude),
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidDocument> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| InvalidDocument::NotJson { why: error.to_string() })?;
        // Another version has other fields, so this comes first.
        match value.get("version") {
            Some(found) if found.as_u64() != Some(VERSION) => {
                return Err(InvalidDocument::Version { found: found.to_string() });
            }
            _ => {}
        }
        // Parsed again from the string: a parsed value no longer has duplicate fields.
        let mut text = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut text).map_err(|error| {
            let field = match error.path().to_string() {
                path if path == "." => "the document".to_owned(),
                path => path,
            };
            InvalidDocument::field(field, error.inner())
        })
    }

    fn document(self) -> Result<Document, InvalidDocument> {
        self.check_place()?;
        self.check_company()?;
        let destination = self.destination()?;
        let desired = Desired {
            ships: destination.as_ref().map(LoopGuard::by_name),
            retention: self
                .retention_in_days
                .map(|days| at("retention_in_days", Retention::parse(days)))
                .transpose()?,
            mode: parsed("retention_mode", self.retention_mode.as_deref())?.unwrap_or_default(),
            deletion_protection: self.deletion_protection,
            on_conflict: parsed("on_conflict", self.on_conflict.as_deref())?.unwrap_or_default(),
        };
        let wanted = self.wanted()?;
        let replaced = self.replace_destination_arns.unwrap_or_default();
        for arn in &replaced {
            destination_of("replace_destination_arns", arn)?;
        }
        if self.select.is_empty() {
            let why = "a policy requires at least one rule that selects log groups";
            return Err(InvalidDocument::field("select", why));
        }
        let selection = Selection {
            select: rules("select", self.select)?,
            exclude: rules("exclude", self.exclude)?,
        };
        Ok(Document {
            name: self.name,
            region: self.region,
            account_id: self.account_id,
            wanted,
            replaced,
            desired,
            selection,
        })
    }

    fn check_place(&self) -> Result<(), InvalidDocument> {
        at("name", self.name.parse::<FilterName>())?;
        if self.region.is_empty() {
            return Err(InvalidDocument::field("region", "a region's name cannot be empty"));
        }
        let account = &self.account_id;
        if account.len() != ACCOUNT_DIGITS || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let why = format!("{account:?} is not an account ID of 12 digits");
            return Err(InvalidDocument::field("account_id", why));
        }
        Ok(())
    }

    /// Some fields say nothing without another.
    fn check_company(&self) -> Result<(), InvalidDocument> {
        let ships = self.destination_arn.is_some();
        let keeps = self.retention_in_days.is_some();
        if !ships && !keeps && self.deletion_protection.is_none() {
            let why = "without it, retention_in_days and deletion_protection the policy has no \
                       effect";
            return Err(InvalidDocument::field("destination_arn", why));
        }
        for (field, is_given, other, other_is_given) in [
            ("filter_name", self.filter_name.is_some(), "destination_arn", ships),
            ("filter_pattern", self.filter_pattern.is_some(), "destination_arn", ships),
            ("role_arn", self.role_arn.is_some(), "destination_arn", ships),
            ("distribution", self.distribution.is_some(), "destination_arn", ships),
            (
                "apply_on_transformed_logs",
                self.apply_on_transformed_logs.is_some(),
                "destination_arn",
                ships,
            ),
            (
                "field_selection_criteria",
                self.field_selection_criteria.is_some(),
                "destination_arn",
                ships,
            ),
            ("emit_system_fields", self.emit_system_fields.is_some(), "destination_arn", ships),
            (
                "replace_destination_arns",
                self.replace_destination_arns.is_some(),
                "destination_arn",
                ships,
            ),
            ("on_conflict", self.on_conflict.is_some(), "destination_arn", ships),
            ("retention_mode", self.retention_mode.is_some(), "retention_in_days", keeps),
        ] {
            if is_given && !other_is_given {
                let why = format!("it has no effect without {other}");
                return Err(InvalidDocument::field(field, why));
            }
        }
        Ok(())
    }

    fn destination(&self) -> Result<Option<Destination>, InvalidDocument> {
        let arn = self.destination_arn.as_deref();
        arn.map(|arn| destination_of("destination_arn", arn)).transpose()
    }

    fn wanted(&self) -> Result<Option<SubscriptionFilter>, InvalidDocument> {
        let Some(destination_arn) = &self.destination_arn else {
            return Ok(None);
        };
        let name = self.filter_name.as_ref().unwrap_or(&self.name);
        at("filter_name", name.parse::<FilterName>())?;
        parsed::<Arn>("role_arn", self.role_arn.as_deref())?;
        let distribution = parsed("distribution", self.distribution.as_deref())?;
        let filter = SubscriptionFilter {
            name: name.clone(),
            destination_arn: destination_arn.clone(),
            pattern: self.filter_pattern.clone().unwrap_or_default(),
            role_arn: self.role_arn.clone(),
            distribution: distribution.unwrap_or_default(),
            apply_on_transformed_logs: self.apply_on_transformed_logs.unwrap_or_default(),
            field_selection_criteria: self.field_selection_criteria.clone(),
            emit_system_fields: self.emit_system_fields.clone().unwrap_or_default(),
        };
        Ok(Some(filter.normalized()))
    }
}

impl WrittenRule {
    fn of(rule: &Rule) -> Self {
        Self {
            names: rule.names.clone(),
            name_prefixes: rule.name_prefixes.clone(),
            name_regex: rule.name_regex.as_ref().map(|regex| regex.as_str().to_owned()),
            tags: rule.tags.as_ref().map(|tags| {
                tags.patterns().map(|(key, value)| (key.clone(), value.clone())).collect()
            }),
            log_group_classes: rule.log_group_classes.clone(),
        }
    }

    /// `at` is where it stands, as in `select[0]`.
    fn rule(self, here: &str) -> Result<Rule, InvalidDocument> {
        let field = |name: &str| format!("{here}.{name}");
        for name in self.names.iter().flatten() {
            at(field("names"), check_log_group_name(name))?;
        }
        for prefix in self.name_prefixes.iter().flatten() {
            at(field("name_prefixes"), check_log_group_name(prefix))?;
        }
        for class in self.log_group_classes.iter().flatten() {
            at(field("log_group_classes"), class.parse::<LogGroupClass>())?;
        }
        let rule = Rule {
            name_regex: parsed::<NameRegex>(field("name_regex"), self.name_regex.as_deref())?,
            tags: self.tags.map(|tags| at(field("tags"), TagFilter::parse(tags))).transpose()?,
            names: self.names,
            name_prefixes: self.name_prefixes,
            log_group_classes: self.log_group_classes,
        };
        if rule.is_empty() {
            let why = "an empty rule would match every log group; to match every log group on \
                       purpose, set name_regex to \".*\"";
            return Err(InvalidDocument::field(here, why));
        }
        Ok(rule)
    }
}

fn rules(block: &str, written: Vec<WrittenRule>) -> Result<Vec<Rule>, InvalidDocument> {
    let rules = written.into_iter().enumerate();
    rules.map(|(index, rule)| rule.rule(&format!("{block}[{index}]"))).collect()
}

fn destination_of(field: &str, arn: &str) -> Result<Destination, InvalidDocument> {
    at(field, Destination::of(&at(field, arn.parse())?))
}

fn unless_default<T: Clone + Default + PartialEq>(value: &T) -> Option<T> {
    (*value != T::default()).then(|| value.clone())
}

fn parsed<T>(field: impl Into<String>, text: Option<&str>) -> Result<Option<T>, InvalidDocument>
where
    T: FromStr,
    T::Err: Display,
{
    text.map(|text| at(field, text.parse())).transpose()
}

fn at<T, E: Display>(field: impl Into<String>, result: Result<T, E>) -> Result<T, InvalidDocument> {
    result.map_err(|error| InvalidDocument::field(field, error))
}
