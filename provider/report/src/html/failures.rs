use maud::{Markup, html};

use crate::review::Review;

/// The policies that the report has nothing of, and the ingested bytes that it lacks.
pub(super) fn failures(review: &Review) -> Markup {
    html! {
        @if !review.is_complete() {
            section aria-labelledby="incomplete" {
                h2 id="incomplete" { "Incomplete" }
                p {
                    "The totals are without these policies, which could not be read. What was read of \
                     the others is complete."
                }
                ul {
                    @for (target, policy) in review.policies().filter(|(_, it)| it.found.is_err()) {
                        li { strong { (policy.document.name) } " in " (target.target) }
                    }
                    @for address in &review.unknown {
                        li { strong { (address) } ": its document is known after apply" }
                    }
                }
            }
        }
    }
}

/// What failed, in its place.
pub(super) fn failure(summary: &str, detail: &str) -> Markup {
    html! {
        aside.note.error {
            h3 { (summary) }
            p { (detail) }
        }
    }
}
