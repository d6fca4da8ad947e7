//! Reads JSON objects field by field and collects what is to be said about them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

use super::risks::Risk;
use super::shape::{Form, Note, Notes, Object, Presence, Rule};
use crate::secret::{Secret, SecretArn, Secrets};

/// Fields that had another name, and what they are called now.
const RENAMED: [(&str, &str); 2] = [("park", "undelivered"), ("replay", "undelivered")];

/// What is found while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Findings<'s> {
    /// What is wrong, in the order in which it was found.
    pub(crate) mistakes: Vec<String>,
    /// What may lose logs or give them away, and where.
    pub(crate) risks: Vec<(Risk, String)>,
    /// The secrets that are still to be fetched, and the fields that want them.
    pub(crate) wanted: BTreeMap<SecretArn, BTreeSet<String>>,
    /// The secrets that have been fetched.
    secrets: Option<&'s Secrets>,
    /// What is asked for, where somebody wants to know.
    pub(crate) notes: Option<Notes>,
}

impl<'s> Findings<'s> {
    /// Reads with these secrets in place of their ARNs.
    pub(crate) fn with(secrets: &'s Secrets) -> Self {
        Self { secrets: Some(secrets), ..Self::default() }
    }

    /// Reads for what is asked, and not for what is found.
    pub(crate) fn noting() -> Self {
        Self { notes: Some(Notes::new()), ..Self::default() }
    }

    /// All that is wrong, and the risks.
    pub(crate) fn refusals(self) -> Vec<String> {
        let risks = self.risks.iter().map(|(risk, place)| risk.refusal(place));
        self.mistakes.into_iter().chain(risks).collect()
    }

    fn mistake(&mut self, path: &str, mistake: &str) {
        // Of a secret that is not there yet nobody can tell what is wrong with it.
        if !self.wanted.values().any(|fields| fields.contains(path)) {
            self.mistakes.push(at(path, mistake));
        }
    }
}

/// The fields of one object.
pub(crate) struct Fields<'v, 'm> {
    path: String,
    map: &'v Map<String, Value>,
    asked_for: BTreeSet<String>,
    /// What the text that is read next looks like.
    pattern: Option<&'static str>,
    findings: &'m mut Findings<'v>,
}

impl<'v, 'm> Fields<'v, 'm> {
    /// The outermost object.
    pub(crate) fn root(value: &'v Value, findings: &'m mut Findings<'v>) -> Option<Self> {
        Self::new(String::new(), value, findings)
    }

    fn new(path: String, value: &'v Value, findings: &'m mut Findings<'v>) -> Option<Self> {
        let Value::Object(map) = value else {
            let mistake = format!("must be an object, is {}", kind(value));
            findings.mistake(&path, &mistake);
            return None;
        };
        Some(Self { path, map, asked_for: BTreeSet::new(), pattern: None, findings })
    }

    /// The names of all fields, which are the user's own.
    pub(crate) fn names(&mut self) -> Vec<String> {
        self.note(|| Note::Names);
        self.map.keys().cloned().collect()
    }

    /// Says `mistake` of the object unless it has so many fields.
    pub(crate) fn count(&mut self, count: RangeInclusive<usize>, mistake: &str) {
        if !count.contains(&self.map.len()) {
            self.mistake(mistake);
        }
        self.note(|| Note::Rule(Rule::Count(count)));
    }

    /// Whether only one of two fields is there, as must be; it is a mistake in the first otherwise.
    pub(crate) fn are_exclusive(&mut self, name: &'static str, other: &'static str) -> bool {
        self.note(|| Note::Rule(Rule::Exclusive(name, other)));
        let are_exclusive = !(self.has(name) && self.has(other));
        if !are_exclusive {
            let mistake = format!("cannot stand beside {other:?}; leave one of them out");
            self.mistake_in(name, &mistake);
        }
        are_exclusive
    }

