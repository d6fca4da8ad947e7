use maud::{Markup, html};

use super::format::share;
use crate::diagnostics::format::{counted, size};
use crate::report::review::Review;

/// The numbers that come first.
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
                    &format!("{} chosen by a policy, {uncovered} by none", totals.covered),
                ))
                (figure(
                    "Not as the policies say",
                    &totals.differing.to_string(),
                    &share(totals.differing, totals.covered, "of those chosen"),
                ))
                (figure(
                    "Stored",
                    &size(totals.bytes),
                    &format!("costs {} a month", price.of(totals.bytes).in_words()),
                ))
                (figure(
                    "Kept for ever",
                    &size(totals.bytes_for_ever),
                    &format!("in {}, and growing", counted(totals.for_ever, "log group")),
                ))
                (figure(
                    "Would be saved",
                    &price.of(totals.deleted_bytes).to_string(),
                    &format!(
                        "a month, once the policies' retention deletes {}: a cautious estimate",
                        size(totals.deleted_bytes)
                    ),
                ))
            }
            @if totals.lengthened > 0 {
                p.note {
                    "On " (counted(totals.lengthened, "log group")) " a policy keeps events longer \
                     than they are kept today. What that costs is not in these numbers."
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
