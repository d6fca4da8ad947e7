use logagg_policy::{Document, GroupState, Retention, RetentionMode, Rule};
use maud::{Markup, html};

/// How many names are listed; the rest is only counted.
const NAMED: usize = 8;

/// A part of a whole, in percent.
pub(super) fn share(part: usize, whole: usize, of_what: &str) -> String {
    match (part * 100).checked_div(whole) {
        None | Some(0) if part > 0 => format!("less than 1 % {of_what}"),
        None => format!("none {of_what}"),
        Some(percent) => format!("{percent} % {of_what}"),
    }
}

/// A retention.
pub(super) fn kept(retention: Retention) -> String {
    match retention {
        Retention::Never => "never expires".to_owned(),
        days @ Retention::Days(_) => days.to_string(),
    }
}

/// The current value, and the desired one if they differ.
pub(super) fn change(current: &str, desired: &str) -> Markup {
    html! {
        @if current == desired {
            (current)
        } @else {
            span.current { (current) } " " span.arrow aria-label="becomes" { "→" } " " strong { (desired) }
        }
    }
}

/// The state of a subscription; a dash if nothing is forwarded.
pub(super) fn subscription(state: &GroupState) -> String {
    state.subscription.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// The retention of a policy.
pub(super) fn retention(document: &Document) -> Option<String> {
    let says = document.desired.retention?;
    let kept = kept(says);
    if says == Retention::Never {
        return Some(kept);
    }
    Some(match document.desired.mode {
        RetentionMode::Exact => kept,
        RetentionMode::AtLeast => format!("at least {kept}"),
        RetentionMode::AtMost => format!("at most {kept}"),
        RetentionMode::IfUnset => format!("{kept} where events never expire"),
    })
}

/// A rule in a sentence, as in "whose name begins with /aws/lambda/".
pub(super) fn rule(rule: &Rule) -> String {
    let mut format = Vec::new();
    if let Some(names) = &rule.names {
        format.push(format!("named {}", listed(names)));
    }
    if let Some(prefixes) = &rule.name_prefixes {
        format.push(format!("whose name begins with {}", listed(prefixes)));
    }
    if let Some(regex) = &rule.name_regex {
        format.push(format!("whose name matches {}", regex.as_str()));
    }
    if let Some(tags) = &rule.tags {
        let tags: Vec<_> = tags.patterns().map(|(key, value)| format!("{key} = {value}")).collect();
        format.push(format!("tagged {}", tags.join(" and ")));
    }
    if let Some(classes) = &rule.log_group_classes {
        format.push(format!("of class {}", listed(classes)));
    }
    format.join(" and ")
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
