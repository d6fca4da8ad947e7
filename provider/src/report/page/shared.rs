use maud::{Markup, html};

use super::{anchor, policy};
use crate::report::review::Review;

/// The log groups that several policies choose.
pub(super) fn shared(review: &Review) -> Markup {
    let shared = review.shared();
    html! {
        @if review.policies.len() > 1 {
            section aria-labelledby="shared" {
                h2 id="shared" { "Chosen by several policies" }
                @if shared.is_empty() {
                    p { "No log group is chosen by more than one of these policies." }
                } @else {
                    p {
                        "That is well where one ships and another keeps. Where they cannot hold \
                         together, or ship the same events twice, the policy above says so."
                    }
                    div.wide {
                        table {
                            caption { "Log groups that several policies choose" }
                            thead {
                                tr {
                                    th scope="col" { "Log group" }
                                    th scope="col" { "Where" }
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
                                                        a href={ "#" (anchor(index)) } {
                                                            (policy::title(&review.policies[index]))
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
