use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{OnConflict, Ownership, Permission, PolicyId, Subscription};
use tfplugin::{Attr, Context, Creation, Diagnostic, Stored};

use super::conflicts;
use super::discover::{Discovery, Sight};
use super::findings::Failure;
use super::loops::Surroundings;
use super::model::{Entry, Intent, Policy};
use super::permission::{Granted, Grants};
use super::plan::destination_abroad;
use super::planned_inventories::PlannedInventories;
use super::private_state::PrivateState;
use super::read::{look_for_loops, record, record_permission, ship};
use super::reconcile::{
    AfterFailure, GroupChange, Reconciler, by_reason, record_reconciled, report_left_to_others,
};
use super::reconciled::Reconciled;
use super::refresh::Basis;
use crate::aws::{Account, KeptFor, Origin, SharedClaims};
use crate::connection::Client;
use crate::diagnostics;

/// Makes the policy hold for the first time.
///
/// An error beside a state would taint it, and the next apply would delete every filter and make
/// it again: a gap in delivery. So what can be wrong with the whole is found out before anything
/// is written or by the first write, and leaves no state; after that, what failed is a warning
/// and counted in `pending`.
pub(super) async fn create(
    cx: &Context<Client>,
    planned_inventories: &PlannedInventories,
    creation: Creation<Policy, PrivateState>,
) -> Option<Stored<Policy, PrivateState>> {
    let account = match Client::account_to_work_in(cx, &creation.planned.state.assume_role) {
        Ok(account) => account,
        Err(diagnostic) => {
            cx.report(diagnostic);
            return None;
        }
    };
    let mut stored = creation.planned;
    if !stored.private.is_draft() {
        stored.private = PrivateState::draft();
    }
    let policy = stored.private.id_or_draw();
    let region = stored.state.region.known().map_or(account.default_region(), String::as_str);
    let claims = match account.claims(region, cx.stopped()).await {
        Ok(claims) => claims,
        Err(error) => {
            cx.report(diagnostics::no_account(&error));
            return None;
        }
    };
    let creating = Creating { policy, account: &account, planned_inventories, claims: &claims };
    match creating.run(cx, stored).await {
        Ok(mut stored) => {
            stored.private.inherit_all(&claims.lock().await.close(policy));
            stored.private.created();
            Some(stored)
        }
        Err(diagnostic) => {
            claims.lock().await.withdraw(policy);
            cx.report(diagnostic);
            None
        }
    }
}

struct Creating<'a> {
    policy: PolicyId,
    account: &'a Account,
    planned_inventories: &'a PlannedInventories,
    claims: &'a SharedClaims,
}

impl Creating<'_> {
    async fn run(
        &self,
        cx: &Context<Client>,
        mut stored: Stored<Policy, PrivateState>,
    ) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
        let Self { policy, account, planned_inventories, claims } = self;
        let unusable = |error| diagnostics::unusable_state(&error);
        let state = &mut stored.state;
        let mut intent = state.intent(&stored.private).map_err(unusable)?;
        let region = state.region.known().map_or(account.default_region(), String::as_str);
        let region = region.to_owned();
        let id = account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
        state.account_id = Attr::Known(id.to_owned());
        state.document = state.document();
        if let Some(diagnostic) = destination_abroad(state) {
            return Err(diagnostic);
        }
        let ownership = state.ownership();
        let reconciler = Reconciler {
            policy: *policy,
            reader: account.reader(&region, cx.stopped()),
            writer: account.writer(&region, cx.stopped()),
            claims: (*claims).clone(),
            kept: KeptFor::new(),
            wanted: intent.wanted.clone(),
            ownership: ownership.clone(),
        };
        let not_read = |error| diagnostics::not_read(&error, &region);
        let reader = &reconciler.reader;
        let planned =
            planned_inventories.take_or_list(*policy, reader, &intent).await.map_err(not_read)?;
        // Another policy that is destroyed in this run has to know before this one looks.
        let claim = planned.claim(&stored.state, &intent);
        claims.lock().await.claim(*policy, Origin::Created, claim);
        let (held, basis) = (BTreeSet::new(), Basis::default());
        let sight = Sight::Settled;
        let mut discovery =
            Discovery::of(planned.inventory, reader, &intent, &ownership, &held, &basis, sight)
                .await
                .map_err(not_read)?;
        let (restored, bequeathed) = {
            let claims = claims.lock().await;
            (claims.restored().clone(), claims.bequeathed().clone())
        };
        discovery.look_again(reader, &restored).await.map_err(not_read)?;
        discovery.inherit(&intent, &bequeathed, &mut stored.private);
        let mut claimed = claims.lock().await;
        let around = Surroundings { reader, region: &region, account_id: id, claims: &claimed };
        look_for_loops(cx, &around, &mut intent, &discovery, &mut stored.private).await?;
        discovery.recall(&intent, &ownership, &mut stored.private);
        refuse_conflicts(&discovery, &intent, &ownership)?;
        discovery.shortened_since(&intent, &ownership, &restored).report(cx);
        let group_changes = discovery.group_changes(&intent, &ownership);
        intent.guards.check(discovery.selected().count(), group_changes.len())?;
        let claim = discovery.claim(&stored.state, &intent, &ownership);
        conflicts::check(cx, &mut claimed, *policy, Origin::Created, claim)?;
        ship(&mut claimed, &intent, &group_changes);
        drop(claimed);

        let present = discovery.subscribed(&intent);
        if !present.is_empty() {
            cx.report(diagnostics::filters_taken_over(&present));
        }
        let grants = Grants { reader, writer: &reconciler.writer };
        let granted = grants.grant(&intent, &mut stored.private).await?;
        let on_conflict = intent.desired.on_conflict;
        let (mut reconciled, group_changes) = probe(&reconciler, group_changes, on_conflict).await;
        let untouched = reconciled.iter().all(|reconciled| reconciled.writes == 0);
        if let Some((log_group, failure)) =
            first_failure(&reconciled, &group_changes, on_conflict).filter(|_| untouched)
        {
            let made = intent.grant.as_ref().filter(|_| granted == Granted::Now);
            let still_untouched = match made {
                Some(grant) => grants.revoke(grant).await.is_ok(),
                None => true,
            };
            // A statement that cannot be taken back has to be in the state, so there is one.
            if still_untouched {
                return Err(diagnostics::first_write_failed(
                    failure,
                    log_group,
                    group_changes.len(),
                ));
            }
        }
        reconciled.extend(reconciler.reconcile_all(group_changes).await);

        discovery.follow(&reconciled);
        record_reconciled(&mut stored.private, &reconciled);
        discovery.recall(&intent, &ownership, &mut stored.private);
        record(&mut stored, &discovery, &intent, &ownership);
        record_permission(&mut stored.state, intent.grant.as_ref().map(|_| Permission::Active));
        report_left_to_others(cx, &reconciled);
        let absent = discovery.absent(&intent);
        if !absent.is_empty() {
            keep_the_named(&mut stored.state, &absent);
            cx.report(diagnostics::named_but_absent(&absent, &region));
        }
        for (failure, groups) in by_reason(&reconciled) {
            // A group that is to be skipped is in `skipped` now, with the reason.
            let skips = on_conflict == OnConflict::Skip && failure.is_conflict();
            if !skips && !failure.is_of_class() {
                cx.report(diagnostics::not_yet_compliant(failure, &groups));
            }
        }
        Ok(stored)
    }
}

