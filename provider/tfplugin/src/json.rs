//! Values as JSON, which is how Terraform keeps state, read by the type the schema gives them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::convert::ValueError;
use crate::kind::Type;
use crate::number::ParseNumberError;
use crate::path::Step;
use crate::value::Value;

/// What is done with an attribute that the schema does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownAttributes {
    /// Left out: the schema lost it, and a state from before still has it.
    Drop,
    /// An error.
    Refuse,
}

/// Reads a value of this type. An attribute that is missing is null.
pub(crate) fn decode(
    json: &[u8],
    kind: &Type,
    unknown_attributes: UnknownAttributes,
) -> Result<Value, ValueError> {
    let json: &RawValue = serde_json::from_slice(json)
        .map_err(|error| ValueError::new(format!("malformed JSON: {error}")))?;
    read(json, kind, unknown_attributes)
}

// Each level is split into the texts of its elements, and these are read in turn: numbers keep
// every digit that way, and each error has its place.
fn read(
    json: &RawValue,
    kind: &Type,
    unknown_attributes: UnknownAttributes,
) -> Result<Value, ValueError> {
    if json.get() == "null" {
        return Ok(Value::Null);
    }
    match kind {
        Type::Bool => split(json, kind).map(Value::Bool),
        Type::String => split(json, kind).map(Value::String),
        Type::Number => {
            // Terraform writes numbers in quotes where the state once had a string.
            let text = json.get().trim_matches('"');
            text.parse().map(Value::Number).map_err(|_: ParseNumberError| unexpected(json, kind))
        }
        Type::Dynamic => {
            let typed: Typed = split(json, kind)?;
            let value = read(typed.value, &typed.kind, unknown_attributes)?;
            Ok(Value::Typed(Box::new(typed.kind), Box::new(value)))
        }
        Type::List(element) | Type::Set(element) => {
            let items: Vec<&RawValue> = split(json, kind)?;
            let items = items.into_iter().enumerate().map(|(index, item)| {
                read(item, element, unknown_attributes).map_err(|e| e.inside(Step::Index(index)))
            });
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        Type::Tuple(elements) => {
            let items: Vec<&RawValue> = split(json, kind)?;
            if items.len() != elements.len() {
                let message = format!("expected {} elements, got {}", elements.len(), items.len());
                return Err(ValueError::new(message));
            }
            let items = items.into_iter().zip(elements).enumerate().map(|(index, (item, kind))| {
                read(item, kind, unknown_attributes).map_err(|e| e.inside(Step::Index(index)))
            });
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        Type::Map(element) => {
            let entries: BTreeMap<String, &RawValue> = split(json, kind)?;
            let entries = entries.into_iter().map(|(key, value)| {
                match read(value, element, unknown_attributes) {
                    Ok(value) => Ok((key, value)),
                    Err(error) => Err(error.inside(Step::Key(key))),
                }
            });
            Ok(Value::Map(entries.collect::<Result<_, _>>()?))
        }
        Type::Object(attributes) => {
            let mut entries: BTreeMap<String, &RawValue> = split(json, kind)?;
            let values = attributes.iter().map(|(name, kind)| {
                let value = match entries.remove(name) {
                    None => Value::Null,
                    Some(value) => read(value, kind, unknown_attributes)
                        .map_err(|e| e.inside(Step::Attribute(name.clone())))?,
                };
                Ok((name.clone(), value))
            });
            let values = values.collect::<Result<_, ValueError>>()?;
            match entries.into_keys().next() {
                Some(name) if unknown_attributes == UnknownAttributes::Refuse => {
                    let error =
                        ValueError::new("the schema has no attribute or block of this name");
                    Err(error.inside(Step::Attribute(name)))
                }
                _ => Ok(Value::Map(values)),
            }
        }
    }
}

/// JSON of a value of any type.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(rename = "type")]
    kind: Type,
}

fn split<'a, T: Deserialize<'a>>(json: &'a RawValue, kind: &Type) -> Result<T, ValueError> {
    serde_json::from_str(json.get()).map_err(|_| unexpected(json, kind))
}

fn unexpected(json: &RawValue, kind: &Type) -> ValueError {
    let found = match json.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a bool",
        _ => "a number",
    };
    ValueError::new(format!("expected {}, got {found}", kind.describe()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, kind: &Type, expected: Value) {
        assert_eq!(decode(json.as_bytes(), kind, UnknownAttributes::Drop), Ok(expected));
    }

    #[track_caller]
    fn check_error(json: &str, kind: &Type, expected: &str) {
        let error = decode(json.as_bytes(), kind, UnknownAttributes::Refuse).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn values_are_read_by_their_type() {
        let kind = Type::object([("a", Type::Number), ("b", Type::set(Type::Bool))]);
        let expected = BTreeMap::from([
            ("a".to_owned(), Value::Number("0.1000000000000000055511".parse().unwrap())),
            ("b".to_owned(), Value::List(vec![Value::Bool(true), Value::Null])),
        ]);
        check(
            r#" {"b": [true, null], "a": 0.1000000000000000055511} "#,
            &kind,
            Value::Map(expected),
        );
        check(r#""é\n""#, &Type::String, Value::from("é\n"));
        check("[1]", &Type::Tuple(vec![Type::Number]), Value::from(vec![1]));
    }

    #[test]
    fn a_value_of_any_type_keeps_its_type() {
        let kind = Type::list(Type::String);
        let typed = Value::Typed(Box::new(kind), Box::new(Value::from(vec!["x"])));
        check(r#"{"value": ["x"], "type": ["list", "string"]}"#, &Type::Dynamic, typed);
    }

    #[test]
    fn new_attributes_are_null_and_removed_ones_are_dropped() {
        let kind = Type::object([("new", Type::String)]);
        let expected = Value::Map(BTreeMap::from([("new".to_owned(), Value::Null)]));
        check(r#"{"old": 1}"#, &kind, expected);
    }

    #[test]
    fn errors_say_where() {
        let kind = Type::object([("a", Type::list(Type::map(Type::Number)))]);
        check_error(
            r#"{"a": [{}, {"k": "x"}]}"#,
            &kind,
            r#"a[1]["k"]: expected a number, got a string"#,
        );
        check_error(r#"{"a": {}}"#, &kind, "a: expected a list, got an object");
        check_error(r#"{"b": 1}"#, &kind, "b: the schema has no attribute or block of this name");
        check_error("{", &kind, "malformed JSON: EOF while parsing an object at line 1 column 1");
    }
}
