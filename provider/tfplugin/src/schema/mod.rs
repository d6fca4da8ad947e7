//! What can be written in a block, and what Terraform and the documentation are told of it.

mod attribute;
mod block;
mod check;
mod identity;
mod propose;
mod shape;
mod to_wire;

pub use attribute::{Attribute, Presence};
pub use block::{Block, NestedBlock, Nesting};
pub(crate) use check::WriteOnly;
pub use identity::{IdentityAttribute, IdentitySchema};
pub(crate) use to_wire::Holder;

use crate::kind::Type;

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
