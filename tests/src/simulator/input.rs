//! A call's parameters, read strictly: each is read with its rule, all violations are reported at
//! once in AWS's words, and an unread parameter is an error too.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// What a string parameter may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    min: usize,
    max: usize,
    pattern: Option<Pattern>,
}

/// The characters a string may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    /// As AWS writes the rule.
    shown: &'static str,
    allowed: fn(char) -> bool,
}

impl Text {
    pub(super) const fn of(min: usize, max: usize) -> Self {
        Self { min, max, pattern: None }
    }

    pub(super) const fn matching(self, shown: &'static str, allowed: fn(char) -> bool) -> Self {
        Self { pattern: Some(Pattern { shown, allowed }), ..self }
    }
}

/// The parameters of one call. Every getter records violations; [`Input::finish`] returns them.
#[derive(Debug)]
pub(super) struct Input {
    operation: &'static str,
    fields: Map<String, Value>,
    /// The exception this service answers broken rules with.
    invalid: &'static str,
    mistyped: Vec<String>,
    violations: Vec<String>,
}

impl Input {
    pub(super) fn new(
        operation: &'static str,
        fields: Map<String, Value>,
        invalid: &'static str,
    ) -> Self {
        Self { operation, fields, invalid, mistyped: Vec::new(), violations: Vec::new() }
    }

    /// A string that must be there.
    pub(super) fn required(&mut self, name: &str, rule: Text) -> String {
        let given = self.text(name, rule);
        if given.is_none() && self.mistyped.is_empty() {
            self.violate("null", name, "Member must not be null");
        }
        given.unwrap_or_default()
    }

