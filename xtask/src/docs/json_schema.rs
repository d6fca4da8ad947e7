use std::collections::BTreeMap;

use anyhow::Context;
use logagg_shipper::config::{self, Form, Object, Presence, Rule, TYPES};
use logagg_shipper::enforcer::EnforcerConfig;
use logagg_shipper::secret::SecretArn;
use serde_json::{Map, Value, json};

use super::meanings::Meanings;

/// A JSON Schema of a configuration: its shape is the readers', its words are the pages'.
#[derive(Debug, Clone, Copy)]
pub(super) enum JsonSchema {
    Shipper,
    Enforcer,
}

/// Every schema that is rendered.
pub(super) const SCHEMAS: [JsonSchema; 2] = [JsonSchema::Shipper, JsonSchema::Enforcer];

/// Where anybody finds them.
const HOME: &str = "https://raw.githubusercontent.com/logagg/logagg/main/docs";

impl JsonSchema {
    /// Below `docs`.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Shipper => "shipper.schema.json",
            Self::Enforcer => "enforcer.schema.json",
        }
    }

    /// The schema's text.
    pub(super) fn render(self) -> anyhow::Result<String> {
        let (shape, page, pages) = match self {
            Self::Shipper => {
                let of_types = TYPES.iter().map(|name| format!("destinations/{name}"));
                let others = ["shipper", "destinations/README"].map(str::to_owned);
                (config::shape(), "shipper", others.into_iter().chain(of_types).collect())
            }
            Self::Enforcer => (EnforcerConfig::shape(), "enforcer", vec!["enforcer".to_owned()]),
        };
        let mut writer = Writer { meanings: Meanings::of(&pages)?, definitions: Map::new() };
        let mut schema = writer
            .object(&shape, &[page])
            .with_context(|| format!("rendering docs/{}", self.path()))?;
        writer.meanings.finish()?;
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["$id"] = json!(format!("{HOME}/{}", self.path()));
        schema["title"] = json!(format!("Configuration of logagg's {page}"));
        if !writer.definitions.is_empty() {
            schema["$defs"] = Value::Object(writer.definitions);
        }
        Ok(serde_json::to_string_pretty(&schema)? + "\n")
    }
}

struct Writer {
    meanings: Meanings,
    definitions: Map<String, Value>,
}

impl Writer {
    /// An object whose fields are described in the first of these sections that has them.
    fn object(&mut self, object: &Object, sections: &[&str]) -> anyhow::Result<Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, field) in &object.fields {
            let is_required = field.presence == Presence::Required;
            let mut schema = self.form(name, &field.form)?;
            let default = schema.get("default").map(|default| match default {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let meaning = self.meanings.take(sections, name, is_required, default.as_deref())?;
            schema["description"] = json!(meaning);
            properties.insert(name.clone(), schema);
            if is_required {
                required.push(name.as_str());
            }
        }
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let rules: Vec<Value> = object.rules.iter().filter_map(rule).collect();
        if !rules.is_empty() {
            schema["allOf"] = json!(rules);
        }
        Ok(schema)
    }

    fn form(&mut self, name: &str, form: &Form) -> anyhow::Result<Value> {
        Ok(match form {
            Form::Text { pattern, default } => {
                let mut schema = json!({"type": "string", "minLength": 1});
                put(&mut schema, "pattern", pattern.as_ref());
                put(&mut schema, "default", default.as_ref());
                schema
            }
            Form::Secret { pattern } => self.secret(*pattern),
            Form::Choice { of, default } => {
                let mut schema = match &of[..] {
                    [only] => json!({"const": only}),
                    several => json!({"enum": several}),
                };
                put(&mut schema, "default", default.as_ref());
                schema
            }
            Form::Choices(of) => json!({"type": "array", "items": {"enum": of}}),
            Form::Whole { least, most, default } => {
                let mut schema = json!({"type": "integer", "minimum": least, "maximum": most});
                put(&mut schema, "default", default.as_ref());
                schema
            }
            Form::Real { least, most, default } => {
                let [least, most] = [*least, *most].map(number);
                let mut schema = json!({"type": "number", "minimum": least, "maximum": most});
                put(&mut schema, "default", default.map(number).as_ref());
                schema
            }
            Form::Object(object) => self.object(object, &[name])?,
            Form::Variants(variants) => self.variants(name, variants)?,
            Form::Map { count, member } => {
                let member = self.form(name, member)?;
                let mut schema = json!({"type": "object", "additionalProperties": member});
                if let Some(count) = count {
                    put(&mut schema, "minProperties", Some(count.start()).filter(|n| **n > 0));
                    let most = Some(count.end()).filter(|most| **most < usize::MAX);
                    put(&mut schema, "maxProperties", most);
                }
                schema
            }
            Form::List(object) => {
                json!({"type": "array", "items": self.object(object, &[name, "rule"])?})
            }
            Form::Documents => {
                json!({"type": "array", "minItems": 1, "items": {"type": ["string", "object"]}})
            }
        })
    }

    /// An object that says by its type which other fields it has.
    fn variants(
        &mut self,
        name: &str,
        variants: &BTreeMap<&'static str, Object>,
    ) -> anyhow::Result<Value> {
        let mut branches = Vec::new();
        for (variant, object) in variants {
            let has_a_page = name == "destinations";
            let sections = if has_a_page { vec![*variant, "destination"] } else { vec![name] };
            let mut schema = self.object(object, &sections)?;
            if has_a_page {
                schema["title"] = json!(format!("Destination {variant}"));
                self.definitions.insert((*variant).to_owned(), schema);
                schema = json!({"$ref": format!("#/$defs/{variant}")});
            }
            branches.push(json!({
                "if": {"properties": {"type": {"const": variant}}, "required": ["type"]},
                "then": schema,
            }));
        }
        let types: Vec<_> = variants.keys().collect();
        Ok(json!({
            "type": "object",
            "properties": {"type": {"enum": types}},
            "required": ["type"],
            "allOf": branches,
        }))
    }

    fn secret(&mut self, pattern: Option<&str>) -> Value {
        const NAME: &str = "secret";

        self.definitions.entry(NAME).or_insert_with(|| {
            json!({
                "title": "A secret",
                "description": "The secret itself, or the ARN of Secrets Manager or Systems Manager \
                                under which it is kept.",
                "type": "string",
                "minLength": 1,
                "if": {"pattern": "^arn:"},
                "then": {"pattern": SecretArn::PATTERN},
            })
        });
        let mut schema = json!({"$ref": format!("#/$defs/{NAME}")});
        if let Some(pattern) = pattern {
            schema["anyOf"] = json!([{"pattern": pattern}, {"pattern": "^arn:"}]);
        }
        schema
    }
}

fn rule(rule: &Rule) -> Option<Value> {
    match rule {
        Rule::Exclusive(one, other) => Some(json!({"not": {"required": [one, other]}})),
        Rule::AtLeastOneOf(names) => {
            let each: Vec<Value> = names.iter().map(|name| json!({"required": [name]})).collect();
            Some(json!({"anyOf": each}))
        }
        // That of names of the user's own, which stands with their form.
        Rule::Count(_) => None,
    }
}

fn put<T: serde::Serialize>(schema: &mut Value, keyword: &str, value: Option<&T>) {
    if let Some(value) = value {
        schema[keyword] = json!(value);
    }
}

/// A number as one writes it: 50, not 50.0.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}
