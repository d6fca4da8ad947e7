//! The value of a secret, which must not be shown.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use super::arn::SecretArn;

/// A token, key or password. Reading it requires an explicit call.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for requests only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "secret".into()
    }

    /// A reference to a single definition, because there are many secrets.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let definition = json!({
            "title": "A secret",
            "description": "The secret itself, or the ARN of Secrets Manager or Systems Manager \
                            under which it is kept.",
            "type": "string",
            "format": "secret",
            "writeOnly": true,
            "if": {"pattern": "^arn:"},
            "then": {"pattern": SecretArn::PATTERN},
        });
        let name = Self::schema_name();
        let reference = format!("#/$defs/{name}");
        generator.definitions_mut().insert(name.into_owned(), definition);
        json_schema!({"$ref": reference})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::new("t0ken")), "Secret(***)");
    }
}
