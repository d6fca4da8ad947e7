use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{
    GroupState, Listing, LogGroup, OnConflict, Permission, PolicyId, Retention, Subscription,
    SubscriptionFilter, WrittenProtection, WrittenRetention,
};
use tfplugin::{Attr, Context, Diagnostic, Stored};

use super::conflicts;
use super::discover::{Discovery, Membership, Sight, shipped_to};
use super::findings::Failure;
use super::loops::{Shipping, Surroundings};
use super::model::{Entry, Intent, Policy, Unusable};
use super::permission::Grants;
use super::planned_inventories::PlannedInventory;
use super::private_state::PrivateState;
use super::read::{check_account, look_for_loops, record, record_permission, ship};
use super::reconcile::{
    GroupChange, Reconciler, Touch, by_reason, record_reconciled, report_left_to_others,
};
use super::reconciled::Reconciled;
use super::refresh::Basis;
use crate::aws::{Account, CallError, Claims, Origin, Reader, Restored, SharedClaims};
use crate::connection::Client;
use crate::diagnostics;
use crate::inventory::{self, Inventory};

/// Does what the plan says. What fails is an error, and the state says how far it came.
pub(super) async fn update(
    cx: &Context<Client>,
    change: tfplugin::Change<Policy, PrivateState>,
) -> Stored<Policy, PrivateState> {
    let untouched = Stored { state: change.prior.clone(), private: change.planned.private.clone() };
    let account = match Client::account_to_work_in(cx, &change.planned.state.assume_role) {
        Ok(account) => account,
        Err(diagnostic) => {
            cx.report(diagnostic);
            return untouched;
        }
    };
    match updated(cx, &account, change).await {
        Ok(stored) => stored,
        Err(diagnostic) => {
            cx.report(diagnostic);
            untouched
        }
    }
}

/// An error means that nothing was written.
async fn updated(
    cx: &Context<Client>,
    account: &Account,
    mut change: tfplugin::Change<Policy, PrivateState>,
) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
    check_account(cx, account, &change.prior).await?;
    let region =
        change.planned.state.region.known().map_or(account.default_region(), String::as_str);
    let claims = account.claims(region, cx.stopped()).await;
    let claims = claims.map_err(|error| diagnostics::no_account(&error))?;
    let policy = change.planned.private.id_or_draw();
    let prior = conflicts::claim_of_map(&change.prior, &change.planned.private);
    let outcome = Updating { policy, account, claims: &claims }.run(cx, change).await;
    let mut claims = claims.lock().await;
    match outcome {
        Ok(mut stored) => {
            stored.private.inherit_all(&claims.close(policy));
            Ok(stored)
        }
        Err(diagnostic) => {
            // It needs what it had before.
            if let Some(claim) = prior {
                claims.claim(policy, Origin::Existing, claim);
            }
            Err(diagnostic)
        }
    }
}

struct Updating<'a> {
    policy: PolicyId,
    account: &'a Account,
    claims: &'a SharedClaims,
}

