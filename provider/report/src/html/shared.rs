use maud::{Markup, html};

use super::policy;
use crate::review::Review;

/// The log groups that several policies select.
pub(super) fn shared(review: &Review) -> Markup {
    let policies: Vec<_> = review.policies().map(|(_, policy)| policy).collect();
    let shared = review.shared();
    html! {
        @if policies.len() > 1 {
            section aria-labelledby="shared" {
                h2 id="shared" { "Selected by several policies" }
                @if shared.is_empty() {
                    p { "No log group is selected by more than one of these policies." }
                } @else {
                    p {
                        "One policy can forward and another set the retention. Where policies conflict, \
                         or forward the same events twice, a message of the policy says so."
                    }
                    div.wide {
                        table {
                            caption { "Log groups that several policies select" }
                            thead {
                                tr {
                                    th scope="col" { "Log group" }
                                    th scope="col" { "Account and region" }
                                    th scope="col" { "Policies" }
                                }
                            }
                            tbody {
                                @for ((target, name), indices) in shared {
                                    tr {
                                        th.name scope="row" { (name) }
                                        td { (target) }
                                        td {
                                            ul {
                                                @for index in indices {
                                                    li {
                                                        a href={ "#" (policy::anchor(index)) } {
                                                            (policy::title(policies[index]))
                                                        }
                                                    }
                                                }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
