use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{
    Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, gunzipped, parsed,
    text_of,
};
use crate::SECRET;
use crate::http::{Request, Response};

/// <https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/>
pub(super) struct NewRelic;

impl Contract for NewRelic {
    fn kind(&self) -> &'static str {
        "newrelic"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "newrelic", "license_key": SECRET, "url": url})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/log/v1")?;
        ensure_header(request, "api-key", SECRET)?;
        ensure_header(request, "content-type", "application/json")?;
        ensure(request.body.len() <= 1_000_000, "a payload over 1 MB compressed")?;
        let body = parsed(&gunzipped(request, usize::MAX)?)?;
        let blocks = body.as_array().ok_or("no array")?;
        let mut items = Vec::new();
        for block in blocks {
            ensure(block["common"]["attributes"].is_object(), "no common attributes")?;
            for log in block["logs"].as_array().ok_or("no logs")? {
                let millis = log["timestamp"].as_u64().ok_or("no timestamp in milliseconds")?;
                let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
                let oldest = SystemTime::now() - Duration::from_secs(48 * 60 * 60);
                ensure(time > oldest, "a log older than 48 hours")?;
                let attributes = log["attributes"].as_object().ok_or("no attributes")?;
                ensure(attributes.len() <= 255, "more than 255 attributes")?;
                let is_flat = |value: &Value| !value.is_object() && !value.is_array();
                ensure(attributes.values().all(is_flat), "a nested attribute")?;
                let message = text_of(log, "message")?;
                ensure(message.len() <= 128_000, "a message over 128 KB")?;
                items.push(Item::new(message));
            }
        }
        ensure(!items.is_empty(), "no logs")?;
        Ok(items)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        held.extend(items);
        Response::new(202, r#"{"requestId":"f0e7bfff-001a-b000-0000-01682bcf4565"}"#)
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        Response::new(403, "{}")
    }

    fn busy(&self) -> Response {
        Response::new(429, "{}")
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
