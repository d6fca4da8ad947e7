//! Times as strings.

use std::time::SystemTime;

use crate::destination::json;

/// A time such as `2023-11-06T10:00:00.123Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let mut text = Vec::new();
    json::time(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
