use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use logagg_policy::{Document, InvalidDocument};
use serde_json::{Map, Value};

/// Where documents are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    StandardInput,
    File(PathBuf),
}

impl Source {
    /// What an argument says.
    pub(super) fn of(argument: OsString) -> Self {
        if argument == "-" { Self::StandardInput } else { Self::File(argument.into()) }
    }

    fn text(&self) -> Result<String, std::io::Error> {
        match self {
            Self::File(path) => std::fs::read_to_string(path),
            Self::StandardInput => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
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

/// Why there are no policies.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnreadableDocuments {
    #[error("cannot read policies from {0}: {1}")]
    Unread(Source, std::io::Error),
    #[error("{0} is not JSON: {1}")]
    NotJson(Source, serde_json::Error),
    #[error("{0}: {1}")]
    NoDocument(Source, NoDocument),
}

/// Why something in a file is no policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoDocument {
    #[error("{place}{error}")]
    Invalid { place: String, error: InvalidDocument },
    #[error("{place}not a policy document: expected an object, or a string that contains one")]
    Neither { place: String },
    #[error(
        "the state contains no logagg_policy; logagg-report requires the document of at least one"
    )]
    NotInState,
    #[error(
        "the document of {address} is unknown until apply: apply first, or pass the document \
         itself"
    )]
    NotKnown { address: String },
    #[error("no policy found; logagg-report requires the document of at least one")]
    Empty,
}

/// All policies in these, each once.
///
/// # Errors
/// The first that is none, with its place.
pub(super) fn read(sources: &[Source]) -> Result<Vec<Document>, UnreadableDocuments> {
    let mut documents: Vec<Document> = Vec::new();
    for source in sources {
        let unread = |error| UnreadableDocuments::Unread(source.clone(), error);
        let text = source.text().map_err(unread)?;
        let not_json = |error| UnreadableDocuments::NotJson(source.clone(), error);
        let value = serde_json::from_str(&text).map_err(not_json)?;
        let found = found(&text, value)
            .map_err(|why| UnreadableDocuments::NoDocument(source.clone(), why))?;
        for document in found {
            if !documents.contains(&document) {
                documents.push(document);
            }
        }
    }
    Ok(documents)
}

fn found(text: &str, value: Value) -> Result<Vec<Document>, NoDocument> {
    match value {
        Value::Array(list) => each("", &list),
        Value::Object(mut fields) => {
            if let Some(Value::Array(list)) = fields.remove("policies") {
                // As the enforcer is given them.
                each("policies", &list)
            } else if fields.contains_key("format_version") {
                of_state(&fields)
            } else {
                // From the string: a parsed value no longer has duplicate fields.
                Ok(vec![parsed(String::new(), text)?])
            }
        }
        other => Ok(vec![one(String::new(), &other)?]),
    }
}

fn each(list: &str, values: &[Value]) -> Result<Vec<Document>, NoDocument> {
    if values.is_empty() {
        return Err(NoDocument::Empty);
    }
    let values = values.iter().enumerate();
    values.map(|(index, value)| one(format!("{list}[{index}]: "), value)).collect()
}

/// `jsonencode` and `terraform output -json` make a string of a document.
fn one(place: String, value: &Value) -> Result<Document, NoDocument> {
    match value {
        Value::String(text) => parsed(place, text),
        Value::Object(_) => parsed(place, &value.to_string()),
        _ => Err(NoDocument::Neither { place }),
    }
}

fn parsed(place: String, text: &str) -> Result<Document, NoDocument> {
    text.parse().map_err(|error| NoDocument::Invalid { place, error })
}

/// The policies in what `terraform show -json` prints of a state.
fn of_state(state: &Map<String, Value>) -> Result<Vec<Document>, NoDocument> {
    let mut documents = Vec::new();
    let mut modules: Vec<&Value> =
        state.get("values").and_then(|values| values.get("root_module")).into_iter().collect();
    while let Some(module) = modules.pop() {
        for resource in module["resources"].as_array().into_iter().flatten() {
            if resource["type"] == "logagg_policy" && resource["mode"] == "managed" {
                let address = resource["address"].as_str().unwrap_or_default().to_owned();
                let Value::String(text) = &resource["values"]["document"] else {
                    return Err(NoDocument::NotKnown { address });
                };
                documents.push(parsed(format!("{address}: "), text)?);
            }
        }
        modules.extend(module["child_modules"].as_array().into_iter().flatten());
    }
    if documents.is_empty() { Err(NoDocument::NotInState) } else { Ok(documents) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POLICY: &str = "{\"version\":1,\"name\":\"logs\",\"region\":\"eu-west-1\",\
                          \"account_id\":\"123456789012\",\"retention_in_days\":30,\
                          \"select\":[{\"name_prefixes\":[\"/aws/lambda/\"]}]}";

    fn names(text: &str) -> Result<Vec<String>, String> {
        let documents = found(text, serde_json::from_str(text).unwrap());
        let named = |documents: Vec<Document>| documents.into_iter().map(|it| it.name).collect();
        documents.map(named).map_err(|error| error.to_string())
    }

    #[test]
    fn documents_are_found_in_every_input_format() {
        let one = Ok(vec!["logs".to_owned()]);
        let object: Value = serde_json::from_str(POLICY).unwrap();
        assert_eq!(names(POLICY), one);
        assert_eq!(names(&json!(POLICY).to_string()), one);
        assert_eq!(names(&json!([POLICY]).to_string()), one);
        assert_eq!(names(&json!({"policies": [object]}).to_string()), one);
        let resource = |name: &str| {
            let values = json!({"document": POLICY.replace("\"logs\"", &format!("\"{name}\""))});
            json!({"mode": "managed", "type": "logagg_policy", "address": name, "values": values})
        };
        let state = json!({"format_version": "1.0", "values": {"root_module": {
            "resources": [{"mode": "managed", "type": "terraform_data"}, resource("a")],
            "child_modules": [{"resources": [resource("b")]}],
        }}});
        assert_eq!(names(&state.to_string()), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn an_invalid_document_is_named_with_its_position() {
        let check = |value: Value, expected: &str| {
            let error = names(&value.to_string()).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        };
        check(json!([POLICY, POLICY.replace(":30", ":31")]), "[1]: retention_in_days: ");
        check(json!({"policies": [5]}), "policies[0]: not a policy document: expected an object");
        check(json!(7), "not a policy document: expected an object");
        check(json!([]), "no policy found");
        check(json!({"format_version": "1.0"}), "the state contains no logagg_policy");
        check(json!({"name": "logs"}), "the document: missing field");
    }
}
