//! Between Terraform's values and Rust's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use crate::attr::Attr;
use crate::diagnostic::Diagnostic;
use crate::number::Number;
use crate::path::{AttributePath, Step};
use crate::value::Value;

/// A Rust type that represents a Terraform type.
///
/// Structs get it from [`object!`](crate::object).
pub trait Convert: Sized {
    /// Reads it from a value.
    ///
    /// # Errors
    /// The value is of another type, or null or unknown where this type cannot be; the error says
    /// where.
    fn from_value(value: Value) -> Result<Self, ValueError>;

    /// Writes it as a value.
    fn into_value(self) -> Value;
}

/// A value that does not fit, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    path: AttributePath,
    message: String,
}

impl ValueError {
    /// An error about the value at hand.
    pub fn new(message: impl Into<String>) -> Self {
        Self { path: AttributePath::default(), message: message.into() }
    }

    /// The same error seen from one level further out.
    #[must_use]
    pub fn inside(mut self, step: Step) -> Self {
        self.path.prepend(step);
        self
    }

    /// Where the value is.
    pub fn path(&self) -> &AttributePath {
        &self.path
    }

    /// What is wrong with it.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn expected(what: &str, found: &Value) -> Self {
        Self::new(format!("expected {what}, got {}", found.describe()))
    }

    /// The error under a summary that says what was being done.
    pub(crate) fn into_diagnostic(self, summary: &str) -> Diagnostic {
        let diagnostic = Diagnostic::error(summary, self.to_string());
        if self.path.is_empty() { diagnostic } else { diagnostic.on(self.path) }
    }
}

impl Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

impl Convert for Value {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        Ok(value)
    }

    fn into_value(self) -> Value {
        self
    }
}

impl Convert for bool {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value.untyped() {
            Value::Bool(bool) => Ok(bool),
            other => Err(ValueError::expected("a bool", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

impl Convert for String {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value.untyped() {
            Value::String(string) => Ok(string),
            other => Err(ValueError::expected("a string", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::String(self)
    }
}

impl Convert for Number {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value.untyped() {
            Value::Number(number) => Ok(number),
            other => Err(ValueError::expected("a number", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Number(self)
    }
}

impl Convert for f64 {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        Number::from_value(value).map(|number| number.as_f64())
    }

    /// As its shortest decimal spelling, so that `0.1` is the `0.1` of the configuration. NaN,
    /// which Terraform does not have, is null.
    fn into_value(self) -> Value {
        Number::try_from(self).map_or(Value::Null, Value::Number)
    }
}

fn not_such_an_integer(number: &Number, min: &dyn Display, max: &dyn Display) -> ValueError {
    let float = number.as_f64();
    if float.fract() == 0.0 {
        ValueError::new(format!("expected a whole number from {min} to {max}, got {number}"))
    } else {
        ValueError::new(format!("expected a whole number, got {number}"))
    }
}

macro_rules! convert_integers {
    ($($integer:ident: $read:ident),*) => {$(
        impl Convert for $integer {
            fn from_value(value: Value) -> Result<Self, ValueError> {
                let number = Number::from_value(value)?;
                number.$read().and_then(|int| int.try_into().ok()).ok_or_else(|| {
                    not_such_an_integer(&number, &$integer::MIN, &$integer::MAX)
                })
            }

            fn into_value(self) -> Value {
                Value::Number(self.into())
            }
        }
    )*};
}

convert_integers!(i32: as_i64, i64: as_i64, u32: as_i64, u64: as_u64);

impl<T: Convert> Convert for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value.untyped() {
            Value::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| T::from_value(item).map_err(|e| e.inside(Step::Index(index))))
                .collect(),
            other => Err(ValueError::expected("a list", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

impl<T: Convert + Ord> Convert for BTreeSet<T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        Vec::from_value(value).map(|items| items.into_iter().collect())
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

impl<T: Convert> Convert for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value.untyped() {
            Value::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| match T::from_value(value) {
                    Ok(value) => Ok((key, value)),
                    Err(error) => Err(error.inside(Step::Key(key))),
                })
                .collect(),
            other => Err(ValueError::expected("a map", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(key, value)| (key, value.into_value())).collect())
    }
}

/// None is null. An unknown value is an error: [`Attr`] takes those.
impl<T: Convert> Convert for Option<T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

impl<T: Convert> Convert for Attr<T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        if value.is_null() {
            return Ok(Self::Null);
        }
        match value {
            Value::Unknown(unknown) => Ok(Self::Unknown(unknown)),
            value if value.is_unknown() => Self::from_value(value.untyped()),
            value => T::from_value(value).map(Self::Known),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Unknown(unknown) => Value::Unknown(unknown),
            Self::Known(value) => value.into_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unknown::Unknown;

    crate::object! {
        #[derive(Clone, Debug, PartialEq)]
        struct Outer {
            list: Attr<Vec<Inner>>,
            r#type: Option<u32>,
        }

        #[derive(Clone, Debug, PartialEq)]
        struct Inner {
            names: BTreeMap<String, Attr<String>>,
        }

        struct Empty {}
    }

    fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::Map(entries.map(|(name, value)| (name.to_owned(), value)).into())
    }

    fn inner(value: Value) -> Value {
        object([("names", object([("k", value)]))])
    }

    #[track_caller]
    fn check_error(value: Value, expected: &str) {
        assert_eq!(Outer::from_value(value).unwrap_err().to_string(), expected);
    }

    #[test]
    fn structs_are_read_and_written_attribute_by_attribute() {
        let unknown = inner(Value::Unknown(Unknown::not_null()));
        let list = Value::List(vec![inner(Value::from("x")), unknown]);
        let value = object([("list", list), ("type", Value::from(7))]);
        let outer = Outer::from_value(value.clone()).unwrap();
        assert_eq!(outer.r#type, Some(7));
        let known = outer.list.known().unwrap();
        assert_eq!(known[0].names["k"], Attr::Known("x".to_owned()));
        assert_eq!(known[1].names["k"], Attr::Unknown(Unknown::not_null()));
        assert_eq!(outer.into_value(), value);
        assert_eq!(Empty::from_value(object([])).unwrap().into_value(), object([]));
    }

    #[test]
    fn errors_say_where() {
        let list = Value::List(vec![inner(Value::from("x")), inner(Value::from(1))]);
        check_error(
            object([("list", list), ("type", Value::Null)]),
            r#"list[1].names["k"]: expected a string, got a number"#,
        );
        check_error(object([("list", Value::Null)]), "type: the attribute is missing");
        let extra = [("list", Value::Null), ("type", Value::Null), ("more", Value::Null)];
        check_error(object(extra), "more: there is no attribute or block of this name");
        check_error(Value::Null, "expected an object, got null");
        let unknown = Value::Unknown(Unknown::default());
        check_error(
            object([("list", Value::Null), ("type", unknown)]),
            "type: expected a number, got an unknown value",
        );
        check_error(
            object([("list", Value::Null), ("type", Value::from(-1))]),
            "type: expected a whole number from 0 to 4294967295, got -1",
        );
        let half = Value::Number("0.5".parse().unwrap());
        check_error(
            object([("list", Value::Null), ("type", half)]),
            "type: expected a whole number, got 0.5",
        );
    }

    #[test]
    fn a_float_is_the_number_the_user_wrote() {
        let tenth: Number = "0.1".parse().unwrap();
        assert_eq!(0.1.into_value(), Value::Number(tenth.clone()));
        assert_eq!(f64::from_value(Value::Number(tenth)), Ok(0.1));
    }
}
