//! Policies of one run that cannot both hold, and policies of which one takes over what another
//! gives up.

use std::time::Duration;

use logagg_policy::{Claim, LogGroupClass, PolicyId, Subscription};
use tfplugin::{Attr, Context, Diagnostic, Goal, Severity, Stored};

use super::model::{Intent, Policy};
use super::private_state::PrivateState;
use crate::aws::{Account, Claims, KeptFor, Origin};
use crate::connection::Client;
use crate::diagnostics;

/// Terraform plans to destroy before it reads what stays, though right before. Who is read later is
/// not harmed: its plan fails.
const UNTIL_OTHERS_ARE_READ: Duration = Duration::from_millis(500);

/// The claim on a log group that a policy selects.
pub(super) struct Selected<'a> {
    pub(super) log_group: &'a str,
    pub(super) class: LogGroupClass,
    pub(super) ships: bool,
}

/// What a policy claims of these log groups.
pub(super) fn claim<'a>(
    policy: &Policy,
    intent: &Intent,
    selected: impl Iterator<Item = Selected<'a>>,
) -> Claim {
    let mut claim = Claim {
        name: intent.name.clone(),
        wanted: intent.wanted.clone(),
        replaced: policy.ownership().replaced,
        desired: intent.desired.clone(),
        ..Claim::default()
    };
    for Selected { log_group, class, ships } in selected {
        if ships {
            claim.shipped.insert(log_group.to_owned());
        }
        if intent.desired.retention.is_some() && class.is_changeable() {
            claim.retained.insert(log_group.to_owned());
        }
        if intent.desired.deletion_protection.is_some() && class.is_changeable() {
            claim.protected.insert(log_group.to_owned());
        }
    }
    claim
}

/// What a policy claims by its map of log groups, be it planned or in the state.
pub(super) fn claim_of_map(policy: &Policy, private: &PrivateState) -> Option<Claim> {
    let intent = policy.intent(private).ok()?;
    let active = Subscription::Active.to_string();
    let selected = policy.log_groups.known()?.iter().map(|(name, entry)| {
        let ships = match entry.known().map(|entry| &entry.subscription) {
            Some(Attr::Known(subscription)) => *subscription == active,
            // It is written again, or may turn out to be skipped.
            Some(Attr::Unknown(_)) => true,
            Some(Attr::Null) | None => false,
        };
        Selected { log_group: name, class: private.class(name), ships }
    });
    Some(claim(policy, &intent, selected))
}

/// Registers what a plan claims for the other policies of the account and region, and reports its
/// conflicts.
pub(super) async fn report(
    cx: &Context<Client>,
    account: &Account,
    region: &str,
    policy: PolicyId,
    origin: Origin,
    claim: Claim,
) {
    // An unknown account is reported elsewhere.
    let Ok(claims) = account.claims(region, cx.stopped()).await else { return };
    let mut claims = claims.lock().await;
    claims.claim(policy, origin, claim);
    let claim_conflicts = claims.claim_conflicts(policy);
    for conflict in claim_conflicts.iter().map(diagnostics::conflict) {
        let passed_over =
            conflict.severity == Severity::Error && Goal::of_this_run() == Goal::Destroy;
        cx.report(match passed_over {
            true => diagnostics::passed_over_to_destroy(conflict),
            false => conflict,
        });
    }
    report_hand_overs(cx, &claims, policy);
}

/// Registers that this policy is to be destroyed, and reports filters of other policies that it
/// would delete. Returns what is to be kept for others.
pub(super) async fn leave(
    cx: &Context<Client>,
    account: &Account,
    region: &str,
    policy: PolicyId,
    claim: Claim,
) -> KeptFor {
    let Ok(claims) = account.claims(region, cx.stopped()).await else { return KeptFor::new() };
    claims.lock().await.leave(policy, claim);
    let meet = tokio::time::sleep(UNTIL_OTHERS_ARE_READ);
    cx.stopped().run_until_cancelled(meet).await;
    let mut claims = claims.lock().await;
    let kept = claims.settle(policy);
    report_hand_overs(cx, &claims, policy);
    kept
}

/// Registers for policies that are destroyed that this one is in the state, and may not change.
pub(super) async fn found_in_state(
    cx: &Context<Client>,
    account: &Account,
    region: &str,
    stored: &Stored<Policy, PrivateState>,
) {
    let claim = stored.private.id().zip(claim_of_map(&stored.state, &stored.private));
    let Ok(claims) = account.claims(region, cx.stopped()).await else { return };
    if let Some((policy, claim)) = claim {
        claims.lock().await.found_in_state(policy, claim);
    }
}

/// What of the log groups that a policy lets go is to be left to others.
pub(super) async fn kept_of_left(
    cx: &Context<Client>,
    account: &Account,
    region: &str,
    policy: PolicyId,
    prior: &Stored<Policy, PrivateState>,
    planned: &Policy,
) -> KeptFor {
    let Some(mut claim) = claim_of_map(&prior.state, &prior.private) else {
        return KeptFor::new();
    };
    let stays = |name: &String| planned.log_groups.known().is_some_and(|it| it.contains_key(name));
    claim.shipped.retain(|name| !stays(name));
    claim.retained.retain(|name| !stays(name));
    claim.protected.retain(|name| !stays(name));
    let Ok(claims) = account.claims(region, cx.stopped()).await else { return KeptFor::new() };
    let claims = claims.lock().await;
    claims.kept_for_others(policy, &claim)
}

fn report_hand_overs(cx: &Context<Client>, claims: &Claims, policy: PolicyId) {
    for hand_over in claims.hand_overs(policy) {
        cx.report(match hand_over.origin {
            Origin::Created => diagnostics::handed_over(&hand_over),
            Origin::Existing => diagnostics::taken_along(&hand_over),
        });
    }
}

/// Claims before the first write, where a conflict that has to be ended is an error and leaves
/// nothing claimed.
pub(super) fn check(
    cx: &Context<Client>,
    claims: &mut Claims,
    policy: PolicyId,
    origin: Origin,
    claim: Claim,
) -> Result<(), Diagnostic> {
    claims.claim(policy, origin, claim);
    let mut errors = Vec::new();
    for conflict in claims.claim_conflicts(policy).iter().map(diagnostics::conflict) {
        match conflict.severity {
            Severity::Error => errors.push(conflict),
            Severity::Warning => cx.report(conflict),
        }
    }
    let Some(last) = errors.pop() else { return Ok(()) };
    errors.into_iter().for_each(|error| cx.report(error));
    claims.withdraw(policy);
    Err(last)
}
