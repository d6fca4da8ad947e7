//! Resources, data sources and list resources of one provider side by side: typed inside, values outside.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::context::Context;
use crate::convert::{Convert, ValueError};
use crate::data_source::DataSource;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::list_resource::{ListResource, Listed, Query};
use crate::path::AttributePath;
use crate::resource::{
    Change, Creation, ImportId, MoveSource, Planned, Private, Proposal, Resource, Stored,
};
use crate::schema::{IdentitySchema, Schema};
use crate::value::Value;

/// Any resource of a provider whose client is `C`.
pub struct ErasedResource<C>(pub(crate) Box<dyn AnyResource<C>>);

/// Any data source of a provider whose client is `C`.
pub struct ErasedDataSource<C>(pub(crate) Box<dyn AnyDataSource<C>>);

/// Any list resource of a provider whose client is `C`.
pub struct ErasedListResource<C>(pub(crate) Box<dyn AnyListResource<C>>);

impl<C> ErasedResource<C> {
    /// Boxes a resource.
    pub fn new(resource: impl Resource<Client = C>) -> Self {
        Self(Box::new(resource))
    }

    /// The name in a configuration.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    /// What can be configured, and what it gives; to render documentation from.
    pub fn schema(&self) -> Schema {
        self.0.schema()
    }
}

impl<C> ErasedDataSource<C> {
    /// Boxes a data source.
    pub fn new(data_source: impl DataSource<Client = C>) -> Self {
        Self(Box::new(data_source))
    }

    /// The name in a configuration.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    /// What can be configured, and what it gives; to render documentation from.
    pub fn schema(&self) -> Schema {
        self.0.schema()
    }
}

impl<C> ErasedListResource<C> {
    /// Boxes a list resource.
    pub fn new(list_resource: impl ListResource<Client = C>) -> Self {
        Self(Box::new(list_resource))
    }

    /// The name of the resource that is listed.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    /// What can be configured; to render documentation from.
    pub fn schema(&self) -> Schema {
        self.0.schema()
    }
}

impl<R: Resource> From<R> for ErasedResource<R::Client> {
    fn from(resource: R) -> Self {
        Self::new(resource)
    }
}

impl<D: DataSource> From<D> for ErasedDataSource<D::Client> {
    fn from(data_source: D) -> Self {
        Self::new(data_source)
    }
}

impl<L: ListResource> From<L> for ErasedListResource<L::Client> {
    fn from(list_resource: L) -> Self {
        Self::new(list_resource)
    }
}

impl<C> fmt::Debug for ErasedListResource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedListResource").field(&self.type_name()).finish()
    }
}

impl<C> fmt::Debug for ErasedResource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedResource").field(&self.type_name()).finish()
    }
}

impl<C> fmt::Debug for ErasedDataSource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErasedDataSource").field(&self.type_name()).finish()
    }
}

/// What is kept of an object, as it comes from Terraform.
#[derive(Clone, Debug)]
pub(crate) struct RawStored {
    pub(crate) state: Value,
    pub(crate) private: Vec<u8>,
}

/// What there is before what is planned.
#[derive(Clone, Debug)]
pub(crate) enum RawPrior {
    /// The object itself, which is to be updated.
    Object(RawStored),
    /// Another object, of which only the private state is available.
    Replaced(Vec<u8>),
    /// Nothing, as far as Terraform says.
    Nothing,
}

/// What is kept of an object, as it goes to Terraform.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) state: Value,
    pub(crate) private: Vec<u8>,
    pub(crate) identity: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct RawPlan {
    pub(crate) outcome: Outcome,
    pub(crate) requires_replace: Vec<AttributePath>,
}

type Answer<T> = Result<T, Diagnostic>;

