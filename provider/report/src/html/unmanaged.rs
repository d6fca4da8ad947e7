use maud::{Markup, html};
use terraform_provider_logagg::engine::{counted, size};

use super::failures::failure;
use super::format::{amount, name};
use crate::group::{Usage, retention};
use crate::ingestion::DAYS;
use crate::prices::RegionPrices;
use crate::review::{Review, TargetReview};

/// So many are shown at once, the rest on demand.
const FIRST: usize = 20;

/// The log groups that none of the policies selects.
pub(super) fn unmanaged(review: &Review) -> Markup {
    html! {
        section aria-labelledby="unmanaged" {
            h2 id="unmanaged" { "Unmanaged" }
            p {
                "Log groups that no policy of this report selects. Policies that are not in the report \
                 may select them."
            }
            @for target in &review.targets {
                h3 { (target.target) }
                @match &target.unmanaged {
                    Ok(groups) => (listed(target, groups)),
                    Err(why) => (failure("Could not be read", why)),
                }
            }
        }
    }
}

fn listed(target: &TargetReview, groups: &[Usage]) -> Markup {
    let prices = &target.prices;
    let bytes: u64 = groups.iter().map(|it| it.group.stored_bytes).sum();
    let name = &target.target;
    html! {
        @if target.has_unread_policy() {
            p.muted {
                "A policy here could not be read, so log groups that it selects by tags may be among \
                 these."
            }
        }
        @if groups.is_empty() {
            p { "Every log group is selected by a policy." }
        } @else {
            p {
                (counted(groups.len(), "log group")) ", " (size(bytes))
                @if let Some(cost) = prices.savings_of(bytes) { ", " (cost) " / month" }
                "."
            }
            @let (first, rest) = groups.split_at(groups.len().min(FIRST));
            (table(first, prices, &format!("The largest unmanaged log groups of {name}")))
            @if !rest.is_empty() {
                details {
                    summary { (counted(rest.len(), "smaller log group")) }
                    (table(rest, prices, &format!("Smaller unmanaged log groups of {name}")))
                }
            }
        }
    }
}

fn table(groups: &[Usage], prices: &RegionPrices, caption: &str) -> Markup {
    html! {
        div.wide {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "Log group" }
                        th scope="col" { "Class" }
                        th scope="col" { "Retention" }
                        th.amount scope="col" { "Stored" }
                        th.amount scope="col" { "Ingested, " (DAYS) " days" }
                    }
                }
                tbody {
                    @for usage in groups {
                        tr {
                            th.name scope="row" { (name(usage)) }
                            td { (usage.group.class) }
                            td { (retention(usage.group.retention)) }
                            td.amount {
                                (amount(Some(usage.group.stored_bytes), prices.storage_of(usage)))
                            }
                            td.amount { (amount(usage.ingested_bytes, prices.ingestion_of(usage))) }
                        }
                    }
                }
            }
        }
    }
}
