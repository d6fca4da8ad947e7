//! Blocks and the blocks inside them.

use std::collections::BTreeMap;

use crate::kind::Type;
use crate::schema::attribute::Attribute;

/// A block: its attributes and the blocks inside it.
#[derive(Clone, Debug, Default)]
pub struct Block {
    attributes: BTreeMap<String, Attribute>,
    blocks: BTreeMap<String, NestedBlock>,
    description: String,
    deprecation: Option<String>,
}

/// How often a block can be written, and how its copies are addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// At most once. Null where it is not written.
    Single,
    /// At most once. An object of nulls where it is not written.
    Group,
    /// In order.
    List,
    /// Without order.
    Set,
    /// By label.
    Map,
}

/// A block inside a block.
#[derive(Clone, Debug)]
pub struct NestedBlock {
    block: Block,
    nesting: Nesting,
    min_items: u32,
    max_items: Option<u32>,
}

impl Block {
    /// Nothing in it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is for, in Markdown.
    #[must_use]
    pub fn describe(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Warns who writes it, with what to do instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecation = Some(message.into());
        self
    }

    /// With this attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.attributes.insert(name.into(), attribute);
        self
    }

    /// With this block inside it.
    #[must_use]
    pub fn block(mut self, name: impl Into<String>, block: NestedBlock) -> Self {
        self.blocks.insert(name.into(), block);
        self
    }

    /// Its attributes by name.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// The blocks inside it by name.
    pub fn blocks(&self) -> &BTreeMap<String, NestedBlock> {
        &self.blocks
    }

    /// What it is for, in Markdown.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What to do instead, where it is deprecated.
    pub fn deprecation(&self) -> Option<&str> {
        self.deprecation.as_deref()
    }

    /// The type of its values: an object.
    pub fn kind(&self) -> Type {
        let attributes =
            self.attributes.iter().map(|(name, attribute)| (name, attribute.kind().clone()));
        let blocks = self.blocks.iter().map(|(name, block)| (name, block.kind()));
        Type::object(attributes.chain(blocks).map(|(name, kind)| (name.clone(), kind)))
    }
}

impl NestedBlock {
    /// At most once; null where it is not written.
    pub fn single(block: Block) -> Self {
        Self::new(block, Nesting::Single)
    }

    /// At most once; an object of nulls where it is not written.
    pub fn group(block: Block) -> Self {
        Self::new(block, Nesting::Group)
    }

    /// Repeatable, in order.
    pub fn list(block: Block) -> Self {
        Self::new(block, Nesting::List)
    }

    /// Repeatable, without order.
    pub fn set(block: Block) -> Self {
        Self::new(block, Nesting::Set)
    }

    /// Repeatable, each with a label of its own.
    pub fn map(block: Block) -> Self {
        Self::new(block, Nesting::Map)
    }

    fn new(block: Block, nesting: Nesting) -> Self {
        Self { block, nesting, min_items: 0, max_items: None }
    }

    /// Has to be written so often at least. On a single block, any number makes it required.
    #[must_use]
    pub fn min_items(mut self, count: u32) -> Self {
        self.min_items = count;
        self
    }

    /// Can be written so often at most.
    #[must_use]
    pub fn max_items(mut self, count: u32) -> Self {
        self.max_items = Some(count);
        self
    }

    /// What is in it.
    pub fn content(&self) -> &Block {
        &self.block
    }

    /// How its copies are addressed.
    pub fn nesting(&self) -> Nesting {
        self.nesting
    }

    /// How often it has to be written at least.
    pub fn min(&self) -> u32 {
        self.min_items
    }

    /// How often it can be written at most.
    pub fn max(&self) -> Option<u32> {
        match self.nesting {
            Nesting::Single | Nesting::Group => Some(1),
            Nesting::List | Nesting::Set | Nesting::Map => self.max_items,
        }
    }

    /// The type of its values.
    pub fn kind(&self) -> Type {
        let one = self.block.kind();
        match self.nesting {
            Nesting::Single | Nesting::Group => one,
            Nesting::Set => Type::set(one),
            // Terraform makes a tuple or an object of these where the elements can differ in type.
            Nesting::List | Nesting::Map if one.has_dynamic() => Type::Dynamic,
            Nesting::List => Type::list(one),
            Nesting::Map => Type::map(one),
        }
    }
}
