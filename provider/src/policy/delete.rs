use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logagg_policy::{GroupState, LogGroup, OnDestroy};
use tfplugin::{Attr, Context, Diagnostic, Stored};

use super::conflicts::{claim_of_map, leave};
use super::findings::Preview;
use super::model::{Entry, Intent, Policy};
use super::permission::Grants;
use super::preview::Released;
use super::private_state::{PrivateState, Successor};
use super::read::check_account;
use super::reconcile::{GroupChange, Reconciler, by_reason, report_left_to_others};
use crate::aws::{Account, CallError, KeptFor, Reader};
use crate::connection::Client;
use crate::diagnostics;
use crate::inventory::{self, Inventory};

/// Says what goes with a policy that is to be destroyed, and notes what is to be left to others.
pub(super) async fn plan_destroy(
    cx: &Context<Client>,
    prior: Stored<Policy, PrivateState>,
) -> PrivateState {
    let Stored { state, mut private } = prior;
    Client::defer_if_unknown(cx);
    private.keep_for_others(&KeptFor::new());
    private.stay();
    let (Ok(intent), Ok(states)) = (state.intent(&private), state.states()) else {
        return private;
    };
    preview_of_leaving(&intent, &private, &states).report_shortened(cx);
    let claim = private.id().zip(claim_of_map(&state, &private));
    // An unreachable account is reported when it is needed.
    let account = Client::account_for(cx, &state.assume_role);
    if let (Some((policy, claim)), Ok(Some(account))) = (claim, account) {
        let region = state.region.known().map_or(account.default_region(), String::as_str);
        let kept = leave(cx, &account, region, policy, claim).await;
        private.keep_for_others(&kept);
    }
    private
}

/// What becomes of all log groups of a policy when it lets them go.
pub(super) fn preview_of_leaving(
    intent: &Intent,
    private: &PrivateState,
    states: &BTreeMap<String, GroupState>,
) -> Preview {
    let mut preview = Preview::default();
    for (name, current) in states {
        preview.left(name, current, &Released::of(intent, private, name, current));
    }
    preview
}

/// Deletes the filters that are ours, gives retention back where that is wanted, and then takes
/// back the permission to invoke. What could not be done stays in the state.
pub(super) async fn delete(
    cx: &Context<Client>,
    prior: Stored<Policy, PrivateState>,
) -> Option<Stored<Policy, PrivateState>> {
    let account = match Client::account_to_work_in(cx, &prior.state.assume_role) {
        Ok(account) => account,
        Err(diagnostic) => {
            cx.report(diagnostic);
            return Some(prior);
        }
    };
    match rest(cx, &account, &prior).await {
        Ok(rest) => rest,
        Err(diagnostic) => {
            cx.report(diagnostic);
            Some(prior)
        }
    }
}

async fn rest(
    cx: &Context<Client>,
    account: &Account,
    prior: &Stored<Policy, PrivateState>,
) -> Result<Option<Stored<Policy, PrivateState>>, Diagnostic> {
    check_account(cx, account, &prior.state).await?;
    let mut stored = prior.clone();
    let policy = stored.private.id_or_draw();
    let unusable = |error| diagnostics::unusable_state(&error);
    let states = stored.state.states().map_err(unusable)?;
    let intent = stored.state.intent(&stored.private).map_err(unusable)?;
    if stored.private.is_draft() {
        cx.report(diagnostics::private_state_lost(&intent.name));
    }
    let region = prior.state.region.known().map_or(account.default_region(), String::as_str);
    let claims = account.claims(region, cx.stopped()).await;
    let claims = claims.map_err(|error| diagnostics::no_account(&error))?;
    let reconciler = Reconciler {
        policy,
        reader: account.reader(region, cx.stopped()),
        writer: account.writer(region, cx.stopped()),
        claims: Arc::clone(&claims),
        kept: stored.private.kept_for_others(),
        wanted: None,
        ownership: stored.private.widen(stored.state.ownership()),
    };
    let mut group_changes = BTreeMap::new();
    for (log_group, current) in states {
        let desired = GroupState { subscription: None, ..current.clone() };
        group_changes.insert(log_group.clone(), GroupChange::of(log_group, current, desired));
    }
    if [intent.retention_on_destroy, intent.protection_on_destroy].contains(&OnDestroy::Restore) {
        let listed = listed(&reconciler.reader, &intent, group_changes.keys())
            .await
            .map_err(|error| diagnostics::not_read(&error, region))?;
        for (name, group_change) in &mut group_changes {
            let Some(group) = listed.get(name) else { continue };
            *group_change = group_change.clone().listed(group);
            let written = stored.private.written(group);
            let written = intent.restored(written).and(written);
            let protection = stored.private.written_protection(group);
            let protection = intent.restored_protection(protection).and(protection);
            // It would be restored for a moment, and older events permanently deleted.
            if stored.private.successor() == Some(Successor::Here) {
                let mut claims = claims.lock().await;
                written.into_iter().for_each(|written| claims.bequeath(name, written));
                protection.into_iter().for_each(|it| claims.bequeath_protection(name, it));
                continue;
            }
            if let Some(written) = written {
                group_change.current.retention = written.wrote;
                group_change.restore(written);
            }
            if let Some(protection) = protection {
                group_change.current.deletion_protection = Some(protection.wrote);
                group_change.restore_protection(protection);
            }
        }
    }
    let reconciled = reconciler
        .reconcile_all(group_changes.into_values().filter(GroupChange::is_needed).collect());
    let reconciled = reconciled.await;
    claims.lock().await.go(policy);
    report_left_to_others(cx, &reconciled);
    let failures = by_reason(&reconciled);
    if failures.is_empty() {
        let grants = Grants { reader: &reconciler.reader, writer: &reconciler.writer };
        let Err(error) = grants.revoke_all(cx, &intent, &mut stored.private).await else {
            return Ok(None);
        };
        cx.report(error);
    }
    for (failure, groups) in &failures {
        cx.report(diagnostics::not_deleted(failure, groups));
    }
    let undone: BTreeSet<_> = failures.into_iter().flat_map(|(_, groups)| groups).collect();
    if let Attr::Known(log_groups) = &mut stored.state.log_groups {
        log_groups.retain(|name, _: &mut Attr<Entry>| undone.contains(name.as_str()));
    }
    Ok(Some(stored))
}

/// The policy's log groups as they are now.
async fn listed(
    reader: &Reader,
    intent: &Intent,
    held: impl Iterator<Item = &String> + Clone,
) -> Result<BTreeMap<String, LogGroup>, CallError> {
    let inventory = Inventory::take(reader, &intent.selection, intent.listings()).await?;
    let mut listed = inventory.listed;
    listed.extend(inventory::held(reader, &inventory.asked, &listed, held).await?);
    Ok(listed)
}
