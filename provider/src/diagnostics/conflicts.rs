//! Diagnostics of policies that conflict with each other.

use std::collections::BTreeSet;
use std::fmt::Write;

use logagg_policy::{
    AccountPolicy, Claim, Conflict, Desired, Retention, RetentionMode, SubscriptionFilter,
};
use tfplugin::{AttributePath, Diagnostic};

use super::format::{counted, listed};
use crate::aws::{ClaimConflict, HandOver};

/// Two policies of one run. Reported on the policy that is planned second.
pub(crate) fn conflict(claim_conflict: &ClaimConflict) -> Diagnostic {
    let ClaimConflict { conflict, log_groups, claims } = claim_conflict;
    let mut claims = claims.each_ref();
    claims.sort_by_key(|claim| &claim.name);
    let [one, other] = claims;
    let who = both(one, other);
    let (count, names) = (counted(log_groups.len(), "log group"), listed(log_groups));
    let [ours, theirs] = [one, other].map(|claim| claim.wanted.as_ref());
    let to = |wanted: Option<&SubscriptionFilter>| {
        wanted.map(|wanted| wanted.destination_arn.clone()).unwrap_or_default()
    };
    let name = |wanted: Option<&SubscriptionFilter>| {
        wanted.map(|wanted| wanted.name.clone()).unwrap_or_default()
    };
    match conflict {
        Conflict::Retention => Diagnostic::error(
            format!("Policies conflict over the retention of {count}"),
            format!(
                "{who} both set the retention of:\n\n{names}\n\nOne sets {}, the other {}, so each \
                 apply would change it back and forth. Exclude these log groups from one of them \
                 with an exclude block, or give both a retention_in_days and a retention_mode that \
                 are compatible.",
                kept(&one.desired),
                kept(&other.desired)
            ),
        )
        .on(AttributePath::root("retention_in_days")),
        Conflict::DeletionProtection => Diagnostic::error(
            format!("Policies conflict over the deletion protection of {count}"),
            format!(
                "{who} both set the deletion protection of:\n\n{names}\n\nOne enables it, the other \
                 disables it, so each apply would change it back and forth. Exclude these log \
                 groups from one of them with an exclude block, or give both the same \
                 deletion_protection."
            ),
        )
        .on(AttributePath::root("deletion_protection")),
        Conflict::FilterName(arguments) => {
            let mut detail = format!(
                "{who} both name their subscription filters {:?}. The provider identifies a \
                 policy's filters by that name within an account and region: with two such \
                 policies, changing or destroying one would change or delete the filters of the \
                 other.",
                name(ours)
            );
            if !log_groups.is_empty() {
                let _ = write!(detail, "\n\nBoth select:\n\n{names}");
            }
            if !arguments.is_empty() {
                let arguments: Vec<_> = arguments.iter().map(|argument| argument.name()).collect();
                let _ = write!(detail, "\n\nTheir filters differ in {}", arguments.join(", "));
                if to(ours) != to(theirs) {
                    let _ = write!(
                        detail,
                        ": one forwards to {}, the other to {}",
                        to(ours),
                        to(theirs)
                    );
                }
                detail.push('.');
            }
            detail.push_str(
                "\n\nGive the new policy another name or filter_name. If both are already in the \
                 state, remove one from the state without destroying it (a removed block with \
                 lifecycle { destroy = false }), and create it again under another name.",
            );
            Diagnostic::error("Two policies with one filter name", detail)
                .on(AttributePath::root("name"))
        }
        Conflict::Replaced => Diagnostic::error(
            format!("Policies conflict over the filters of {count}"),
            format!(
                "{who} forward to {} and to {}, and one lists the other's destination in \
                 replace_destination_arns, so each apply would delete the filters that the other \
                 creates on:\n\n{names}\n\nRemove it from replace_destination_arns, or exclude \
                 these log groups from one of them with an exclude block.",
                to(ours),
                to(theirs)
            ),
        )
        .on(AttributePath::root("replace_destination_arns")),
        Conflict::Twice => Diagnostic::warning(
            format!("{count} forwarded to one destination twice"),
            format!(
                "{who} forward the same events to {}, through the filters {:?} and {:?}. Events \
                 are delivered and billed twice from:\n\n{names}\n\nExclude these log groups from \
                 one of them with an exclude block.",
                to(ours),
                name(ours),
                name(theirs)
            ),
        )
        .on(AttributePath::root("destination_arn")),
    }
}

/// A policy that is created takes over the filters of one that is destroyed.
pub(crate) fn handed_over(hand_over: &HandOver) -> Diagnostic {
    let HandOver { from, to, log_groups, .. } = hand_over;
    Diagnostic::warning(
        format!("{} handed over to another policy", counted(log_groups.len(), "log group")),
        format!(
            "The policy {:?} is destroyed and the policy {:?} is created with the same filters, \
             which are therefore not deleted:\n\n{}\n\nIf this is one policy under another \
             address, add a moved block: then nothing is destroyed, and the record of the original \
             retentions is preserved.",
            from.name,
            to.name,
            listed(log_groups)
        ),
    )
}

/// Destroying one policy would delete the filters of another that does not change.
pub(crate) fn taken_along(hand_over: &HandOver) -> Diagnostic {
    let HandOver { from, to, log_groups, .. } = hand_over;
    Diagnostic::error(
        "Destroying would delete another policy's filters",
        format!(
            "{} have the same filters on:\n\n{}\n\nDestroying one of them would delete these \
             filters while the other remains in the state unchanged. Remove the one from the state \
             without destroying it (a removed block with lifecycle {{ destroy = false }}); the \
             other keeps the filters.",
            both(from, to),
            listed(log_groups)
        ),
    )
}

fn both(one: &Claim, other: &Claim) -> String {
    if one.name == other.name {
        format!("Two policies named {:?}", one.name)
    } else {
        format!("The policies {:?} and {:?}", one.name, other.name)
    }
}

/// The account-level subscription policy forwards to the same destination.
pub(crate) fn forwarded_by_account(
    account_policy: &AccountPolicy,
    log_groups: &BTreeSet<String>,
    loops: &BTreeSet<String>,
) -> Diagnostic {
    let AccountPolicy { name, destination_arn, .. } = account_policy;
    let count = counted(log_groups.len(), "log group");
    let mut text = format!(
        "The account-level subscription policy {name:?} forwards to {destination_arn}, and so does \
         this policy. Events are delivered and billed twice from:\n\n{}\n\nExclude these log \
         groups from one of the two: with an exclude block here, or with the selection criteria of \
         the account-level policy.",
        listed(log_groups)
    );
    if !loops.is_empty() {
        let _ = write!(
            text,
            "\n\nThe account-level policy also forwards log groups that the destination or a \
             resource behind it writes to (log recursion). Exclude these from it \
             immediately:\n\n{}",
            listed(loops)
        );
    }
    Diagnostic::warning(format!("{count} also forwarded by the account-level policy"), text)
        .on(AttributePath::root("destination_arn"))
}

/// The retention that a policy sets, as in "at least 30 days".
fn kept(desired: &Desired) -> String {
    let (says, mode) = match (desired.retention, desired.mode) {
        (None | Some(Retention::Never), _) => return "that events never expire".to_owned(),
        (Some(says), mode) => (says, mode),
    };
    match mode {
        RetentionMode::Exact => format!("exactly {says}"),
        RetentionMode::AtLeast => format!("at least {says}"),
        RetentionMode::AtMost => format!("at most {says}"),
        RetentionMode::IfUnset => format!("{says} where events never expire"),
    }
}