/// A resource whose values are not typed. Errors are those of the conversion; the operation's own
/// go to the context.
pub(crate) trait AnyResource<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    fn read<'a>(
        &'a self,
        cx: &'a Context<C>,
        prior: RawStored,
    ) -> BoxFuture<'a, Answer<Option<Outcome>>>;
    fn plan<'a>(
        &'a self,
        cx: &'a Context<C>,
        config: Value,
        prior: RawPrior,
        proposed: Value,
    ) -> BoxFuture<'a, Answer<RawPlan>>;
    fn plan_destroy<'a>(
        &'a self,
        cx: &'a Context<C>,
        prior: RawStored,
    ) -> BoxFuture<'a, Answer<Vec<u8>>>;
    fn create<'a>(
        &'a self,
        cx: &'a Context<C>,
        config: Value,
        planned: RawStored,
    ) -> BoxFuture<'a, Answer<Option<Outcome>>>;
    fn update<'a>(
        &'a self,
        cx: &'a Context<C>,
        config: Value,
        prior: Value,
        planned: RawStored,
    ) -> BoxFuture<'a, Answer<Outcome>>;
    fn delete<'a>(
        &'a self,
        cx: &'a Context<C>,
        prior: RawStored,
    ) -> BoxFuture<'a, Answer<Option<Outcome>>>;
    fn import<'a>(&'a self, cx: &'a Context<C>, id: ImportId) -> BoxFuture<'a, Vec<Outcome>>;
    fn configuration(&self, state: Value) -> Answer<Value>;
    fn upgrade(&self, from_version: i64, state: serde_json::Value) -> Answer<serde_json::Value>;
    fn move_from(&self, source: MoveSource) -> Answer<Option<Outcome>>;
    fn identity_schema(&self) -> Option<IdentitySchema>;
    fn upgrade_identity(
        &self,
        from_version: i64,
        identity: serde_json::Value,
    ) -> Answer<serde_json::Value>;
}

impl<R: Resource> AnyResource<R::Client> for R {
    fn type_name(&self) -> &'static str {
        Resource::type_name(self)
    }

    fn schema(&self) -> Schema {
        Resource::schema(self)
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match R::State::from_value(config) {
            Ok(config) => Resource::validate(self, &config, diagnostics),
            Err(error) => report_once(unreadable("configuration", error), diagnostics),
        }
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        prior: RawStored,
    ) -> BoxFuture<'a, Answer<Option<Outcome>>> {
        Box::pin(async move {
            let prior = stored::<R>("state", prior)?;
            Ok(Resource::read(self, cx, prior).await.map(|kept| outcome(self, kept)))
        })
    }

    fn plan<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        config: Value,
        prior: RawPrior,
        proposed: Value,
    ) -> BoxFuture<'a, Answer<RawPlan>> {
        Box::pin(async move {
            let config = state::<R>("configuration", config)?;
            let (prior, replaced) = match prior {
                RawPrior::Object(prior) => (Some(stored::<R>("state", prior)?), None),
                RawPrior::Replaced(bytes) => (None, Some(private::<R>(&bytes)?)),
                RawPrior::Nothing => (None, None),
            };
            let proposed = state::<R>("proposed state", proposed)?;
            let proposal = Proposal { config, prior, proposed, replaced };
            let Planned { state, private, requires_replace } =
                Resource::plan(self, cx, proposal).await;
            let outcome = outcome(self, Stored { state, private });
            Ok(RawPlan { outcome, requires_replace })
        })
    }

    fn plan_destroy<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        prior: RawStored,
    ) -> BoxFuture<'a, Answer<Vec<u8>>> {
        Box::pin(async move {
            let prior = stored::<R>("state", prior)?;
            Ok(Resource::plan_destroy(self, cx, prior).await.encode())
        })
    }

    fn create<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        config: Value,
        planned: RawStored,
    ) -> BoxFuture<'a, Answer<Option<Outcome>>> {
        Box::pin(async move {
            let creation = Creation {
                config: state::<R>("configuration", config)?,
                planned: stored::<R>("planned state", planned)?,
            };
            Ok(Resource::create(self, cx, creation).await.map(|kept| outcome(self, kept)))
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        config: Value,
        prior: Value,
        planned: RawStored,
    ) -> BoxFuture<'a, Answer<Outcome>> {
        Box::pin(async move {
            let change = Change {
                config: state::<R>("configuration", config)?,
                prior: state::<R>("state", prior)?,
                planned: stored::<R>("planned state", planned)?,
            };
            Ok(outcome(self, Resource::update(self, cx, change).await))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        prior: RawStored,
    ) -> BoxFuture<'a, Answer<Option<Outcome>>> {
        Box::pin(async move {
            let prior = stored::<R>("state", prior)?;
            Ok(Resource::delete(self, cx, prior).await.map(|kept| outcome(self, kept)))
        })
    }

    fn import<'a>(
        &'a self,
        cx: &'a Context<R::Client>,
        id: ImportId,
    ) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let found = Resource::import(self, cx, id).await;
            found.into_iter().map(|kept| outcome(self, kept)).collect()
        })
    }

    fn configuration(&self, state: Value) -> Answer<Value> {
        let state = self::state::<R>("state", state)?;
        Ok(Resource::configuration(self, state).into_value())
    }

    fn upgrade(&self, from_version: i64, state: serde_json::Value) -> Answer<serde_json::Value> {
        Resource::upgrade(self, from_version, state)
    }

    fn move_from(&self, source: MoveSource) -> Answer<Option<Outcome>> {
        let moved = Resource::move_from(self, source)?;
        Ok(moved.map(|kept| outcome(self, kept)))
    }

    fn identity_schema(&self) -> Option<IdentitySchema> {
        Resource::identity_schema(self)
    }

    fn upgrade_identity(
        &self,
        from_version: i64,
        identity: serde_json::Value,
    ) -> Answer<serde_json::Value> {
        Resource::upgrade_identity(self, from_version, identity)
    }
}

