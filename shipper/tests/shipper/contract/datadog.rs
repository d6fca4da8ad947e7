use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{
    Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, gunzipped, parsed,
    text_of,
};
use crate::SECRET;
use crate::http::{Request, Response};

/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub(super) struct Datadog;

impl Contract for Datadog {
    fn kind(&self) -> &'static str {
        "datadog"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "datadog", "api_key": SECRET, "url": url, "tags": "env:test"})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/api/v2/logs")?;
        ensure_header(request, "dd-api-key", SECRET)?;
        ensure_header(request, "content-type", "application/json")?;
        let body = parsed(&gunzipped(request, 5_000_000)?)?;
        let logs = body.as_array().ok_or("no array")?;
        ensure((1..=1_000).contains(&logs.len()), "no logs, or more than 1,000")?;
        let item = |log: &Value| {
            ensure(log.to_string().len() <= 1_000_000, "a log over 1 MB")?;
            for field in ["ddsource", "ddtags", "hostname", "service"] {
                text_of(log, field)?;
            }
            let time = humantime::parse_rfc3339(&text_of(log, "@timestamp")?)
                .map_err(|error| error.to_string())?;
            let oldest = SystemTime::now() - Duration::from_secs(18 * 60 * 60);
            ensure(time > oldest, "a log older than 18 hours")?;
            Ok(Item::new(text_of(log, "message")?))
        };
        logs.iter().map(item).collect()
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        held.extend(items);
        Response::new(202, "{}").with("content-type", "application/json")
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        Response::new(403, r#"{"errors":[{"status":"403","title":"Forbidden"}]}"#)
    }

    fn busy(&self) -> Response {
        Response::new(429, r#"{"errors":[{"status":"429","title":"Too Many Requests"}]}"#)
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
