//! The page: HTML that needs no network and no script, is read in light, in dark and on paper, and
//! escapes whatever AWS or a document says.

mod format;
mod measurements;
mod method;
mod policy;
mod shared;
mod states;
mod uncovered;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::review::{Outcome, Review};
use crate::diagnostics::format::{counted, plural};

const STYLE: &str = include_str!("style.css");

/// Even if something were not escaped, a browser that reads this runs and fetches nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub(in crate::report) fn render(review: &Review) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Log groups: " (headline(review)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.brand { "logagg report" }
                    h1 { (headline(review)) }
                    p.when { (when(review)) }
                }
                main {
                    (measurements::figures(review))
                    (contents(review))
                    @for (index, policy) in review.policies.iter().enumerate() {
                        (policy::policy(policy, review.price, &anchor(index)))
                    }
                    (shared::shared(review))
                    (uncovered::uncovered(review))
                    (method::method(review))
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn headline(review: &Review) -> String {
    let totals = &review.totals;
    match (review.outcome(), totals.differing) {
        (Outcome::AsItShouldBe, _) if totals.covered == 0 => "no log group is selected".to_owned(),
        (Outcome::AsItShouldBe, _) => {
            format!("all {} are compliant", counted(totals.covered, "log group"))
        }
        (Outcome::Differs, 0) => "the policies cannot be applied".to_owned(),
        (Outcome::Differs, differing) => format!(
            "{differing} of {} {} drifted",
            counted(totals.covered, "log group"),
            plural(differing, "has", "have")
        ),
    }
}

/// The only line that differs where nothing else does.
fn when(review: &Review) -> String {
    let at = humantime::format_rfc3339_seconds(review.at).to_string();
    let at = at.replace('T', " ").replace('Z', " UTC");
    let targets: Vec<_> = review.uncovered.keys().map(ToString::to_string).collect();
    format!("{at} · {}", targets.join(" · "))
}

fn anchor(index: usize) -> String {
    format!("policy-{}", index + 1)
}

fn contents(review: &Review) -> Markup {
    html! {
        @if review.policies.len() > 1 {
            nav aria-label="Policies" {
                ul {
                    @for (index, policy) in review.policies.iter().enumerate() {
                        li {
                            a href={ "#" (anchor(index)) } { (policy::title(policy)) }
                            " " span.muted { (policy::in_short(policy)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod colors;
#[cfg(test)]
mod tests;