impl Updating<'_> {
    async fn run(
        &self,
        cx: &Context<Client>,
        change: tfplugin::Change<Policy, PrivateState>,
    ) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
        let Self { policy, account, claims } = self;
        let tfplugin::Change { prior, planned: mut stored, .. } = change;
        let unusable = |error| diagnostics::unusable_state(&error);
        let mut intent = stored.state.intent(&stored.private).map_err(unusable)?;
        stored.state.document = stored.state.document();
        if stored.state.document != prior.document {
            stored.private.forget_refusals();
        }
        let region = stored.state.region.known().map_or(account.default_region(), String::as_str);
        let region = region.to_owned();
        stored.private.record_former(prior.ownership());
        let ownership = stored.private.widen(stored.state.ownership());
        let states = prior.states().map_err(unusable)?;
        let again = !stored.state.subscribes_as(&prior);
        let reconciler = Reconciler {
            policy: *policy,
            reader: account.reader(&region, cx.stopped()),
            writer: account.writer(&region, cx.stopped()),
            claims: (*claims).clone(),
            kept: stored.private.kept_for_others(),
            wanted: intent.wanted.clone(),
            ownership: ownership.clone(),
        };
        let reader = &reconciler.reader;
        let not_read = |error| diagnostics::not_read(&error, &region);

        let grants = Grants { reader, writer: &reconciler.writer };
        let must_grant = !is_granted(&prior, &intent, *policy).map_err(unusable)?;
        let id = account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
        let reconciled = if stored.state.log_groups.is_unknown() {
            let held = states.into_keys().collect();
            let planned = PlannedInventory::list(reader, &intent).await.map_err(not_read)?;
            let claim = planned.claim(&stored.state, &intent);
            claims.lock().await.claim(*policy, Origin::Existing, claim);
            let (basis, sight) = (Basis::default(), Sight::Settled);
            let mut discovery =
                Discovery::of(planned.inventory, reader, &intent, &ownership, &held, &basis, sight)
                    .await
                    .map_err(not_read)?;
            let restored = claims.lock().await.restored().clone();
            discovery.look_again(reader, &restored).await.map_err(not_read)?;
            let mut claimed = claims.lock().await;
            let around = Surroundings { reader, region: &region, account_id: id, claims: &claimed };
            look_for_loops(cx, &around, &mut intent, &discovery, &mut stored.private).await?;
            discovery.recall(&intent, &ownership, &mut stored.private);
            discovery.shortened_since(&intent, &ownership, &restored).report(cx);
            let group_changes = discovery.group_changes(&intent, &ownership);
            intent.guards.check(discovery.selected().count(), group_changes.len())?;
            let claim = discovery.claim(&stored.state, &intent, &ownership);
            conflicts::check(cx, &mut claimed, *policy, Origin::Existing, claim)?;
            ship(&mut claimed, &intent, &group_changes);
            drop(claimed);
            if must_grant {
                grants.grant(&intent, &mut stored.private).await?;
            }
            let reconciled = reconciler.reconcile_all(group_changes).await;
            discovery.follow(&reconciled);
            record_reconciled(&mut stored.private, &reconciled);
            discovery.recall(&intent, &ownership, &mut stored.private);
            record(&mut stored, &discovery, &intent, &ownership);
            reconciled
        } else {
            let mut plan = Planned::of(&stored, &intent, states).map_err(unusable)?;
            if let Some(claim) = conflicts::claim_of_map(&stored.state, &stored.private) {
                let mut claimed = claims.lock().await;
                conflicts::check(cx, &mut claimed, *policy, Origin::Existing, claim)?;
                plan.look_again(again, &claimed, intent.wanted.as_ref());
            }
            let mut meanwhile = Meanwhile::since(reader, &intent, &plan, &stored.private)
                .await
                .map_err(not_read)?;
            let restored = claims.lock().await.restored().clone();
            meanwhile.look_again(reader, restored).await.map_err(not_read)?;
            plan.recheck_protections(&intent, &stored.private, &meanwhile);
            plan.recheck_retentions(&intent, &stored.private, &mut meanwhile);
            let mut group_changes = plan.group_changes(&meanwhile);
            intent.guards.check(plan.selected(), group_changes.len())?;
            if group_changes.iter().any(GroupChange::writes_filter) {
                let mut claimed = claims.lock().await;
                let around =
                    Surroundings { reader, region: &region, account_id: id, claims: &claimed };
                look_for_loops(cx, &around, &mut intent, &meanwhile, &mut stored.private).await?;
                bar(&mut group_changes, &intent);
                ship(&mut claimed, &intent, &group_changes);
            }
            if must_grant {
                grants.grant(&intent, &mut stored.private).await?;
            }
            let reconciled = reconciler.reconcile_all(group_changes).await;
            plan.compare(&reconciled, &mut meanwhile);
            meanwhile.report(cx, &reconciled);
            record_reconciled(&mut stored.private, &reconciled);
            settle(&mut stored, &plan, &reconciled, intent.desired.on_conflict);
            if let Some(filter_snapshot) = &mut stored.private.filter_snapshot {
                filter_snapshot.follow(&reconciled);
            }
            reconciled
        };
        report_left_to_others(cx, &reconciled);
        // A log group that has left is as any other when it comes back.
        let held = stored.state.states().map_err(unusable)?;
        let is_missing = |state: &GroupState| state.subscription == Some(Subscription::Missing);
        stored.private.gaps.retain(|name, _| held.get(name).is_some_and(is_missing));
        let failed = reconciled.iter().filter(|group| !group.failures.is_empty());
        let failed: BTreeSet<&str> = failed.map(|group| group.log_group.as_str()).collect();
        stored.private.forget_written_but(|name| held.contains_key(name) || failed.contains(name));

        // What may still ship to an earlier destination needs its permission.
        if reconciled.iter().all(|reconciled| reconciled.failures.is_empty()) {
            stored.private.forget_former();
            let wanted = intent.grant.as_ref();
            if let Err(error) = grants.revoke_others(cx, wanted, &mut stored.private).await {
                cx.report(error);
            }
        }
        let permission = match stored.private.superseded(intent.grant.as_ref()).is_empty() {
            true => intent.grant.as_ref().map(|_| Permission::Active),
            false => Some(Permission::NotRevoked),
        };
        record_permission(&mut stored.state, permission);
        let skips = intent.desired.on_conflict == OnConflict::Skip;
        for (failure, groups) in by_reason(&reconciled) {
            let (left, groups): (Vec<&str>, Vec<&str>) =
                groups.into_iter().partition(|name| stored.private.left.contains(*name));
            if !left.is_empty() {
                cx.report(diagnostics::not_reconciled(failure, &left));
            }
            if groups.is_empty() {
                continue;
            }
            cx.report(match failure {
                failure if failure.is_of_class() => diagnostics::class_rejected(failure, &groups),
                failure if failure.is_conflict() && skips => {
                    diagnostics::left_out(failure, &groups)
                }
                failure => diagnostics::not_reconciled(failure, &groups),
            });
        }
        Ok(stored)
    }
}

