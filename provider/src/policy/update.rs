use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{Listing, LogGroup, Permission, Retention, Standing, Subscription};
use tfplugin::{Attr, Context, Diagnostic, Stored};

use super::discover::{Discovery, Membership, shipped_to, unlisted};
use super::fights;
use super::loops::{Shipping, Surroundings};
use super::model::{Entry, Intent, Policy, Unusable};
use super::permission::Grants;
use super::private_state::PrivateState;
use super::read::{check_account, claim, look_for_loops, record, record_permission};
use super::reconcile::{Job, Reconciled, Reconciler, Touch, by_reason, remember_full};
use super::refresh::Basis;
use crate::aws::{Account, CallError, Reader};
use crate::census::Census;
use crate::diagnostics;
use crate::provider::Client;

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
    change: tfplugin::Change<Policy, PrivateState>,
) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
    let tfplugin::Change { prior, planned: mut stored, .. } = change;
    check_account(cx, account, &prior).await?;
    let unusable = |error| diagnostics::unusable_state(&error);
    let mut intent = stored.state.intent().map_err(unusable)?;
    intent.gave = prior.intent().map_err(unusable)?.demand.retention;
    stored.state.document = stored.state.document();
    let region = stored.state.region.known().map_or(account.default_region(), String::as_str);
    stored.private.remember_former(prior.ownership());
    let ownership = stored.private.widen(stored.state.ownership());
    let standings = prior.standings().map_err(unusable)?;
    let touch = if stored.state.subscribes_as(&prior) { Touch::IfDifferent } else { Touch::Always };
    let reconciler = Reconciler {
        reader: account.reader(region, cx.stopped()),
        writer: account.writer(region, cx.stopped()),
        wanted: intent.wanted.clone(),
        ownership: ownership.clone(),
    };

    let grants = Grants { reader: &reconciler.reader, writer: &reconciler.writer };
    let must_grant = !is_granted(&prior, &intent).map_err(unusable)?;

    let id = account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
    let claims = account
        .claims(region, cx.stopped())
        .await
        .map_err(|error| diagnostics::no_account(&error))?;
    let reconciled = if stored.state.log_groups.is_unknown() {
        let held = standings.into_keys().collect();
        let basis = Basis::default();
        let mut discovery = Discovery::run(&reconciler.reader, &intent, &ownership, &held, &basis)
            .await
            .map_err(|error| diagnostics::not_read(&error, region))?;
        let mut claims = claims.lock().await;
        let around =
            Surroundings { reader: &reconciler.reader, region, account_id: id, claims: &claims };
        look_for_loops(cx, &around, &mut intent, &discovery, &mut stored.private).await?;
        discovery.remember_originals(&mut stored.private);
        discovery.recall(&intent, &ownership, &mut stored.private);
        let jobs = discovery.jobs(&intent, &ownership);
        intent.guards.check(discovery.chosen().count(), jobs.len())?;
        let stake = discovery.stake(&stored.state, &intent, &ownership);
        fights::check(cx, &mut claims, &stored.state, stake)?;
        claim(&mut claims, &intent, &jobs);
        drop(claims);
        if must_grant {
            grants.grant(&intent, &mut stored.private).await?;
        }
        let reconciled = reconciler.reconcile_all(jobs).await;
        discovery.follow(&reconciled);
        remember_full(&mut stored.private, &reconciled);
        discovery.recall(&intent, &ownership, &mut stored.private);
        record(&mut stored, &discovery, &intent, &ownership);
        reconciled
    } else {
        let mut plan = Planned::of(&stored, standings).map_err(unusable)?;
        let meanwhile = Meanwhile::since(&reconciler.reader, &intent, &plan)
            .await
            .map_err(|error| diagnostics::not_read(&error, region))?;
        plan.remember_originals(&mut stored.private, &meanwhile);
        plan.restore(&intent, &stored.private, &meanwhile);
        let mut jobs = plan.jobs(touch, &meanwhile);
        intent.guards.check(plan.chosen(), jobs.len())?;
        if jobs.iter().any(Job::puts_filter) {
            let mut claims = claims.lock().await;
            let around = Surroundings {
                reader: &reconciler.reader,
                region,
                account_id: id,
                claims: &claims,
            };
            look_for_loops(cx, &around, &mut intent, &meanwhile, &mut stored.private).await?;
            bar(&mut jobs, &intent);
            claim(&mut claims, &intent, &jobs);
        }
        if must_grant {
            grants.grant(&intent, &mut stored.private).await?;
        }
        let reconciled = reconciler.reconcile_all(jobs).await;
        meanwhile.tell(cx, &reconciled);
        remember_full(&mut stored.private, &reconciled);
        settle(&mut stored, &reconciled);
        if let Some(recollection) = &mut stored.private.recollection {
            recollection.follow(&reconciled);
        }
        reconciled
    };

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
    for (failure, groups) in by_reason(&reconciled) {
        cx.report(diagnostics::not_reconciled(failure, &groups));
    }
    Ok(stored)
}

/// Whether the statement that is wanted was there when the plan was made.
fn is_granted(prior: &Policy, intent: &Intent) -> Result<bool, Unusable> {
    let was_active = prior.invoke_permission.known() == Some(&Permission::Active.to_string());
    Ok(intent.grant.is_none() || (was_active && prior.grant()? == intent.grant))
}

