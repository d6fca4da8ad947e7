//! Addresses of services.

use std::net::IpAddr;

use reqwest::Url;

use super::fields::Fields;
use super::risks::Risk;
use crate::aws::{self, Service};

/// What an address looks like.
pub(super) const HTTP: &str = "^https?://[^/]";

/// Reads `url`: an address alone, since whoever puts credentials into it will find them in logs.
pub(super) fn url(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    let address = address(fields, example)?;
    plain(fields, address)
}

fn plain(fields: &mut Fields<'_, '_>, address: Url) -> Option<Url> {
    if address.query().is_some() || address.fragment().is_some() {
        fields.mistake_in("url", "must not have a query or a fragment (what follows ? or #)");
        return None;
    }
    Some(address)
}

fn address(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    let text = fields.like(HTTP).text("url")?;
    parsed(fields, text, example)
}

/// Reads `url` where whoever has it is let in: the address itself, or the ARN under which it is kept.
pub(super) fn secret_url(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    let secret = fields.like(HTTP).secret("url")?;
    let address = parsed(fields, secret.expose(), example)?;
    plain(fields, address)
}

fn parsed(fields: &mut Fields<'_, '_>, text: &str, example: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| is_http(text) && url.has_host());
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
    if url.scheme() == "http" && !is_own_machine(&url) {
        fields.risk_in("url", Risk::PlainHttp);
    }
    Some(url)
}

/// Reads `url` with a query, for services that want one.
pub(super) fn url_with_query(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    let address = address(fields, example)?;
    if address.fragment().is_some() {
        fields.mistake_in("url", "must not have a fragment (what follows #)");
        return None;
    }
    Some(address)
}

/// Reads `url`, which may be left out for AWS's own address.
pub(super) fn url_of_service(
    fields: &mut Fields<'_, '_>,
    service: Service,
    region: Option<&str>,
) -> Option<Url> {
    const EXAMPLE: &str = "https://vpce-0123456789abcdef0.example.amazonaws.com";

    let given = optional_url(fields, EXAMPLE);
    if fields.has("url") {
        return given;
    }
    // Without a region there is a mistake already.
    aws::address(service, Some(region?))
        .map_err(|problem| fields.mistake(&problem.to_string()))
        .ok()
}

/// Reads `url`, which may be left out for AWS's own address, and gives that of a bucket.
pub(super) fn url_of_bucket(
    fields: &mut Fields<'_, '_>,
    bucket: Option<&str>,
    region: Option<&str>,
) -> Option<Url> {
    let given = optional_url(fields, "https://minio.example:9000");
    let bucket = bucket?;
    if fields.has("url") {
        let mut url = given?;
        url.path_segments_mut().ok()?.pop_if_empty().push(bucket);
        return Some(url);
    }
    aws::bucket_address(bucket, region)
        .map_err(|problem| fields.mistake_in("region", &problem.to_string()))
        .ok()
}

/// Whether what is sent there stays on this machine.
fn is_own_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Reads `url`, which may be left out where `by_default` says what it is then.
pub(super) fn url_or(fields: &mut Fields<'_, '_>, example: &str, by_default: &str) -> Option<Url> {
    let given = optional_url(fields, example);
    if fields.has("url") { given } else { Url::parse(by_default).ok() }
}

/// Reads `url`, which may be left out.
pub(super) fn optional_url(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    fields.like(HTTP).optional_text("url")?;
    url(fields, example)
}

/// Whether a text begins as an address does. `Url` takes more for one: `HTTP:/x`, say.
pub(super) fn is_http(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    })
}
