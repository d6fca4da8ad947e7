//! Schemas in the plugin protocol.

use crate::proto::tfplugin5 as wire;
use crate::schema::attribute::{Attribute, Presence};
use crate::schema::block::{Block, NestedBlock, Nesting};
use crate::schema::identity::IdentitySchema;
use crate::schema::{Holder, Schema};
use wire::schema::nested_block::NestingMode;

impl Schema {
    pub(crate) fn to_wire(&self, holder: Holder) -> wire::Schema {
        wire::Schema { version: self.version, block: Some(self.block.to_wire(holder)) }
    }
}

impl IdentitySchema {
    pub(crate) fn to_wire(&self) -> wire::ResourceIdentitySchema {
        let attributes = self.attributes().iter().map(|(name, attribute)| {
            wire::resource_identity_schema::IdentityAttribute {
                name: name.clone(),
                r#type: attribute.kind().to_bytes(),
                required_for_import: attribute.is_required(),
                optional_for_import: !attribute.is_required(),
                description: attribute.description().to_owned(),
            }
        });
        wire::ResourceIdentitySchema {
            version: self.version(),
            identity_attributes: attributes.collect(),
        }
    }
}

impl Block {
    fn to_wire(&self, holder: Holder) -> wire::schema::Block {
        wire::schema::Block {
            version: 0,
            attributes: self
                .attributes()
                .iter()
                .map(|(name, attribute)| attribute.to_wire(name, holder))
                .collect(),
            block_types: self
                .blocks()
                .iter()
                .map(|(name, block)| block.to_wire(name, holder))
                .collect(),
            description: self.description().to_owned(),
            description_kind: wire::StringKind::Markdown.into(),
            deprecated: self.deprecation().is_some(),
            deprecation_message: self.deprecation().unwrap_or_default().to_owned(),
        }
    }
}

impl Attribute {
    fn to_wire(&self, name: &str, holder: Holder) -> wire::schema::Attribute {
        let presence = self.presence();
        wire::schema::Attribute {
            name: name.to_owned(),
            r#type: self.kind().to_bytes(),
            description: self.description().to_owned(),
            required: presence == Presence::Required,
            optional: matches!(presence, Presence::Optional | Presence::OptionalComputed),
            computed: self.is_computed() && holder == Holder::Managed,
            sensitive: self.is_sensitive(),
            description_kind: wire::StringKind::Markdown.into(),
            deprecated: self.deprecation().is_some(),
            write_only: self.is_write_only(),
            deprecation_message: self.deprecation().unwrap_or_default().to_owned(),
        }
    }
}

impl NestedBlock {
    fn to_wire(&self, name: &str, holder: Holder) -> wire::schema::NestedBlock {
        let min = self.min().into();
        let max = self.max().unwrap_or_default().into();
        // Terraform counts lists and sets. A single block it only knows as required or not, and
        // the copies of a map are counted here when the configuration is checked.
        let (nesting, min_items, max_items) = match self.nesting() {
            Nesting::List => (NestingMode::List, min, max),
            Nesting::Set => (NestingMode::Set, min, max),
            Nesting::Single if self.min() > 0 => (NestingMode::Single, 1, 1),
            Nesting::Single => (NestingMode::Single, 0, 0),
            Nesting::Group => (NestingMode::Group, 0, 0),
            Nesting::Map => (NestingMode::Map, 0, 0),
        };
        wire::schema::NestedBlock {
            type_name: name.to_owned(),
            block: Some(self.content().to_wire(holder)),
            nesting: nesting.into(),
            min_items,
            max_items,
        }
    }
}