/// Whether the statement that is wanted was there when the plan was made.
fn is_granted(prior: &Policy, intent: &Intent, policy: PolicyId) -> Result<bool, Unusable> {
    let was_active = prior.invoke_permission.known() == Some(&Permission::Active.to_string());
    Ok(intent.grant.is_none() || (was_active && prior.grant(policy)? == intent.grant))
}

/// A plan knows only the loops that were there when it was made.
fn bar(group_changes: &mut [GroupChange], intent: &Intent) {
    let Some(guard) = &intent.desired.ships else { return };
    for group_change in group_changes.iter_mut().filter(|group_change| group_change.writes_filter())
    {
        group_change.barred = guard.why(&group_change.log_group).map(Cow::into_owned);
    }
}

/// What a plan with known log groups says of each of them.
struct Planned {
    groups: BTreeMap<String, Change>,
}

struct Change {
    current: GroupState,
    desired: GroupState,
    membership: Membership,
    /// Whether it is newly selected.
    is_new: bool,
    touch: Touch,
    /// The policy's write, if the retention before it is restored.
    back: Option<WrittenRetention>,
    /// The same of its deletion protection.
    protection_back: Option<WrittenProtection>,
}

impl Planned {
    fn of(
        stored: &Stored<Policy, PrivateState>,
        intent: &Intent,
        mut states: BTreeMap<String, GroupState>,
    ) -> Result<Self, Unusable> {
        let change = |current, desired, membership| Change {
            current,
            desired,
            membership,
            is_new: false,
            touch: Touch::IfDifferent,
            back: None,
            protection_back: None,
        };
        let mut groups = BTreeMap::new();
        let private = &stored.private;
        for (name, mut desired) in stored.state.states()? {
            let before = states.remove(&name);
            let is_new = before.is_none();
            let mut current = before.unwrap_or_else(|| GroupState {
                subscription: desired.subscription.as_ref().map(|_| Subscription::Missing),
                retention: private.retention(&name).unwrap_or(Retention::Never),
                deletion_protection: None,
            });
            current.deletion_protection =
                intent.protection(private, &name, current.deletion_protection);
            if stored.state.is_unknown_protection(&name) {
                desired.deletion_protection = match private.class(&name).is_changeable() {
                    true => intent.desired.deletion_protection,
                    false => current.deletion_protection,
                };
            }
            if let Some(says) = intent.desired.retention
                && stored.state.is_unknown_retention(&name)
                && private.governed_by(&name).is_none()
            {
                let written = private.written_as_listed(&name, current.retention);
                let whose = PrivateState::provenance_of_retention(written);
                desired.retention =
                    intent.desired.desired_retention(says, current.retention, whose);
            }
            let change = Change { is_new, ..change(current, desired, Membership::Selected) };
            groups.insert(name, change);
        }
        groups.extend(states.into_iter().map(|(name, current)| {
            let desired = GroupState { subscription: None, ..current.clone() };
            (name, change(current, desired, Membership::Left))
        }));
        Ok(Self { groups })
    }

    fn selected(&self) -> usize {
        let selected = |change: &&Change| change.membership == Membership::Selected;
        self.groups.values().filter(selected).count()
    }

    /// Filters are looked at again where an argument of theirs changed, and where another policy
    /// of this run has deleted what is wanted here.
    fn look_again(&mut self, changed: bool, claims: &Claims, wanted: Option<&SubscriptionFilter>) {
        for (name, change) in &mut self.groups {
            if changed || wanted.is_some_and(|wanted| claims.was_released(name, wanted)) {
                change.touch = Touch::Always;
            }
        }
    }

