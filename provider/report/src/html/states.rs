use maud::{Markup, html};
use terraform_provider_logagg::engine::counted;

use crate::group::State;
use crate::review::PolicyFound;

/// A sign for each state, which is not told by its color alone.
fn sign(state: State) -> &'static str {
    match state {
        State::Unwanted => "✖",
        State::Conflict => "⚠",
        State::Missing => "+",
        State::FilterDiffers => "~",
        State::RetentionDiffers => "◷",
        State::ProtectionDiffers => "⛨",
        State::Skipped => "–",
        State::Compliant => "✓",
    }
}

/// The name of its colours in the style sheet.
fn class(state: State) -> &'static str {
    match state {
        State::Unwanted => "unwanted",
        State::Conflict => "conflict",
        State::Missing => "missing",
        State::FilterDiffers => "filter",
        State::RetentionDiffers => "retention",
        State::ProtectionDiffers => "protection",
        State::Skipped => "skipped",
        State::Compliant => "compliant",
    }
}

/// A state with its sign.
pub(super) fn state(state: State) -> Markup {
    html! {
        span class={ "state " (class(state)) } {
            span aria-hidden="true" { (sign(state)) } " " (state.name())
        }
    }
}

/// How many log groups of a policy are in which state: a bar, and the same in words.
pub(super) fn counts(found: &PolicyFound) -> Markup {
    let counts = State::ALL.map(|state| (state, found.count(state)));
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
