use maud::{Markup, html};

use super::states;
use crate::report::estimate::Price;
use crate::report::group::State;
use crate::report::review::Review;

/// What the words mean, and how the numbers come about.
pub(super) fn method(review: &Review) -> Markup {
    html! {
        section aria-labelledby="method" {
            h2 id="method" { "How to read this" }
            dl.terms {
                @for it in State::ALL {
                    dt { (states::state(it)) }
                    dd { (it.meaning()) "." }
                }
            }
            h3 { "Where the numbers come from" }
            ul {
                li {
                    "Each policy was read and planned by the code that does so for Terraform. Nothing \
                     was changed. What Terraform keeps in a state and a document does not tell is not \
                     known here: log groups that a policy has let go, and that AWS refused one \
                     another filter."
                }
                li {
                    "What is stored is what AWS last counted, which lags behind. A GB is 10" sup { "9" }
                    " bytes and is taken to cost " (review.price) " a month"
                    @if review.price == Price::default() { ", which is the price in us-east-1" }
                    "; it differs by region. Writing, querying and shipping cost extra and are not in these \
                     numbers."
                }
                li {
                    "AWS does not tell how old the stored bytes are. The estimate takes it that each \
                     log group began with nothing when it was created and has been written to more \
                     from day to day, evenly growing: of one that is " i { "a" } " days old and kept \
                     for ever, a retention of " i { "r" } " days deletes (1 − " i { "r" } "/" i { "a" }
                     ")" sup { "2" } " of what is stored. Where as much was written on the first day as \
                     on the last it is more. What would have grown on without a retention is not \
                     counted."
                }
                li {
                    "Of a log group that several policies choose, the saving of the one that saves \
                     least is counted."
                }
            }
        }
    }
}
