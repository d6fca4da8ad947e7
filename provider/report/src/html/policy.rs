use logagg_policy::Document;
use maud::{Markup, html};
use terraform_provider_logagg::engine::{counted, size};
use tfplugin::{Diagnostic, Severity};

use super::failures::failure;
use super::format::{amount, change, name, retention, rule, subscription};
use super::states;
use crate::group::{self, GroupReview, State};
use crate::ingestion::DAYS;
use crate::prices::RegionPrices;
use crate::review::{PolicyFound, PolicyReview, TargetReview};
use crate::target::Target;

/// A policy's name and target.
pub(super) fn title(policy: &PolicyReview) -> String {
    format!("{} in {}", policy.document.name, Target::of(&policy.document))
}

/// How many log groups it selects, and how many of them drifted.
pub(super) fn summary(policy: &PolicyReview) -> String {
    match &policy.found {
        Ok(found) => {
            format!("{}, {} drifted", counted(found.groups.len(), "log group"), found.drifted())
        }
        Err(_) => "could not be read".to_owned(),
    }
}

/// The anchor of a policy's section.
pub(super) fn anchor(index: usize) -> String {
    format!("policy-{}", index + 1)
}

/// One policy: its arguments, what a plan would report, and every log group that it selects.
pub(super) fn policy(target: &TargetReview, policy: &PolicyReview, anchor: &str) -> Markup {
    let prices = &target.prices;
    html! {
        section aria-labelledby=(anchor) {
            h2 id=(anchor) { "Policy " (title(policy)) }
            @match &policy.found {
                Ok(found) => {
                    (arguments(&policy.document, Some((found, prices))))
                    (states::counts(found))
                    (content(found, prices))
                }
                Err(why) => {
                    (arguments(&policy.document, None))
                    (failure("Could not be read", why))
                }
            }
        }
    }
}

fn content(found: &PolicyFound, prices: &RegionPrices) -> Markup {
    let groups = &found.groups;
    let first_compliant = groups.iter().position(|it| !it.state.is_drift());
    let (drifted, compliant) = groups.split_at(first_compliant.unwrap_or(groups.len()));
    html! {
        @for it in found.diagnostics.iter() {
            (diagnostic(it))
        }
        @if !drifted.is_empty() {
            h3 { "Drifted" }
            (table(drifted, prices, "Log groups that drifted"))
        }
        @if !compliant.is_empty() {
            details {
                summary { (counted(compliant.len(), "log group")) " without drift" }
                (table(compliant, prices, "Log groups without drift"))
            }
        }
        @if groups.is_empty() {
            p { "The policy selects no log group." }
        }
    }
}

fn arguments(document: &Document, found: Option<(&PolicyFound, &RegionPrices)>) -> Markup {
    let Document { wanted, selection, .. } = document;
    html! {
        dl.terms {
            dt { "Selects log groups whose" }
            dd {
                ul {
                    @for select in &selection.select {
                        li { (rule(select)) }
                    }
                    @for exclude in &selection.exclude {
                        li { em { "except" } " those whose " (rule(exclude)) }
                    }
                }
            }
            @if let Some(wanted) = wanted {
                dt { "Destination" }
                dd {
                    code { (wanted.destination_arn) }
                    @if wanted.pattern.is_empty() {
                        ", every event"
                    } @else {
                        ", events that match " code { (wanted.pattern) }
                    }
                    ", by filters named " code { (wanted.name) }
                }
            }
            @if let Some(retention) = retention(document) {
                dt { "Retention" }
                dd { (retention) }
            }
            @if let Some(protected) = document.desired.deletion_protection {
                dt { "Deletion protection" }
                dd { (group::protection(protected)) }
            }
            @if let Some((found, prices)) = found {
                dt { "Stored" }
                dd {
                    (size(found.bytes()))
                    @if let Some(cost) = prices.savings_of(found.bytes()) { ", " (cost) " / month" }
                    @if found.deleted_bytes() > 0 {
                        "; its retention deletes " (size(found.deleted_bytes()))
                        @if let Some(savings) = prices.savings_of(found.deleted_bytes()) {
                            " and saves " (savings) " / month"
                        }
                        " (estimate)"
                    }
                }
            }
        }
    }
}

fn diagnostic(diagnostic: &Diagnostic) -> Markup {
    let (class, kind) = match diagnostic.severity {
        Severity::Error => ("note error", "Error: blocks apply"),
        Severity::Warning => ("note", "Warning"),
    };
    html! {
        aside class=(class) {
            h3 { (kind) ": " (diagnostic.summary) }
            p { (diagnostic.detail) }
        }
    }
}

fn table(groups: &[GroupReview], prices: &RegionPrices, caption: &str) -> Markup {
    html! {
        div.wide {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "State" }
                        th scope="col" { "Log group" }
                        th scope="col" { "Subscription" }
                        th scope="col" { "Retention" }
                        th.amount scope="col" { "Stored" }
                        th.amount scope="col" { "Ingested, " (DAYS) " days" }
                        th.amount scope="col" { "Savings / month" }
                    }
                }
                tbody {
                    @for group in groups {
                        (row(group, prices))
                    }
                }
            }
        }
    }
}

fn row(it: &GroupReview, prices: &RegionPrices) -> Markup {
    let GroupReview { usage, current, desired, .. } = it;
    let deleted = Some(it.deleted_bytes).filter(|bytes| *bytes > 0);
    html! {
        tr {
            td { (states::state(it.state)) }
            th.name scope="row" {
                (name(usage))
                @if let Some(reason) = &it.reason {
                    span.reason { (reason) }
                }
            }
            td {
                @if it.state == State::Conflict {
                    (subscription(current)) span.reason { "apply does not change it" }
                } @else {
                    (change(&subscription(current), &subscription(desired)))
                }
            }
            td.retention-days {
                (change(&group::retention(current.retention), &group::retention(desired.retention)))
                @if let Some(protection) = group::protection_change(it) {
                    span.reason { (protection) }
                }
            }
            td.amount { (amount(Some(usage.group.stored_bytes), prices.storage_of(usage))) }
            td.amount { (amount(usage.ingested_bytes, prices.ingestion_of(usage))) }
            td.amount { (amount(deleted, deleted.and_then(|bytes| prices.savings_of(bytes)))) }
        }
    }
}
