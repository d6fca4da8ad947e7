//! Terraform's state, as its file has it.

use std::collections::BTreeMap;

use serde_json::Value;

/// A policy in state.
#[derive(Clone, Debug)]
pub(super) struct Stated {
    /// The address, with the word `deposed` behind it where another one has taken it.
    pub(super) address: String,
    values: Value,
}

impl Stated {
    pub(super) fn new(address: String, values: Value) -> Self {
        Self { address, values }
    }

    /// All of a state file's; none where there is no file yet.
    pub(super) fn all(file: &str) -> Vec<Self> {
        let state: Value = serde_json::from_str(file).unwrap_or_default();
        let mut policies = Vec::new();
        for resource in state["resources"].as_array().into_iter().flatten() {
            if resource["type"] != "logagg_policy" {
                continue;
            }
            let label = resource["name"].as_str().unwrap_or_default();
            for instance in resource["instances"].as_array().into_iter().flatten() {
                let key = match &instance["index_key"] {
                    Value::Null => String::new(),
                    key => format!("[{key}]"),
                };
                let deposed = if instance["deposed"].is_string() { " deposed" } else { "" };
                let address = format!("logagg_policy.{label}{key}{deposed}");
                policies.push(Self::new(address, instance["attributes"].clone()));
            }
        }
        policies
    }

    pub(super) fn text(&self, attribute: &str) -> &str {
        self.values[attribute].as_str().unwrap_or_default()
    }

    pub(super) fn grants(&self) -> bool {
        self.values["grant_invoke"] == true
    }

    pub(super) fn restores(&self) -> bool {
        self.text("retention_on_destroy") == "restore"
    }

    /// The same of deletion protection.
    pub(super) fn restores_protection(&self) -> bool {
        self.text("deletion_protection_on_destroy") == "restore"
    }

    pub(super) fn holds(&self, group: &str) -> bool {
        self.values["log_groups"].get(group).is_some()
    }

    /// Each log group with what is said of its subscription.
    pub(super) fn log_groups(&self) -> BTreeMap<String, String> {
        let groups = self.values["log_groups"].as_object().into_iter().flatten();
        let said = |entry: &Value| entry["subscription"].as_str().unwrap_or_default().to_owned();
        groups.map(|(name, entry)| (name.clone(), said(entry))).collect()
    }
}
