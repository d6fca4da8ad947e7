//! The report as a summary in Markdown, for a pull request or the summary of a CI job.

use std::fmt::Write;

use terraform_provider_logagg::engine::{counted, plural, size};
use tfplugin::Severity;

use crate::group::{GroupReview, protection_change, retention};
use crate::review::{PolicyFound, Review, TargetReview};

/// A comment on GitHub has at most 65,536 characters.
const MOST_ROWS: usize = 50;
const MOST_CHARACTERS: usize = 400;

pub(crate) fn render(review: &Review) -> String {
    let mut text = format!("## {}\n\n", review.headline());
    totals(&mut text, review);
    policies(&mut text, review);
    failures(&mut text, review);
    diagnostics(&mut text, review);
    drift(&mut text, review);
    text
}

// Writing to a String cannot fail.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => {{ let _ = writeln!($text, $($arguments)*); }};
}

fn totals(text: &mut String, review: &Review) {
    let totals = &review.totals;
    let mut facts = vec![
        format!("{} ({} selected)", counted(totals.groups, "log group"), totals.selected),
        format!(
            "{} stored{}",
            size(totals.bytes),
            totals.storage.map(|usd| format!(" ({usd} / month)")).unwrap_or_default()
        ),
        format!(
            "{} in {} that never {}",
            size(totals.never_expiring_bytes),
            counted(totals.never_expire, "log group"),
            plural(totals.never_expire, "expires", "expire")
        ),
    ];
    if let Some(bytes) = totals.ingested_bytes {
        let cost = totals.ingestion.map(|usd| format!(" ({usd})")).unwrap_or_default();
        facts.push(format!("{} ingested in 30 days{cost}", size(bytes)));
    }
    if let Some(savings) = totals.savings {
        facts.push(format!("potential savings {savings} / month"));
    }
    line!(text, "{}\n", facts.join(" · "));
}

fn policies(text: &mut String, review: &Review) {
    line!(text, "| policy | account | region | log groups | drifted |");
    line!(text, "|---|---|---|--:|--:|");
    for (target, policy) in review.policies() {
        let (groups, drifted) = match &policy.found {
            Ok(found) => (found.groups.len().to_string(), found.drifted().to_string()),
            Err(_) => ("not read".to_owned(), "not read".to_owned()),
        };
        let target = &target.target;
        line!(
            text,
            "| {} | {} | {} | {groups} | {drifted} |",
            code(&policy.document.name),
            code(&target.account_id),
            code(&target.region)
        );
    }
    text.push('\n');
}

fn failures(text: &mut String, review: &Review) {
    let failed = review
        .policies()
        .filter_map(|(target, policy)| Some((target, policy, policy.found.as_ref().err()?)));
    let mut failed = failed.peekable();
    if failed.peek().is_none() && review.unknown.is_empty() {
        return;
    }
    line!(text, "### Could not be read\n");
    for (target, policy, why) in failed {
        let name = code(&policy.document.name);
        line!(text, "- {name} in {}: {}", target.target, code(why));
    }
    for address in &review.unknown {
        line!(text, "- {}: its document is known after apply", code(address));
    }
    text.push('\n');
}

fn diagnostics(text: &mut String, review: &Review) {
    let all = review.found().flat_map(|(target, policy, found)| {
        found.diagnostics.iter().map(move |diagnostic| (target, policy, diagnostic))
    });
    let mut lines: Vec<_> = all
        .map(|(target, policy, diagnostic)| {
            let kind = match diagnostic.severity {
                Severity::Error => "Error: blocks apply",
                Severity::Warning => "Warning",
            };
            let name = code(&policy.document.name);
            format!("- **{kind}**, {name} in {}: {}", target.target, code(&diagnostic.summary))
        })
        .collect();
    if lines.is_empty() {
        return;
    }
    lines.dedup();
    line!(text, "### Warnings and errors\n");
    limited(text, &lines);
}

fn drift(text: &mut String, review: &Review) {
    let drifted = review.found().flat_map(|(target, policy, found)| {
        drifted(found).map(move |it| (target, policy.document.name.as_str(), it))
    });
    let rows: Vec<_> = drifted.map(|(target, policy, it)| row(target, policy, it)).collect();
    if rows.is_empty() {
        return;
    }
    line!(text, "### Drifted\n");
    line!(text, "| log group | account and region | policy | state | retention |");
    line!(text, "|---|---|---|---|---|");
    limited(text, &rows);
}

fn drifted(found: &PolicyFound) -> impl Iterator<Item = &GroupReview> {
    found.groups.iter().filter(|it| it.state.is_drift())
}

fn row(target: &TargetReview, policy: &str, it: &GroupReview) -> String {
    let (current, desired) = (retention(it.current.retention), retention(it.desired.retention));
    let mut change = if current == desired { current } else { format!("{current} → {desired}") };
    if let Some(protection) = protection_change(it) {
        change.push_str(&format!(", {protection}"));
    }
    format!(
        "| {} | {} | {} | {} | {change} |",
        code(&it.usage.group.name),
        target.target,
        code(policy),
        it.state.name()
    )
}

fn limited(text: &mut String, lines: &[String]) {
    let (first, rest) = lines.split_at(lines.len().min(MOST_ROWS));
    for it in first {
        line!(text, "{it}");
    }
    text.push('\n');
    if !rest.is_empty() {
        line!(text, "and {} more\n", rest.len());
    }
}

/// A string that Markdown does not interpret: in a code span, without what ends the span, a table's
/// cell or the line.
fn code(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > MOST_CHARACTERS {
        line = line.chars().take(MOST_CHARACTERS).chain(['…']).collect();
    }
    format!("`{}`", line.replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_stays_in_its_code_span_and_cell() {
        assert_eq!(code("/app/a"), "`/app/a`");
        assert_eq!(code("a`b|c\n\nd"), "`a'b\\|c d`");
        assert_eq!(code(&"x".repeat(500)).chars().count(), MOST_CHARACTERS + 3);
    }
}