/// A plan knows only the loops that were there when it was made.
fn bar(jobs: &mut [Job], intent: &Intent) {
    let Some(guard) = &intent.demand.ships else { return };
    for job in jobs.iter_mut().filter(|job| job.puts_filter()) {
        job.barred = guard.why(&job.log_group).map(str::to_owned);
    }
}

/// What a plan with known log groups says of each of them.
struct Planned {
    groups: BTreeMap<String, Change>,
}

struct Change {
    is: Standing,
    should: Standing,
    membership: Membership,
    /// Whether it was no part of the policy before.
    newcomer: bool,
}

impl Planned {
    fn of(
        stored: &Stored<Policy, PrivateState>,
        mut standings: BTreeMap<String, Standing>,
    ) -> Result<Self, Unusable> {
        let mut groups = BTreeMap::new();
        for (name, should) in stored.state.standings()? {
            let before = standings.remove(&name);
            let newcomer = before.is_none();
            let is = before.unwrap_or_else(|| Standing {
                subscription: should.subscription.as_ref().map(|_| Subscription::Missing),
                retention: stored.private.retention(&name).unwrap_or(Retention::Never),
            });
            let membership = Membership::Chosen;
            groups.insert(name, Change { is, should, membership, newcomer });
        }
        groups.extend(standings.into_iter().map(|(name, is)| {
            let should = Standing { subscription: None, retention: is.retention };
            (name, Change { is, should, membership: Membership::Left, newcomer: false })
        }));
        Ok(Self { groups })
    }

    fn chosen(&self) -> usize {
        let chosen = |change: &&Change| change.membership == Membership::Chosen;
        self.groups.values().filter(chosen).count()
    }

    fn remember_originals(&self, memory: &mut PrivateState, meanwhile: &Meanwhile) {
        let newcomers = self.groups.iter().filter(|(_, change)| change.newcomer);
        for group in newcomers.filter_map(|(name, _)| meanwhile.listed.get(name)) {
            memory.remember_original(&group.name, group.created_ms, group.retention);
        }
    }

    /// What leaves gets its retention back, if that is wanted.
    fn restore(&mut self, intent: &Intent, memory: &PrivateState, meanwhile: &Meanwhile) {
        for (name, change) in &mut self.groups {
            let left = change.membership == Membership::Left;
            let group = meanwhile.listed.get(name).filter(|_| left);
            if let Some(original) = group.and_then(|group| intent.restored(group, memory)) {
                change.should.retention = original;
            }
        }
    }

    fn jobs(&self, touch: Touch, meanwhile: &Meanwhile) -> Vec<Job> {
        let present = self.groups.iter().filter(|(name, _)| !meanwhile.gone.contains(*name));
        let jobs = present.map(|(name, change)| Job {
            log_group: name.clone(),
            is: change.is.clone(),
            should: change.should.clone(),
            subscription: touch,
            filters: None,
            barred: None,
        });
        jobs.filter(Job::is_needed).collect()
    }
}

/// What happened to the log groups between plan and apply.
struct Meanwhile {
    asked: Vec<Listing>,
    listed: BTreeMap<String, LogGroup>,
    gone: BTreeSet<String>,
    born: BTreeSet<String>,
}

impl Meanwhile {
    async fn since(reader: &Reader, intent: &Intent, plan: &Planned) -> Result<Self, CallError> {
        let mut census = Census::take(reader, &intent.selection, intent.listings()).await?;
        let planned = plan.groups.keys().cloned().collect();
        let born = census.chosen(reader, &intent.selection, &planned).await?;
        let Census { asked, mut listed, .. } = census;
        let held = reader.log_groups(&unlisted(&listed, plan.groups.keys())).await?;
        let held = held.into_iter().filter(|(name, _)| plan.groups.contains_key(name));
        listed.extend(held);
        let gone = plan.groups.keys().filter(|name| !listed.contains_key(*name));
        Ok(Self { gone: gone.cloned().collect(), born, listed, asked })
    }

    fn tell(mut self, cx: &Context<Client>, reconciled: &[Reconciled]) {
        self.gone.extend(
            reconciled
                .iter()
                .filter(|reconciled| reconciled.gone)
                .map(|reconciled| reconciled.log_group.clone()),
        );
        if !self.gone.is_empty() {
            cx.report(diagnostics::gone_meanwhile(&self.gone));
        }
        if !self.born.is_empty() {
            cx.report(diagnostics::born_meanwhile(&self.born));
        }
    }
}

impl Shipping for Meanwhile {
    fn destinations_of(&self, log_group: &str) -> Option<Vec<String>> {
        shipped_to(None, log_group, &self.asked, &self.listed)
    }
}

/// The planned values stand, but for groups that could not be brought there. A group that is gone
/// keeps what was planned until the next read.
fn settle(stored: &mut Stored<Policy, PrivateState>, reconciled: &[Reconciled]) {
    let Attr::Known(log_groups) = &mut stored.state.log_groups else { return };
    let mut pending = 0;
    for reconciled in reconciled.iter().filter(|reconciled| !reconciled.failures.is_empty()) {
        pending += 1;
        if !log_groups.contains_key(&reconciled.log_group) {
            stored.private.left.insert(reconciled.log_group.clone());
        }
        log_groups
            .insert(reconciled.log_group.clone(), Attr::Known(Entry::of(&reconciled.reached)));
    }
    stored.state.pending = Attr::Known(pending);
}
