use maud::{Markup, html};

use super::states;
use crate::group::State;
use crate::ingestion::{DAYS, days_before};
use crate::prices::{DEFAULTS_DATE, DEFAULTS_SOURCE, Price, PriceSource};
use crate::review::{IngestionStatus, Review, TargetReview};

/// The states, and how the numbers are computed.
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
            ul {
                li {
                    "Each policy was read and planned by the provider's code. Nothing was changed. The \
                     report does not know Terraform's state: log groups that left the selection of a \
                     policy, and log groups for which AWS rejected a filter before."
                }
                li {
                    "Stored bytes are as AWS last counted them, which is later than events arrive. A GB \
                     is 10" sup { "9" } " bytes."
                }
                (ingestion(review))
                li {
                    "Prices: first tier, without taxes, discounts and free tiers. Ingestion has a cost \
                     only for log groups of class STANDARD. Queries and destinations are not included."
                    ul {
                        @for target in &review.targets {
                            (prices(target))
                        }
                    }
                }
                li {
                    "AWS does not report the age of stored bytes. The estimate of savings assumes that \
                     each log group started empty when it was created and that its daily volume grew \
                     steadily. For a log group that is " i { "a" } " days old and never expires, a \
                     retention of " i { "r" } " days then deletes (1 − " i { "r" } "/" i { "a" } ")"
                    sup { "2" } " of what is stored. With a constant volume it is more. Future growth \
                     without a retention is not counted."
                }
                li {
                    "For a log group that several policies select, the totals include the smallest of \
                     their savings."
                }
            }
        }
    }
}

fn ingestion(review: &Review) -> Markup {
    let (start, end) = days_before(review.at);
    let day = |at| humantime::format_rfc3339_seconds(at).to_string()[..10].to_owned();
    html! {
        li {
            "Ingested bytes are the sum of the CloudWatch metric IncomingBytes over " (DAYS) " days, \
             from " (day(start)) " to " (day(end)) " (UTC, exclusive). A dash is a log group for which \
             CloudWatch did not return them."
            ul {
                @for TargetReview { target, ingestion, .. } in &review.targets {
                    @match ingestion {
                        IngestionStatus::Failed(why) => li {
                            strong { "Ingestion could not be read in " (target) } ": " (why)
                            " The call needs the permission cloudwatch:GetMetricData."
                        },
                        IngestionStatus::Skipped => li { "Not read in " (target) "." },
                        IngestionStatus::Read => {},
                    }
                }
            }
        }
    }
}

fn prices(target: &TargetReview) -> Markup {
    let prices = target.prices;
    html! {
        li {
            (target.target) ": storage " (price(prices.storage, " per GB and month"))
            ", ingestion " (price(prices.ingestion, " per GB")) "."
        }
    }
}

fn price(price: Option<Price>, unit: &str) -> Markup {
    html! {
        @match price {
            None => "without a price",
            Some(price) => {
                (price) (unit)
                @match price.source {
                    PriceSource::Option => " (given as an option)",
                    PriceSource::Default => {
                        " (default, from " a href=(DEFAULTS_SOURCE) rel="noreferrer" { "AWS's price list" }
                        ", " (DEFAULTS_DATE) ")"
                    }
                }
            }
        }
    }
}