    /// Where a deletion protection is to be written, what the log group has now is what it had
    /// before. A log group that leaves gets its original one, if that was planned and still
    /// applies.
    fn recheck_protections(
        &mut self,
        intent: &Intent,
        private: &PrivateState,
        meanwhile: &Meanwhile,
    ) {
        for (name, change) in &mut self.groups {
            let Some(group) = meanwhile.listed.get(name) else { continue };
            let planned = change.current.deletion_protection;
            match change.membership {
                Membership::Left => {
                    let planned = planned.unwrap_or_else(|| private.is_protected(name));
                    let then = private.written_protection_as_listed(name, planned);
                    let back = private.written_protection(group).filter(|_| then.is_some());
                    if let Some(before) = intent.restored_protection(back) {
                        change.current.deletion_protection = Some(group.is_protected);
                        change.desired.deletion_protection = Some(before);
                        change.protection_back = back;
                    }
                }
                Membership::Selected => {
                    let desired = change.desired.deletion_protection;
                    let is_written =
                        planned != desired || meanwhile.restored.protections.contains(name);
                    if desired.is_some() && is_written {
                        change.current.deletion_protection = Some(group.is_protected);
                    }
                }
            }
        }
    }

    /// Compares the planned retentions with the current ones. A retention that was changed since
    /// the plan, so that the write would no longer be made or would shorten what the plan did not,
    /// is not changed. A log group that leaves gets its original retention, if that was planned and
    /// still applies.
    fn recheck_retentions(
        &mut self,
        intent: &Intent,
        private: &PrivateState,
        meanwhile: &mut Meanwhile,
    ) {
        for (name, change) in &mut self.groups {
            let Some(group) = meanwhile.listed.get(name) else { continue };
            let (planned, now) = (change.current.retention, group.retention);
            match change.membership {
                Membership::Left => {
                    let then = private.written_as_listed(name, planned);
                    let back = private.written(group).filter(|_| then.is_some());
                    if let Some(before) = intent.restored(back) {
                        change.current.retention = now;
                        change.desired.retention = before;
                        change.back = back;
                    }
                }
                Membership::Selected
                    if planned != change.desired.retention
                        || meanwhile.restored.retentions.contains(name) =>
                {
                    let restored = meanwhile.restored.retentions.contains(name);
                    let whose = PrivateState::provenance_of_retention(private.written(group));
                    let desired_now = intent
                        .desired
                        .retention
                        .filter(|_| group.governed_by.is_none())
                        .map_or(now, |says| intent.desired.desired_retention(says, now, whose));
                    let desired = change.desired.retention;
                    let less = desired < planned && now < planned;
                    let as_planned = restored || desired >= now || now == planned || less;
                    if desired_now == desired && as_planned {
                        change.current.retention = now;
                    } else {
                        meanwhile.superseded.insert(format!("{name} ({now})"));
                        change.current.retention = desired;
                    }
                }
                Membership::Selected => {}
            }
        }
    }

    fn group_changes(&self, meanwhile: &Meanwhile) -> Vec<GroupChange> {
        let present = self
            .groups
            .iter()
            .filter_map(|(name, change)| Some((name, change, meanwhile.listed.get(name)?)));
        let group_changes = present.map(|(name, change, group)| {
            let mut group_change =
                GroupChange::of(name.clone(), change.current.clone(), change.desired.clone());
            group_change = group_change.listed(group);
            group_change.subscription = change.touch;
            if let Some(back) = change.back {
                group_change.restore(back);
            }
            if let Some(back) = change.protection_back {
                group_change.restore_protection(back);
            }
            group_change
        });
        group_changes.filter(GroupChange::is_needed).collect()
    }

    /// Notes the filters that were not as the plan saw them.
    fn compare(&self, reconciled: &[Reconciled], meanwhile: &mut Meanwhile) {
        for group in reconciled {
            let Some(change) = self.groups.get(&group.log_group) else { continue };
            let seen = !change.is_new && change.touch == Touch::IfDifferent;
            if seen && group.found.is_some() && group.found != change.current.subscription {
                meanwhile.refiltered.insert(group.log_group.clone());
            }
        }
    }
}

