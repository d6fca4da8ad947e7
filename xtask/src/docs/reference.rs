use std::fmt::Write;

use anyhow::bail;
use serde_json::Value;

use super::schema::{Attribute, Block, Nested};

/// The reference of a block: its arguments, what is computed, and the blocks in it.
pub(super) fn render(block: &Block) -> anyhow::Result<String> {
    let mut text = String::new();
    attributes(&mut text, "### Required", block, |attribute| attribute.required)?;
    attributes(&mut text, "### Optional", block, |attribute| attribute.optional)?;
    if !block.block_types.is_empty() {
        text.push_str("### Blocks\n\n");
        for (name, nested) in &block.block_types {
            let _ = writeln!(text, "- `{name}` ({}): [below](#{name}).", times(nested));
        }
        text.push('\n');
    }
    attributes(&mut text, "### Computed", block, |attribute| {
        !attribute.required && !attribute.optional
    })?;
    for (name, nested) in &block.block_types {
        if !nested.block.block_types.is_empty() {
            bail!("{name} has blocks of its own, which no page has a place for");
        }
        let _ = write!(text, "### `{name}`\n\n{}\n\n", nested.block.description);
        attributes(&mut text, "Required:", &nested.block, |attribute| attribute.required)?;
        attributes(&mut text, "Optional:", &nested.block, |attribute| attribute.optional)?;
    }
    Ok(text)
}

fn attributes(
    text: &mut String,
    title: &str,
    block: &Block,
    wanted: impl Fn(&Attribute) -> bool,
) -> anyhow::Result<()> {
    let wanted: Vec<_> =
        block.attributes.iter().filter(|(_, attribute)| wanted(attribute)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let _ = write!(text, "{title}\n\n");
    for (name, attribute) in wanted {
        if attribute.description.is_empty() {
            bail!("{name} has no description");
        }
        let sensitive = if attribute.sensitive { ", sensitive" } else { "" };
        let of_type = type_name(&attribute.of_type)?;
        let _ = writeln!(text, "- `{name}` ({of_type}{sensitive}) {}", attribute.description);
    }
    text.push('\n');
    Ok(())
}

/// How often a block may be present.
fn times(nested: &Nested) -> &'static str {
    match (nested.min_items, nested.max_items) {
        (0, Some(1)) => "at most once",
        (_, Some(1)) => "once",
        (0, _) => "repeatable",
        _ => "at least once, repeatable",
    }
}

/// A type in a reader's words, from Terraform's.
fn type_name(of_type: &Value) -> anyhow::Result<String> {
    if let Some(word) = of_type.as_str() {
        return Ok(match word {
            "string" => "String".to_owned(),
            "number" => "Number".to_owned(),
            "bool" => "Boolean".to_owned(),
            other => bail!("nothing is known of the type {other}"),
        });
    }
    let (Some(kind), inner) = (of_type[0].as_str(), &of_type[1]) else {
        bail!("nothing is known of the type {of_type}");
    };
    Ok(match (kind, inner.as_object()) {
        ("list", _) => format!("List of {}", type_name(inner)?),
        ("set", _) => format!("Set of {}", type_name(inner)?),
        ("map", _) => format!("Map of {}", type_name(inner)?),
        ("object", Some(fields)) => {
            let mut named = Vec::new();
            for (name, field) in fields {
                named.push(format!("`{name}` {}", type_name(field)?));
            }
            format!("Object with {}", named.join(", "))
        }
        _ => bail!("nothing is known of the type {of_type}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_described_in_words() {
        let check = |of_type: Value, expected: &str| {
            assert_eq!(type_name(&of_type).unwrap(), expected);
        };
        check(json!("bool"), "Boolean");
        check(json!(["set", "string"]), "Set of String");
        check(
            json!(["map", ["object", {"days": "number", "name": "string"}]]),
            "Map of Object with `days` Number, `name` String",
        );
        assert!(type_name(&json!("dynamic")).is_err());
        assert!(type_name(&json!(["tuple", []])).is_err());
    }

    #[test]
    fn arguments_are_grouped_by_usage_with_blocks_below() {
        let block = json!({
            "attributes": {
                "name": {"type": "string", "description": "Its name.", "required": true},
                "region": {
                    "type": "string", "description": "Where.", "optional": true, "computed": true
                },
                "id": {"type": "string", "description": "Made of both.", "computed": true},
            },
            "block_types": {"role": {
                "nesting_mode": "list",
                "max_items": 1,
                "block": {
                    "description": "Who.",
                    "attributes": {"key": {
                        "type": "string", "description": "Its key.", "optional": true,
                        "sensitive": true,
                    }},
                },
            }},
        });
        let text = render(&serde_json::from_value(block).unwrap()).unwrap();
        assert_eq!(
            text,
            "### Required\n\n- `name` (String) Its name.\n\n\
             ### Optional\n\n- `region` (String) Where.\n\n\
             ### Blocks\n\n- `role` (at most once): [below](#role).\n\n\
             ### Computed\n\n- `id` (String) Made of both.\n\n\
             ### `role`\n\nWho.\n\nOptional:\n\n- `key` (String, sensitive) Its key.\n\n"
        );
    }

    #[test]
    fn an_argument_without_a_description_is_an_error() {
        let block = json!({"attributes": {"name": {"type": "string", "optional": true}}});
        let error = render(&serde_json::from_value(block).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "name has no description");
    }
}
