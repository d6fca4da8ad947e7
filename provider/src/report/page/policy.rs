use logagg_policy::Document;
use maud::{Markup, html};
use tfplugin::{Diagnostic, Severity};

use super::format::{change, kept, retention, rule, subscription};
use super::states;
use crate::diagnostics::format::{counted, size};
use crate::report::estimate::Price;
use crate::report::group::{GroupReview, State};
use crate::report::review::PolicyReview;
use crate::report::target::Target;

/// A policy's name, and where it is at work.
pub(super) fn title(policy: &PolicyReview) -> String {
    let Document { name, region, .. } = &policy.document;
    format!("{name} in {region}")
}

/// How many log groups it selects, and how many of them have drifted.
pub(super) fn in_short(policy: &PolicyReview) -> String {
    let differing = policy.groups.iter().filter(|it| it.state.differs()).count();
    format!("{}, {differing} drifted", counted(policy.groups.len(), "log group"))
}

/// One policy: its arguments, its diagnostics, and every log group that it selects.
pub(super) fn policy(policy: &PolicyReview, price: Price, anchor: &str) -> Markup {
    let first_settled = policy.groups.iter().position(|it| !it.state.differs());
    let (differing, settled) = policy.groups.split_at(first_settled.unwrap_or(policy.groups.len()));
    html! {
        section aria-labelledby=(anchor) {
            h2 id=(anchor) { "Policy " (title(policy)) }
            (terms(policy, price))
            (states::counts(policy))
            @for diagnostic in policy.diagnostics.iter() {
                (message(diagnostic))
            }
            @if !differing.is_empty() {
                h3 { "Drifted log groups" }
                (table(differing, price, "Drifted log groups"))
            }
            @if !settled.is_empty() {
                details {
                    summary { (counted(settled.len(), "log group")) " without drift" }
                    (table(settled, price, "Log groups without drift"))
                }
            }
            @if policy.groups.is_empty() {
                p { "This policy selects no log group." }
            }
        }
    }
}

fn terms(policy: &PolicyReview, price: Price) -> Markup {
    let Document { wanted, selection, .. } = &policy.document;
    html! {
        dl.terms {
            dt { "Where" }
            dd { (Target::of(&policy.document)) }
            dt { "Selects log groups" }
            dd {
                ul {
                    @for select in &selection.select {
                        li { (rule(select)) }
                    }
                    @for exclude in &selection.exclude {
                        li { em { "except" } " those " (rule(exclude)) }
                    }
                }
            }
            @if let Some(wanted) = wanted {
                dt { "Forwards to" }
                dd {
                    code { (wanted.destination_arn) }
                    @if wanted.pattern.is_empty() {
                        ", every event"
                    } @else {
                        ", events that match " code { (wanted.pattern) }
                    }
                    ", with filters named " code { (wanted.name) }
                }
            }
            @if let Some(retention) = retention(&policy.document) {
                dt { "Retention" }
                dd { (retention) }
            }
            dt { "Stored" }
            dd {
                (size(policy.bytes())) ", " (price.of(policy.bytes()).in_words()) " a month"
                @if policy.deleted_bytes() > 0 {
                    "; its retention saves " (price.of(policy.deleted_bytes()).in_words()) " of that"
                }
            }
        }
    }
}

fn message(diagnostic: &Diagnostic) -> Markup {
    let (class, kind) = match diagnostic.severity {
        Severity::Error => ("diagnostic error", "Error: blocks apply"),
        Severity::Warning => ("diagnostic warning", "Warning"),
    };
    html! {
        aside class=(class) {
            h3 { (kind) ": " (diagnostic.summary) }
            p { (diagnostic.detail) }
        }
    }
}

fn table(groups: &[GroupReview], price: Price, caption: &str) -> Markup {
    html! {
        div.wide {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "State" }
                        th scope="col" { "Log group" }
                        th scope="col" { "Subscription" }
                        th scope="col" { "Kept" }
                        th.amount scope="col" { "Stored" }
                        th.amount scope="col" { "Cost / month" }
                        th.amount scope="col" { "Savings / month" }
                    }
                }
                tbody {
                    @for group in groups {
                        (row(group, price))
                    }
                }
            }
        }
    }
}

fn row(it: &GroupReview, price: Price) -> Markup {
    let bytes = it.group.stored_bytes;
    let stays = it.state == State::Conflict;
    html! {
        tr {
            td { (states::state(it.state)) }
            th.name scope="row" {
                (it.group.name)
                @if let Some(why) = &it.why {
                    span.why { (why) }
                }
            }
            td {
                @if stays {
                    (subscription(&it.current)) span.why { "apply does not change it" }
                } @else {
                    (change(&subscription(&it.current), &subscription(&it.desired)))
                }
            }
            td.kept { (change(&kept(it.current.retention), &kept(it.desired.retention))) }
            td.amount { (size(bytes)) }
            td.amount { (price.of(bytes)) }
            td.amount {
                @if it.deleted_bytes > 0 { (price.of(it.deleted_bytes)) } @else { "–" }
            }
        }
    }
}
