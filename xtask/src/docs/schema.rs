use std::collections::BTreeMap;

use anyhow::Context;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::terraform::{Installation, Terraform};
use serde::Deserialize;
use serde_json::Value;

/// What the provider says of itself, as `terraform providers schema -json` prints it.
#[derive(Debug, Deserialize)]
pub(super) struct Schemas {
    provider: Schema,
    resource_schemas: BTreeMap<String, Schema>,
    data_source_schemas: BTreeMap<String, Schema>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    block: Block,
}

/// What a page is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    Provider,
    Resource(&'static str),
    DataSource(&'static str),
}

/// A block and its contents.
#[derive(Debug, Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    pub(super) block_types: BTreeMap<String, Nested>,
    #[serde(default)]
    pub(super) description: String,
}

/// A block in a block.
#[derive(Debug, Deserialize)]
pub(super) struct Nested {
    pub(super) block: Block,
    #[serde(default)]
    pub(super) min_items: u64,
    pub(super) max_items: Option<u64>,
}

/// An argument, or something computed.
#[derive(Debug, Deserialize)]
pub(super) struct Attribute {
    #[serde(rename = "type")]
    pub(super) of_type: Value,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(default)]
    pub(super) sensitive: bool,
}

impl Schemas {
    /// Has the real Terraform ask the provider.
    pub(super) fn of_provider(binaries: &Binaries) -> anyhow::Result<Self> {
        let terraform = Terraform::new(Installation::Override(binaries.provider_dir()))?;
        terraform.write(
            "main.tf",
            "terraform {\n  required_providers {\n    logagg = { source = \"logagg/logagg\" }\n  }\n}\n",
        )?;
        let mut answer = terraform.json(&["providers", "schema", "-json"])?;
        let address = terraform.cli().provider_address();
        serde_json::from_value(answer["provider_schemas"][address.as_str()].take())
            .context("reading what terraform says of the provider's schema")
    }

    /// The block that a page is about.
    pub(super) fn block(&self, subject: Subject) -> anyhow::Result<&Block> {
        let schema = match subject {
            Subject::Provider => Some(&self.provider),
            Subject::Resource(name) => self.resource_schemas.get(name),
            Subject::DataSource(name) => self.data_source_schemas.get(name),
        };
        let schema = schema.with_context(|| format!("the provider has no {subject:?}"))?;
        Ok(&schema.block)
    }
}
