//! The statement in a function's resource policy that allows CloudWatch Logs to invoke it
//! (`grant_invoke`).

use logagg_policy::{Arn, Grant, Permission, PolicyId};
use tfplugin::{Attr, Context, Diagnostic};

use super::model::{Intent, Policy};
use super::private_state::PrivateState;
use crate::aws::{CallError, Cause, Reader, Writer};
use crate::connection::Client;
use crate::diagnostics;

/// How often a statement that appeared meanwhile is looked at again.
const ROUNDS: usize = 4;

/// Whether an operation made a statement that was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granted {
    Now,
    Before,
}

/// Writes statements.
#[derive(Debug)]
pub(super) struct Grants<'a> {
    pub(super) reader: &'a Reader,
    pub(super) writer: &'a Writer,
}

/// Finds the id of a policy whose private state is lost, as Terraform loses it when a provider dies
/// in the middle of an apply: by the one statement that a policy of its name has. Without that the
/// policy gets a new id, and a statement that may be left stays.
pub(super) async fn recover_id(reader: &Reader, state: &Policy, private: &mut PrivateState) {
    let (Some(name), Some(Ok(arn))) =
        (state.name.known(), state.destination_arn.known().map(|arn| arn.parse::<Arn>()))
    else {
        return;
    };
    if private.id().is_some() || state.grant_invoke.known() != Some(&true) {
        return;
    }
    let Some(grant) = Grant::of(&arn, name, PolicyId::of(0)) else { return };
    let Ok(statements) = reader.statements(&grant).await else { return };
    if let [policy] = Grant::holders(&arn, name, &statements)[..] {
        private.take_id(policy);
    }
}

/// How the permission stands, for `invoke_permission`. What is found there as wanted is kept in
/// mind as ours, and what is gone is forgotten.
pub(super) async fn look(
    reader: &Reader,
    intent: &Intent,
    private_state: &mut PrivateState,
) -> Result<Option<Permission>, Diagnostic> {
    let mut state = None;
    if let Some(grant) = &intent.grant {
        let found = examine(reader, grant, private_state).await?;
        if found == Permission::Active {
            private_state.record_grant(grant);
        }
        state = Some(found);
    }
    for grant in private_state.superseded(intent.grant.as_ref()) {
        match examine(reader, &grant, private_state).await? {
            Permission::Missing | Permission::Conflict => private_state.forget_grant(&grant),
            _ if matches!(state, None | Some(Permission::Active)) => {
                state = Some(Permission::NotRevoked);
            }
            _ => {}
        }
    }
    Ok(state)
}

/// What `invoke_permission` will be: a function of configuration alone.
pub(super) fn plan(planned: &Policy) -> Attr<String> {
    match (&planned.grant_invoke, &planned.destination_arn) {
        (Attr::Null | Attr::Known(false), _) | (_, Attr::Null) => Attr::Null,
        (Attr::Known(true), Attr::Known(_)) => Attr::Known(Permission::Active.to_string()),
        (Attr::Unknown(_), _) | (_, Attr::Unknown(_)) => Attr::unknown(),
    }
}

/// Whether the permission is not as it should be.
pub(super) fn is_pending(state: Option<Permission>) -> bool {
    !matches!(state, None | Some(Permission::Active))
}

impl Grants<'_> {
    /// Brings the statement about, if one is wanted.
    pub(super) async fn grant(
        &self,
        intent: &Intent,
        private_state: &mut PrivateState,
    ) -> Result<Granted, Diagnostic> {
        let Some(grant) = &intent.grant else { return Ok(Granted::Before) };
        let mut rounds = ROUNDS;
        let granted = loop {
            let written = match examine(self.reader, grant, private_state).await? {
                Permission::Active => break Granted::Before,
                Permission::Conflict => return Err(diagnostics::statement_taken(grant)),
                Permission::Missing => self.writer.add_permission(grant).await,
                Permission::Differs | Permission::NotRevoked => self.recreate(grant).await,
            };
            rounds -= 1;
            match written {
                Ok(()) => break Granted::Now,
                // It appeared meanwhile, or a first try was heard after all.
                Err(error) if error.cause == Cause::Exists && rounds > 0 => {
                    self.writer.pause(error).await
                }
                Err(error) => Err(error),
            }
            .map_err(|error| diagnostics::not_granted(&error, grant))?;
        };
        private_state.record_grant(grant);
        Ok(granted)
    }

    /// Takes back every statement of the policy's but the one that is wanted.
    pub(super) async fn revoke_others(
        &self,
        cx: &Context<Client>,
        wanted: Option<&Grant>,
        private_state: &mut PrivateState,
    ) -> Result<(), Diagnostic> {
        for grant in private_state.superseded(wanted) {
            self.revoke_ours(cx, &grant, private_state).await?;
        }
        Ok(())
    }

    /// Takes back every statement of the policy's.
    pub(super) async fn revoke_all(
        &self,
        cx: &Context<Client>,
        intent: &Intent,
        private_state: &mut PrivateState,
    ) -> Result<(), Diagnostic> {
        self.revoke_others(cx, None, private_state).await?;
        match &intent.grant {
            Some(grant) => self.revoke_ours(cx, grant, private_state).await,
            None => Ok(()),
        }
    }

    async fn revoke_ours(
        &self,
        cx: &Context<Client>,
        grant: &Grant,
        private_state: &mut PrivateState,
    ) -> Result<(), Diagnostic> {
        match examine(self.reader, grant, private_state).await? {
            Permission::Missing => {}
            Permission::Conflict => cx.report(diagnostics::statement_left(grant)),
            Permission::Differs => {
                self.revoke(&grant.interim()).await?;
                self.revoke(grant).await?;
            }
            Permission::Active | Permission::NotRevoked => self.revoke(grant).await?,
        }
        private_state.forget_grant(grant);
        Ok(())
    }

    /// Takes a statement back.
    pub(super) async fn revoke(&self, grant: &Grant) -> Result<(), Diagnostic> {
        let removed = self.writer.remove_permission(grant).await;
        removed.map_err(|error| diagnostics::not_revoked(&error, grant))
    }

    /// A statement cannot be updated, and CloudWatch Logs must stay authorized while it is
    /// replaced: it would drop events for minutes.
    async fn recreate(&self, grant: &Grant) -> Result<(), CallError> {
        let interim = grant.interim();
        match self.writer.add_permission(&interim).await {
            Err(error) if error.cause != Cause::Exists => return Err(error),
            _ => {}
        }
        self.writer.remove_permission(grant).await?;
        self.writer.add_permission(grant).await?;
        self.writer.remove_permission(&interim).await
    }
}

async fn examine(
    reader: &Reader,
    grant: &Grant,
    private_state: &PrivateState,
) -> Result<Permission, Diagnostic> {
    let statements = reader
        .statements(grant)
        .await
        .map_err(|error| diagnostics::permission_not_read(&error, grant))?;
    Ok(grant.examine(&statements, private_state.provenance(grant)))
}
