//! Values, paths and messages of the plugin protocol.

use crate::convert::ValueError;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::json::{self, UnknownAttributes};
use crate::kind::Type;
use crate::msgpack;
use crate::path::{AttributePath, Step};
use crate::proto::tfplugin5 as wire;
use crate::schema::Block;
use crate::value::Value;

/// Reads a value of this type; one that is missing is null.
pub(crate) fn value(dynamic: Option<wire::DynamicValue>, kind: &Type) -> Result<Value, ValueError> {
    match dynamic {
        Some(dynamic) if !dynamic.msgpack.is_empty() => msgpack::decode(&dynamic.msgpack, kind),
        Some(dynamic) if !dynamic.json.is_empty() => {
            json::decode(&dynamic.json, kind, UnknownAttributes::Refuse)
        }
        _ => Ok(Value::Null),
    }
}

/// Writes a value of this type.
pub(crate) fn dynamic(value: &Value, kind: &Type) -> Result<wire::DynamicValue, ValueError> {
    Ok(wire::DynamicValue { msgpack: msgpack::encode(value, kind)?, json: Vec::new() })
}

/// Converts the diagnostics of a block of this schema.
pub(crate) fn diagnostics(
    diagnostics: Diagnostics,
    block: Option<&Block>,
) -> Vec<wire::Diagnostic> {
    diagnostics.into_iter().map(|diagnostic| to_wire(diagnostic, block)).collect()
}

/// Writes a path within a block.
pub(crate) fn path(path: AttributePath, block: Option<&Block>) -> wire::AttributePath {
    use wire::attribute_path::step::Selector;
    let path = match block {
        Some(block) => block.reachable(path),
        None => path,
    };
    let steps = path.steps().iter().map(|step| {
        let selector = match step {
            Step::Attribute(name) => Selector::AttributeName(name.clone()),
            Step::Key(key) => Selector::ElementKeyString(key.clone()),
            Step::Index(index) => {
                Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX))
            }
        };
        wire::attribute_path::Step { selector: Some(selector) }
    });
    wire::AttributePath { steps: steps.collect() }
}

fn to_wire(diagnostic: Diagnostic, block: Option<&Block>) -> wire::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => wire::diagnostic::Severity::Error,
        Severity::Warning => wire::diagnostic::Severity::Warning,
    };
    let attribute = diagnostic.attribute.filter(|path| !path.is_empty());
    wire::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        attribute: attribute.map(|attribute| path(attribute, block)),
    }
}
