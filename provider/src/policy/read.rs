use std::collections::BTreeMap;

use logagg_policy::{GroupState, Ownership, Permission};
use tfplugin::{Attr, Context, Stored};

use super::conflicts::found_in_state;
use super::discover::{Discovery, Membership};
use super::findings::Unverified;
use super::gaps::record_gaps;
use super::loops::{Loops, Shipping, Surroundings};
use super::model::{Intent, Policy, entries};
use super::permission;
use super::private_state::PrivateState;
use super::reconcile::GroupChange;
use super::refresh::Basis;
use crate::aws::{Account, Cause, Claims};
use crate::connection::Client;
use crate::diagnostics;

/// Writes what is into the state.
pub(super) async fn read(
    cx: &Context<Client>,
    prior: Stored<Policy, PrivateState>,
) -> Stored<Policy, PrivateState> {
    let account = match Client::account_for(cx, &prior.state.assume_role) {
        Ok(Some(account)) => account,
        Ok(None) => {
            if !Client::defer_if_unknown(cx) {
                cx.report(diagnostics::not_refreshed());
            }
            return prior;
        }
        Err(diagnostic) => {
            cx.report(diagnostic);
            return prior;
        }
    };
    match refreshed(cx, &account, &prior).await {
        Ok(stored) => stored,
        Err(diagnostic) => {
            cx.report(diagnostic);
            prior
        }
    }
}

/// Errors when the current credentials are another account's than the state's.
pub(super) async fn check_account(
    cx: &Context<Client>,
    account: &Account,
    state: &Policy,
) -> Result<(), tfplugin::Diagnostic> {
    let id = account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
    match state.account_id.known() {
        Some(stated) if stated != id => Err(diagnostics::other_account(stated, id)),
        _ => Ok(()),
    }
}

async fn refreshed(
    cx: &Context<Client>,
    account: &Account,
    prior: &Stored<Policy, PrivateState>,
) -> Result<Stored<Policy, PrivateState>, tfplugin::Diagnostic> {
    check_account(cx, account, &prior.state).await?;
    let mut stored = prior.clone();
    let region = prior.state.region.known().map_or(account.default_region(), String::as_str);
    found_in_state(cx, account, region, prior).await;
    let reader = account.reader(region, cx.stopped());
    permission::recover_id(&reader.optional(), &stored.state, &mut stored.private).await;
    stored.private.id_or_draw();
    let mut intent = stored
        .state
        .intent(&stored.private)
        .map_err(|error| diagnostics::unusable_state(&error))?;
    let ownership = prior.private.widen(prior.state.ownership());
    let held = prior.state.log_groups.known().into_iter().flatten().map(|(name, _)| name.clone());
    let basis = match intent.refresh.basis(&reader, prior.private.filter_snapshot.as_ref()).await {
        Ok(basis) => basis,
        Err(Unverified::Failed(error)) if error.cause == Cause::Stopped => {
            return Err(diagnostics::not_read(&error, region));
        }
        Err(why) => {
            cx.report(diagnostics::refreshed_in_full(&why, region));
            Basis::default()
        }
    };
    let mut discovery = Discovery::run(&reader, &intent, &ownership, &held.collect(), &basis)
        .await
        .map_err(|error| diagnostics::not_refreshed_from(&error, region))?;
    let absent = discovery.absent(&intent);
    if !absent.is_empty() {
        cx.report(diagnostics::named_but_absent(&absent, region));
    }
    stored.state.document = stored.state.document();
    let around = Surroundings {
        reader: &reader.optional(),
        region,
        account_id: account
            .id(cx.stopped())
            .await
            .map_err(|error| diagnostics::no_account(&error))?,
        claims: &Claims::default(),
    };
    let behind = look_for_loops(cx, &around, &mut intent, &discovery, &mut stored.private).await?;
    if let Some(wanted) = intent.wanted.as_ref().filter(|_| behind.missing) {
        cx.report(diagnostics::destination_missing(&wanted.destination_arn, region));
    }
    adopt_new(&mut stored.private, &intent, &discovery);
    discovery.recall(&intent, &ownership, &mut stored.private);
    record(&mut stored, &discovery, &intent, &ownership);
    let permission = permission::look(&reader, &intent, &mut stored.private).await?;
    record_permission(&mut stored.state, permission);
    Ok(stored)
}

