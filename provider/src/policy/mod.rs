//! `logagg_policy`: which log groups are shipped where, and how long they are kept.

mod announce;
mod create;
mod delete;
mod discover;
mod fights;
mod from_document;
mod guards;
mod identity;
mod import;
mod loops;
mod memory;
mod mend;
mod model;
mod outlook;
mod permission;
mod plan;
mod progress;
mod read;
mod recollection;
mod refresh;
mod schema;
mod survey;
mod twice;
mod update;
mod validate;

use tfplugin::{
    Change, Context, Creation, Diagnostic, Diagnostics, IdentitySchema, ImportId, MoveSource,
    Planned, Private, Proposal, Resource, Schema, Stored, Value,
};

use crate::diagnostics;
use crate::provider::Client;
use memory::Memory;
use model::Policy;

pub(crate) use announce::Announcement;
pub(crate) use loops::Unseen;
pub(crate) use mend::Failure;
pub(crate) use refresh::{Mode as RefreshMode, Unverified};
pub(crate) use survey::{Survey, Surveyed};

/// The resource `logagg_policy`.
pub(crate) struct PolicyResource;

impl Resource for PolicyResource {
    type Client = Client;
    type State = Policy;
    type Private = Memory;

    fn type_name(&self) -> &'static str {
        "logagg_policy"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &Policy, diagnostics: &mut Diagnostics) {
        validate::validate(config, diagnostics);
    }

    async fn read(
        &self,
        cx: &Context<Client>,
        prior: Stored<Policy, Memory>,
    ) -> Option<Stored<Policy, Memory>> {
        Some(read::read(cx, prior).await)
    }

    async fn plan(
        &self,
        cx: &Context<Client>,
        proposal: Proposal<Policy, Memory>,
    ) -> Planned<Policy, Memory> {
        plan::plan(cx, proposal).await
    }

    async fn create(
        &self,
        cx: &Context<Client>,
        creation: Creation<Policy, Memory>,
    ) -> Option<Stored<Policy, Memory>> {
        create::create(cx, creation).await
    }

    async fn update(
        &self,
        cx: &Context<Client>,
        change: Change<Policy, Memory>,
    ) -> Stored<Policy, Memory> {
        update::update(cx, change).await
    }

    async fn delete(
        &self,
        cx: &Context<Client>,
        prior: Stored<Policy, Memory>,
    ) -> Option<Stored<Policy, Memory>> {
        delete::delete(cx, prior).await
    }

    fn move_from(&self, source: MoveSource) -> Result<Option<Stored<Policy, Memory>>, Diagnostic> {
        if source.type_name != self.type_name() {
            return Ok(None);
        }
        moved(&source).map(Some)
    }

    fn identity_schema(&self) -> Option<IdentitySchema> {
        Some(identity::schema())
    }

    fn identity(&self, state: &Policy) -> Option<Value> {
        identity::of(state)
    }

    async fn import(&self, cx: &Context<Client>, id: ImportId) -> Vec<Stored<Policy, Memory>> {
        import::import(cx, id).await
    }
}

/// A policy of another address of this provider, such as a mirror's or a fork's.
fn moved(source: &MoveSource) -> Result<Stored<Policy, Memory>, Diagnostic> {
    let state = source.state_of(&schema::schema())?;
    let private = match source.private.as_slice() {
        [] => Memory::default(),
        private => Memory::decode(private).map_err(|error| diagnostics::unusable_memory(&error))?,
    };
    Ok(Stored { state, private })
}
