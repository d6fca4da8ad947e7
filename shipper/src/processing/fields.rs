//! The fields of a JSON object. A value that is not changed is copied as it was written, with all
//! digits of its numbers.
//!
//! A path has dots between names: `a.b` is the field `b` of the object `a`, or a field that is
//! named `a.b`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::decode::Text;

/// The fields of an object, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, Cow<'a, RawValue>)>);

impl<'a> Fields<'a> {
    /// The fields of an object; `None` if the string is something else.
    pub(crate) fn parse(object: &'a str) -> Option<Self> {
        serde_json::from_str(object).ok()
    }

    /// The object.
    pub(super) fn json(&self) -> Box<RawValue> {
        raw(self)
    }

    /// Whether there are no fields.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a string. There must not be a field with this name.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.0.push((Cow::Owned(name.to_owned()), Cow::Owned(raw(value))));
    }

    /// The value of the first field at a path.
    pub(crate) fn get(&self, path: &str) -> Option<Cow<'a, RawValue>> {
        if let Some((_, value)) = self.0.iter().find(|(name, _)| name == path) {
            return Some(value.clone());
        }
        splits(path).find_map(|(name, rest)| {
            let mut of_name = self.0.iter().filter(|(found, _)| found == name);
            of_name.find_map(|(_, value)| {
                let found = Fields::parse(value.get())?.get(rest)?;
                Some(Cow::Owned(found.into_owned()))
            })
        })
    }

    /// Removes every field at a path, also of the objects in a list. Returns whether there was one.
    pub(super) fn drop(&mut self, path: &str) -> bool {
        let count = self.0.len();
        self.0.retain(|(name, _)| name != path);
        let mut is_changed = self.0.len() < count;
        for (name, rest) in splits(path) {
            for (_, value) in self.0.iter_mut().filter(|(found, _)| found == name) {
                if let Some(changed) = without(value, rest) {
                    *value = Cow::Owned(changed);
                    is_changed = true;
                }
            }
        }
        is_changed
    }

    /// Removes the first field at a path, and returns its value.
    pub(super) fn take(&mut self, path: &str) -> Option<Cow<'a, RawValue>> {
        if let Some(index) = self.0.iter().position(|(name, _)| name == path) {
            return Some(self.0.remove(index).1);
        }
        splits(path).find_map(|(name, rest)| {
            let mut of_name = self.0.iter_mut().filter(|(found, _)| found == name);
            of_name.find_map(|(_, value)| {
                let (taken, left) = taken(value, rest)?;
                *value = Cow::Owned(left);
                Some(Cow::Owned(taken))
            })
        })
    }

    /// Sets the value at a path, and creates the objects on the way. Returns whether it was
    /// another.
    pub(super) fn set(&mut self, path: &str, value: Cow<'a, RawValue>) -> bool {
        if let Some((_, found)) = self.0.iter_mut().find(|(name, _)| name == path) {
            let is_changed = found.get() != value.get();
            *found = value;
            return is_changed;
        }
        for (name, rest) in splits(path) {
            let of_name = self.0.iter_mut().find(|(found, _)| found == name);
            if let Some((_, object)) = of_name
                && let Some(mut fields) = Fields::parse(object.get())
            {
                let is_changed = fields.set(rest, value);
                let changed = fields.json();
                *object = Cow::Owned(changed);
                return is_changed;
            }
        }
        let inner = path.split_once('.').filter(|(name, _)| {
            // Beside a value that is not an object, the whole path is the name.
            self.0.iter().all(|(found, _)| found != name)
        });
        match inner {
            Some((name, rest)) => {
                let mut fields = Fields::default();
                fields.set(rest, value);
                self.0.push((Cow::Owned(name.to_owned()), Cow::Owned(fields.json())));
            }
            None => self.0.push((Cow::Owned(path.to_owned()), value)),
        }
        true
    }
}

/// The ways to split a path into a name and the rest.
fn splits(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices('.').map(|(dot, _)| (&path[..dot], &path[dot + 1..]))
}

/// An object, or a list of objects, without the fields at a path; `None` if it has none.
fn without(value: &RawValue, path: &str) -> Option<Box<RawValue>> {
    if !value.get().starts_with('[') {
        let mut fields = Fields::parse(value.get())?;
        return fields.drop(path).then(|| fields.json());
    }
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let mut is_changed = false;
    let items: Vec<Cow<'_, RawValue>> = items
        .into_iter()
        .map(|item| {
            // A list in a list is not searched, so that its depth does not matter.
            if let Some(mut fields) = Fields::parse(item.get())
                && fields.drop(path)
            {
                is_changed = true;
                return Cow::Owned(fields.json());
            }
            Cow::Borrowed(item)
        })
        .collect();
    is_changed.then(|| raw(&items))
}

