use maud::{Markup, html};
use terraform_provider_logagg::engine::{counted, size};

use super::format::share;
use crate::ingestion::DAYS;
use crate::prices::Dollars;
use crate::review::Review;

/// The most important numbers.
pub(super) fn totals(review: &Review) -> Markup {
    let totals = &review.totals;
    let unmanaged = totals.groups.saturating_sub(totals.selected);
    let per_month = |usd: Dollars| format!("{usd} / month");
    let never_expiring = counted(totals.never_expire, "log group");
    html! {
        section aria-labelledby="totals" {
            h2 id="totals" { "Summary" }
            dl.totals {
                (total(
                    "Log groups",
                    &totals.groups.to_string(),
                    &format!("{} selected by a policy, {unmanaged} unmanaged", totals.selected),
                ))
                (total(
                    "Drifted",
                    &totals.drifted.to_string(),
                    &share(totals.drifted, totals.selected, "of the selected"),
                ))
                (total("Stored", &size(totals.bytes), &cost(totals.storage.map(per_month))))
                @if let Some(bytes) = totals.ingested_bytes {
                    (total(
                        &format!("Ingested in {DAYS} days"),
                        &size(bytes),
                        &cost(totals.ingestion.map(|usd| usd.to_string())),
                    ))
                }
                (total("Never expires", &size(totals.never_expiring_bytes), &format!("in {never_expiring}")))
                @let deleted = size(totals.deleted_bytes);
                @match totals.savings {
                    Some(savings) => (total(
                        "Potential savings / month",
                        &savings.to_string(),
                        &format!("the policies' retention deletes {deleted} (estimate)"),
                    )),
                    None => (total(
                        "Potential savings",
                        &deleted,
                        "that the policies' retention deletes (estimate)",
                    )),
                }
            }
            @if totals.lengthened > 0 {
                p.muted {
                    "A policy keeps events of " (counted(totals.lengthened, "log group")) " longer than \
                     today. The numbers do not include what that costs."
                }
            }
            @if !totals.without_price.is_empty() {
                p.muted {
                    "No price is given or known for "
                    (totals.without_price.iter().cloned().collect::<Vec<_>>().join(", "))
                    ", so costs there are missing. Give prices with --storage-price and \
                     --ingestion-price."
                }
            }
        }
    }
}

fn cost(cost: Option<String>) -> String {
    cost.unwrap_or_else(|| "no price known".to_owned())
}

fn total(name: &str, number: &str, beside: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd.number { (number) }
            dd.muted { (beside) }
        }
    }
}
