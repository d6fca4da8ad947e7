use logagg_policy::LogGroup;
use maud::{Markup, html};

use super::format::kept;
use crate::diagnostics::format::{counted, size};
use crate::report::estimate::Price;
use crate::report::review::Review;

/// So many are shown at once, the rest on demand.
const FIRST: usize = 20;

/// The log groups that none of the policies selects.
pub(super) fn uncovered(review: &Review) -> Markup {
    html! {
        section aria-labelledby="uncovered" {
            h2 id="uncovered" { "Unmanaged log groups" }
            p {
                "Log groups that no policy in this report selects. A policy that is not in the \
                 report may still manage them."
            }
            @for (target, groups) in &review.uncovered {
                @let bytes: u64 = groups.iter().map(|group| group.stored_bytes).sum();
                h3 { (target) }
                @if groups.is_empty() {
                    p { "Every log group is selected by one of the policies." }
                } @else {
                    p {
                        (counted(groups.len(), "log group")) ", " (size(bytes)) ", "
                        (review.price.of(bytes).in_words()) " a month."
                    }
                    @let (first, rest) = groups.split_at(groups.len().min(FIRST));
                    (table(first, review.price, &format!("The largest, {target}")))
                    @if !rest.is_empty() {
                        details {
                            summary { (counted(rest.len(), "smaller log group")) }
                            (table(rest, review.price, &format!("The rest, {target}")))
                        }
                    }
                }
            }
        }
    }
}

fn table(groups: &[LogGroup], price: Price, caption: &str) -> Markup {
    html! {
        div.wide {
            table {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { "Log group" }
                        th scope="col" { "Class" }
                        th scope="col" { "Kept" }
                        th.amount scope="col" { "Stored" }
                        th.amount scope="col" { "Cost / month" }
                    }
                }
                tbody {
                    @for group in groups {
                        tr {
                            th.name scope="row" { (group.name) }
                            td { (group.class) }
                            td { (kept(group.retention)) }
                            td.amount { (size(group.stored_bytes)) }
                            td.amount { (price.of(group.stored_bytes)) }
                        }
                    }
                }
            }
        }
    }
}