/// Registers for the other policies what this one is about to forward, and where.
pub(super) fn ship(claims: &mut Claims, intent: &Intent, group_changes: &[GroupChange]) {
    if let Some(wanted) = &intent.wanted {
        let shipped = group_changes
            .iter()
            .filter(|group_change| group_change.subscribes() && group_change.barred.is_none());
        claims.ship(
            &wanted.destination_arn,
            shipped.map(|group_change| group_change.log_group.clone()),
        );
    }
}

/// Traces the policy's destination for loops, and reports what else was found.
pub(super) async fn look_for_loops(
    cx: &Context<Client>,
    around: &Surroundings<'_>,
    intent: &mut Intent,
    known: &(impl Shipping + Sync),
    private_state: &mut PrivateState,
) -> Result<Loops, tfplugin::Diagnostic> {
    let Some(wanted) = &intent.wanted else {
        return Ok(Loops::default());
    };
    let mut loops = Box::pin(Loops::behind(&wanted.destination_arn, around, known))
        .await
        .map_err(|error| diagnostics::not_read(&error, around.region))?;
    loops.report(cx);
    if loops.is_partial() {
        private_state.restore_loops(&wanted.destination_arn, &mut loops.guard);
    }
    private_state.record_loops(&wanted.destination_arn, &loops.guard);
    private_state.account_policies = std::mem::take(&mut loops.account_policies);
    intent.desired.ships = Some(std::mem::take(&mut loops.guard));
    Ok(loops)
}

/// What has been created since the last listing and has the policy's retention already got it from
/// the enforcer.
fn adopt_new(private: &mut PrivateState, intent: &Intent, discovery: &Discovery) {
    let Some(says) = intent.desired.retention else { return };
    for observed in discovery.selected() {
        let group = &observed.group;
        if group.retention == says && group.governed_by.is_none() && private.is_new(group) {
            private.adopt(group);
        }
    }
}

/// Writes a discovery into state and memory.
pub(super) fn record(
    stored: &mut Stored<Policy, PrivateState>,
    discovery: &Discovery,
    intent: &Intent,
    ownership: &Ownership,
) {
    // A state that cannot be read was refused before.
    let before = stored.state.states().unwrap_or_default();
    let mut states: BTreeMap<String, GroupState> = BTreeMap::new();
    let mut skipped = BTreeMap::new();
    let mut pending = 0;
    let private_state = &mut stored.private;
    private_state.forget_findings();
    discovery.record(intent, private_state);
    for (name, group) in &discovery.groups {
        let current = group.state(intent, ownership);
        let desired = group.desired(intent, &current);
        if group.membership == Membership::Left {
            if desired.state == current {
                continue;
            }
            private_state.left.insert(name.clone());
        }
        // What an imported policy selects is not known before it is planned.
        if !intent.selection.select.is_empty() {
            pending += i64::from(desired.state != current);
        }
        if let Some(skip) = desired.skip {
            skipped.insert(name.clone(), Attr::Known(skip.to_string()));
        }
        let wanted = intent.wanted.as_ref();
        if let Some(foreign) =
            wanted.and_then(|wanted| ownership.in_the_way(&group.filters, wanted))
        {
            private_state.record_foreign(name, foreign);
        }
        states.insert(name.clone(), current);
    }
    private_state.forget_written_but(|name| states.contains_key(name));
    if pending == 0 {
        private_state.forget_former();
    }
    record_gaps(private_state, &before, discovery, &states, intent.refresh);
    stored.state.log_groups = Attr::Known(entries(&states));
    stored.state.skipped = Attr::Known(skipped);
    stored.state.pending = Attr::Known(pending);
}

/// Writes into the state how the permission stands. Counts it, so it comes after the log groups.
pub(super) fn record_permission(state: &mut Policy, permission: Option<Permission>) {
    state.invoke_permission = permission.map(|permission| permission.to_string()).into();
    if let Attr::Known(pending) = &mut state.pending {
        *pending += i64::from(permission::is_pending(permission));
    }
}
