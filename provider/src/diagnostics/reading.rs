//! Diagnostics of reads.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use logagg_policy::{Arn, Destination};
use tfplugin::{AttributePath, Diagnostic};

use super::denied;
use super::failure::{advice, on_role, stop};
use super::format::{counted, listed, plural};
use crate::aws::CallError;
use crate::policy::{Unseen, Unverified};

pub(crate) fn not_configured() -> Diagnostic {
    Diagnostic::error(
        "Provider not configured",
        "An argument of the provider block is unknown, so the provider cannot connect to AWS. \
         Apply the resources it depends on first (terraform apply -target=...).",
    )
}

pub(crate) fn not_refreshed() -> Diagnostic {
    Diagnostic::warning(
        "Log groups were not read",
        "An argument of the provider block is only known after apply, so the provider cannot \
         connect to AWS yet. The plan uses the state of the last refresh.",
    )
}

pub(crate) fn no_account(error: &CallError) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "Unknown AWS account",
        format!(
            "The provider could not determine the account of the current credentials \
             (GetCallerIdentity). {}\n\n{}",
            stop(error),
            advice(error)
        ),
    );
    on_role(error, diagnostic)
}

pub(crate) fn other_account(stated: &str, in_hand: &str) -> Diagnostic {
    Diagnostic::error(
        "State of another account",
        format!(
            "This policy was created in account {stated}, and the current credentials belong to \
             account {in_hand}. Nothing was changed. Use credentials of {stated}; to abandon the \
             policy there without deleting its filters, remove it from the state (terraform state \
             rm)."
        ),
    )
}

pub(crate) fn not_read(error: &CallError, region: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "Log groups could not be read",
        format!(
            "The provider listed the policy's log groups in {region}. {}\n\nFrom a partial list it \
             would treat existing log groups as deleted, so it stops. {}",
            stop(error),
            advice(error)
        ),
    );
    on_role(error, diagnostic)
}

/// The same in a refresh, which has no access to the configuration.
pub(crate) fn not_refreshed_from(error: &CallError, region: &str) -> Diagnostic {
    let mut diagnostic = not_read(error, region);
    if error.is_about_the_resources_role() {
        diagnostic.detail.push_str(
            " A refresh uses the role that is in the state. If the configuration has another role \
             or external_id, apply once with -refresh=false.",
        );
    }
    diagnostic
}

pub(crate) fn named_but_absent(names: &BTreeSet<String>, region: &str) -> Diagnostic {
    let verb = plural(names.len(), "does", "do");
    Diagnostic::warning(
        format!("{} {verb} not exist", counted(names.len(), "named log group")),
        format!(
            "The policy names log groups that do not exist in {region}:\n\n{}\n\nWhen one is \
             created, the next plan shows it. If a name is misspelled, correct it.",
            listed(names)
        ),
    )
}

pub(crate) fn unusable_state(error: &impl Display) -> Diagnostic {
    Diagnostic::error(
        "Invalid state",
        format!(
            "The policy in the state was not written by this provider: {error}. If the state was \
             edited, revert the edit; otherwise remove the policy from the state and import it \
             again."
        ),
    )
}

pub(crate) fn unusable_private_state(error: &impl Display) -> Diagnostic {
    Diagnostic::error(
        "Invalid state",
        format!(
            "The private state of the policy was not written by this provider: {error}. Remove the \
             moved block, and import the policy instead."
        ),
    )
}

/// An incremental refresh that became a full one.
pub(crate) fn refreshed_in_full(why: &Unverified, region: &str) -> Diagnostic {
    let (why, advice) = match why {
        Unverified::Failed(error) => (stop(error), advice(error)),
        Unverified::Behind { log_group } => (
            format!(
                "It has no event of this policy's own change to the filter of {log_group}, made \
                 more than an hour ago."
            ),
            "CloudTrail usually delivers events of CloudWatch Logs within 15 minutes. If it never \
             delivers them, remove refresh."
                .to_owned(),
        ),
    };
    Diagnostic::warning(
        "Full refresh instead of an incremental one",
        format!(
            "The provider searched CloudTrail for subscription filters that were created, updated \
             or deleted in {region} since the last refresh. {why}\n\nSo the filters of every log \
             group were read, which takes longer and is equally exact. {advice}"
        ),
    )
    .on(AttributePath::root("refresh"))
}

/// The summary names the destination, because Terraform shows only one of several warnings with the
/// same summary.
pub(crate) fn destination_missing(destination_arn: &str, region: &str) -> Diagnostic {
    let destination = destination_arn.parse::<Arn>().ok();
    let destination = destination.and_then(|arn| Destination::of(&arn).ok());
    let (named, make) = match &destination {
        Some(destination @ Destination::Function { .. }) => {
            (destination.to_string(), "the function, or the version or alias that the ARN names,")
        }
        Some(destination) => (destination.to_string(), "it"),
        None => (destination_arn.to_owned(), "it"),
    };
    Diagnostic::warning(
        format!("Destination not found: {named}"),
        format!(
            "{destination_arn} does not exist in {region}, but subscription filters of this policy \
             still forward to it: CloudWatch Logs drops their log events, which are \
             lost.\n\nCreate {make} again, or set destination_arn to an existing destination; the \
             next apply then updates every filter. To stop forwarding, remove destination_arn or \
             the policy."
        ),
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn loops_unseen(unseen: &Unseen) -> Diagnostic {
    let mut text = String::from(
        "The provider traces the policy's destination, to skip every log group whose events would \
         be forwarded back to it (log recursion).",
    );
    let (denied, failed): (Vec<_>, Vec<_>) =
        unseen.calls.iter().partition(|error| denied::is_by_iam_policy(error));
    if !denied.is_empty() || !failed.is_empty() {
        text.push_str(
            " It could not read all of the configuration, so part of the detection relies on names.",
        );
    }
    if !denied.is_empty() {
        let actions: BTreeSet<_> = denied.into_iter().map(denied::action).collect();
        let actions: Vec<_> = actions.into_iter().collect();
        let _ = write!(text, " {}", denied::needs(&actions, "*"));
    }
    for error in failed {
        let _ = write!(text, "\n\n{} {}", stop(error), advice(error));
    }
    if let Some(error) = &unseen.account_policy {
        let _ = write!(
            text,
            "\n\nThe account-level subscription policy could not be read, so it is not considered. \
             {} {}",
            stop(error),
            advice(error)
        );
    }
    if unseen.more {
        text.push_str(
            "\n\nMore resources follow the destination than the provider traces. Exclude their log \
             groups with an exclude block.",
        );
    }
    Diagnostic::warning("Loop detection is incomplete", text)
}

/// A plan that cannot detect whether log groups are forwarded twice.
pub(crate) fn account_policy_unseen(policy: &str, error: &CallError) -> Diagnostic {
    Diagnostic::warning(
        format!("Account-level subscription policies could not be read for the policy {policy:?}"),
        format!(
            "The provider checks whether an account-level subscription policy forwards log groups \
             to the same destination, in which case their events would be delivered twice. {} The \
             plan continues without this check.\n\n{}",
            stop(error),
            advice(error)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_named_log_group_does_not_exist_and_two_do_not() {
        let summary = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            named_but_absent(&names, "eu-west-1").summary
        };
        assert_eq!(summary(&["/a"]), "1 named log group does not exist");
        assert_eq!(summary(&["/a", "/b"]), "2 named log groups do not exist");
    }
}
