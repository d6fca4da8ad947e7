use maud::{Markup, html};

use super::states;
use crate::report::estimate::Price;
use crate::report::group::State;
use crate::report::review::Review;

/// Definitions of the states, and how the numbers are computed.
pub(super) fn method(review: &Review) -> Markup {
    html! {
        section aria-labelledby="method" {
            h2 id="method" { "Method and definitions" }
            dl.terms {
                @for it in State::ALL {
                    dt { (states::state(it)) }
                    dd { (it.meaning()) "." }
                }
            }
            h3 { "Sources of the numbers" }
            ul {
                li {
                    "Each policy was read and planned by the provider's own code. Nothing was \
                     changed. The report does not see what only Terraform's state contains: log \
                     groups that left the selection of a policy, and log groups for which AWS \
                     rejected a filter before."
                }
                li {
                    "Stored is the size that AWS last reported, which is delayed. A GB is 10" sup { "9" }
                    " bytes and is assumed to cost " (review.price) " a month"
                    @if review.price == Price::default() { ", which is the price in us-east-1" }
                    "; prices differ by region. Ingestion, queries and forwarding cost extra and \
                     are not included."
                }
                li {
                    "AWS does not report the age of stored data. The estimate assumes that each \
                     log group started empty when it was created and that its daily volume grew \
                     steadily since then: of one that is " i { "a" } " days old and \
                     never expires, a retention of " i { "r" } " days deletes (1 − " i { "r" } "/" i { "a" }
                     ")" sup { "2" } " of the stored data. With a constant volume it is more. \
                     Future growth without a retention is not counted."
                }
                li {
                    "If several policies select a log group, only the smallest of their savings is \
                     counted."
                }
            }
        }
    }
}
