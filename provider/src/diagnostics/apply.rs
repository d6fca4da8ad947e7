//! What apply did, and what it could not do.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::Diagnostic;

use super::failure::{FREE_THE_NAME, reason, remedy};
use super::words::{counted, listed, listed_pairs};
use crate::aws::Cause;
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
        rest => format!(" The {} were not tried.", counted(rest, "other log group")),
    };
    // A write without an answer may have been done.
    let outcome = match failure {
        Failure::Call(error) if error.cause == Cause::Passing => {
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
