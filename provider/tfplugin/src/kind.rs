//! The types of Terraform's language.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value as Json};

/// A type of Terraform's language. Serialized, it is the JSON in which schemas name types:
/// `"string"`, `["map", ["object", {"a": "bool"}]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A number of any size.
    Number,
    /// A string.
    String,
    /// Any type, sent with each value.
    Dynamic,
    /// Elements in order.
    List(Box<Type>),
    /// Elements without order, each once.
    Set(Box<Type>),
    /// Elements by name, all of one type.
    Map(Box<Type>),
    /// Named attributes, each of its own type.
    Object(BTreeMap<String, Type>),
    /// Elements in order, each of its own type.
    Tuple(Vec<Type>),
}

impl Type {
    /// A list of `element`.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A set of `element`.
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// A map of `element`.
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// An object with these attributes.
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, kind)| (name.into(), kind)).collect())
    }

    /// Whether [`Type::Dynamic`] is anywhere in it.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Bool | Self::Number | Self::String => false,
            Self::Dynamic => true,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_dynamic(),
            Self::Object(attributes) => attributes.values().any(Self::has_dynamic),
            Self::Tuple(elements) => elements.iter().any(Self::has_dynamic),
        }
    }

    /// The JSON in which schemas name it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a type is always JSON")
    }

    /// What a value of it is called in messages: "a string", "a list".
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Bool => "a bool",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Dynamic => "a value of any type",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
            Self::Tuple(_) => "a tuple",
        }
    }

    fn to_json(&self) -> Json {
        let nested = |name: &str, inside: Json| Json::Array(vec![name.into(), inside]);
        match self {
            Self::Bool => "bool".into(),
            Self::Number => "number".into(),
            Self::String => "string".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(element) => nested("list", element.to_json()),
            Self::Set(element) => nested("set", element.to_json()),
            Self::Map(element) => nested("map", element.to_json()),
            Self::Object(attributes) => {
                let entries = attributes.iter().map(|(name, kind)| (name.clone(), kind.to_json()));
                nested("object", Json::Object(entries.collect::<Map<_, _>>()))
            }
            Self::Tuple(elements) => {
                nested("tuple", elements.iter().map(Self::to_json).collect::<Json>())
            }
        }
    }

    fn from_json(json: &Json) -> Result<Self, String> {
        let unknown = || format!("`{json}` is not a type of Terraform's");
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Self::Bool),
                "number" => Ok(Self::Number),
                "string" => Ok(Self::String),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(unknown()),
            },
            Json::Array(parts) => {
                let name = parts.first().and_then(Json::as_str).ok_or_else(unknown)?;
                match (name, &parts[1..]) {
                    ("list", [element]) => Ok(Self::list(Self::from_json(element)?)),
                    ("set", [element]) => Ok(Self::set(Self::from_json(element)?)),
                    ("map", [element]) => Ok(Self::map(Self::from_json(element)?)),
                    // A third part names optional attributes, which only type constraints have.
                    ("object", [Json::Object(attributes)] | [Json::Object(attributes), _]) => {
                        attributes
                            .iter()
                            .map(|(name, kind)| Ok((name.clone(), Self::from_json(kind)?)))
                            .collect::<Result<_, _>>()
                            .map(Self::Object)
                    }
                    ("tuple", [Json::Array(elements)]) => elements
                        .iter()
                        .map(Self::from_json)
                        .collect::<Result<_, _>>()
                        .map(Self::Tuple),
                    _ => Err(unknown()),
                }
            }
            _ => Err(unknown()),
        }
    }
}

/// As in Terraform's language: `list(string)`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Dynamic => f.write_str("any"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Object(attributes) => {
                f.write_str("object({")?;
                for (position, (name, kind)) in attributes.iter().enumerate() {
                    let comma = if position == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} = {kind}")?;
                }
                f.write_str("})")
            }
            Self::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (position, kind) in elements.iter().enumerate() {
                    let comma = if position == 0 { "" } else { ", " };
                    write!(f, "{comma}{kind}")?;
                }
                f.write_str("])")
            }
        }
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::from_json(&json).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &Type, json: &str, language: &str) {
        assert_eq!(serde_json::to_string(kind).unwrap(), json);
        assert_eq!(&serde_json::from_str::<Type>(json).unwrap(), kind);
        assert_eq!(kind.to_string(), language);
    }

    #[test]
    fn types_are_written_as_schemas_write_them() {
        check(&Type::String, r#""string""#, "string");
        check(&Type::Dynamic, r#""dynamic""#, "any");
        check(
            &Type::map(Type::object([("a", Type::Bool), ("b", Type::Number)])),
            r#"["map",["object",{"a":"bool","b":"number"}]]"#,
            "map(object({a = bool, b = number}))",
        );
        check(
            &Type::Tuple(vec![Type::set(Type::String), Type::list(Type::Number)]),
            r#"["tuple",[["set","string"],["list","number"]]]"#,
            "tuple([set(string), list(number)])",
        );
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for json in [r#""text""#, "[]", r#"["list"]"#, r#"["object",[]]"#, "1"] {
            assert!(serde_json::from_str::<Type>(json).is_err(), "{json}");
        }
    }
}
