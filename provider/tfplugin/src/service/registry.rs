//! The resources and data sources of a provider by name.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::erased::{AnyDataSource, AnyResource, ErasedDataSource, ErasedResource};
use crate::kind::Type;
use crate::schema::{IdentitySchema, Schema};

/// The resources and data sources of a provider by name.
pub(super) struct Registry<C> {
    resources: BTreeMap<&'static str, Entry<dyn AnyResource<C>>>,
    data_sources: BTreeMap<&'static str, Entry<dyn AnyDataSource<C>>>,
    twice: Vec<&'static str>,
}

/// One resource or data source. Its schema is built when it is first needed, which for most of a
/// large provider is never.
pub(super) struct Entry<T: ?Sized> {
    behavior: Box<T>,
    description: OnceLock<Description>,
}

/// A schema and the types that follow from it.
pub(super) struct Description {
    pub(super) schema: Schema,
    pub(super) kind: Type,
    pub(super) identity: Option<(IdentitySchema, Type)>,
}

impl<C> Registry<C> {
    pub(super) fn new(
        resources: Vec<ErasedResource<C>>,
        data_sources: Vec<ErasedDataSource<C>>,
    ) -> Self {
        let mut registry =
            Self { resources: BTreeMap::new(), data_sources: BTreeMap::new(), twice: Vec::new() };
        for ErasedResource(resource) in resources {
            let name = resource.type_name();
            if registry.resources.insert(name, Entry::new(resource)).is_some() {
                registry.twice.push(name);
            }
        }
        for ErasedDataSource(data_source) in data_sources {
            let name = data_source.type_name();
            if registry.data_sources.insert(name, Entry::new(data_source)).is_some() {
                registry.twice.push(name);
            }
        }
        registry
    }

    pub(super) fn resources(
        &self,
    ) -> impl Iterator<Item = (&'static str, &Entry<dyn AnyResource<C>>)> {
        self.resources.iter().map(|(name, entry)| (*name, entry))
    }

    pub(super) fn data_sources(
        &self,
    ) -> impl Iterator<Item = (&'static str, &Entry<dyn AnyDataSource<C>>)> {
        self.data_sources.iter().map(|(name, entry)| (*name, entry))
    }

    pub(super) fn resource(&self, name: &str) -> Result<&Entry<dyn AnyResource<C>>, Diagnostic> {
        self.resources.get(name).ok_or_else(|| unknown("resource", name))
    }

    pub(super) fn data_source(
        &self,
        name: &str,
    ) -> Result<&Entry<dyn AnyDataSource<C>>, Diagnostic> {
        self.data_sources.get(name).ok_or_else(|| unknown("data source", name))
    }

    /// Two things of one kind and name: only one of them could ever be used.
    pub(super) fn check(&self) -> Diagnostics {
        let found = self.twice.iter().map(|name| {
            let detail = format!(
                "Two resources or two data sources of this provider are named {name}. This is a \
                 bug in the provider."
            );
            Diagnostic::error("Name given twice", detail)
        });
        found.collect()
    }
}

impl<T: ?Sized> Entry<T> {
    fn new(behavior: Box<T>) -> Self {
        Self { behavior, description: OnceLock::new() }
    }

    pub(super) fn behavior(&self) -> &T {
        &self.behavior
    }
}

impl<C> Entry<dyn AnyResource<C>> {
    pub(super) fn description(&self) -> &Description {
        self.description.get_or_init(|| {
            let identity = self.behavior.identity_schema().map(|identity| {
                let kind = identity.kind();
                (identity, kind)
            });
            Description::new(self.behavior.schema(), identity)
        })
    }
}

impl<C> Entry<dyn AnyDataSource<C>> {
    pub(super) fn description(&self) -> &Description {
        self.description.get_or_init(|| Description::new(self.behavior.schema(), None))
    }
}

impl Description {
    fn new(schema: Schema, identity: Option<(IdentitySchema, Type)>) -> Self {
        let kind = schema.kind();
        Self { schema, kind, identity }
    }
}

fn unknown(what: &str, name: &str) -> Diagnostic {
    let detail = format!(
        "This version of the provider has no {what} named {name}. Use a version that has it, or \
         correct the name."
    );
    Diagnostic::error(format!("Unknown {what}"), detail)
}
