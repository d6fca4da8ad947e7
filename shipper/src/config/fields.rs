//! Reads JSON objects field by field and collects what is to be said about them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

use super::risks::Risk;
use crate::secret::{Secret, SecretArn, Secrets};

/// What is found while a document is read.
#[derive(Debug, Default)]
pub(super) struct Findings<'s> {
    /// What is wrong, in the order in which it was found.
    pub(super) mistakes: Vec<String>,
    /// What may lose logs or give them away, and where.
    pub(super) risks: Vec<(Risk, String)>,
    /// The secrets that are still to be fetched, and the fields that want them.
    pub(super) wanted: BTreeMap<SecretArn, BTreeSet<String>>,
    /// The secrets that have been fetched.
    secrets: Option<&'s Secrets>,
}

impl<'s> Findings<'s> {
    /// Reads with these secrets in place of their ARNs.
    pub(super) fn with(secrets: &'s Secrets) -> Self {
        Self { secrets: Some(secrets), ..Self::default() }
    }

    fn mistake(&mut self, path: &str, mistake: &str) {
        // Of a secret that is not there yet nobody can tell what is wrong with it.
        if !self.wanted.values().any(|fields| fields.contains(path)) {
            self.mistakes.push(at(path, mistake));
        }
    }
}

/// The fields of one object.
pub(super) struct Fields<'v, 'm> {
    path: String,
    map: &'v Map<String, Value>,
    asked_for: BTreeSet<String>,
    findings: &'m mut Findings<'v>,
}

impl<'v, 'm> Fields<'v, 'm> {
    /// The outermost object.
    pub(super) fn root(value: &'v Value, findings: &'m mut Findings<'v>) -> Option<Self> {
        Self::new(String::new(), value, findings)
    }

    fn new(path: String, value: &'v Value, findings: &'m mut Findings<'v>) -> Option<Self> {
        let Value::Object(map) = value else {
            let mistake = format!("must be an object, is {}", kind(value));
            findings.mistake(&path, &mistake);
            return None;
        };
        Some(Self { path, map, asked_for: BTreeSet::new(), findings })
    }

    /// The names of all fields.
    pub(super) fn names(&self) -> Vec<String> {
        self.map.keys().cloned().collect()
    }

    /// Says what is wrong with the object itself.
    pub(super) fn mistake(&mut self, mistake: &str) {
        self.findings.mistake(&self.path, mistake);
    }

    /// Says what is wrong with one of its fields.
    pub(super) fn mistake_in(&mut self, name: &str, mistake: &str) {
        let path = self.path_of(name);
        self.findings.mistake(&path, mistake);
    }

    /// Says that one of its fields, or the object itself for an empty name, may lose logs or give
    /// them away.
    pub(super) fn risk_in(&mut self, name: &str, risk: Risk) {
        let path = if name.is_empty() { self.path.clone() } else { self.path_of(name) };
        self.findings.risks.push((risk, path));
    }

    /// Whether a field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Whether a field is there and is this text.
    pub(super) fn is_choice(&self, name: &str, text: &str) -> bool {
        self.map.get(name).and_then(Value::as_str) == Some(text)
    }

