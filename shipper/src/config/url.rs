//! Addresses of services.

use std::net::IpAddr;

use reqwest::Url;

use super::fields::Fields;
use super::risks::Risk;
use crate::aws::{self, Service};

/// Reads `url`: an address alone, since whoever puts credentials into it will find them in logs.
pub(super) fn url(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
    let address = address(fields, example)?;
    if address.query().is_some() || address.fragment().is_some() {
        fields.mistake_in("url", "must not have a query or a fragment (what follows ? or #)");
        return None;
    }
    Some(address)
}

fn address(fields: &mut Fields<'_, '_>, example: &str) -> Option<Url> {
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

    if fields.optional_text("url").is_some() {
        return url(fields, EXAMPLE);
    }
    // Without a region there is a mistake already.
    aws::address(service, Some(region?))
        .map_err(|problem| fields.mistake(&problem.to_string()))
        .ok()
}

/// Reads `url`, which may be left out for AWS's own address, and gives that of a bucket.
pub(super) fn url_of_bucket(
    fields: &mut Fields<'_, '_>,
    bucket: &str,
    region: Option<&str>,
) -> Option<Url> {
    if fields.optional_text("url").is_some() {
        let mut url = url(fields, "https://minio.example:9000")?;
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
    match fields.optional_text("url") {
        Some(_) => url(fields, example),
        None => Url::parse(by_default).ok(),
    }
}
