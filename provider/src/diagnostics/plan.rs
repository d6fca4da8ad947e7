//! Diagnostics of a plan.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use tfplugin::{AttributePath, Diagnostic, Severity};

use super::failure::FREE_THE_NAME;
use super::format::{counted, listed, listed_pairs, plural, size};
use crate::policy::{Preview, Shortened};

/// The changes of a plan that cannot show each log group.
pub(crate) fn announcement(
    name: &str,
    region: &str,
    destination: Option<&str>,
    preview: &Preview,
    present: &Present,
) -> Diagnostic {
    let Preview { selected, subscribed, unsubscribed, skipped, .. } = preview;
    let Preview { retained, restored, protected, unprotected, .. } = preview;
    let mut detail =
        format!("In {region} the selection matches {}.", counted(*selected, "log group"));
    let mut section = |what: String, names: &[String]| {
        if !names.is_empty() {
            detail.push_str(&format!("\n\n{what}\n\n{}", listed(names)));
        }
    };
    let to = destination.unwrap_or("a destination known after apply");
    section(
        format!("At most {} to {to}:", counted(subscribed.len(), "subscription filter")),
        subscribed,
    );
    section(
        format!(
            "{} of the {} checked {} this filter already, and {} adopted. If another policy or \
             another state manages {}, give this one another name:",
            present.log_groups.len(),
            present.asked,
            plural(present.log_groups.len(), "has", "have"),
            plural(present.log_groups.len(), "is", "are"),
            plural(present.log_groups.len(), "it", "them"),
        ),
        &present.log_groups,
    );
    section(format!("{}:", counted(retained.len(), "retention change")), retained);
    section(
        format!("{} protected from deletion:", counted(protected.len(), "log group")),
        protected,
    );
    section(
        format!("{} no longer protected from deletion:", counted(unprotected.len(), "log group")),
        unprotected,
    );
    section(
        format!("{} no longer forwarded:", counted(unsubscribed.len(), "log group")),
        unsubscribed,
    );
    section(
        format!(
            "{} restored to the retention before the policy:",
            counted(restored.len(), "log group")
        ),
        restored,
    );
    if !skipped.is_empty() {
        let reasons: Vec<_> =
            skipped.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
        section(format!("{} not subscribed:", counted(reasons.len(), "log group")), &reasons);
    }
    if preview.grants {
        detail.push_str(&format!(
            "\n\nA statement in the resource policy of {to} allows CloudWatch Logs to invoke it."
        ));
    }
    Diagnostic::warning(format!("Planned changes of the policy {name:?}"), detail)
}

/// Log groups that have the filter of a policy before it is created.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) log_groups: Vec<String>,
    /// How many were checked.
    pub(crate) asked: usize,
}

fn held(log_groups: &[String]) -> &'static str {
    plural(log_groups.len(), "It stores", "Together they store")
}

pub(crate) fn shortened(shortened: &Shortened) -> Diagnostic {
    let Shortened { log_groups, bytes } = shortened;
    Diagnostic::warning(
        format!("Retention is shortened on {}", counted(log_groups.len(), "log group")),
        format!(
            "{} {}. CloudWatch Logs permanently deletes events older than the new retention within \
             72 hours:\n\n{}\n\nTo keep longer retentions, set retention_mode = \"at_least\".",
            held(log_groups),
            size(*bytes),
            listed(log_groups)
        ),
    )
    .on(AttributePath::root("retention_in_days"))
}

pub(crate) fn restored_shorter(shortened: &Shortened) -> Diagnostic {
    let Shortened { log_groups, bytes } = shortened;
    Diagnostic::warning(
        format!(
            "Retention is shortened on {} that the policy no longer manages",
            counted(log_groups.len(), "log group")
        ),
        format!(
            "{} {}. The retention from before the policy's first write is restored, which is \
             shorter; CloudWatch Logs permanently deletes older events within 72 \
             hours:\n\n{}\n\nTo keep the current retention, set retention_on_destroy = \"keep\".",
            held(log_groups),
            size(*bytes),
            listed(log_groups)
        ),
    )
    .on(AttributePath::root("retention_on_destroy"))
}

/// The argument is gone from the configuration, and so is what the state says of each log group.
pub(crate) fn protection_left_as_it_is() -> Diagnostic {
    Diagnostic::warning(
        "Deletion protection is no longer managed",
        "The policy has no deletion_protection any more, so log_groups no longer shows it. The \
         deletion protection of the log groups stays as it is. To disable it, set \
         deletion_protection = false and apply before you remove the argument.",
    )
}