/// What says that the policy as a whole cannot be applied: what is wrong with more than one log
/// group, or what is wrong with every one of them.
fn first_failure<'r>(
    reconciled: &'r [Reconciled],
    rest: &[GroupChange],
    on_conflict: OnConflict,
) -> Option<(&'r str, &'r Failure)> {
    let barring = reconciled.iter().find_map(|reconciled| reconciled.barring(on_conflict));
    let denied = || reconciled.iter().find_map(Reconciled::denied).filter(|_| rest.is_empty());
    barring.or_else(denied)
}

fn refuse_conflicts(
    discovery: &Discovery,
    intent: &Intent,
    ownership: &Ownership,
) -> Result<(), Diagnostic> {
    let Some(wanted) = &intent.wanted else {
        return Ok(());
    };
    let subscribed = discovery.groups.iter().filter(|(_, group)| {
        let current = group.state(intent, ownership);
        group.desired(intent, &current).state.subscription.is_some()
    });
    let conflicts: BTreeMap<_, _> = subscribed
        .filter_map(|(name, group)| {
            let filter = ownership.in_the_way(&group.filters, wanted)?;
            Some((name, &filter.destination_arn))
        })
        .collect();
    if conflicts.is_empty() {
        return Ok(());
    }
    Err(diagnostics::name_is_taken(&wanted.name, &conflicts))
}

/// Reconciles one log group after the other until something has been written, or something is wrong
/// with more than one log group. Returns the remaining changes.
async fn probe(
    reconciler: &Reconciler,
    group_changes: Vec<GroupChange>,
    on_conflict: OnConflict,
) -> (Vec<Reconciled>, Vec<GroupChange>) {
    let mut reconciled: Vec<Reconciled> = Vec::new();
    let mut group_changes = group_changes.into_iter();
    for group_change in group_changes.by_ref() {
        let probed = reconciler.reconcile(group_change, AfterFailure::Stop(on_conflict)).await;
        let done = probed.writes > 0 || probed.barring(on_conflict).is_some();
        reconciled.push(probed);
        if done {
            break;
        }
    }
    (reconciled, group_changes.collect())
}

/// A plan that names its log groups promised an entry for each of them, also for one that does
/// not exist.
fn keep_the_named(state: &mut Policy, absent: &BTreeSet<String>) {
    let ships = state.destination_arn.known().map(|_| Subscription::Missing.to_string());
    if let Attr::Known(log_groups) = &mut state.log_groups {
        for name in absent {
            let entry = Entry {
                subscription: ships.clone().into(),
                retention_in_days: Attr::Null,
                deletion_protection: Attr::Null,
            };
            log_groups.insert(name.clone(), Attr::Known(entry));
        }
    }
    if let Attr::Known(pending) = &mut state.pending {
        *pending += i64::try_from(absent.len()).unwrap_or(i64::MAX);
    }
}
