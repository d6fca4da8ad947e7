use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{OnDestroy, Standing};
use tfplugin::{Attr, Context, Diagnostic, Stored};

use super::discover::unlisted;
use super::model::{Entry, Intent, Policy};
use super::permission::Grants;
use super::private_state::PrivateState;
use super::read::check_account;
use super::reconcile::{Job, Reconciler, by_reason};
use crate::aws::{Account, CallError};
use crate::census::Census;
use crate::diagnostics;
use crate::provider::Client;

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
    let standings = prior.state.standings().map_err(|error| diagnostics::unusable_state(&error))?;
    let intent = prior.state.intent().map_err(|error| diagnostics::unusable_state(&error))?;
    let region = prior.state.region.known().map_or(account.default_region(), String::as_str);
    let reconciler = Reconciler {
        reader: account.reader(region, cx.stopped()),
        writer: account.writer(region, cx.stopped()),
        wanted: None,
        ownership: prior.private.widen(prior.state.ownership()),
    };
    let mut jobs = BTreeMap::new();
    for (log_group, is) in standings {
        let should = Standing { subscription: None, retention: is.retention };
        jobs.insert(log_group.clone(), Job::of(log_group, is, should));
    }
    if intent.on_destroy == OnDestroy::Restore {
        restore(&reconciler, &intent, &prior.private, &mut jobs)
            .await
            .map_err(|error| diagnostics::not_read(&error, region))?;
    }
    let reconciled =
        reconciler.reconcile_all(jobs.into_values().filter(Job::is_needed).collect()).await;
    let failures = by_reason(&reconciled);
    let mut stored = prior.clone();
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

/// Has every log group get back the retention it had, if that is still the policy's.
async fn restore(
    reconciler: &Reconciler,
    intent: &Intent,
    memory: &PrivateState,
    jobs: &mut BTreeMap<String, Job>,
) -> Result<(), CallError> {
    let census = Census::take(&reconciler.reader, &intent.selection, intent.listings()).await?;
    let mut listed = census.listed;
    listed.extend(reconciler.reader.log_groups(&unlisted(&listed, jobs.keys())).await?);
    for (name, job) in jobs {
        let original = listed.get(name).and_then(|group| intent.restored(group, memory));
        if let Some(original) = original {
            job.should.retention = original;
        }
    }
    Ok(())
}
