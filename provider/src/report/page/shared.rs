use maud::{Markup, html};

use super::{anchor, policy};
use crate::report::review::Review;

/// The log groups that several policies select.
pub(super) fn shared(review: &Review) -> Markup {
    let shared = review.shared();
    html! {
        @if review.policies.len() > 1 {
            section aria-labelledby="shared" {
                h2 id="shared" { "Log groups with several policies" }
                @if shared.is_empty() {
                    p { "No log group is selected by more than one of these policies." }
                } @else {
                    p {
                        "Fine when one policy forwards and another sets retention. Conflicts and \
                         events that are forwarded twice are listed with the policies above."
                    }
                    div.wide {
                        table {
                            caption { "Log groups that several policies select" }
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
