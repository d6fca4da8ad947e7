//! The field names of an unknown event, as far as an error may show them.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// The fields of an event, if it is an object.
pub(super) fn keys(raw: &str) -> Option<BTreeMap<String, IgnoredAny>> {
    serde_json::from_str(raw).ok()
}

/// The field names of an event, limited in number and characters: names are untrusted, and a name
/// that looks like content is shown as `?`.
pub(super) fn seen(raw: &str) -> String {
    const MOST_KEYS: usize = 10;

    let Some(keys) = keys(raw) else {
        return "something that is not a JSON object".to_owned();
    };
    if keys.is_empty() {
        return "an empty object".to_owned();
    }
    let names: Vec<&str> = keys.keys().take(MOST_KEYS).map(|key| harmless(key)).collect();
    let more = keys.len().saturating_sub(MOST_KEYS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the fields {}{more}", names.join(", "))
}

/// An untrusted word, or `?` if it looks like content.
pub(super) fn harmless(word: &str) -> &str {
    const LONGEST: usize = 40;

    let harmless = !word.is_empty()
        && word.len() <= LONGEST
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte));
    if harmless { word } else { "?" }
}
