//! The identity of an object of a resource.

use std::collections::BTreeMap;

use crate::kind::Type;

/// The attributes that together identify an object of a resource (Terraform 1.12 and newer).
#[derive(Clone, Debug)]
pub struct IdentitySchema {
    version: i64,
    attributes: BTreeMap<String, IdentityAttribute>,
}

/// One attribute of an identity.
#[derive(Clone, Debug)]
pub struct IdentityAttribute {
    kind: Type,
    required: bool,
    description: String,
}

impl IdentitySchema {
    /// Nothing in it yet. The version goes up by one with each change of the attributes.
    pub fn new(version: i64) -> Self {
        Self { version, attributes: BTreeMap::new() }
    }

    /// With this attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: IdentityAttribute) -> Self {
        self.attributes.insert(name.into(), attribute);
        self
    }

    /// Its version.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Its attributes by name.
    pub fn attributes(&self) -> &BTreeMap<String, IdentityAttribute> {
        &self.attributes
    }

    /// The type of an identity: an object.
    pub fn kind(&self) -> Type {
        Type::object(self.attributes.iter().map(|(name, one)| (name.clone(), one.kind.clone())))
    }
}

impl IdentityAttribute {
    /// Has to be written in an import block.
    pub fn required(kind: Type) -> Self {
        Self { kind, required: true, description: String::new() }
    }

    /// Can be left out of an import block, where the provider knows it otherwise.
    pub fn optional(kind: Type) -> Self {
        Self { kind, required: false, description: String::new() }
    }

    /// What it is.
    #[must_use]
    pub fn describe(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Its type.
    pub fn kind(&self) -> &Type {
        &self.kind
    }

    /// Whether an import block has to have it.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// What it is.
    pub fn description(&self) -> &str {
        &self.description
    }
}
