//! Reading AWS, before anything is planned.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use logagg_policy::{Arn, Destination};
use tfplugin::{AttributePath, Diagnostic};

use super::denied;
use super::failure::{advice, on_role, stop};
use super::format::{counted, listed};
use crate::aws::CallError;
use crate::policy::{Unseen, Unverified};

pub(crate) fn not_configured() -> Diagnostic {
    Diagnostic::error(
        "Provider not configured",
        "An argument of the provider block is not known, so AWS cannot be reached. Apply first what \
         it depends on (terraform apply -target=...), then this.",
    )
}

pub(crate) fn not_refreshed() -> Diagnostic {
    Diagnostic::warning(
        "Log groups were not read",
        "An argument of the provider block is only known after apply, so AWS cannot be reached yet. \
         The plan goes by what was last known of the log groups.",
    )
}

pub(crate) fn no_account(error: &CallError) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "AWS account not known",
        format!(
            "The provider asked STS whose credentials it was given, and could not tell. {}\n\n{}",
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
            "This policy was made in account {stated}, and the credentials in hand are those of \
             account {in_hand}. Nothing was touched. Use credentials of {stated}; to give the policy \
             up there without deleting its filters, remove it from the state (terraform state rm)."
        ),
    )
}

pub(crate) fn not_read(error: &CallError, region: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "Log groups could not be read",
        format!(
            "The provider looked for the policy's log groups in {region}. {}\n\nWithout the whole \
             list it would take log groups for deleted that are not, so it goes no further. {}",
            stop(error),
            advice(error)
        ),
    );
    on_role(error, diagnostic)
}

/// The same in a refresh, which knows no configuration.
pub(crate) fn not_refreshed_from(error: &CallError, region: &str) -> Diagnostic {
    let mut diagnostic = not_read(error, region);
    if error.is_about_the_resources_role() {
        diagnostic.detail.push_str(
            " A refresh works with the role that is in the state. Where the configuration has \
             another role or external_id, apply once with -refresh=false.",
        );
    }
    diagnostic
}

pub(crate) fn named_but_absent(names: &BTreeSet<String>, region: &str) -> Diagnostic {
    let verb = if names.len() == 1 { "does" } else { "do" };
    Diagnostic::warning(
        format!("{} {verb} not exist", counted(names.len(), "named log group")),
        format!(
            "The policy names log groups that are not in {region}:\n\n{}\n\nOnce one is created, the \
             next plan shows it. If a name is mistyped, correct it.",
            listed(names)
        ),
    )
}

pub(crate) fn unusable_state(error: &impl Display) -> Diagnostic {
    Diagnostic::error(
        "State cannot be used",
        format!(
            "The policy in the state is not one that this provider writes: {error}. If the state was \
             edited, undo that; otherwise remove the policy from the state and import it again."
        ),
    )
}

pub(crate) fn unusable_private_state(error: &impl Display) -> Diagnostic {
    Diagnostic::error(
        "State cannot be used",
        format!(
            "What the policy in the state remembers is not what this provider writes: {error}. Remove \
             the moved block, and import the policy instead."
        ),
    )
}

/// An incremental refresh that could not be one.
pub(crate) fn refreshed_in_full(why: &Unverified, region: &str) -> Diagnostic {
    let (why, advice) = match why {
        Unverified::Failed(error) => (stop(error), advice(error)),
        Unverified::Behind { log_group } => (
            format!(
                "It does not tell of the filter that this policy itself put on {log_group} or deleted \
                 from it, more than an hour ago."
            ),
            "The events of CloudWatch Logs usually come within 15 minutes. Where they never come, \
             leave refresh out."
                .to_owned(),
        ),
    };
    Diagnostic::warning(
        "Refreshed in full",
        format!(
            "The provider looked in CloudTrail for subscription filters that were put or deleted in \
             {region} since the last refresh. {why}\n\nSo every log group was asked for its filters, \
             which takes longer and is as exact. {advice}"
        ),
    )
    .on(AttributePath::root("refresh"))
}

/// The summary names the destination: Terraform shows one of several warnings with the same.
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
            "The provider asked AWS for {destination_arn} in {region}, which does not exist. \
             Subscription filters of this policy deliver to it all the same: CloudWatch Logs drops \
             their log events, and what is dropped is lost.\n\nCreate {make} again, or set \
             destination_arn to one that exists; every filter is then updated by the next apply. If \
             nothing is to be forwarded any more, remove destination_arn or the policy."
        ),
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn loops_unseen(unseen: &Unseen) -> Diagnostic {
    let mut text = String::from(
        "The provider followed the policy's destination, to leave out every log group that would \
         ship the destination's own logs back to it.",
    );
    let (denied, failed): (Vec<_>, Vec<_>) =
        unseen.calls.iter().partition(|error| denied::is_by_iam_policy(error));
    if !denied.is_empty() || !failed.is_empty() {
        text.push_str(
            " It could not see all of it, so only what the names tell is left out there.",
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
            "\n\nWhat the account ships by a subscription policy of its own could not be seen, so \
             that is left out of account. {} {}",
            stop(error),
            advice(error)
        );
    }
    if unseen.more {
        text.push_str(
            "\n\nThere is more behind the destination than the provider looks at. Leave log groups \
             of what works there out with an exclude block.",
        );
    }
    Diagnostic::warning("Loops can only be seen in part", text)
}

/// A plan that cannot say whether log groups are shipped twice.
pub(crate) fn account_policy_unseen(policy: &str, error: &CallError) -> Diagnostic {
    Diagnostic::warning(
        format!("Account's subscription policies not seen for the policy {policy:?}"),
        format!(
            "The provider asked whether the account ships log groups to the same destination by a \
             subscription policy of its own, in which case their events would arrive twice. {} The \
             plan goes on without that.\n\n{}",
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
