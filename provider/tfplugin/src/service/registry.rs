//! The resources, data sources and list resources of a provider by name.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::erased::{AnyDataSource, AnyListResource, AnyResource};
use crate::kind::Type;
use crate::provider::Provider;
use crate::schema::{IdentitySchema, Schema};

/// The resources, data sources and list resources of a provider by name.
pub(super) struct Registry<C> {
    resources: BTreeMap<&'static str, Entry<dyn AnyResource<C>>>,
    data_sources: BTreeMap<&'static str, Entry<dyn AnyDataSource<C>>>,
    list_resources: BTreeMap<&'static str, Entry<dyn AnyListResource<C>>>,
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
    pub(super) fn of(provider: &impl Provider<Client = C>) -> Self {
        let mut twice = Vec::new();
        let resources = provider.resources().into_iter();
        let resources = resources.map(|one| (one.type_name(), Entry::new(one.0)));
        let data_sources = provider.data_sources().into_iter();
        let data_sources = data_sources.map(|one| (one.type_name(), Entry::new(one.0)));
        let list_resources = provider.list_resources().into_iter();
        let list_resources = list_resources.map(|one| (one.type_name(), Entry::new(one.0)));
        Self {
            resources: by_name(resources, &mut twice),
            data_sources: by_name(data_sources, &mut twice),
            list_resources: by_name(list_resources, &mut twice),
            twice,
        }
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

    pub(super) fn list_resources(
        &self,
    ) -> impl Iterator<Item = (&'static str, &Entry<dyn AnyListResource<C>>)> {
        self.list_resources.iter().map(|(name, entry)| (*name, entry))
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

    pub(super) fn list_resource(
        &self,
        name: &str,
    ) -> Result<&Entry<dyn AnyListResource<C>>, Diagnostic> {
        self.list_resources.get(name).ok_or_else(|| unknown("list resource", name))
    }

    /// Two things of one kind and name: only one of them could ever be used.
    pub(super) fn check(&self) -> Diagnostics {
        let found = self.twice.iter().map(|name| {
            let detail = format!(
                "Two resources, data sources or list resources of this provider are named {name}. \
                 This is a bug in the provider."
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

impl<C> Entry<dyn AnyListResource<C>> {
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

/// Entries by their names. Names that are given twice are added to `twice`.
fn by_name<T: ?Sized>(
    entries: impl Iterator<Item = (&'static str, Entry<T>)>,
    twice: &mut Vec<&'static str>,
) -> BTreeMap<&'static str, Entry<T>> {
    let mut by_name = BTreeMap::new();
    for (name, entry) in entries {
        if by_name.insert(name, entry).is_some() {
            twice.push(name);
        }
    }
    by_name
}

fn unknown(what: &str, name: &str) -> Diagnostic {
    let detail = format!(
        "This version of the provider has no {what} named {name}. Use a version that has it, or \
         correct the name."
    );
    Diagnostic::error(format!("Unknown {what}"), detail)
}
