//! Log groups that the account's subscription policy ships to the policy's destination already.

use std::collections::BTreeSet;

use logagg_policy::{AccountPolicy, Subscription};
use tfplugin::Diagnostic;

use super::model::Policy;
use super::private_state::PrivateState;
use crate::diagnostics;

/// A warning, if a plan that shows the log groups one by one ships some of them twice.
pub(super) fn planned_twice(planned: &Policy, memory: &PrivateState) -> Option<Diagnostic> {
    let account_policy = memory.account_policy.as_ref()?;
    let log_groups = planned.log_groups.known()?;
    let mut intent = planned.intent().ok()?;
    intent.recall_loops(memory);
    let guard = intent.demand.ships.unwrap_or_default();
    let active = Subscription::Active.to_string();
    let shipped = log_groups.iter().filter(|(_, entry)| {
        let subscription = entry.known().and_then(|entry| entry.subscription.known());
        subscription == Some(&active)
    });
    let shipped = shipped.map(|(name, _)| name.as_str());
    let looped = log_groups.keys().map(String::as_str).filter(|name| guard.why(name).is_some());
    twice(planned, account_policy, shipped, looped)
}

/// A warning, if some of the log groups that are shipped are shipped by the account too.
pub(super) fn twice<'a>(
    planned: &Policy,
    account_policy: &AccountPolicy,
    shipped: impl Iterator<Item = &'a str>,
    looped: impl Iterator<Item = &'a str>,
) -> Option<Diagnostic> {
    let destination = planned.destination_arn.known()?;
    if account_policy.destination_arn != *destination {
        return None;
    }
    let also = |name: &&str| account_policy.ships(name);
    let shipped: BTreeSet<_> = shipped.filter(also).collect();
    let looped: BTreeSet<_> = looped.filter(also).collect();
    let some = !shipped.is_empty() || !looped.is_empty();
    some.then(|| diagnostics::shipped_by_account(account_policy, &shipped, &looped))
}
