//! Policies of one run that cannot both hold on a log group: each would undo what the other did,
//! with every apply.

use logagg_policy::{LogGroupClass, Stake};
use tfplugin::{Attr, Context, Diagnostic, Severity};

use super::model::{Intent, Policy};
use super::private_state::PrivateState;
use crate::aws::{Account, Claims};
use crate::diagnostics;
use crate::provider::Client;

/// What is to become of a log group that a policy chooses.
pub(super) struct Prospect<'a> {
    pub(super) log_group: &'a str,
    pub(super) class: LogGroupClass,
    pub(super) ships: bool,
}

/// What a policy is about to do to these log groups.
pub(super) fn stake<'a>(
    policy: &Policy,
    intent: &Intent,
    prospects: impl Iterator<Item = Prospect<'a>>,
) -> Stake {
    let mut stake = Stake {
        name: intent.name.clone(),
        wanted: intent.wanted.clone(),
        replaced: policy.ownership().replaced,
        demand: intent.demand.clone(),
        ..Stake::default()
    };
    for Prospect { log_group, class, ships } in prospects {
        if ships {
            stake.shipped.insert(log_group.to_owned());
        }
        if intent.demand.retention.is_some() && class.takes_retention() {
            stake.kept.insert(log_group.to_owned());
        }
    }
    stake
}

/// What a plan that shows the log groups one by one is about to do.
pub(super) fn stake_of_plan(planned: &Policy, memory: &PrivateState) -> Option<Stake> {
    let intent = planned.intent().ok()?;
    let active = logagg_policy::Subscription::Active.to_string();
    let prospects = planned.log_groups.known()?.iter().map(|(name, entry)| {
        let subscription = entry.known().and_then(|entry| entry.subscription.known());
        let ships = subscription == Some(&active);
        Prospect { log_group: name, class: memory.class(name), ships }
    });
    Some(stake(planned, &intent, prospects))
}

/// Tells the other policies at work in the account and region what a plan is about to do, and the
/// user whom that is a fight with.
pub(super) async fn tell(cx: &Context<Client>, account: &Account, planned: &Policy, stake: Stake) {
    let Some(region) = planned.region.known() else { return };
    // Whose the credentials are is told elsewhere, if nobody knows.
    let Ok(claims) = account.claims(region, cx.stopped()).await else { return };
    let disputes = disputes(&mut *claims.lock().await, planned, stake);
    disputes.into_iter().for_each(|dispute| cx.report(dispute));
}

/// The same before the first write, where a fight that has to be ended is an error.
pub(super) fn check(
    cx: &Context<Client>,
    claims: &mut Claims,
    policy: &Policy,
    stake: Stake,
) -> Result<(), Diagnostic> {
    let mut errors = Vec::new();
    for dispute in disputes(claims, policy, stake) {
        match dispute.severity {
            Severity::Error => errors.push(dispute),
            Severity::Warning => cx.report(dispute),
        }
    }
    let last = errors.pop();
    errors.into_iter().for_each(|error| cx.report(error));
    last.map_or(Ok(()), Err)
}

fn disputes(claims: &mut Claims, policy: &Policy, stake: Stake) -> Vec<Diagnostic> {
    let identity = match &policy.document {
        Attr::Known(document) => document.clone(),
        Attr::Null | Attr::Unknown(_) => stake.name.clone(),
    };
    claims.stake(identity, stake).iter().map(diagnostics::fight).collect()
}
