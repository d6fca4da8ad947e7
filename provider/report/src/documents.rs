use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use logagg_policy::Document;
use serde_json::Value;

use crate::policy::{NoDocument, Policy, parsed};
use crate::terraform;

/// An input of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    StandardInput,
    File(PathBuf),
}

impl Source {
    pub(crate) fn of(argument: OsString) -> Self {
        if argument == "-" { Self::StandardInput } else { Self::File(argument.into()) }
    }

    fn bytes(&self) -> Result<Vec<u8>, std::io::Error> {
        match self {
            Self::File(path) => std::fs::read(path),
            Self::StandardInput => {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardInput => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The policies of all inputs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) documents: Vec<Document>,
    /// The addresses of policies whose document is known after apply.
    pub(crate) unknown: Vec<String>,
}

/// Why there are no policies.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableDocuments {
    #[error("cannot read policies from {0}: {1}")]
    Unread(Source, std::io::Error),
    #[error("{0} is a saved plan; give what `terraform show -json` prints of it")]
    SavedPlan(Source),
    #[error("{0} is not JSON: {1}")]
    NotJson(Source, String),
    #[error("{0}: {1}")]
    NoDocument(Source, NoDocument),
    #[error(
        "no document is known before apply: {}. Apply first, or give the documents themselves",
        .0.join(", ")
    )]
    AllUnknown(Vec<String>),
}

/// The beginning of a ZIP archive, which a saved plan is.
const ZIP: &[u8] = b"PK\x03\x04";

/// Reads all policies, each once.
///
/// # Errors
/// The first that is not a policy, with its place.
pub(crate) fn read(sources: &[Source]) -> Result<Input, UnreadableDocuments> {
    let mut input = Input::default();
    for source in sources {
        let bytes = source.bytes();
        let bytes = bytes.map_err(|error| UnreadableDocuments::Unread(source.clone(), error))?;
        if bytes.starts_with(ZIP) {
            return Err(UnreadableDocuments::SavedPlan(source.clone()));
        }
        let not_json = |error: String| UnreadableDocuments::NotJson(source.clone(), error);
        let text = String::from_utf8(bytes).map_err(|error| not_json(error.to_string()))?;
        let text = text.trim_start_matches('\u{feff}');
        let value = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
        let found = found(text, value)
            .map_err(|why| UnreadableDocuments::NoDocument(source.clone(), why))?;
        for policy in found {
            match policy {
                Policy::Known(document) if input.documents.contains(&document) => {}
                Policy::Known(document) => input.documents.push(*document),
                Policy::Unknown { address } => input.unknown.push(address),
            }
        }
    }
    if input.documents.is_empty() {
        return Err(UnreadableDocuments::AllUnknown(input.unknown));
    }
    Ok(input)
}

fn found(text: &str, value: Value) -> Result<Vec<Policy>, NoDocument> {
    match value {
        Value::Array(list) => each("", &list),
        Value::Object(mut fields) => {
            if let Some(found) = terraform::policies(&fields) {
                return found;
            }
            match fields.remove("policies") {
                // The enforcer's configuration.
                Some(Value::Array(list)) => each("policies", &list),
                _ if fields.is_empty() => Err(NoDocument::Empty),
                // From the text: a value does not have fields that are there twice.
                _ => Ok(vec![parsed(String::new(), text)?]),
            }
        }
        other => Ok(vec![one(String::new(), &other)?]),
    }
}

fn each(list: &str, values: &[Value]) -> Result<Vec<Policy>, NoDocument> {
    if values.is_empty() {
        return Err(NoDocument::Empty);
    }
    let values = values.iter().enumerate();
    values.map(|(index, value)| one(format!("{list}[{index}]: "), value)).collect()
}

