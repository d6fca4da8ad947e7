//! The policies in what Terraform prints and writes.

use serde_json::{Map, Value};

use crate::policy::{NoDocument, Policy, parsed};

/// The policies in a plan, a state or outputs; none where it is something else.
pub(crate) fn policies(fields: &Map<String, Value>) -> Option<Result<Vec<Policy>, NoDocument>> {
    if fields.contains_key("format_version") {
        // https://developer.hashicorp.com/terraform/internals/json-format
        let (values, what) = match fields.get("planned_values") {
            Some(planned) => (Some(planned), "plan"),
            None => (fields.get("values"), "state"),
        };
        let root = values.and_then(|values| values.get("root_module"));
        return Some(found(of_module(root), what));
    }
    if fields.contains_key("lineage") && fields.contains_key("resources") {
        return Some(found(of_state_file(fields), "state"));
    }
    is_outputs(fields).then(|| of_outputs(fields))
}

fn found(
    policies: Result<Vec<Policy>, NoDocument>,
    what: &'static str,
) -> Result<Vec<Policy>, NoDocument> {
    match policies {
        Ok(policies) if policies.is_empty() => Err(NoDocument::NoPolicy { what }),
        policies => policies,
    }
}

fn of_module(root: Option<&Value>) -> Result<Vec<Policy>, NoDocument> {
    let mut policies = Vec::new();
    let mut modules: Vec<&Value> = root.into_iter().collect();
    while let Some(module) = modules.pop() {
        for resource in module["resources"].as_array().into_iter().flatten() {
            if is_policy(resource) {
                let address = resource["address"].as_str().unwrap_or_default().to_owned();
                policies.push(policy(address, &resource["values"]["document"])?);
            }
        }
        modules.extend(module["child_modules"].as_array().into_iter().flatten());
    }
    Ok(policies)
}

/// A file as Terraform stores a state in, such as `terraform.tfstate`.
fn of_state_file(state: &Map<String, Value>) -> Result<Vec<Policy>, NoDocument> {
    let resources = state["resources"].as_array().into_iter().flatten();
    let instances = resources.filter(|resource| is_policy(resource)).flat_map(|resource| {
        let module = resource["module"].as_str().map(|module| format!("{module}."));
        let name = resource["name"].as_str().unwrap_or_default();
        let address = format!("{}logagg_policy.{name}", module.unwrap_or_default());
        let instances = resource["instances"].as_array().into_iter().flatten();
        instances.map(move |instance| {
            let key = match &instance["index_key"] {
                Value::Null => String::new(),
                key => format!("[{key}]"),
            };
            policy(format!("{address}{key}"), &instance["attributes"]["document"])
        })
    });
    instances.collect()
}

fn is_policy(resource: &Value) -> bool {
    resource["type"] == "logagg_policy" && resource["mode"] == "managed"
}

fn policy(address: String, document: &Value) -> Result<Policy, NoDocument> {
    match document {
        Value::String(text) => parsed(format!("{address}: "), text),
        _ => Ok(Policy::Unknown { address }),
    }
}

/// What `terraform output -json` prints without a name: every output with its value.
fn is_outputs(fields: &Map<String, Value>) -> bool {
    let is_output =
        |value: &Value| value.get("value").is_some() && value.get("sensitive").is_some();
    !fields.is_empty() && fields.values().all(is_output)
}

fn of_outputs(outputs: &Map<String, Value>) -> Result<Vec<Policy>, NoDocument> {
    let mut policies = Vec::new();
    for (name, output) in outputs {
        collect(&format!("output {name}"), &output["value"], &mut policies)?;
    }
    match policies.is_empty() {
        true => Err(NoDocument::NotInOutputs { names: outputs.keys().cloned().collect() }),
        false => Ok(policies),
    }
}

/// Looks through an output's value, which may be a document, a list or a map of them, or something
/// else.
fn collect(place: &str, value: &Value, policies: &mut Vec<Policy>) -> Result<(), NoDocument> {
    match value {
        Value::String(text) => {
            let is_one = serde_json::from_str(text).is_ok_and(|value| is_document(&value));
            if is_one {
                policies.push(parsed(format!("{place}: "), text)?);
            }
        }
        value if is_document(value) => {
            policies.push(parsed(format!("{place}: "), &value.to_string())?);
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                collect(&format!("{place}[{index}]"), value, policies)?;
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(&format!("{place}[{key:?}]"), value, policies)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// Whether something is meant as a policy, valid or not.
fn is_document(value: &Value) -> bool {
    ["version", "name", "region", "account_id"].iter().all(|field| value.get(field).is_some())
}
