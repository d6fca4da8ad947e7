//! The schema of a block, with its documentation.

mod attribute;
mod block;
mod check;
mod identity;
mod propose;
mod shape;
mod to_wire;
mod validate;

pub use attribute::{Attribute, Presence};
pub use block::{Block, NestedBlock, Nesting};
pub(crate) use check::WriteOnly;
pub use identity::{IdentityAttribute, IdentitySchema};

use crate::kind::Type;

/// What a schema is of. A provider's own configuration has nothing computed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Provider,
    Managed,
}

/// The schema of a provider, a resource or a data source.
#[derive(Clone, Debug)]
pub struct Schema {
    version: i64,
    block: Block,
}

impl Schema {
    /// A schema. The version goes up by one with each change that old state does not fit.
    pub fn new(version: i64, block: Block) -> Self {
        Self { version, block }
    }

    /// The version of the state that it describes.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The block itself.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// The type of the values that it describes.
    pub fn kind(&self) -> Type {
        self.block.kind()
    }
}
