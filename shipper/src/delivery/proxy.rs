//! The proxy of the environment variables: HTTP uses it by itself, and ignores an invalid one.

use std::error::Error;
use std::iter;

use hyper::Uri;
use reqwest::Url;

use super::fault::Fault;

/// The variables with the URL of a proxy; of each group the first that is set counts.
///
/// <https://docs.rs/reqwest/latest/reqwest/#proxies>
const VARIABLES: [[&str; 2]; 3] =
    [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];

/// A variable has no valid URL. The value is not shown, because it may contain a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable} must be the URL of an HTTP proxy, such as \"http://proxy.example:3128\"; special \
     characters in user name and password must be percent-encoded"
)]
pub struct InvalidProxy {
    variable: &'static str,
}

/// Checks the variables. Without that, requests would bypass a proxy with an invalid URL.
pub fn check_proxy(variable: impl Fn(&str) -> Option<String>) -> Result<(), InvalidProxy> {
    for names in VARIABLES {
        let set = names.into_iter().find_map(|name| Some((name, variable(name)?)));
        if let Some((variable, url)) = set
            && !url.is_empty()
            && !is_valid(&url)
        {
            return Err(InvalidProxy { variable });
        }
    }
    Ok(())
}

/// Whether HTTP uses a proxy at this URL, which may have no scheme.
fn is_valid(url: &str) -> bool {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.authority().is_some());
    let is_http = uri.is_some_and(|uri| matches!(uri.scheme_str(), None | Some("http" | "https")));
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    is_http && Url::parse(&whole).is_ok_and(|url| url.has_host())
}

/// Why a proxy did not connect to the destination, if that is the reason for an error.
pub(super) fn fault(error: &(dyn Error + 'static)) -> Option<Fault> {
    // The type of the error is not public.
    const PREFIX: &str = "tunnel error: ";

    let mut errors = iter::successors(Some(error), |&error| error.source());
    errors.find_map(|error| {
        let text = error.to_string();
        Some(match text.strip_prefix(PREFIX)? {
            "proxy authorization required" => Fault::ProxyAuthenticationRequired,
            "failed to create underlying connection" => Fault::ProxyNotConnected,
            _ => Fault::ProxyRejected,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: Option<&str>) {
        let variable = |name: &str| {
            pairs.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
        };
        let invalid = check_proxy(variable).err().map(|error| error.variable);
        assert_eq!(invalid, expected, "{pairs:?}");
    }

    #[test]
    fn only_urls_of_http_proxies_are_valid() {
        check(&[], None);
        for url in [
            "",
            "http://proxy.example:3128",
            "http://proxy.example:3128/",
            "https://proxy.example",
            "http://user:p%40ss@proxy.example:3128",
            "proxy.example:3128",
            "10.0.0.1:3128",
            "http://[fd00::1]:3128",
        ] {
            check(&[("HTTPS_PROXY", url)], None);
        }
        for url in [
            "http://",
            "socks5://proxy.example:1080",
            "http://proxy.example:port",
            "http://user:p#ss@proxy.example",
            "http://user:p ss@proxy.example",
            "/proxy",
            "://proxy.example",
        ] {
            check(&[("HTTPS_PROXY", url)], Some("HTTPS_PROXY"));
            check(&[("http_proxy", url)], Some("http_proxy"));
            check(&[("HTTP_PROXY", "http://proxy.example"), ("http_proxy", url)], None);
        }
        let error = InvalidProxy { variable: "HTTPS_PROXY" }.to_string();
        assert!(error.starts_with("HTTPS_PROXY must be the URL of an HTTP proxy"), "{error}");
    }
}
