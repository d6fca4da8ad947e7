use std::collections::BTreeMap;

use logagg_policy::{Ownership, Standing};
use tfplugin::{Attr, Context, Stored};

use super::discover::{Discovery, Membership};
use super::memory::Memory;
use super::model::{Intent, Policy, entries};
use crate::aws::Account;
use crate::diagnostics;
use crate::provider::Client;

/// Writes what is into the state.
pub(super) async fn read(
    cx: &Context<Client>,
    prior: Stored<Policy, Memory>,
) -> Stored<Policy, Memory> {
    let Some(account) = Client::known(cx) else {
        cx.report(diagnostics::not_refreshed());
        return prior;
    };
    match refreshed(cx, account, &prior).await {
        Ok(stored) => stored,
        Err(diagnostic) => {
            cx.report(diagnostic);
            prior
        }
    }
}

/// Errors when the credentials in hand are another account's than the state's.
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
    prior: &Stored<Policy, Memory>,
) -> Result<Stored<Policy, Memory>, tfplugin::Diagnostic> {
    check_account(cx, account, &prior.state).await?;
    let intent = prior.state.intent().map_err(|error| diagnostics::unusable_state(&error))?;
    let region = prior.state.region.known().map_or(account.default_region(), String::as_str);
    let reader = account.reader(region, cx.stopped());
    let ownership = prior.private.widen(prior.state.ownership());
    let held = prior.state.log_groups.known().into_iter().flatten().map(|(name, _)| name.clone());
    let discovery = Discovery::run(&reader, &intent, &ownership, &held.collect())
        .await
        .map_err(|error| diagnostics::not_read(&error, region))?;
    let absent = discovery.absent(&intent);
    if !absent.is_empty() {
        cx.report(diagnostics::named_but_absent(&absent, region));
    }
    let mut stored = Stored { state: prior.state.clone(), private: prior.private.clone() };
    record(&mut stored, &discovery, &intent, &ownership);
    Ok(stored)
}

/// Writes a discovery into state and memory.
pub(super) fn record(
    stored: &mut Stored<Policy, Memory>,
    discovery: &Discovery,
    intent: &Intent,
    ownership: &Ownership,
) {
    let mut standings: BTreeMap<String, Standing> = BTreeMap::new();
    let mut skipped = BTreeMap::new();
    let mut pending = 0;
    let memory = &mut stored.private;
    memory.forget_groups();
    for (name, group) in &discovery.groups {
        if group.membership == Membership::Left && ownership.ours(&group.filters).next().is_none() {
            continue;
        }
        let is = group.standing(name, intent, ownership);
        let due = group.due(name, intent, &is);
        pending += i64::from(due.standing != is);
        if let Some(skip) = due.skip {
            skipped.insert(name.clone(), Attr::Known(skip.to_string()));
        }
        memory.remember_class(name, &group.class);
        let in_the_way =
            intent.wanted.as_ref().and_then(|wanted| ownership.in_the_way(&group.filters, wanted));
        if let Some(filter) = in_the_way {
            memory.foreign.insert(name.clone(), filter.destination_arn.clone());
        }
        standings.insert(name.clone(), is);
    }
    if pending == 0 {
        memory.forget_former();
    }
    stored.state.log_groups = Attr::Known(entries(&standings));
    stored.state.skipped = Attr::Known(skipped);
    stored.state.pending = Attr::Known(pending);
}
