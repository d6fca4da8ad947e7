//! What a provider writes for each kind of thing it manages.

use std::future::Future;

use crate::context::Context;
use crate::convert::{Convert, ValueError};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::json::{self, UnknownAttributes};
use crate::path::AttributePath;
use crate::schema::{IdentitySchema, Schema};
use crate::value::Value;

/// What Terraform keeps of an object: its state, and bytes that only the provider reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored<S, P> {
    /// The state.
    pub state: S,
    /// The private state; no plan shows it.
    pub private: P,
}

/// The private state of an object.
pub trait Private: Default + Send + 'static {
    /// Reads it; the default if there is none.
    ///
    /// # Errors
    /// What is wrong with the bytes, as one sentence.
    fn decode(bytes: &[u8]) -> Result<Self, String>;

    /// Writes it; the default is empty.
    fn encode(&self) -> Vec<u8>;
}

/// No private state.
impl Private for () {
    fn decode(_: &[u8]) -> Result<Self, String> {
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// What Terraform proposes, to be planned.
#[derive(Clone, Debug)]
pub struct Proposal<S, P> {
    /// What is configured. Values can be unknown.
    pub config: S,
    /// Data. None where the object is to be created.
    pub prior: Option<Stored<S, P>>,
    /// What is configured, over what there is, with the schema's defaults. Where the object is to
    /// be created, computed attributes that are not configured are unknown.
    pub proposed: S,
    /// What is recorded of the object that this one replaces, as far as Terraform says.
    ///
    /// Terraform (1.11.4) plans a replacement as an update, whose answer asks for it, and then at
    /// once as a creation without prior state, but with the private data of the first answer. Only
    /// that second call has something here: a creation that apply plans again has not, nor has one
    /// in place of a tainted object. The private state that the second call plans is passed to
    /// [`Resource::delete`] of the old object, unless that is deposed, which is planned again.
    pub replaced: Option<P>,
}

/// What apply will reach.
#[derive(Clone, Debug)]
pub struct Planned<S, P> {
    /// The state after apply. What is known here has to be the same then.
    pub state: S,
    /// The private state for apply.
    pub private: P,
    /// The attributes whose change takes a new object in place of the old one.
    pub requires_replace: Vec<AttributePath>,
}

/// A planned object that is to be created.
#[derive(Clone, Debug)]
pub struct Creation<S, P> {
    /// What is configured.
    pub config: S,
    /// What was planned.
    pub planned: Stored<S, P>,
}

/// A planned change of an object.
#[derive(Clone, Debug)]
pub struct Change<S, P> {
    /// What is configured.
    pub config: S,
    /// Data.
    pub prior: S,
    /// What was planned.
    pub planned: Stored<S, P>,
}

/// Which object is to be imported.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportId {
    /// By the text the user wrote.
    Id(String),
    /// By the attributes of the identity schema (Terraform 1.12 and newer).
    Identity(Value),
}

/// State of another kind of resource, perhaps of another provider, that a `moved` block gives to
/// this one.
#[derive(Clone, Debug)]
pub struct MoveSource {
    /// The provider it is of, as `registry.terraform.io/hashicorp/null`.
    pub provider_address: String,
    /// The type of resource it is of.
    pub type_name: String,
    /// The version of the schema it is of.
    pub schema_version: i64,
    /// The state itself.
    pub state: serde_json::Value,
    /// The private state of its provider.
    pub private: Vec<u8>,
}

impl MoveSource {
    /// The state, where the other resource is of this one's schema: of a version up to its own,
    /// and what it does not have is null.
    ///
    /// # Errors
    /// The diagnostics if the state does not fit.
    pub fn state_of<S: Convert>(&self, schema: &Schema) -> Result<S, Diagnostic> {
        let unfit = |error: ValueError| error.into_diagnostic("The state cannot be read");
        if self.schema_version > schema.version() {
            return Err(newer("state", &self.type_name, self.schema_version, schema.version()));
        }
        let json = self.state.to_string().into_bytes();
        let state =
            json::decode(&json, &schema.block().kind(), UnknownAttributes::Drop).map_err(unfit)?;
        S::from_value(schema.block().complete(state)).map_err(unfit)
    }
}

/// The kept value was written by a later version of the provider.
pub(crate) fn newer(what: &str, name: &str, found: i64, known: i64) -> Diagnostic {
    let detail = format!(
        "The {what} of this {name} was written by a newer version of the provider: it is of schema \
         version {found}, and this version of the provider supports up to {known}. Use the newer \
         version."
    );
    Diagnostic::error(format!("The {what} is newer than the provider"), detail)
}

/// State and private data of one resource.
type Kept<R> = Stored<<R as Resource>::State, <R as Resource>::Private>;

/// One kind of thing that a provider manages.
///
/// Errors are reported to the [`Context`]; what is returned beside them is the state that was
/// reached all the same. An operation that panics is answered with an error, and the state before.
pub trait Resource: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// The attributes and blocks of the schema, as a struct made by [`object!`](crate::object).
    type State: Convert + Clone + Send + Sync + 'static;
    /// The private state; `()` for none.
    type Private: Private;