/// The value at a path of an object, and the object without it.
fn taken(object: &RawValue, path: &str) -> Option<(Box<RawValue>, Box<RawValue>)> {
    let mut fields = Fields::parse(object.get())?;
    let taken = fields.take(path)?.into_owned();
    Some((taken, fields.json()))
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    to_raw_value(value).expect("strings and JSON values, with strings as keys")
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(Text(name)) = map.next_key()? {
                    fields.0.push((name, Cow::Borrowed(map.next_value::<&RawValue>()?)));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(json: &str) -> Cow<'_, RawValue> {
        Cow::Borrowed(serde_json::from_str(json).unwrap())
    }

    #[track_caller]
    fn check(object: &str, change: impl FnOnce(&mut Fields<'_>) -> bool, expected: Option<&str>) {
        let mut fields = Fields::parse(object).unwrap();
        let is_changed = change(&mut fields);
        assert_eq!(fields.json().get(), expected.unwrap_or(object));
        assert_eq!(is_changed, expected.is_some(), "{object}");
    }

    #[test]
    fn a_dropped_field_is_gone_wherever_its_path_leads() {
        for (object, path, expected) in [
            (r#"{"a":1,"b":2}"#, "a", Some(r#"{"b":2}"#)),
            (r#"{"a":1,"b":2,"a":3}"#, "a", Some(r#"{"b":2}"#)),
            (
                r#"{"a":{"b":1.10,"c":12345678901234567890123}}"#,
                "a.b",
                Some(r#"{"a":{"c":12345678901234567890123}}"#),
            ),
            (r#"{"a.b":1,"a":{"b":2}}"#, "a.b", Some(r#"{"a":{}}"#)),
            (r#"{"a":{"b.c":1,"b":{"c":2}}}"#, "a.b.c", Some(r#"{"a":{"b":{}}}"#)),
            (r#"{"a":[{"b":1,"c":2}, 5, {"b":3}]}"#, "a.b", Some(r#"{"a":[{"c":2},5,{}]}"#)),
            (r#"{"\u0061":1}"#, "a", Some("{}")),
            (r#"{"a":"b"}"#, "a.b", None),
            (r#"{"a":[[{"b":1}]]}"#, "a.b", None),
            (r#"{"b":{"a":1}}"#, "a", None),
        ] {
            check(object, |fields| fields.drop(path), expected);
        }
    }

    #[test]
    fn a_value_is_set_where_its_path_leads() {
        for (object, path, expected) in [
            ("{}", "a", Some(r#"{"a":7}"#)),
            ("{}", "a.b.c", Some(r#"{"a":{"b":{"c":7}}}"#)),
            (r#"{"a":{"x":1}}"#, "a.b", Some(r#"{"a":{"x":1,"b":7}}"#)),
            (r#"{"a.b":1}"#, "a.b", Some(r#"{"a.b":7}"#)),
            (r#"{"a":"x"}"#, "a.b", Some(r#"{"a":"x","a.b":7}"#)),
            (r#"{"a":7}"#, "a", None),
            (r#"{"a":{"b":7}}"#, "a.b", None),
        ] {
            check(object, |fields| fields.set(path, value("7")), expected);
        }
    }

    #[test]
    fn a_value_is_taken_once() {
        let mut fields = Fields::parse(r#"{"a":{"b":1.0,"c":2},"a.b":3}"#).unwrap();
        assert_eq!(fields.take("a.b").unwrap().get(), "3");
        assert_eq!(fields.take("a.b").unwrap().get(), "1.0");
        assert!(fields.take("a.b").is_none());
        assert_eq!(fields.json().get(), r#"{"a":{"c":2}}"#);
    }

    #[test]
    fn a_lone_surrogate_does_not_protect_a_field() {
        let object = r#"{"half\ud800":1,"secret":2,"x":"\ud800"}"#;
        check(
            object,
            |fields| fields.drop("secret"),
            Some("{\"half\u{FFFD}\":1,\"x\":\"\\ud800\"}"),
        );
    }

    proptest! {
        #[test]
        fn other_fields_stay_as_written(
            before in "[1-9][0-9]{0,30}(\\.[0-9]{1,30})?", after in "\"[a-z ]{0,9}\"|true|null|\\[ *1 *\\]",
        ) {
            let object = format!(r#"{{"x":{before},"gone":{{"a":1}},"y":{after}}}"#);
            let mut fields = Fields::parse(&object).unwrap();
            prop_assert!(fields.drop("gone"));
            let json = fields.json();
            prop_assert_eq!(json.get(), format!(r#"{{"x":{before},"y":{after}}}"#));
        }
    }
}
