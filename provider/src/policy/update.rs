use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::Standing;
use tfplugin::{Attr, Change, Context, Diagnostic, Stored};

use super::discover::Discovery;
use super::memory::Memory;
use super::mend::{Job, Mended, Mender, Touch, by_reason};
use super::model::{Entry, Intent, Policy, Unusable};
use super::read::{check_account, record};
use crate::aws::{Account, CallError, Reader};
use crate::diagnostics;
use crate::provider::Client;

/// Does what the plan says. What fails is an error, and the state says how far it came.
pub(super) async fn update(
    cx: &Context<Client>,
    change: Change<Policy, Memory>,
) -> Stored<Policy, Memory> {
    let untouched = Stored { state: change.prior.clone(), private: change.planned.private.clone() };
    let Some(account) = Client::known(cx) else {
        cx.report(diagnostics::not_configured());
        return untouched;
    };
    match updated(cx, account, change).await {
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
    change: Change<Policy, Memory>,
) -> Result<Stored<Policy, Memory>, Diagnostic> {
    let Change { prior, planned: mut stored, .. } = change;
    check_account(cx, account, &prior).await?;
    let unusable = |error| diagnostics::unusable_state(&error);
    let intent = stored.state.intent().map_err(unusable)?;
    let region = stored.state.region.known().map_or(account.default_region(), String::as_str);
    stored.private.remember_former(prior.ownership());
    let ownership = stored.private.widen(stored.state.ownership());
    let standings = prior.standings().map_err(unusable)?;
    let touch = if stored.state.subscribes_as(&prior) { Touch::IfDifferent } else { Touch::Always };
    let mender = Mender {
        reader: account.reader(region, cx.stopped()),
        writer: account.writer(region, cx.stopped()),
        wanted: intent.wanted.clone(),
        ownership: ownership.clone(),
    };

    let mended = if stored.state.log_groups.is_unknown() {
        let held = standings.into_keys().collect();
        let mut discovery = Discovery::run(&mender.reader, &intent, &ownership, &held)
            .await
            .map_err(|error| diagnostics::not_read(&error, region))?;
        let mended = mender.mend_all(discovery.jobs(&intent, &ownership)).await;
        discovery.follow(&mended);
        record(&mut stored, &discovery, &intent, &ownership);
        mended
    } else {
        let plan = Planned::of(&stored.state, standings).map_err(unusable)?;
        let meanwhile = Meanwhile::since(&mender.reader, &intent, &plan)
            .await
            .map_err(|error| diagnostics::not_read(&error, region))?;
        let mended = mender.mend_all(plan.jobs(touch, &meanwhile.gone)).await;
        meanwhile.tell(cx, &mended);
        settle(&mut stored.state, &mended);
        mended
    };

    if mended.iter().all(|mended| mended.failures.is_empty()) {
        stored.private.forget_former();
    }
    for (failure, groups) in by_reason(&mended) {
        cx.report(diagnostics::not_mended(failure, &groups));
    }
    Ok(stored)
}

/// What a plan with known log groups says: how each is, and how it should be; nothing where it
/// left the selection.
struct Planned {
    groups: BTreeMap<String, (Standing, Option<Standing>)>,
}

impl Planned {
    fn of(planned: &Policy, mut standings: BTreeMap<String, Standing>) -> Result<Self, Unusable> {
        let mut groups = BTreeMap::new();
        for (name, should) in planned.standings()? {
            let is = standings.remove(&name).unwrap_or_else(|| should.clone());
            groups.insert(name, (is, Some(should)));
        }
        groups.extend(standings.into_iter().map(|(name, is)| (name, (is, None))));
        Ok(Self { groups })
    }

    fn jobs(&self, touch: Touch, gone: &BTreeSet<String>) -> Vec<Job> {
        let present = self.groups.iter().filter(|(name, _)| !gone.contains(*name));
        let jobs = present.map(|(name, (is, should))| Job {
            log_group: name.clone(),
            is: is.clone(),
            should: should
                .clone()
                .unwrap_or(Standing { subscription: None, retention: is.retention }),
            subscription: touch,
            filters: None,
        });
        jobs.filter(Job::is_needed).collect()
    }
}

/// What happened to the log groups between plan and apply.
struct Meanwhile {
    gone: BTreeSet<String>,
    born: BTreeSet<String>,
}

impl Meanwhile {
    async fn since(reader: &Reader, intent: &Intent, plan: &Planned) -> Result<Self, CallError> {
        let listed = reader.log_groups(&intent.selection.listings()).await?;
        let born = listed
            .keys()
            .filter(|name| intent.selection.chooses(name) && !plan.groups.contains_key(*name));
        let gone = plan
            .groups
            .keys()
            .filter(|name| intent.selection.chooses(name) && !listed.contains_key(*name));
        Ok(Self { gone: gone.cloned().collect(), born: born.cloned().collect() })
    }

    fn tell(mut self, cx: &Context<Client>, mended: &[Mended]) {
        self.gone.extend(
            mended.iter().filter(|mended| mended.gone).map(|mended| mended.log_group.clone()),
        );
        if !self.gone.is_empty() {
            cx.report(diagnostics::gone_meanwhile(&self.gone));
        }
        if !self.born.is_empty() {
            cx.report(diagnostics::born_meanwhile(&self.born));
        }
    }
}

/// The planned values stand, but for groups that could not be brought there. A group that is gone
/// keeps what was planned until the next read.
fn settle(state: &mut Policy, mended: &[Mended]) {
    let Attr::Known(log_groups) = &mut state.log_groups else {
        return;
    };
    let mut pending = 0;
    for mended in mended.iter().filter(|mended| !mended.failures.is_empty()) {
        pending += 1;
        log_groups.insert(mended.log_group.clone(), Attr::Known(Entry::of(&mended.reached)));
    }
    state.pending = Attr::Known(pending);
}
