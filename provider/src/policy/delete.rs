use std::collections::BTreeSet;

use logagg_policy::Standing;
use tfplugin::{Attr, Context, Diagnostic, Stored};

use super::memory::Memory;
use super::mend::{Job, Mender, Touch, by_reason};
use super::model::{Entry, Policy};
use super::read::check_account;
use crate::aws::Account;
use crate::diagnostics;
use crate::provider::Client;

/// Deletes the filters that are ours, and leaves retention as it is. What could not be deleted
/// stays in the state.
pub(super) async fn delete(
    cx: &Context<Client>,
    prior: Stored<Policy, Memory>,
) -> Option<Stored<Policy, Memory>> {
    let Some(account) = Client::known(cx) else {
        cx.report(diagnostics::not_configured());
        return Some(prior);
    };
    match rest(cx, account, &prior).await {
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
    prior: &Stored<Policy, Memory>,
) -> Result<Option<Stored<Policy, Memory>>, Diagnostic> {
    check_account(cx, account, &prior.state).await?;
    let standings = prior.state.standings().map_err(|error| diagnostics::unusable_state(&error))?;
    let region = prior.state.region.known().map_or(account.default_region(), String::as_str);
    let mender = Mender {
        reader: account.reader(region, cx.stopped()),
        writer: account.writer(region, cx.stopped()),
        wanted: None,
        ownership: prior.private.widen(prior.state.ownership()),
    };
    let jobs =
        standings.into_iter().filter(|(_, is)| is.subscription.is_some()).map(|(log_group, is)| {
            let should = Standing { subscription: None, retention: is.retention };
            Job { log_group, is, should, subscription: Touch::IfDifferent, filters: None }
        });
    let mended = mender.mend_all(jobs.collect()).await;
    let failures = by_reason(&mended);
    if failures.is_empty() {
        return Ok(None);
    }
    for (failure, groups) in &failures {
        cx.report(diagnostics::not_deleted(failure, groups));
    }
    let undone: BTreeSet<_> = failures.into_iter().flat_map(|(_, groups)| groups).collect();
    let mut stored = prior.clone();
    if let Attr::Known(log_groups) = &mut stored.state.log_groups {
        log_groups.retain(|name, _: &mut Attr<Entry>| undone.contains(name.as_str()));
    }
    Ok(Some(stored))
}
