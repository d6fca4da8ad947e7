use logagg_policy::{Document, GroupState, RetentionMode, Rule};
use maud::{Markup, html};
use terraform_provider_logagg::engine::size;

use crate::group::{self, Usage};
use crate::prices::Dollars;

/// Names that are listed before the rest is counted.
const NAMED: usize = 8;

/// A part of a whole in percent.
pub(super) fn share(part: usize, whole: usize, of_what: &str) -> String {
    match (part * 100).checked_div(whole) {
        None | Some(0) if part > 0 => format!("less than 1 % {of_what}"),
        None => format!("none {of_what}"),
        Some(percent) => format!("{percent} % {of_what}"),
    }
}

/// The current value, and the desired one where it differs.
pub(super) fn change(current: &str, desired: &str) -> Markup {
    html! {
        @if current == desired {
            (current)
        } @else {
            span.current { (current) } " " span.arrow aria-label="becomes" { "→" } " " strong { (desired) }
        }
    }
}

/// The state of a subscription; a dash where nothing is forwarded.
pub(super) fn subscription(state: &GroupState) -> String {
    state.subscription.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// A log group's name, which links to the console.
pub(super) fn name(usage: &Usage) -> Markup {
    html! {
        @if let Some(link) = &usage.link {
            a href=(link) rel="noreferrer" { (usage.group.name) }
        } @else {
            (usage.group.name)
        }
    }
}

/// An amount of data with what it costs; a dash where it is not known.
pub(super) fn amount(bytes: Option<u64>, cost: Option<Dollars>) -> Markup {
    html! {
        @if let Some(bytes) = bytes { (size(bytes)) } @else { "–" }
        @if let Some(cost) = cost { span.beside { (cost) } }
    }
}

/// The retention of a policy.
pub(super) fn retention(document: &Document) -> Option<String> {
    let desired = group::retention(document.desired.retention?);
    Some(match document.desired.mode {
        RetentionMode::Exact => desired,
        RetentionMode::AtLeast => format!("at least {desired}"),
        RetentionMode::AtMost => format!("at most {desired}"),
        RetentionMode::IfUnset => format!("{desired}, where a log group has none"),
    })
}

/// A rule, as in "name begins with /aws/lambda/".
pub(super) fn rule(rule: &Rule) -> String {
    let mut conditions = Vec::new();
    if let Some(names) = &rule.names {
        conditions.push(format!("name is {}", listed(names)));
    }
    if let Some(prefixes) = &rule.name_prefixes {
        conditions.push(format!("name begins with {}", listed(prefixes)));
    }
    if let Some(regex) = &rule.name_regex {
        conditions.push(format!("name matches {}", regex.as_str()));
    }
    if let Some(tags) = &rule.tags {
        let tags: Vec<_> = tags.patterns().map(|(key, value)| format!("{key} = {value}")).collect();
        conditions.push(format!("tags are {}", tags.join(" and ")));
    }
    if let Some(classes) = &rule.log_group_classes {
        conditions.push(format!("class is {}", listed(classes)));
    }
    conditions.join(" and ")
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    match names.get(NAMED..) {
        Some(rest) if !rest.is_empty() => {
            format!("{} or {} more", names[..NAMED].join(" or "), rest.len())
        }
        _ => names.join(" or "),
    }
}
