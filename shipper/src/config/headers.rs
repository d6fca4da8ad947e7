//! User-defined headers.

use std::collections::{BTreeMap, HashSet};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use super::schema::{FieldError, like_or_arn, names_like, never};
use crate::secret::Secret;

/// The pattern of a header's value.
pub(super) const HEADER_VALUE: &str = r"^[^\u0000-\u0008\u000a-\u001f\u007f]+$";

/// The error for other values.
pub(super) const NO_HEADER_VALUE: &str = "must not contain line breaks or control characters";

/// The error for an invalid header name.
const NO_HEADER: &str = "is not a valid header name";

/// The error for a header that the shipper sets.
const TAKEN_HEADER: &str = "is set by the shipper; remove it";

/// Headers set by the shipper: they describe the body or belong to HTTP itself.
const TAKEN: [&str; 6] =
    ["connection", "content-encoding", "content-length", "host", "transfer-encoding", "upgrade"];

/// Names and values of headers.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = named)]
pub(super) struct Headers(BTreeMap<String, Value>);

/// A header's value, never shown because it may be a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(HEADER_VALUE), "errorMessage" = NO_HEADER_VALUE))]
struct Value(Secret);

fn named(schema: &mut Schema) {
    names_like(schema, r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", NO_HEADER);
    // Header names are case-insensitive.
    let any_case = |letter: char| match letter {
        '-' => "-".to_owned(),
        letter => format!("[{letter}{}]", letter.to_ascii_uppercase()),
    };
    let taken = TAKEN.map(|name| name.chars().map(any_case).collect::<String>());
    if let Some(names) = schema.get_mut("patternProperties") {
        let taken = format!("^({})$", taken.join("|"));
        names[taken] = never(TAKEN_HEADER);
    }
}

impl Headers {
    /// Adds the headers to an endpoint, except for those that the shipper sets.
    pub(super) fn add_to(
        &self,
        headers: &mut HeaderMap,
        is_own: impl Fn(&str) -> bool,
    ) -> Result<(), FieldError> {
        let mut given = HashSet::new();
        for (name, Value(value)) in &self.0 {
            let error = |text| FieldError::new(format!("headers.{name}"), text);
            let name = HeaderName::try_from(name).map_err(|_| error(NO_HEADER))?;
            let value = HeaderValue::try_from(value.expose());
            let mut value = value.map_err(|_| error(NO_HEADER_VALUE))?;
            if is_own(name.as_str()) {
                return Err(error(TAKEN_HEADER));
            }
            if !given.insert(name.clone()) {
                return Err(error("is set twice: header names are case-insensitive"));
            }
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(())
    }
}

/// Headers with these credentials.
pub(super) fn authorization(mut value: HeaderValue) -> HeaderMap {
    value.set_sensitive(true);
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}
