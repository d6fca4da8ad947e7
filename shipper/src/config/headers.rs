//! Headers of the user's own.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::fields::Fields;

/// Headers that say how a body is to be read, or that HTTP itself needs: these are the shipper's.
const TAKEN: [&str; 6] =
    ["connection", "content-encoding", "content-length", "host", "transfer-encoding", "upgrade"];

/// Reads `headers`, an object of names and values. Any of them may be a secret, so none is shown.
pub(super) fn headers(fields: &mut Fields<'_, '_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(mut named) = fields.optional_object("headers") else {
        return headers;
    };
    for name in named.names() {
        let Some(value) = named.secret(&name) else {
            continue;
        };
        let Ok(header) = HeaderName::try_from(&name) else {
            named.mistake_in(&name, "is no name of a header");
            continue;
        };
        if TAKEN.contains(&header.as_str()) {
            named.mistake_in(&name, "is the shipper's own to send; leave it out");
            continue;
        }
        let Ok(mut value) = HeaderValue::try_from(value.expose()) else {
            named.mistake_in(&name, "must have no line ends and no control characters");
            continue;
        };
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    named.finish();
    headers
}
