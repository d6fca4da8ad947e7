//! The page: HTML without script and network, with a light, a dark and a print layout, in which
//! every string of AWS or a document is escaped.

mod failures;
mod format;
mod method;
mod policy;
mod shared;
mod states;
mod totals;
mod unmanaged;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::review::Review;

const STYLE: &str = include_str!("style.css");

/// Even if something were not escaped, a browser that reads this runs and fetches nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub(crate) fn render(review: &Review) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "logagg report: " (review.headline()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.brand { "logagg report" }
                    h1 { (review.headline()) }
                    p.time { (time(review)) }
                }
                main {
                    (totals::totals(review))
                    (failures::failures(review))
                    (contents(review))
                    @for (index, (target, policy)) in review.policies().enumerate() {
                        (policy::policy(target, policy, &policy::anchor(index)))
                    }
                    (shared::shared(review))
                    (unmanaged::unmanaged(review))
                    (method::method(review))
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// The only line that depends on the time alone.
fn time(review: &Review) -> String {
    let at = humantime::format_rfc3339_seconds(review.at).to_string();
    let at = at.replace('T', " ").replace('Z', " UTC");
    let targets: Vec<_> = review.targets.iter().map(|it| it.target.to_string()).collect();
    format!("{at} · {}", targets.join(" · "))
}

fn contents(review: &Review) -> Markup {
    html! {
        @if review.policies().count() > 1 {
            nav aria-label="Policies" {
                ul {
                    @for (index, (_, policy)) in review.policies().enumerate() {
                        li {
                            a href={ "#" (policy::anchor(index)) } { (policy::title(policy)) }
                            " " span.muted { (policy::summary(policy)) }
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
