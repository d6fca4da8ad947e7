//! Reads JSON objects field by field and collects what is wrong with them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

/// What is wrong, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<String>);

impl Mistakes {
    pub(super) fn into_list(self) -> Vec<String> {
        self.0
    }
}

/// The fields of one object.
pub(super) struct Fields<'v, 'm> {
    path: String,
    map: &'v Map<String, Value>,
    asked_for: BTreeSet<String>,
    mistakes: &'m mut Mistakes,
}

impl<'v, 'm> Fields<'v, 'm> {
    /// The outermost object.
    pub(super) fn root(value: &'v Value, mistakes: &'m mut Mistakes) -> Option<Self> {
        Self::new(String::new(), value, mistakes)
    }

    fn new(path: String, value: &'v Value, mistakes: &'m mut Mistakes) -> Option<Self> {
        let Value::Object(map) = value else {
            let mistake = format!("must be an object, is {}", kind(value));
            mistakes.0.push(at(&path, &mistake));
            return None;
        };
        Some(Self { path, map, asked_for: BTreeSet::new(), mistakes })
    }

    /// The names of all fields.
    pub(super) fn names(&self) -> Vec<String> {
        self.map.keys().cloned().collect()
    }

    /// Says what is wrong with the object itself.
    pub(super) fn mistake(&mut self, mistake: &str) {
        self.mistakes.0.push(at(&self.path, mistake));
    }

    /// Says what is wrong with one of its fields.
    pub(super) fn mistake_in(&mut self, name: &str, mistake: &str) {
        let path = self.path_of(name);
        self.mistakes.0.push(at(&path, mistake));
    }

    /// A field that must be there and be an object.
    pub(super) fn object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let value = self.required(name)?;
        Fields::new(self.path_of(name), value, self.mistakes)
    }

    /// A field that may be there and must be an object then.
    pub(super) fn optional_object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let value = self.optional(name)?;
        Fields::new(self.path_of(name), value, self.mistakes)
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
        let secret = self.text(name)?;
        let header = HeaderValue::try_from(format!("{scheme}{secret}")).ok();
        if header.is_none() || !secret.is_ascii() {
            self.mistake_in(name, "must have nothing but printable ASCII characters");
            return None;
        }
        header
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