pub(crate) fn too_many_changes(changes: usize, most: usize) -> Diagnostic {
    Diagnostic::error(
        "More changes than max_changes allows",
        format!(
            "The policy would change {}, and max_changes is {most}. Nothing was written. If this \
             is intended, raise max_changes.",
            counted(changes, "log group")
        ),
    )
    .on(AttributePath::root("max_changes"))
}

pub(crate) fn too_few_matches(matches: usize, least: usize) -> Diagnostic {
    Diagnostic::error(
        "Fewer log groups than min_matches requires",
        format!(
            "The selection matches {}, and min_matches is {least}. Nothing was written. If this is \
             intended, lower min_matches.",
            counted(matches, "log group")
        ),
    )
    .on(AttributePath::root("min_matches"))
}

/// A safety limit in a plan that Terraform makes only to destroy is a warning.
pub(crate) fn passed_over_to_destroy(mut problem: Diagnostic) -> Diagnostic {
    problem.severity = Severity::Warning;
    problem.detail.push_str(" This does not stop a destroy.");
    problem
}

/// Log groups whose retention an account-level policy sets. The summary names it, because Terraform
/// shows only one of several warnings with the same summary.
pub(crate) fn governed(policy: &str, days: i64, log_groups: &[String]) -> Diagnostic {
    let kept = match days {
        0 => "never expires their log events".to_owned(),
        days => format!("keeps their log events for {}", counted_days(days)),
    };
    Diagnostic::warning(
        format!(
            "The account's retention policy {policy:?} sets the retention of {}",
            counted(log_groups.len(), "log group")
        ),
        format!(
            "It {kept}, whatever is set on the log groups themselves. So retention_in_days of this \
             policy has no effect on these, and changes nothing there:\n\n{}\n\nOnce the account's \
             policy does not apply to them any more, the next plan shows their own retention. To \
             change the retention now, change the account's policy.",
            listed(log_groups)
        ),
    )
    .on(AttributePath::root("retention_in_days"))
}

fn counted_days(days: i64) -> String {
    counted(usize::try_from(days).unwrap_or(usize::MAX), "day")
}

/// How many requests for a backfill are shown. Those of further times begin with the earliest.
const REQUESTS: usize = 5;

/// Log groups whose filter is missing, by the time since when, in seconds since 1970.
pub(crate) fn not_forwarded(gaps: &BTreeMap<i64, Vec<String>>) -> Diagnostic {
    let rfc3339 = |seconds: i64| {
        let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
    };
    let since: Vec<String> = gaps
        .iter()
        .flat_map(|(since, names)| names.iter().map(|name| (*since, name)))
        .map(|(since, name)| format!("{name} since {}", rfc3339(since)))
        .collect();
    let mut by_time: Vec<(i64, Vec<String>)> =
        gaps.iter().map(|(since, names)| (*since, names.clone())).collect();
    let rest = by_time.split_off(by_time.len().min(REQUESTS));
    if let Some((_, last)) = by_time.last_mut() {
        last.extend(rest.into_iter().flat_map(|(_, names)| names));
    }
    let requests: Vec<String> = by_time
        .into_iter()
        .map(|(since, names)| {
            let from = rfc3339(since);
            format!("  {}", json!({"logagg": "backfill", "log_groups": names, "from": from}))
        })
        .collect();
    Diagnostic::warning(
        format!("Log events of {} may not be forwarded", counted(since.len(), "log group")),
        format!(
            "{} no subscription filter of this policy since {} created, or since a refresh last saw \
             it:\n\n{}\n\nApply creates the {}, which {} what is written from then on. To forward what \
             was written before, invoke the backfill function of modules/shipper after it with:\n\n{}",
            plural(since.len(), "This log group may have had", "These log groups may have had"),
            plural(since.len(), "it was", "they were"),
            listed(&since),
            plural(since.len(), "filter", "filters"),
            plural(since.len(), "forwards", "forward"),
            requests.join("\n"),
        ),
    )
}

pub(crate) fn name_will_be_taken(name: &str, conflicts: &BTreeMap<&String, &String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Filter name already in use on {}", counted(conflicts.len(), "log group")),
        format!(
            "Filters named {name:?} that forward to another destination do not belong to this \
             policy. Apply will not change them and will report an error \
             for:\n\n{}\n\n{FREE_THE_NAME}",
            listed_pairs(conflicts)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_agree_with_one_and_several_log_groups() {
        let detail = |log_groups: &[&str]| {
            let log_groups = log_groups.iter().map(|name| (*name).to_owned()).collect();
            shortened(&Shortened { log_groups, bytes: 2000 }).detail
        };
        let (one, two) = (detail(&["/a"]), detail(&["/a", "/b"]));
        assert!(one.starts_with("It stores 2.0 kB."), "{one}");
        assert!(two.starts_with("Together they store 2.0 kB."), "{two}");
    }
}
