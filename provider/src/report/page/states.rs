use maud::{Markup, html};

use crate::diagnostics::format::counted;
use crate::report::group::State;
use crate::report::review::PolicyReview;

/// A symbol for each state, so that states do not depend on color alone.
fn sign(state: State) -> &'static str {
    match state {
        State::Unwanted => "✖",
        State::Conflict => "⚠",
        State::Missing => "+",
        State::Differs => "~",
        State::Retention => "◷",
        State::Skipped => "–",
        State::InPlace => "✓",
    }
}

/// The name of its colors in the style sheet.
fn class(state: State) -> &'static str {
    match state {
        State::Unwanted => "unwanted",
        State::Conflict => "conflict",
        State::Missing => "missing",
        State::Differs => "differs",
        State::Retention => "retention",
        State::Skipped => "skipped",
        State::InPlace => "in-place",
    }
}

/// A state with its symbol and color.
pub(super) fn state(state: State) -> Markup {
    html! {
        span class={ "state " (class(state)) } {
            span aria-hidden="true" { (sign(state)) } " " (state.name())
        }
    }
}

/// The number of log groups in each state: a bar, and a list.
pub(super) fn counts(policy: &PolicyReview) -> Markup {
    let counts = State::ALL.map(|state| (state, policy.count(state)));
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    html! {
        div.bar aria-hidden="true" {
            @for (state, count) in counts.clone() {
                span class=(class(*state)) style={ "flex-grow:" (count) } {}
            }
        }
        ul.counts {
            @for (it, count) in counts {
                li { (state(*it)) " " (counted(*count, "log group")) }
            }
        }
    }
}
