//! Headers of the user's own.

use std::collections::{BTreeMap, HashSet};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use super::auth::Auth;
use super::schema::{FieldError, like_or_arn, names_like, never};
use crate::secret::Secret;

/// What a text that can be a header's value looks like.
pub(super) const HEADER_VALUE: &str = r"^[^\u0000-\u0008\u000a-\u001f\u007f]+$";

/// What is said of a text that cannot.
pub(super) const NO_HEADER_VALUE: &str = "must have no line ends and no control characters";

/// What is said of a name that no header can have.
const NO_HEADER: &str = "is no name of a header";

/// What is said of a header that is the shipper's.
const TAKEN_HEADER: &str = "is the shipper's own to send; leave it out";

/// Headers that say how a body is to be read, or that HTTP itself needs: these are the shipper's.
const TAKEN: [&str; 6] =
    ["connection", "content-encoding", "content-length", "host", "transfer-encoding", "upgrade"];

/// Names and values of headers.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transform = named)]
pub(super) struct Headers(BTreeMap<String, Value>);

/// Any value may be a secret, so none is shown.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(HEADER_VALUE), "errorMessage" = NO_HEADER_VALUE))]
struct Value(Secret);

fn named(schema: &mut Schema) {
    names_like(schema, r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", NO_HEADER);
    // Names of headers are the same in capitals.
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
    /// Adds the headers to those of an endpoint, but for those that the shipper sends itself.
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
                return Err(error("is given twice: names of headers are the same in capitals"));
            }
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(())
    }
}

/// The header that `auth` makes.
pub(super) fn authorization(auth: Option<&Auth>) -> Result<HeaderMap, FieldError> {
    let mut headers = HeaderMap::new();
    if let Some(auth) = auth {
        let mut authorization = auth.header()?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
    }
    Ok(headers)
}
