//! What a plan is about to do, and what keeps it from being made.

use std::collections::BTreeMap;

use tfplugin::{AttributePath, Diagnostic};

use super::failure::FREE_THE_NAME;
use super::words::{counted, listed, listed_pairs, size};
use crate::policy::Announcement;

pub(crate) fn announcement(
    name: &str,
    region: &str,
    destination: Option<&str>,
    announcement: &Announcement,
) -> Diagnostic {
    let Announcement { chosen, subscribed, retained, unsubscribed, skipped, grants } = announcement;
    let mut detail =
        format!("In {region} its selection matches {}.", counted(*chosen, "log group"));
    let mut tell = |what: String, names: &[String]| {
        if !names.is_empty() {
            detail.push_str(&format!("\n\n{what}\n\n{}", listed(names)));
        }
    };
    let to = destination.unwrap_or("a destination known after apply");
    tell(
        format!("At most {} to {to}:", counted(subscribed.len(), "subscription filter")),
        subscribed,
    );
    tell(format!("{}:", counted(retained.len(), "change of retention")), retained);
    tell(format!("{} no longer shipped:", counted(unsubscribed.len(), "log group")), unsubscribed);
    if !skipped.is_empty() {
        let reasons: Vec<_> =
            skipped.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
        tell(format!("{} not subscribed:", counted(reasons.len(), "log group")), &reasons);
    }
    if *grants {
        detail.push_str(&format!(
            "\n\nA statement in the resource policy of {to} lets CloudWatch Logs invoke it."
        ));
    }
    Diagnostic::warning(format!("What the policy {name:?} is about to do"), detail)
}

pub(crate) fn shortened(log_groups: usize, bytes: u64) -> Diagnostic {
    Diagnostic::warning(
        format!("Retention is shortened on {}", counted(log_groups, "log group")),
        format!(
            "Together they hold {}. CloudWatch Logs deletes what is older than the new retention \
             within 72 hours, and for good. To leave longer retentions alone set retention_mode = \
             \"at_least\".",
            size(bytes)
        ),
    )
    .on(AttributePath::root("retention_in_days"))
}

pub(crate) fn too_many_changes(changes: usize, most: usize) -> Diagnostic {
    Diagnostic::error(
        "More changes than max_changes allows",
        format!(
            "The policy would change {}, and max_changes is {most}. Nothing was written. If that is \
             what you want, raise max_changes. (To destroy the policy all the same: terraform \
             destroy -refresh=false.)",
            counted(changes, "log group")
        ),
    )
    .on(AttributePath::root("max_changes"))
}

pub(crate) fn too_few_matches(matches: usize, least: usize) -> Diagnostic {
    Diagnostic::error(
        "Fewer log groups than min_matches asks for",
        format!(
            "The selection chooses {}, and min_matches is {least}. Nothing was written. If that is \
             right, lower min_matches. (To destroy the policy all the same: terraform destroy \
             -refresh=false.)",
            counted(matches, "log group")
        ),
    )
    .on(AttributePath::root("min_matches"))
}

pub(crate) fn name_will_be_taken(name: &str, conflicts: &BTreeMap<&String, &String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Filter name taken on {}", counted(conflicts.len(), "log group")),
        format!(
            "Filters named {name:?} that ship elsewhere are not this policy's, and apply will leave \
             them alone and report an error for:\n\n{}\n\n{FREE_THE_NAME}",
            listed_pairs(conflicts)
        ),
    )
}
