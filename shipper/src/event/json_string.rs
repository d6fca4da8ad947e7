//! A JSON value that must be a string.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A string value.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}