    /// The name in a configuration: `cloud_bucket`.
    fn type_name(&self) -> &'static str;

    /// What can be configured, and what it gives.
    fn schema(&self) -> Schema;

    /// Looks at the configuration as a whole. Values can be unknown, and nothing is configured.
    fn validate(&self, config: &Self::State, diagnostics: &mut Diagnostics) {
        let _ = (config, diagnostics);
    }

    /// Finds out what there is now. None is: it is gone. Where that cannot be found out: an error,
    /// and the state before.
    fn read(
        &self,
        cx: &Context<Self::Client>,
        prior: Kept<Self>,
    ) -> impl Future<Output = Option<Kept<Self>>> + Send;

    /// Plans a creation or an update. Terraform does this twice, and the second time everything
    /// that was known in the first plan has to come out the same.
    fn plan(
        &self,
        cx: &Context<Self::Client>,
        proposal: Proposal<Self::State, Self::Private>,
    ) -> impl Future<Output = Planned<Self::State, Self::Private>> + Send;

    /// Reports diagnostics before an object is destroyed, and returns the private state for
    /// [`Resource::delete`].
    fn plan_destroy(
        &self,
        cx: &Context<Self::Client>,
        prior: Kept<Self>,
    ) -> impl Future<Output = Self::Private> + Send {
        let _ = cx;
        async { prior.private }
    }

    /// Creates what was planned. With an error: None where nothing was created, or what was, which
    /// Terraform then marks as tainted.
    fn create(
        &self,
        cx: &Context<Self::Client>,
        creation: Creation<Self::State, Self::Private>,
    ) -> impl Future<Output = Option<Kept<Self>>> + Send;

    /// Changes what was planned, and returns the state that was reached, also beside an error.
    fn update(
        &self,
        cx: &Context<Self::Client>,
        change: Change<Self::State, Self::Private>,
    ) -> impl Future<Output = Kept<Self>> + Send;

    /// Deletes it. None is: it is gone. With an error: what is left.
    ///
    /// In a replacement the private data is that of the new object's first plan (see
    /// [`Proposal::replaced`]), and not what is in the state.
    fn delete(
        &self,
        cx: &Context<Self::Client>,
        prior: Kept<Self>,
    ) -> impl Future<Output = Option<Kept<Self>>> + Send;

    /// Finds what is to be imported; Terraform reads it right after.
    fn import(
        &self,
        cx: &Context<Self::Client>,
        id: ImportId,
    ) -> impl Future<Output = Vec<Kept<Self>>> + Send {
        let _ = id;
        let detail = format!("{} has no import.", self.type_name());
        cx.report(Diagnostic::error("Resource cannot be imported", detail));
        async { Vec::new() }
    }

    /// The configuration of an object that was imported, for `terraform plan -generate-config-out`
    /// of Terraform 1.14 or newer. Attributes that only the provider gives are left out of it.
    fn configuration(&self, state: Self::State) -> Self::State {
        state
    }

    /// Makes state of an older version of the schema fit this one. Called only where the versions
    /// differ.
    ///
    /// # Errors
    /// The diagnostics of a failure.
    fn upgrade(
        &self,
        from_version: i64,
        state: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostic> {
        let _ = state;
        let detail = format!(
            "The state of this {} was written with version {from_version} of its schema, which \
             this version of the provider cannot read. Apply once with a version of the provider \
             between the two.",
            self.type_name()
        );
        Err(Diagnostic::error("State of an unknown version", detail))
    }

    /// Takes over the state of another kind of resource. `Ok(None)` is: not of this kind.
    ///
    /// # Errors
    /// The diagnostics of a failure.
    fn move_from(&self, source: MoveSource) -> Result<Option<Kept<Self>>, Diagnostic> {
        let _ = source;
        Ok(None)
    }

    /// The attributes that identify an object.
    fn identity_schema(&self) -> Option<IdentitySchema> {
        None
    }

    /// The identity of the object with this state; None while it is not known.
    fn identity(&self, state: &Self::State) -> Option<Value> {
        let _ = state;
        None
    }

    /// Makes an identity of an older version fit the identity schema of this one. Called only
    /// where the versions differ.
    ///
    /// # Errors
    /// The diagnostics of a failure.
    fn upgrade_identity(
        &self,
        from_version: i64,
        identity: serde_json::Value,
    ) -> Result<serde_json::Value, Diagnostic> {
        let _ = identity;
        let detail = format!(
            "The identity of this {} was written with version {from_version} of its schema, which \
             this version of the provider cannot read.",
            self.type_name()
        );
        Err(Diagnostic::error("Identity of an unknown version", detail))
    }
}