/// What happened to the log groups between plan and apply.
struct Meanwhile {
    asked: Vec<Listing>,
    listed: BTreeMap<String, LogGroup>,
    gone: BTreeSet<String>,
    added: BTreeSet<String>,
    /// Those that were deleted and created again.
    recreated: BTreeSet<String>,
    /// Those whose retention was changed so that the planned one is not written.
    superseded: BTreeSet<String>,
    /// Those whose filter was changed.
    refiltered: BTreeSet<String>,
    /// What another policy of this run has restored.
    restored: Restored,
}

impl Meanwhile {
    async fn since(
        reader: &Reader,
        intent: &Intent,
        plan: &Planned,
        private: &PrivateState,
    ) -> Result<Self, CallError> {
        let mut inventory = Inventory::take(reader, &intent.selection, intent.listings()).await?;
        let planned = plan.groups.keys().cloned().collect();
        let added = inventory.selected(reader, &intent.selection, &planned).await?;
        let Inventory { asked, mut listed, .. } = inventory;
        let held = inventory::held(reader, &asked, &listed, plan.groups.keys()).await?;
        listed.extend(held);
        let (mut gone, mut recreated) = (BTreeSet::new(), BTreeSet::new());
        for name in plan.groups.keys() {
            match listed.get(name) {
                None => {
                    gone.insert(name.clone());
                }
                Some(group) => {
                    let then = private.created_ms(name);
                    if then.is_some_and(|then| then != group.created_ms) {
                        recreated.insert(name.clone());
                    }
                }
            }
        }
        let (superseded, refiltered) = Default::default();
        let restored = Restored::default();
        Ok(Self { gone, added, listed, asked, recreated, superseded, refiltered, restored })
    }

    /// Reads log groups again whose retention another policy has restored since they were listed.
    async fn look_again(&mut self, reader: &Reader, restored: Restored) -> Result<(), CallError> {
        for name in restored.log_groups() {
            if let Some(listed) = self.listed.get_mut(name)
                && let Some(group) = reader.settled_log_group(name).await?
            {
                *listed = group;
            }
        }
        self.restored = restored;
        Ok(())
    }

    fn report(mut self, cx: &Context<Client>, reconciled: &[Reconciled]) {
        self.gone.extend(
            reconciled
                .iter()
                .filter(|reconciled| reconciled.gone)
                .map(|reconciled| reconciled.log_group.clone()),
        );
        let report = |log_groups: &BTreeSet<String>, diagnostic: fn(&BTreeSet<String>) -> _| {
            if !log_groups.is_empty() {
                cx.report(diagnostic(log_groups));
            }
        };
        report(&self.gone, diagnostics::gone_meanwhile);
        report(&self.added, diagnostics::selected_meanwhile);
        report(&self.recreated, diagnostics::recreated_meanwhile);
        report(&self.superseded, diagnostics::retention_changed_meanwhile);
        report(&self.refiltered, diagnostics::filter_changed_meanwhile);
    }
}

impl Shipping for Meanwhile {
    fn destinations_of(&self, log_group: &str) -> Option<Vec<String>> {
        shipped_to(None, log_group, &self.asked, &self.listed)
    }
}

/// The planned values, except for log groups that could not be reconciled, and for values that the
/// plan left unknown. A deleted log group keeps the planned values until the next read.
fn settle(
    stored: &mut Stored<Policy, PrivateState>,
    plan: &Planned,
    reconciled: &[Reconciled],
    on_conflict: OnConflict,
) {
    let Attr::Known(log_groups) = &mut stored.state.log_groups else { return };
    for (name, entry) in log_groups.iter_mut() {
        let Some(change) = plan.groups.get(name) else { continue };
        if entry.known().is_some_and(Entry::has_unknown) {
            *entry = Attr::Known(Entry::of(&change.desired));
        }
    }
    let mut pending = 0;
    for reconciled in reconciled.iter().filter(|reconciled| !reconciled.failures.is_empty()) {
        let skips = |failure: &Failure| {
            failure.is_of_class() || (on_conflict == OnConflict::Skip && failure.is_conflict())
        };
        // What a log group that leaves was to lose is still there.
        let stays = log_groups.contains_key(&reconciled.log_group);
        let skipped = stays && reconciled.failures.iter().all(skips);
        pending += i64::from(!skipped);
        let name = &reconciled.log_group;
        if !log_groups.contains_key(name) {
            stored.private.left.insert(name.clone());
        }
        let mut reached = reconciled.reached.clone();
        if skipped && reached.subscription == Some(Subscription::Missing) {
            reached.subscription = None;
        }
        log_groups.insert(name.clone(), Attr::Known(Entry::of(&reached)));
    }
    stored.state.pending = Attr::Known(pending);
}
