//! Addresses of services.

use std::net::IpAddr;

use reqwest::Url;

use super::fields::Fields;
use super::risks::Risk;

/// Reads `url`: an address alone, since whoever puts credentials into it will find them in logs.
pub(super) fn url(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    let text = fields.text("url")?;
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        let mistake =
            format!("must be a URL that begins with http:// or https://, as in \"{example}\"");
        fields.mistake_in("url", &mistake);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        fields
            .mistake_in("url", "must not hold credentials; give them in the fields meant for them");
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        fields.mistake_in("url", "must not have a query or a fragment (what follows ? or #)");
        return None;
    }
    if url.scheme() == "http" && !is_own_machine(&url) {
        fields.risk_in("url", Risk::PlainHttp);
    }
    Some(url)
}

/// Whether what is sent there stays on this machine.
fn is_own_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Reads `url`, which may be left out where `by_default` says what it is then.
pub(super) fn url_or(fields: &mut Fields<'_, '_>, example: &str, by_default: &str) -> Option<Url> {
    match fields.optional_text("url") {
        Some(_) => url(fields, example),
        None => Url::parse(by_default).ok(),
    }
}