    /// A string that may be there.
    pub(super) fn text(&mut self, name: &str, rule: Text) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => {
                self.check(name, &text, rule);
                Some(text)
            }
            other => self.mistype(name, &other, "a String"),
        }
    }

    /// One of a few words.
    pub(super) fn choice(&mut self, name: &str, choices: &[&str]) -> Option<String> {
        let given = self.text(name, Text::of(0, usize::MAX))?;
        if !choices.contains(&given.as_str()) {
            let rule = format!("Member must satisfy enum value set: [{}]", choices.join(", "));
            self.violate(&format!("'{given}'"), name, &rule);
        }
        Some(given)
    }

    /// A whole number from `min` to `max`.
    pub(super) fn number(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.take(name)?;
        let Some(number) = value.as_i64() else {
            return self.mistype(name, &value, "an Integer");
        };
        if number < min {
            let rule = format!("Member must have value greater than or equal to {min}");
            self.violate(&format!("'{number}'"), name, &rule);
        } else if number > max {
            let rule = format!("Member must have value less than or equal to {max}");
            self.violate(&format!("'{number}'"), name, &rule);
        }
        Some(number)
    }

    /// A size of a page, from 1 to `max`, which is also what it is when none is given.
    pub(super) fn page(&mut self, name: &str, max: u16) -> usize {
        let given = self.number(name, 1, max.into()).and_then(|size| usize::try_from(size).ok());
        given.unwrap_or(max.into())
    }

    /// A moment, in seconds since 1970.
    pub(super) fn seconds(&mut self, name: &str) -> Option<f64> {
        let value = self.take(name)?;
        match value.as_f64() {
            Some(seconds) => Some(seconds),
            None => self.mistype(name, &value, "a Timestamp"),
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            other => self.mistype(name, &other, "a Boolean"),
        }
    }

    /// A list of texts, `min` to `max` of them.
    pub(super) fn texts(
        &mut self,
        name: &str,
        (min, max): (usize, usize),
        rule: Text,
    ) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for item in self.list(name, (min, max))? {
            match item {
                Value::String(text) => {
                    self.check(name, &text, rule);
                    texts.push(text);
                }
                other => return self.mistype(name, &other, "a String"),
            }
        }
        Some(texts)
    }

    /// A list of structures, `min` to `max` of them, each read by `read`.
    pub(super) fn structures<T>(
        &mut self,
        name: &str,
        size: (usize, usize),
        read: impl Fn(&mut Self) -> T,
    ) -> Option<Vec<T>> {
        let mut structures = Vec::new();
        for item in self.list(name, size)? {
            match item {
                Value::Object(fields) => {
                    let mut member = Self::new(self.operation, fields, self.invalid);
                    structures.push(read(&mut member));
                    member.tell_unknown();
                    self.mistyped.append(&mut member.mistyped);
                    self.violations.append(&mut member.violations);
                }
                other => return self.mistype(name, &other, "a structure"),
            }
        }
        Some(structures)
    }

    /// A structure, read by `read`.
    pub(super) fn structure<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        match self.take(name)? {
            Value::Object(fields) => {
                let mut member = Self::new(self.operation, fields, self.invalid);
                let structure = read(&mut member);
                member.tell_unknown();
                self.mistyped.append(&mut member.mistyped);
                self.violations.append(&mut member.violations);
                Some(structure)
            }
            other => self.mistype(name, &other, "a structure"),
        }
    }

    /// Names with texts, `min` to `max` of them.
    pub(super) fn map(
        &mut self,
        name: &str,
        (min, max): (usize, usize),
        (key_rule, value_rule): (Text, Text),
    ) -> Option<BTreeMap<String, String>> {
        let fields = match self.take(name)? {
            Value::Object(fields) => fields,
            other => return self.mistype(name, &other, "a Map"),
        };
        self.check_size(name, fields.len(), (min, max));
        let mut map = BTreeMap::new();
        for (key, value) in fields {
            let Value::String(value) = value else {
                return self.mistype(name, &value, "a String");
            };
            self.check(name, &key, key_rule);
            self.check(name, &value, value_rule);
            map.insert(key, value);
        }
        Some(map)
    }

    /// Whether all was as it must be, which has to be asked after the last parameter.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        self.tell_unknown();
        if let Some(mistyped) = self.mistyped.into_iter().next() {
            return Err(Refusal::bad("SerializationException", mistyped));
        }
        let errors = match self.violations.len() {
            0 => return Ok(()),
            1 => "1 validation error".to_owned(),
            many => format!("{many} validation errors"),
        };
        let message = format!("{errors} detected: {}", self.violations.join("; "));
        Err(Refusal::bad(self.invalid, message))
    }

    /// AWS passes over what it does not know; here it is a mistake of the caller's.
    fn tell_unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.fields) {
            self.mistyped
                .push(format!("{} has no parameter {name} that is simulated", self.operation));
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    fn list(&mut self, name: &str, size: (usize, usize)) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(items) => {
                self.check_size(name, items.len(), size);
                Some(items)
            }
            other => self.mistype(name, &other, "a List"),
        }
    }

    fn check(&mut self, name: &str, text: &str, rule: Text) {
        let shown = format!("'{text}'");
        let length = text.chars().count();
        if length < rule.min {
            let rule = format!("Member must have length greater than or equal to {}", rule.min);
            self.violate(&shown, name, &rule);
        }
        if length > rule.max {
            let rule = format!("Member must have length less than or equal to {}", rule.max);
            self.violate(&shown, name, &rule);
        }
        if let Some(pattern) = rule.pattern
            && !text.chars().all(pattern.allowed)
        {
            let rule = format!("Member must satisfy regular expression pattern: {}", pattern.shown);
            self.violate(&shown, name, &rule);
        }
    }

    fn check_size(&mut self, name: &str, size: usize, (min, max): (usize, usize)) {
        if size < min {
            let rule = format!("Member must have length greater than or equal to {min}");
            self.violate(&format!("'[{size} members]'"), name, &rule);
        } else if size > max {
            let rule = format!("Member must have length less than or equal to {max}");
            self.violate(&format!("'[{size} members]'"), name, &rule);
        }
    }

    fn violate(&mut self, value: &str, name: &str, rule: &str) {
        self.violations
            .push(format!("Value {value} at '{name}' failed to satisfy constraint: {rule}"));
    }

    fn mistype<T>(&mut self, name: &str, value: &Value, wanted: &str) -> Option<T> {
        let kind = match value {
            Value::Null => "NULL_VALUE",
            Value::Bool(_) => "BOOLEAN_VALUE",
            Value::Number(_) => "NUMBER_VALUE",
            Value::String(_) => "STRING_VALUE",
            Value::Array(_) => "START_ARRAY",
            Value::Object(_) => "START_OBJECT",
        };
        self.mistyped.push(format!("{kind} can not be converted to {wanted} ({name})"));
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(input: &Value, read: impl FnOnce(&mut Input), expected: Result<(), &str>) {
        let fields = input.as_object().cloned().unwrap();
        let mut input = Input::new("Op", fields, "InvalidParameterException");
        read(&mut input);
        let outcome = input.finish().map_err(|refusal| format!("{refusal}"));
        assert_eq!(outcome.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
    }

    #[test]
    fn what_is_right_passes() {
        let input = json!({"name": "a", "limit": 5, "nothing": null});
        let read = |input: &mut Input| {
            assert_eq!(input.required("name", Text::of(1, 3)), "a");
            assert_eq!(input.page("limit", 50), 5);
            assert_eq!(input.text("nothing", Text::of(1, 3)), None);
        };
        check(&input, read, Ok(()));
    }

    #[test]
    fn all_broken_rules_are_reported_at_once() {
        let read = |input: &mut Input| {
            input.required("name", Text::of(1, 3));
            input.number("limit", 1, 50);
        };
        check(
            &json!({"limit": 51}),
            read,
            Err(
                "400 InvalidParameterException: 2 validation errors detected: Value null at 'name' \
                 failed to satisfy constraint: Member must not be null; Value '51' at 'limit' \
                 failed to satisfy constraint: Member must have value less than or equal to 50",
            ),
        );
    }

    #[test]
    fn a_wrong_type_and_an_unknown_parameter_are_reported() {
        check(
            &json!({"name": 1}),
            |input| drop(input.required("name", Text::of(1, 3))),
            Err("400 SerializationException: NUMBER_VALUE can not be converted to a String (name)"),
        );
        check(
            &json!({"surprise": 1}),
            |_| {},
            Err("400 SerializationException: Op has no parameter surprise that is simulated"),
        );
    }
}
