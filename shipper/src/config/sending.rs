//! Settings that are `"send"` or `"omit"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether something is sent.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sending {
    #[default]
    Send,
    Omit,
}