/// A data source whose values are not typed.
pub(crate) trait AnyDataSource<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    fn read<'a>(
        &'a self,
        cx: &'a Context<C>,
        config: Value,
    ) -> BoxFuture<'a, Answer<Option<Value>>>;
}

impl<D: DataSource> AnyDataSource<D::Client> for D {
    fn type_name(&self) -> &'static str {
        DataSource::type_name(self)
    }

    fn schema(&self) -> Schema {
        DataSource::schema(self)
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match D::State::from_value(config) {
            Ok(config) => DataSource::validate(self, &config, diagnostics),
            Err(error) => report_once(unreadable("configuration", error), diagnostics),
        }
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context<D::Client>,
        config: Value,
    ) -> BoxFuture<'a, Answer<Option<Value>>> {
        Box::pin(async move {
            let config =
                D::State::from_value(config).map_err(|error| unreadable("configuration", error))?;
            Ok(DataSource::read(self, cx, config).await.map(Convert::into_value))
        })
    }
}

/// A list resource whose values are not typed.
pub(crate) trait AnyListResource<C>: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    fn list<'a>(
        &'a self,
        cx: &'a Context<C>,
        config: Value,
        query: Query,
    ) -> BoxFuture<'a, Answer<Vec<Listed<Value>>>>;
}

impl<L: ListResource> AnyListResource<L::Client> for L {
    fn type_name(&self) -> &'static str {
        ListResource::type_name(self)
    }

    fn schema(&self) -> Schema {
        ListResource::schema(self)
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match L::Config::from_value(config) {
            Ok(config) => ListResource::validate(self, &config, diagnostics),
            Err(error) => report_once(unreadable("configuration", error), diagnostics),
        }
    }

    fn list<'a>(
        &'a self,
        cx: &'a Context<L::Client>,
        config: Value,
        query: Query,
    ) -> BoxFuture<'a, Answer<Vec<Listed<Value>>>> {
        Box::pin(async move {
            let config = L::Config::from_value(config)
                .map_err(|error| unreadable("configuration", error))?;
            let found = ListResource::list(self, cx, config, query).await;
            Ok(found.into_iter().map(Listed::erased).collect())
        })
    }
}

impl<S: Convert> Listed<S> {
    fn erased(self) -> Listed<Value> {
        let Self { identity, display_name, state } = self;
        Listed { identity, display_name, state: state.map(Convert::into_value) }
    }
}

fn state<R: Resource>(what: &str, value: Value) -> Answer<R::State> {
    R::State::from_value(value).map_err(|error| unreadable(what, error))
}

fn stored<R: Resource>(what: &str, raw: RawStored) -> Answer<Stored<R::State, R::Private>> {
    let state = state::<R>(what, raw.state)?;
    Ok(Stored { state, private: private::<R>(&raw.private)? })
}

fn private<R: Resource>(bytes: &[u8]) -> Answer<R::Private> {
    if bytes.is_empty() {
        return Ok(R::Private::default());
    }
    R::Private::decode(bytes).map_err(|reason| {
        let detail = format!(
            "The private state cannot be read: {reason} It may have been written by another \
             version of the provider."
        );
        Diagnostic::error("Private state cannot be read", detail)
    })
}

fn outcome<R: Resource>(resource: &R, kept: Stored<R::State, R::Private>) -> Outcome {
    let identity = resource.identity(&kept.state);
    Outcome { state: kept.state.into_value(), private: kept.private.encode(), identity }
}

/// A value that has the schema's type, but not the one of the provider's struct: null or unknown
/// where the struct has no place for it, a number out of range.
/// A check of the schema may have said more about the same attribute already.
pub(crate) fn report_once(error: Diagnostic, diagnostics: &mut Diagnostics) {
    if diagnostics.iter().all(|reported| reported.attribute != error.attribute) {
        diagnostics.push(error);
    }
}

pub(crate) fn unreadable(what: &str, error: ValueError) -> Diagnostic {
    error.into_diagnostic(&format!("The {what} does not fit"))
}
