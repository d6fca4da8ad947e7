//! Values as Terraform sends them, without their type.

use std::collections::BTreeMap;

use crate::kind::Type;
use crate::number::Number;
use crate::unknown::Unknown;

/// A value of Terraform's language. Which type it is of, the schema says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Not known before apply.
    Unknown(Unknown),
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list, a set or a tuple.
    List(Vec<Value>),
    /// A map or an object.
    Map(BTreeMap<String, Value>),
    /// What stands where the schema says [`Type::Dynamic`]: the type that was found there, and the
    /// value. Kept so that it goes back with the very same type.
    Typed(Box<Type>, Box<Value>),
}

impl Value {
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Typed(_, value) => value.is_null(),
            _ => false,
        }
    }

    /// Whether it is unknown as a whole.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Typed(_, value) => value.is_unknown(),
            _ => false,
        }
    }

    /// Whether nothing in it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::List(items) => items.iter().all(Self::is_wholly_known),
            Self::Map(entries) => entries.values().all(Self::is_wholly_known),
            Self::Typed(_, value) => value.is_wholly_known(),
            _ => true,
        }
    }

    /// The value without the type that stood beside it in a place of any type.
    pub fn untyped(self) -> Self {
        match self {
            Self::Typed(_, value) => value.untyped(),
            value => value,
        }
    }

    /// What it is, for messages: "a string", "a number".
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown(_) => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map or object",
            Self::Typed(_, value) => value.describe(),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<BTreeMap<String, T>> for Value {
    fn from(entries: BTreeMap<String, T>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}
