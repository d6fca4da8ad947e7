//! `schema.json`, in the form that `terraform providers schema -json` has.

use std::collections::BTreeMap;

use serde::Deserialize;
use tfplugin::{Attribute, Block, NestedBlock, Schema, Type};

use crate::Described;

/// All of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schemas {
    /// The version of the provider whose schema this is.
    #[serde(rename = "provider_version")]
    _version: String,
    pub(crate) provider: BlockSchema,
    resource_schemas: BTreeMap<String, BlockSchema>,
    data_source_schemas: BTreeMap<String, BlockSchema>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockSchema {
    #[serde(default)]
    attributes: BTreeMap<String, AttributeSchema>,
    #[serde(default)]
    block_types: BTreeMap<String, NestedSchema>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeSchema {
    r#type: Type,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    computed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NestedSchema {
    nesting_mode: NestingMode,
    block: BlockSchema,
    min_items: Option<u32>,
    max_items: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NestingMode {
    Single,
    List,
    Set,
}

impl Schemas {
    pub(crate) fn resources(&self) -> impl Iterator<Item = Described> {
        self.resource_schemas.iter().map(described)
    }

    pub(crate) fn data_sources(&self) -> impl Iterator<Item = Described> {
        self.data_source_schemas.iter().map(described)
    }
}

fn described((name, block): (&String, &BlockSchema)) -> Described {
    // As long as the process lives, in which each is asked for once.
    Described { name: name.clone().leak(), schema: Schema::new(0, block.to_block()) }
}

impl BlockSchema {
    pub(crate) fn to_block(&self) -> Block {
        let mut block = Block::new();
        for (name, attribute) in &self.attributes {
            block = block.attribute(name, attribute.to_attribute());
        }
        for (name, nested) in &self.block_types {
            block = block.block(name, nested.to_nested());
        }
        block
    }
}

impl AttributeSchema {
    fn to_attribute(&self) -> Attribute {
        let kind = self.r#type.clone();
        match (self.required, self.optional, self.computed) {
            (true, _, _) => Attribute::required(kind),
            (_, true, true) => Attribute::optional(kind).or_computed(),
            (_, true, false) => Attribute::optional(kind),
            (_, false, _) => Attribute::computed(kind),
        }
    }
}

impl NestedSchema {
    fn to_nested(&self) -> NestedBlock {
        let block = self.block.to_block();
        let mut nested = match self.nesting_mode {
            NestingMode::Single => NestedBlock::single(block),
            NestingMode::List => NestedBlock::list(block),
            NestingMode::Set => NestedBlock::set(block),
        };
        if let Some(count) = self.min_items {
            nested = nested.min_items(count);
        }
        if let Some(count) = self.max_items {
            nested = nested.max_items(count);
        }
        nested
    }
}
