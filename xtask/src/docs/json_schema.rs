use anyhow::Context;
use logagg_shipper::config::{self, TYPES};
use logagg_shipper::enforcer::EnforcerConfig;
use serde_json::{Value, json};

use super::meanings::Meanings;

/// A JSON Schema of a configuration: its shape is that of the types, its words are the pages'.
#[derive(Debug, Clone, Copy)]
pub(super) enum JsonSchema {
    Shipper,
    Enforcer,
}

/// Every schema that is rendered.
pub(super) const SCHEMAS: [JsonSchema; 2] = [JsonSchema::Shipper, JsonSchema::Enforcer];

/// Their public URL.
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
        let (mut schema, page, pages) = match self {
            Self::Shipper => {
                let of_types = TYPES.iter().map(|name| format!("destinations/{name}"));
                let others =
                    ["shipper", "destinations/README", "destinations/field-names", "guides/routes"]
                        .map(str::to_owned);
                (config::schema(), "shipper", others.into_iter().chain(of_types).collect())
            }
            Self::Enforcer => (EnforcerConfig::schema(), "enforcer", vec!["enforcer".to_owned()]),
        };
        let mut meanings = Meanings::of(&pages)?;
        describe(&mut schema, &[page], &mut meanings)
            .with_context(|| format!("rendering docs/{}", self.path()))?;
        meanings.finish()?;
        schema["$id"] = json!(format!("{HOME}/{}", self.path()));
        schema["title"] = json!(format!("Configuration of logagg's {page}"));
        Ok(serde_json::to_string_pretty(&schema)? + "\n")
    }
}

/// Describes the fields of an object, each as the first of these sections does that has it.
fn describe(schema: &mut Value, sections: &[&str], meanings: &mut Meanings) -> anyhow::Result<()> {
    // Of what types say of themselves a user needs nothing.
    remove(schema, "description");
    for branch in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = branch["if"]["properties"]["type"]["const"].clone();
        match (name.as_str(), sections) {
            (Some(name), ["destinations"]) => {
                describe(&mut branch["then"], &[name, "destination"], meanings)?;
                branch["then"]["title"] = json!(format!("Destination {name}"));
            }
            (Some(_), _) => describe(&mut branch["then"], sections, meanings)?,
            (None, _) => {}
        }
    }
    let has_branches = schema.get("allOf").is_some();
    let required = schema.get("required").cloned().unwrap_or_default();
    let fields = schema.get_mut("properties").filter(|_| !has_branches);
    for (name, field) in fields.and_then(Value::as_object_mut).into_iter().flatten() {
        // What lists have is described together.
        let all = [name.as_str(), "rule"];
        let inner = if field["type"] == "array" { &all[..] } else { &all[..1] };
        describe(field, inner, meanings)?;
        let is_required = required.as_array().is_some_and(|it| it.contains(&json!(name)));
        let default = field.get("default");
        let default = default.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
        let meaning = meanings.take(sections, name, is_required, default.as_deref())?;
        field["description"] = json!(meaning);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            describe(inner, sections, meanings)?;
        }
    }
    let patterns = schema.get_mut("patternProperties").and_then(Value::as_object_mut);
    for (_, member) in patterns.into_iter().flatten() {
        remove(member, "description");
    }
    Ok(())
}

fn remove(schema: &mut Value, keyword: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove(keyword);
    }
}
