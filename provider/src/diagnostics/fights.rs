//! Policies that do not hold together.

use std::collections::BTreeSet;
use std::fmt::Write;

use logagg_policy::{AccountPolicy, Demand, Fight, Retention, RetentionMode, SubscriptionFilter};
use tfplugin::{AttributePath, Diagnostic};

use super::words::{counted, listed};
use crate::aws::Dispute;

/// Two policies of one run. The one that comes second reads it, whichever that is.
pub(crate) fn fight(dispute: &Dispute) -> Diagnostic {
    let Dispute { fight, log_groups, stakes } = dispute;
    let mut stakes = stakes.each_ref();
    stakes.sort_by_key(|stake| &stake.name);
    let [one, other] = stakes;
    let who = if one.name == other.name {
        format!("Two policies named {:?}", one.name)
    } else {
        format!("The policies {:?} and {:?}", one.name, other.name)
    };
    let (count, names) = (counted(log_groups.len(), "log group"), listed(log_groups));
    let [ours, theirs] = [one, other].map(|stake| stake.wanted.as_ref());
    let to = |wanted: Option<&SubscriptionFilter>| {
        wanted.map(|wanted| wanted.destination_arn.clone()).unwrap_or_default()
    };
    let name = |wanted: Option<&SubscriptionFilter>| {
        wanted.map(|wanted| wanted.name.clone()).unwrap_or_default()
    };
    match fight {
        Fight::Retention => Diagnostic::error(
            format!("Policies fight over the retention of {count}"),
            format!(
                "{who} both set the retention of:\n\n{names}\n\nOne keeps events for {}, the other \
                 for {}: what one sets the other changes back, with every apply. Leave these log \
                 groups out of one of them with an exclude block, or give both a retention_in_days \
                 and a retention_mode that can hold together.",
                kept(&one.demand),
                kept(&other.demand)
            ),
        )
        .on(AttributePath::root("retention_in_days")),
        Fight::Filter(arguments) => {
            let arguments: Vec<_> = arguments.iter().map(|argument| argument.name()).collect();
            Diagnostic::error(
                format!("Policies fight over a filter on {count}"),
                format!(
                    "{who} both want a filter named {:?} on:\n\n{names}\n\nThere can be only one of \
                     a name, and they differ in {}: one ships to {}, the other to {}. Give one of \
                     them another filter_name, or leave these log groups out of it with an exclude \
                     block.",
                    name(ours),
                    arguments.join(", "),
                    to(ours),
                    to(theirs)
                ),
            )
            .on(AttributePath::root("name"))
        }
        Fight::Replaced => Diagnostic::error(
            format!("Policies fight over the filters of {count}"),
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
        Fight::Twice => Diagnostic::warning(
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

/// The account's subscription policy ships there too.
pub(crate) fn shipped_by_account(
    account_policy: &AccountPolicy,
    log_groups: &BTreeSet<&str>,
    loops: &BTreeSet<&str>,
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
fn kept(demand: &Demand) -> String {
    let (says, mode) = match (demand.retention, demand.mode) {
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