/// `jsonencode` and `terraform output -json` make a string of a document.
fn one(place: String, value: &Value) -> Result<Policy, NoDocument> {
    match value {
        Value::String(text) => parsed(place, text),
        Value::Object(_) => parsed(place, &value.to_string()),
        _ => Err(NoDocument::Neither { place }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POLICY: &str = "{\"version\":1,\"name\":\"logs\",\"region\":\"eu-west-1\",\
                          \"account_id\":\"123456789012\",\"retention_in_days\":30,\
                          \"select\":[{\"name_prefixes\":[\"/aws/lambda/\"]}]}";

    /// The names of the policies, and the addresses of those that are not known, with a `?`.
    fn names(input: &Value) -> Result<Vec<String>, String> {
        let text = input.to_string();
        let policies = found(&text, serde_json::from_str(&text).unwrap());
        let name = |policy| match policy {
            Policy::Known(document) => document.name,
            Policy::Unknown { address } => format!("{address}?"),
        };
        let names = policies.map(|policies| policies.into_iter().map(name).collect());
        names.map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(input: &Value, expected: &[&str]) {
        assert_eq!(names(input).unwrap(), expected, "{input}");
    }

    #[track_caller]
    fn check_error(input: &Value, expected: &str) {
        let error = names(input).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }

    fn named(name: &str) -> String {
        POLICY.replace("\"logs\"", &format!("\"{name}\""))
    }

    fn resource(name: &str, document: Option<String>) -> Value {
        let values = document.map_or(json!({}), |document| json!({"document": document}));
        json!({"mode": "managed", "type": "logagg_policy", "address": name, "values": values})
    }

    fn module() -> Value {
        json!({"root_module": {
            "resources": [
                {"mode": "managed", "type": "terraform_data"}, resource("a", Some(named("a"))),
            ],
            "child_modules": [{"resources": [resource("b", Some(named("b")))]}],
        }})
    }

    #[test]
    fn a_document_is_an_object_or_a_string_or_in_a_list() {
        let object: Value = serde_json::from_str(POLICY).unwrap();
        for input in [&object, &json!(POLICY), &json!([POLICY]), &json!({"policies": [object]})] {
            check(input, &["logs"]);
        }
    }

    #[test]
    fn a_state_has_its_policies_in_all_modules() {
        check(&json!({"format_version": "1.0", "values": module()}), &["a", "b"]);
    }

    #[test]
    fn a_plan_has_the_policies_that_it_leads_to() {
        let old = json!({"values": {"root_module": {"resources": [
            resource("old", Some(named("old"))),
        ]}}});
        let plan = json!({
            "format_version": "1.2", "prior_state": old, "resource_changes": [],
            "planned_values": module(),
        });
        check(&plan, &["a", "b"]);
    }

    #[test]
    fn a_policy_that_is_known_after_apply_is_named() {
        let plan = json!({"format_version": "1.2", "planned_values": {"root_module": {
            "resources": [resource("logagg_policy.new", None), resource("a", Some(named("a")))],
        }}});
        check(&plan, &["logagg_policy.new?", "a"]);
    }

    #[test]
    fn a_state_file_has_its_policies_with_their_keys() {
        let instance = |key: &str, name: &str| json!({"index_key": key, "attributes": {"document": named(name)}});
        let state = |instances: Value| {
            json!({"version": 4, "lineage": "l", "serial": 1, "resources": [
                {"mode": "data", "type": "logagg_policy", "name": "no", "instances": [{}]},
                {"module": "module.m", "mode": "managed", "type": "logagg_policy", "name": "p",
                 "instances": instances},
            ]})
        };
        check(&state(json!([instance("a", "a"), instance("b", "b")])), &["a", "b"]);
        check(&state(json!([{"index_key": "a"}])), &["module.m.logagg_policy.p[\"a\"]?"]);
        check_error(&state(json!([])), "this state has no logagg_policy");
    }

    #[test]
    fn all_outputs_are_searched_for_documents() {
        let output = |value: Value| json!({"sensitive": false, "type": "dynamic", "value": value});
        let object: Value = serde_json::from_str(&named("object")).unwrap();
        let outputs = json!({
            "bucket": output(json!("arn:aws:s3:::b")),
            "count": output(json!(3)),
            "document": output(json!(named("string"))),
            "list": output(json!([named("listed"), "other"])),
            "map": output(json!({"eu": named("mapped"), "us": object})),
        });
        check(&outputs, &["string", "listed", "mapped", "object"]);
        let wrong = json!({"document": output(json!(POLICY.replace(":30", ":31")))});
        check_error(&wrong, "output document: retention_in_days: ");
        let none = json!({"bucket": output(json!("b")), "count": output(json!(3))});
        check_error(&none, "no output is the document of a logagg_policy: bucket, count");
    }

    #[test]
    fn an_error_has_its_place() {
        check_error(&json!([POLICY, POLICY.replace(":30", ":31")]), "[1]: retention_in_days: ");
        check_error(&json!({"policies": [5]}), "policies[0]: expected the document of");
        check_error(&json!(7), "expected the document of a logagg_policy");
        check_error(&json!([]), "there is no policy");
        check_error(&json!({}), "there is no policy");
        check_error(&json!({"format_version": "1.0"}), "this state has no logagg_policy");
        let plan = json!({"format_version": "1.2", "planned_values": {"root_module": {}}});
        check_error(&plan, "this plan has no logagg_policy");
        check_error(&json!({"name": "logs"}), "the document: missing field");
    }
}
