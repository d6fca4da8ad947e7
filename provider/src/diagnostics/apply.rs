//! What apply did, and what it could not do.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::Diagnostic;

use super::failure::{FREE_THE_NAME, reason, remedy};
use super::format::{counted, listed, listed_pairs};
use crate::policy::Failure;

pub(crate) fn name_is_taken(name: &str, conflicts: &BTreeMap<&String, &String>) -> Diagnostic {
    Diagnostic::error(
        format!("Filter name taken on {}", counted(conflicts.len(), "log group")),
        format!(
            "Filters named {name:?} that ship elsewhere are not this policy's:\n\n{}\n\nNothing was \
             written. {FREE_THE_NAME}",
            listed_pairs(conflicts)
        ),
    )
}

pub(crate) fn first_write_failed(failure: &Failure, log_group: &str, rest: usize) -> Diagnostic {
    let others = match rest {
        0 => String::new(),
        1 => " The other log group was not tried.".to_owned(),
        rest => format!(" The {} were not tried.", counted(rest, "other log group")),
    };
    let outcome = match failure {
        Failure::Call(error) if error.may_have_been_done() => {
            "got no clear answer, so it may have been done; if it was, the next apply takes it over."
        }
        _ => "did not succeed, so nothing was written.",
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

pub(crate) fn left_undone(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} not yet as the policy says", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nThe policy was created, and counts these in pending. The next plan \
             shows them, and apply tries them again.",
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
            "{}\n\n{}\n\n{}\n\nWhat was done is in the state; the next plan shows the rest.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

/// What a policy that skips log groups could not change.
pub(crate) fn left_out(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} left out", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nThe policy skips such log groups (on_conflict = \"skip\"); the next \
             plan has these in skipped, with the reason.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

/// Filters that a new policy found in place.
pub(crate) fn filters_taken_over(log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} subscribed already", counted(log_groups.len(), "log group")),
        format!(
            "A filter of this policy's name that ships to its destination was there before, and is \
             this policy's from now on:\n\n{}\n\nThis is as it should be after a state was lost or \
             a policy was replaced. If another policy, in another state or another provider \
             configuration, manages these filters, give this one another name: the one that is \
             destroyed would take them from the other.",
            listed(log_groups)
        ),
    )
}

/// Filters that stay because another policy of the same run has them too.
pub(crate) fn filters_left(log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} left to another policy", counted(log_groups.len(), "log group")),
        format!(
            "Another policy of this run wants the same filters, so they were not deleted:\n\n{}",
            listed(log_groups)
        ),
    )
}

/// Retentions that stay because another policy sets them, which does not know what was before.
pub(crate) fn retentions_left(log_groups: &[String]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} given no retention back", counted(log_groups.len(), "log group")),
        format!(
            "Another policy of this run says what the retention of these log groups is to be, so they \
             keep it. That policy does not know what was there before, as it was created before this \
             one went, or leaves a retention that it finds; if it is ever to be given back, it has to \
             be set by hand:\n\n{}\n\nA moved block in place of a replacement keeps that memory.",
            listed(log_groups)
        ),
    )
}

/// A tainted policy is deleted without its private state.
pub(crate) fn memory_lost(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("What the policy {name:?} remembered is lost"),
        "Terraform gives a provider no private state of a tainted resource that it replaces. So no \
         earlier retention is given back, and a statement that the policy made in the resource policy \
         of its function stays (aws lambda get-policy, remove-permission). terraform untaint and \
         -replace in its place avoid this.",
    )
}

pub(crate) fn not_deleted(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("{} still subscribed", counted(log_groups.len(), "log group")),
        format!(
            "The policy's filters could not be deleted everywhere. {}\n\n{}\n\n{}\n\nThese stay in \
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
            "There was nothing to change on:\n\n{}\n\nThe next plan no longer shows them.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn recreated_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("{} created again since the plan", counted(log_groups.len(), "log group")),
        format!(
            "What was planned for their predecessors was done, and nothing else:\n\n{}\n\nThe next \
             plan shows what they lack.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn retention_changed_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Retention changed since the plan on {}", counted(log_groups.len(), "log group")),
        format!(
            "The retention that these have now is not the one that the plan was made for, and what was \
             planned would no longer be right, so it was left:\n\n{}\n\nThe next plan shows what is \
             due to them.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn filter_changed_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Filter changed since the plan on {}", counted(log_groups.len(), "log group")),
        format!(
            "The filter of these was not as the plan saw it. They have been brought to what was \
             planned where that was possible:\n\n{}",
            listed(log_groups)
        ),
    )
}

pub(crate) fn born_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!(
            "{} came into the selection since the plan",
            counted(log_groups.len(), "log group")
        ),
        format!(
            "Apply does what the plan says and leaves these as they are:\n\n{}\n\nThe next plan \
             shows them.",
            listed(log_groups)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_log_group_was_not_tried_and_two_were_not() {
        let failure = Failure::NameTaken { by: "elsewhere".to_owned() };
        let detail = |rest| first_write_failed(&failure, "/a", rest).detail;
        assert!(detail(1).contains(" The other log group was not tried."), "{}", detail(1));
        assert!(detail(2).contains(" The 2 other log groups were not tried."), "{}", detail(2));
        assert!(!detail(0).contains("tried"), "{}", detail(0));
    }
}