    /// Says `mistake` of the object unless one of these fields is there.
    pub(crate) fn at_least_one_of(&mut self, names: &'static [&'static str], mistake: &str) {
        self.note(|| Note::Rule(Rule::AtLeastOneOf(names)));
        if !names.iter().any(|name| self.has(name)) {
            self.mistake(mistake);
        }
    }

    /// Says what the text that is read next looks like: a regular expression that holds for
    /// everything the reader takes. It checks nothing; it is for whoever writes a configuration.
    pub(crate) fn like(&mut self, pattern: &'static str) -> &mut Self {
        self.pattern = Some(pattern);
        self
    }

    /// Says what is wrong with the object itself.
    pub(crate) fn mistake(&mut self, mistake: &str) {
        self.findings.mistake(&self.path, mistake);
    }

    /// Says what is wrong with one of its fields.
    pub(crate) fn mistake_in(&mut self, name: &str, mistake: &str) {
        let path = self.path_of(name);
        self.findings.mistake(&path, mistake);
    }

    /// Says that one of its fields, or the object itself for an empty name, may lose logs or give
    /// them away.
    pub(crate) fn risk_in(&mut self, name: &str, risk: Risk) {
        let path = if name.is_empty() { self.path.clone() } else { self.path_of(name) };
        self.findings.risks.push((risk, path));
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// A field that must be there and be an object.
    pub(crate) fn object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let value = self.required(name, || Form::Object(Object::default()))?;
        Fields::new(self.path_of(name), value, self.findings)
    }

    /// A field that may be there and must be an object then.
    pub(crate) fn optional_object(&mut self, name: &str) -> Option<Fields<'v, '_>> {
        let value = self.optional(name, || Form::Object(Object::default()))?;
        Fields::new(self.path_of(name), value, self.findings)
    }

    /// A field that must be there and be text.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'v str> {
        let pattern = self.pattern.take();
        let value = self.required(name, || Form::Text { pattern, default: None })?;
        self.as_text(name, value)
    }

    /// A field that may be there and must be text then.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<&'v str> {
        let pattern = self.pattern.take();
        let value = self.optional(name, || Form::Text { pattern, default: None })?;
        self.as_text(name, value)
    }

    /// A field that may be there and must be text then; `default` where it is left out.
    pub(crate) fn text_or(&mut self, name: &str, default: &'static str) -> &'v str {
        let pattern = self.pattern.take();
        let form = || Form::Text { pattern, default: Some(default.to_owned()) };
        let value = self.optional(name, form);
        value.and_then(|value| self.as_text(name, value)).unwrap_or(default)
    }

    /// A field that must be there and be a secret that goes into a header, behind `scheme`.
    pub(crate) fn secret_header(&mut self, name: &str, scheme: &str) -> Option<HeaderValue> {
        let secret = self.like("^[ -~]+$").secret(name)?;
        let secret = secret.expose();
        let is_printable = secret.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let header = HeaderValue::try_from(format!("{scheme}{secret}")).ok();
        if header.is_none() || !is_printable {
            self.mistake_in(name, "must have nothing but printable ASCII characters");
            return None;
        }
        header
    }

    /// A field that must be there and be a secret: the text itself, or the ARN under which it is
    /// kept.
    pub(crate) fn secret(&mut self, name: &str) -> Option<Secret> {
        let pattern = self.pattern.take();
        let value = self.required(name, || Form::Secret { pattern })?;
        let text = self.as_text(name, value)?;
        self.as_secret(name, text)
    }

    /// A field that may be there and must be a list of some of `choices` then.
    pub(crate) fn choices(&mut self, name: &str, choices: &[&'static str]) -> Vec<&'static str> {
        self.list(name, || Form::Choices(choices.to_vec()))
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
    pub(crate) fn each<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Fields<'v, '_>) -> Option<T>,
    ) -> Vec<T> {
        self.list(name, || Form::List(Object::default()))
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

    /// A field that must be there and be a list of at least one document, as text or as an object.
    pub(crate) fn documents(&mut self, name: &str, what: &str) -> &'v [Value] {
        match self.required(name, || Form::Documents) {
            None => &[],
            Some(Value::Array(list)) if !list.is_empty() => list,
            Some(_) => {
                self.mistake_in(name, &format!("must be a list of at least one {what}"));
                &[]
            }
        }
    }

    /// A field that must be there and be a number from 0 to 1.
    pub(crate) fn share(&mut self, name: &str) -> Option<f64> {
        let form = || Form::Real { least: 0.0, most: 1.0, default: None };
        let value = self.required(name, form)?;
        self.as_real(name, value, &(0.0..=1.0))
    }

    /// A number within `range`, or `default` where the field is left out.
    pub(crate) fn real(&mut self, name: &str, range: &RangeInclusive<f64>, default: f64) -> f64 {
        let (least, most) = (*range.start(), *range.end());
        let value = self.optional(name, || Form::Real { least, most, default: Some(default) });
        value.and_then(|value| self.as_real(name, value, range)).unwrap_or(default)
    }

    /// A field that must be there and be one of `choices`.
    pub(crate) fn choice(&mut self, name: &str, choices: &[&'static str]) -> Option<&'static str> {
        let value = self.required(name, || choice(choices, None))?;
        let text = self.as_text(name, value)?;
        self.as_choice(name, text, choices)
    }

    /// A field that may be there and must be one of `choices` then.
    pub(crate) fn optional_choice(
        &mut self,
        name: &str,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        let value = self.optional(name, || choice(choices, None))?;
        let text = self.as_text(name, value)?;
        self.as_choice(name, text, choices)
    }

    /// A field that may be there and must be one of `choices` then; the first where it is left out.
    pub(crate) fn choice_or_first<const N: usize>(
        &mut self,
        name: &str,
        choices: &[&'static str; N],
    ) -> &'static str {
        let first = choices[0];
        let Some(value) = self.optional(name, || choice(choices, Some(first))) else {
            return first;
        };
        let text = self.as_text(name, value);
        text.and_then(|text| self.as_choice(name, text, choices)).unwrap_or(first)
    }

    /// A whole number within `range`, or `default` where the field is left out.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.whole_number(name, range, Some(default)).unwrap_or(default)
    }

    /// A whole number within `range`, if there is one.
    pub(crate) fn optional_number(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        self.whole_number(name, range, None)
    }

    fn whole_number(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
        default: Option<u64>,
    ) -> Option<u64> {
        let (least, most) = (*range.start(), *range.end());
        let value = self.optional(name, || Form::Whole { least, most, default })?;
        match whole(value) {
            Some(number) if range.contains(&number) => return Some(number),
            None if !value.is_number() => {
                let mistake = format!("must be a whole number, is {}", kind(value));
                self.mistake_in(name, &mistake);
            }
            Some(_) | None => {
                let mistake = format!("is {value}, must be between {least} and {most}");
                self.mistake_in(name, &mistake);
            }
        }
        None
    }

    /// A number of bytes within `range`, or `default` where the field is left out.
    pub(crate) fn bytes(
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
    pub(crate) fn finish(mut self) {
        for name in self.map.keys() {
            if self.asked_for.contains(name) {
                continue;
            }
            let known = self.asked_for.iter().map(String::as_str);
            let suggestion = match RENAMED.iter().find(|(earlier, _)| earlier == name) {
                Some((_, now)) if self.asked_for.contains(*now) => {
                    format!("; did you mean {now:?}?")
                }
                _ => suggestion(name, known),
            };
            let mistake = format!("is not known{suggestion}");
            self.mistake_in(name, &mistake);
        }
    }

    fn optional(&mut self, name: &str, form: impl FnOnce() -> Form) -> Option<&'v Value> {
        self.note(|| Note::Field(name.to_owned(), Presence::Optional, form()));
        self.asked_for.insert(name.to_owned());
        self.map.get(name)
    }

    fn required(&mut self, name: &str, form: impl FnOnce() -> Form) -> Option<&'v Value> {
        self.note(|| Note::Field(name.to_owned(), Presence::Required, form()));
        self.asked_for.insert(name.to_owned());
        let value = self.map.get(name);
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

    fn list(&mut self, name: &str, form: impl FnOnce() -> Form) -> &'v [Value] {
        match self.optional(name, form) {
            None => &[],
            Some(Value::Array(list)) => list,
            Some(other) => {
                let mistake = format!("must be a list, is {}", kind(other));
                self.mistake_in(name, &mistake);
                &[]
            }
        }
    }

    fn as_real(&mut self, name: &str, value: &Value, range: &RangeInclusive<f64>) -> Option<f64> {
        let number = value.as_f64().filter(|number| range.contains(number));
        if number.is_none() {
            let what = if value.is_number() { value.to_string() } else { kind(value).to_owned() };
            let (least, most) = (range.start(), range.end());
            let mistake = format!("is {what}, must be a number from {least} to {most}");
            self.mistake_in(name, &mistake);
        }
        number
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

    fn note(&mut self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &mut self.findings.notes {
            notes.push((self.path.clone(), note()));
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn choice(choices: &[&'static str], default: Option<&'static str>) -> Form {
    Form::Choice { of: choices.to_vec(), default }
}

/// A whole number, also one that is written as `5.0`.
fn whole(value: &Value) -> Option<u64> {
    const MOST: f64 = 9_007_199_254_740_992.0;
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..=MOST).contains(number);
    value.as_u64().or_else(|| value.as_f64().filter(whole).map(|number| number as u64))
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
