//! `logagg_policy`: which log groups are shipped where, and how long they are kept.

mod conflicts;
mod create;
mod delete;
mod discover;
mod filter_snapshot;
mod findings;
mod from_document;
mod gaps;
mod identity;
mod import;
mod list;
mod loops;
mod model;
mod permission;
mod plan;
mod plan_by_listing;
mod planned_inventories;
mod preview;
mod private_state;
mod progress;
mod read;
mod reconcile;
mod reconciled;
mod refresh;
mod refresh_mode;
mod schema;
mod survey;
mod update;
mod validate;

use tfplugin::{
    Change, Context, Creation, Diagnostic, Diagnostics, IdentitySchema, ImportId, MoveSource,
    Planned, Private, Proposal, Resource, Schema, Stored, Value,
};

use crate::connection::Client;
use crate::diagnostics;
use model::{Policy, about};
use planned_inventories::PlannedInventories;
use private_state::PrivateState;

pub(crate) use findings::{Failure, Preview, Shortened, Unseen, Unverified};
pub(crate) use list::PolicyList;
pub(crate) use refresh_mode::RefreshMode;
pub use survey::{Survey, Surveyed};

/// The resource `logagg_policy`.
#[derive(Debug, Default)]
pub(crate) struct PolicyResource {
    planned_inventories: PlannedInventories,
}

impl Resource for PolicyResource {
    type Client = Client;
    type State = Policy;
    type Private = PrivateState;

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
        prior: Stored<Policy, PrivateState>,
    ) -> Option<Stored<Policy, PrivateState>> {
        about(cx, &prior.state);
        Some(read::read(cx, prior).await)
    }

    async fn plan(
        &self,
        cx: &Context<Client>,
        proposal: Proposal<Policy, PrivateState>,
    ) -> Planned<Policy, PrivateState> {
        plan::plan(cx, &self.planned_inventories, proposal).await
    }

    async fn plan_destroy(
        &self,
        cx: &Context<Client>,
        prior: Stored<Policy, PrivateState>,
    ) -> PrivateState {
        about(cx, &prior.state);
        delete::plan_destroy(cx, prior).await
    }

    async fn create(
        &self,
        cx: &Context<Client>,
        creation: Creation<Policy, PrivateState>,
    ) -> Option<Stored<Policy, PrivateState>> {
        about(cx, &creation.planned.state);
        create::create(cx, &self.planned_inventories, creation).await
    }

    async fn update(
        &self,
        cx: &Context<Client>,
        change: Change<Policy, PrivateState>,
    ) -> Stored<Policy, PrivateState> {
        about(cx, &change.planned.state);
        update::update(cx, change).await
    }

    async fn delete(
        &self,
        cx: &Context<Client>,
        prior: Stored<Policy, PrivateState>,
    ) -> Option<Stored<Policy, PrivateState>> {
        about(cx, &prior.state);
        delete::delete(cx, prior).await
    }

    fn configuration(&self, state: Policy) -> Policy {
        import::configuration(state)
    }

    fn move_from(
        &self,
        source: MoveSource,
    ) -> Result<Option<Stored<Policy, PrivateState>>, Diagnostic> {
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

    async fn import(
        &self,
        cx: &Context<Client>,
        id: ImportId,
    ) -> Vec<Stored<Policy, PrivateState>> {
        import::import(cx, id).await
    }
}

/// A policy of another address of this provider, such as a mirror's or a fork's.
fn moved(source: &MoveSource) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
    let state = source.state_of(&schema::schema())?;
    let private = match source.private.as_slice() {
        [] => PrivateState::default(),
        private => PrivateState::decode(private)
            .map_err(|error| diagnostics::unusable_private_state(&error))?,
    };
    Ok(Stored { state, private })
}
