use maud::{Markup, html};

use super::format::share;
use crate::diagnostics::format::{counted, size};
use crate::report::review::Review;

/// The totals at the beginning of the page.
pub(super) fn figures(review: &Review) -> Markup {
    let totals = &review.totals;
    let price = review.price;
    let uncovered = totals.groups.saturating_sub(totals.covered);
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" { "At a glance" }
            dl.figures {
                (figure(
                    "Log groups",
                    &totals.groups.to_string(),
                    &format!("{} selected by a policy, {uncovered} unmanaged", totals.covered),
                ))
                (figure(
                    "Drifted",
                    &totals.differing.to_string(),
                    &share(totals.differing, totals.covered, "of the selected"),
                ))
                (figure(
                    "Stored",
                    &size(totals.bytes),
                    &format!("costs {} / month", price.of(totals.bytes).in_words()),
                ))
                (figure(
                    "Never expires",
                    &size(totals.bytes_never_expiring),
                    &format!("in {}, and growing", counted(totals.never_expiring, "log group")),
                ))
                (figure(
                    "Potential savings / month",
                    &price.of(totals.deleted_bytes).to_string(),
                    &format!(
                        "once the policies' retention deletes {}: a conservative estimate",
                        size(totals.deleted_bytes)
                    ),
                ))
            }
            @if totals.lengthened > 0 {
                p.note {
                    "On " (counted(totals.lengthened, "log group")) " a policy sets a longer \
                     retention than today. Its cost is not included."
                }
            }
        }
    }
}

fn figure(name: &str, number: &str, beside: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd.number { (number) }
            dd.beside { (beside) }
        }
    }
}