    /// A field that must be there and be an object.
    pub(super) fn object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let value = self.required(name)?;
        Fields::new(self.path_of(name), value, self.findings)
    }

    /// A field that may be there and must be an object then.
    pub(super) fn optional_object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let value = self.optional(name)?;
        Fields::new(self.path_of(name), value, self.findings)
    }

    /// A field that must be there and be text.
    pub(super) fn text(&mut self, name: &str) -> Option<&'v str> {
        let value = self.required(name)?;
        self.as_text(name, value)
    }

    /// A field that may be there and must be text then.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<&'v str> {
        let value = self.optional(name)?;
        self.as_text(name, value)
    }

    /// A field that must be there and be a secret that goes into a header, behind `scheme`.
    pub(super) fn secret_header(&mut self, name: &str, scheme: &str) -> Option<HeaderValue> {
        let secret = self.secret(name)?;
        let secret = secret.expose();
        let header = HeaderValue::try_from(format!("{scheme}{secret}")).ok();
        if header.is_none() || !secret.is_ascii() {
            self.mistake_in(name, "must have nothing but printable ASCII characters");
            return None;
        }
        header
    }

    /// A field that must be there and be a secret: the text itself, or the ARN under which it is
    /// kept.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret> {
        let text = self.text(name)?;
        self.as_secret(name, text)
    }

    /// A field that may be there and must be a list of some of `choices` then.
    pub(super) fn choices(&mut self, name: &str, choices: &[&'static str]) -> Vec<&'static str> {
        self.list(name)
            .iter()
            .enumerate()
            .filter_map(|(index, value)| {
                let name = format!("{name}[{index}]");
                let text = self.as_text(&name, value)?;
                self.as_choice(&name, text, choices)
            })
            .collect()
    }

    /// A field that may be there and must be a list of objects then, which `read` reads.
    pub(super) fn each<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Fields<'v, '_>) -> Option<T>,
    ) -> Vec<T> {
        self.list(name)
            .iter()
            .enumerate()
            .filter_map(|(index, value)| {
                let path = self.path_of(&format!("{name}[{index}]"));
                let mut fields = Fields::new(path, value, self.findings)?;
                let item = read(&mut fields);
                fields.finish();
                item
            })
            .collect()
    }

    /// A field that must be there and be a number from 0 to 1.
    pub(super) fn share(&mut self, name: &str) -> Option<f64> {
        let value = self.required(name)?;
        let share = value.as_f64().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            let what = if value.is_number() { value.to_string() } else { kind(value).to_owned() };
            self.mistake_in(name, &format!("is {what}, must be a number from 0 to 1"));
        }
        share
    }

    /// A field that must be there and be one of `choices`.
    pub(super) fn choice(&mut self, name: &str, choices: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name)?;
        self.as_choice(name, text, choices)
    }

    /// A field that may be there and must be one of `choices` then.
    pub(super) fn optional_choice(
        &mut self,
        name: &str,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        let text = self.optional_text(name)?;
        self.as_choice(name, text, choices)
    }

    /// A whole number within `range`, or `default` where the field is left out.
    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some(value) = self.optional(name) else {
            return default;
        };
        match value.as_u64() {
            Some(number) if range.contains(&number) => number,
            None if !value.is_number() => {
                let mistake = format!("must be a whole number, is {}", kind(value));
                self.mistake_in(name, &mistake);
                default
            }
            Some(_) | None => {
                let (least, most) = range.into_inner();
                let mistake = format!("is {value}, must be between {least} and {most}");
                self.mistake_in(name, &mistake);
                default
            }
        }
    }

    /// A number of bytes within `range`, or `default` where the field is left out.
    pub(super) fn bytes(
        &mut self,
        name: &str,
        range: RangeInclusive<usize>,
        default: usize,
    ) -> usize {
        let (least, most) = range.into_inner();
        let bytes = self.number(name, least as u64..=most as u64, default as u64);
        usize::try_from(bytes).unwrap_or(default)
    }

    /// Reports the fields that nobody has asked for.
    pub(super) fn finish(mut self) {
        for name in self.names() {
            if self.asked_for.contains(&name) {
                continue;
            }
            let known = self.asked_for.iter().map(String::as_str);
            let mistake = format!("is not known{}", suggestion(&name, known));
            self.mistake_in(&name, &mistake);
        }
    }

    fn optional(&mut self, name: &str) -> Option<&'v Value> {
        self.asked_for.insert(name.to_owned());
        self.map.get(name)
    }

    fn required(&mut self, name: &str) -> Option<&'v Value> {
        let value = self.optional(name);
        if value.is_none() {
            self.mistake_in(name, "is missing");
        }
        value
    }

    fn as_text(&mut self, name: &str, value: &'v Value) -> Option<&'v str> {
        match value.as_str() {
            Some("") => {
                self.mistake_in(name, "is empty");
                None
            }
            Some(text) => Some(text),
            None => {
                let mistake = format!("must be a string, is {}", kind(value));
                self.mistake_in(name, &mistake);
                None
            }
        }
    }

    fn as_secret(&mut self, name: &str, text: &str) -> Option<Secret> {
        if !SecretArn::is_meant(text) {
            return Some(Secret::new(text));
        }
        let arn = match SecretArn::parse(text) {
            Ok(arn) => arn,
            Err(error) => {
                self.mistake_in(name, &error.to_string());
                return None;
            }
        };
        match self.findings.secrets.and_then(|secrets| secrets.get(&arn)) {
            Some(secret) if secret.expose().is_empty() => {
                self.mistake_in(name, "is the ARN of a secret that is empty");
                None
            }
            Some(secret) => Some(secret.clone()),
            None => {
                let path = self.path_of(name);
                self.findings.wanted.entry(arn).or_default().insert(path);
                Some(Secret::new("to be fetched"))
            }
        }
    }

    fn list(&mut self, name: &str) -> &'v [Value] {
        match self.optional(name) {
            None => &[],
            Some(Value::Array(list)) => list,
            Some(other) => {
                let mistake = format!("must be a list, is {}", kind(other));
                self.mistake_in(name, &mistake);
                &[]
            }
        }
    }

    fn as_choice(
        &mut self,
        name: &str,
        text: &str,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        let chosen = choices.iter().find(|choice| **choice == text).copied();
        if chosen.is_none() {
            let list: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
            let mistake = format!(
                "is {text:?}, must be one of {}{}",
                list.join(", "),
                suggestion(text, choices.iter().copied())
            );
            self.mistake_in(name, &mistake);
        }
        chosen
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn at(path: &str, mistake: &str) -> String {
    if path.is_empty() { mistake.to_owned() } else { format!("{path}: {mistake}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The known name that is most like `name`, if one is like it at all.
fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    const ALIKE: f64 = 0.8;
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known:?}?"))
}
