//! Diagnostics of apply.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::Diagnostic;

use super::failure::{FREE_THE_NAME, reason, remedy};
use super::format::{counted, listed, listed_pairs};
use crate::policy::Failure;

pub(crate) fn name_is_taken(name: &str, conflicts: &BTreeMap<&String, &String>) -> Diagnostic {
    Diagnostic::error(
        format!("Filter name already in use on {}", counted(conflicts.len(), "log group")),
        format!(
            "Filters named {name:?} that forward to another destination do not belong to this \
             policy:\n\n{}\n\nNothing was written. {FREE_THE_NAME}",
            listed_pairs(conflicts)
        ),
    )
}

pub(crate) fn first_write_failed(failure: &Failure, log_group: &str, rest: usize) -> Diagnostic {
    let others = match rest {
        0 => String::new(),
        1 => " The other log group was not attempted.".to_owned(),
        rest => format!(" The {} were not attempted.", counted(rest, "other log group")),
    };
    let outcome = match failure {
        Failure::Call(error) if error.may_have_been_done() => {
            "received no response, so it may have succeeded; if it did, the next apply adopts it."
        }
        _ => "failed, so nothing was written.",
    };
    Diagnostic::error(
        "Policy could not be applied",
        format!(
            "The first write, on {log_group}, {outcome}{others} {}\n\n{}",
            reason(failure),
            remedy(failure)
        ),
    )
}

pub(crate) fn not_yet_compliant(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} not yet compliant with the policy", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nThe policy was created, and counts these in pending. The next plan \
             shows them, and apply retries them.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

pub(crate) fn not_reconciled(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("{} could not be changed", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nCompleted changes are in the state; the next plan shows the rest.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

/// Log groups that a policy with `on_conflict = "skip"` could not change.
pub(crate) fn left_out(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} skipped", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nThe policy skips such log groups (on_conflict = \"skip\"); the next \
             plan lists these in skipped, with the reason.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

/// Log groups of a class of which only the call showed that it has no filters.
pub(crate) fn class_rejected(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} skipped for the class", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\nAWS does not say that this class has no subscription filters, and rejects them. \
             The next plan lists these in skipped, with the reason.",
            reason(failure),
            listed(log_groups)
        ),
    )
}

/// Filters that existed before a new policy was created.
pub(crate) fn filters_taken_over(log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} already subscribed", counted(log_groups.len(), "log group")),
        format!(
            "A filter with this policy's name and destination already existed and was \
             adopted:\n\n{}\n\nThis is expected after a lost state or a replaced policy. If \
             another policy, in another state or another provider configuration, manages these \
             filters, give this one another name: destroying either would delete the filters of \
             both.",
            listed(log_groups)
        ),
    )
}

/// Filters that are not deleted because another policy of the same run manages them too.
pub(crate) fn filters_left(log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} managed by another policy", counted(log_groups.len(), "log group")),
        format!(
            "Another policy of this run manages the same filters, so they were not deleted:\n\n{}",
            listed(log_groups)
        ),
    )
}

/// Retentions that are not restored because another policy sets them; that policy has no record of
/// the original.
pub(crate) fn retentions_left(log_groups: &[String]) -> Diagnostic {
    Diagnostic::warning(
        format!("Retention not restored on {}", counted(log_groups.len(), "log group")),
        format!(
            "Another policy of this run sets the retention of these log groups, so it was not \
             changed. That policy has no record of the original retention, because it was created \
             before this one was destroyed or because it does not change the retention it finds. \
             To restore the original retention, set it manually:\n\n{}\n\nA moved block instead of \
             a replacement preserves the record.",
            listed(log_groups)
        ),
    )
}

/// Deletion protection that is not restored because another policy sets it; that policy has no
/// record of the original.
pub(crate) fn protections_left(log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("Deletion protection not restored on {}", counted(log_groups.len(), "log group")),
        format!(
            "Another policy sets the deletion protection of these log groups, so it was not \
             changed, and that policy has no record of the original:\n\n{}",
            listed(log_groups)
        ),
    )
}

/// A tainted policy is deleted without its private state.
pub(crate) fn private_state_lost(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Private state of the policy {name:?} is lost"),
        "Terraform does not pass the private state of a tainted resource to the provider when it \
         replaces the resource. So the original retentions are not restored, and a statement that \
         the policy added to the resource policy of its function remains (aws lambda get-policy, \
         remove-permission). Use terraform untaint and -replace instead to avoid this.",
    )
}

pub(crate) fn not_deleted(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("{} still subscribed", counted(log_groups.len(), "log group")),
        format!(
            "Some of the policy's filters could not be deleted. {}\n\n{}\n\n{}\n\nThese remain in \
             the state; destroy again to delete the rest.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

pub(crate) fn gone_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("{} deleted since the plan", counted(log_groups.len(), "log group")),
        format!(
            "These log groups no longer exist, so nothing was changed on them:\n\n{}\n\nThe next \
             plan no longer shows them.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn recreated_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("{} recreated since the plan", counted(log_groups.len(), "log group")),
        format!(
            "Only the changes planned for the deleted log groups of the same name were \
             made:\n\n{}\n\nThe next plan shows what else has drifted.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn retention_changed_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Retention changed since the plan on {}", counted(log_groups.len(), "log group")),
        format!(
            "The current retention differs from the one that was planned for, so it was not \
             changed:\n\n{}\n\nThe next plan shows the changes that are still required.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn filter_changed_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Filter changed since the plan on {}", counted(log_groups.len(), "log group")),
        format!(
            "The filter of these log groups differed from the one that was planned for. The \
             planned filter was written where possible:\n\n{}",
            listed(log_groups)
        ),
    )
}

pub(crate) fn selected_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("{} newly selected since the plan", counted(log_groups.len(), "log group")),
        format!(
            "Apply makes only planned changes, so these were not changed:\n\n{}\n\nThe next plan \
             shows them.",
            listed(log_groups)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_log_groups_that_were_not_attempted_agree_in_number() {
        let failure = Failure::NameTaken { by: "elsewhere".to_owned() };
        let detail = |rest| first_write_failed(&failure, "/a", rest).detail;
        assert!(detail(1).contains(" The other log group was not attempted."), "{}", detail(1));
        assert!(detail(2).contains(" The 2 other log groups were not attempted."), "{}", detail(2));
        assert!(!detail(0).contains("tried"), "{}", detail(0));
    }
}
