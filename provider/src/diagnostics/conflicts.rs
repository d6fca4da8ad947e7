//! Policies that do not hold together.

use std::collections::BTreeSet;
use std::fmt::Write;

use logagg_policy::{
    AccountPolicy, Claim, Conflict, Desired, Retention, RetentionMode, SubscriptionFilter,
};
use tfplugin::{AttributePath, Diagnostic};

use super::format::{counted, listed};
use crate::aws::{ClaimConflict, HandOver};

/// Two policies of one run. The one that comes second reads it, whichever that is.
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
                "{who} both set the retention of:\n\n{names}\n\nOne keeps events for {}, the other \
                 for {}: what one sets the other changes back, with every apply. Leave these log \
                 groups out of one of them with an exclude block, or give both a retention_in_days \
                 and a retention_mode that can hold together.",
                kept(&one.desired),
                kept(&other.desired)
            ),
        )
        .on(AttributePath::root("retention_in_days")),
        Conflict::FilterName(arguments) => {
            let mut detail = format!(
                "{who} both name their subscription filters {:?}. By that name, in one account and \
                 region, the provider knows whose a filter is: with two such policies the one that \
                 is changed or destroyed would take away what the other needs.",
                name(ours)
            );
            if !log_groups.is_empty() {
                let _ = write!(detail, "\n\nBoth choose:\n\n{names}");
            }
            if !arguments.is_empty() {
                let arguments: Vec<_> = arguments.iter().map(|argument| argument.name()).collect();
                let _ = write!(detail, "\n\nTheir filters differ in {}", arguments.join(", "));
                if to(ours) != to(theirs) {
                    let _ = write!(detail, ": one ships to {}, the other to {}", to(ours), to(theirs));
                }
                detail.push('.');
            }
            detail.push_str(
                "\n\nGive the one that is new another name or filter_name. If both are in the state \
                 already, let Terraform forget one without destroying it (a removed block with \
                 lifecycle { destroy = false }), and create it again under another name.",
            );
            Diagnostic::error("Two policies with one filter name", detail)
                .on(AttributePath::root("name"))
        }
        Conflict::Replaced => Diagnostic::error(
            format!("Policies conflict over the filters of {count}"),
            format!(
                "{who} ship to {} and to {}, and one names the other's destination in \
                 replace_destination_arns: it deletes the filters that the other makes, with every \
                 apply, on:\n\n{names}\n\nRemove it from replace_destination_arns, or leave these \
                 log groups out of one of them with an exclude block.",
                to(ours),
                to(theirs)
            ),
        )
        .on(AttributePath::root("replace_destination_arns")),
        Conflict::Twice => Diagnostic::warning(
            format!("{count} shipped to one destination twice"),
            format!(
                "{who} ship the same events to {}, through the filters {:?} and {:?}. They arrive \
                 there twice, and are paid for twice, from:\n\n{names}\n\nLeave these log groups out \
                 of one of them with an exclude block.",
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
             which therefore stay:\n\n{}\n\nIf this is one policy under another address, write a \
             moved block: then nothing is destroyed, and what the policy remembers of earlier \
             retentions is not lost.",
            from.name,
            to.name,
            listed(log_groups)
        ),
    )
}

/// A policy that is destroyed would take along the filters of one that stays as it is.
pub(crate) fn taken_along(hand_over: &HandOver) -> Diagnostic {
    let HandOver { from, to, log_groups, .. } = hand_over;
    Diagnostic::error(
        "Destroying would delete another policy's filters",
        format!(
            "{} have the same filters on:\n\n{}\n\nOne of them is destroyed, which would delete \
             them while the other stays in the state as it is. Let Terraform forget the one that goes \
             without destroying it (a removed block with lifecycle {{ destroy = false }}); the other \
             keeps the filters.",
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

/// The account's subscription policy ships there too.
pub(crate) fn shipped_by_account(
    account_policy: &AccountPolicy,
    log_groups: &BTreeSet<String>,
    loops: &BTreeSet<String>,
) -> Diagnostic {
    let AccountPolicy { name, destination_arn, .. } = account_policy;
    let count = counted(log_groups.len(), "log group");
    let mut text = format!(
        "The account's subscription policy {name:?} ships to {destination_arn}, and so does this \
         policy. Events arrive there twice, and are paid for twice, from:\n\n{}\n\nLeave these log \
         groups out of one of the two: with an exclude block here, or with the selection criteria of \
         the account's policy.",
        listed(log_groups)
    );
    if !loops.is_empty() {
        let _ = write!(
            text,
            "\n\nThe account's policy also ships what the destination itself writes to, which goes on \
             for ever. Leave these out of it at once:\n\n{}",
            listed(loops)
        );
    }
    Diagnostic::warning(format!("{count} shipped by the account's policy too"), text)
        .on(AttributePath::root("destination_arn"))
}

/// How long a policy keeps events, as in "for at least 30 days".
fn kept(desired: &Desired) -> String {
    let (says, mode) = match (desired.retention, desired.mode) {
        (None | Some(Retention::Never), _) => return "ever".to_owned(),
        (Some(says), mode) => (says, mode),
    };
    match mode {
        RetentionMode::Exact => format!("exactly {says}"),
        RetentionMode::AtLeast => format!("at least {says}"),
        RetentionMode::AtMost => format!("at most {says}"),
        RetentionMode::IfUnset => format!("{says} where they were kept for ever"),
    }
}
