use serde_json::{Value, json};

use super::{
    Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, gunzipped, parsed,
    text_of,
};
use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://docs.honeycomb.io/api/events/#create-events>
pub(super) struct Honeycomb;

impl Contract for Honeycomb {
    fn kind(&self) -> &'static str {
        "honeycomb"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "honeycomb", "api_key": SECRET, "dataset": "lambda logs", "url": url})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/1/batch/lambda%20logs")?;
        ensure_header(request, "x-honeycomb-team", SECRET)?;
        ensure_header(request, "content-type", "application/json")?;
        let body = parsed(&gunzipped(request, 5_000_000)?)?;
        let events = body.as_array().ok_or("no array")?;
        ensure(!events.is_empty(), "no events")?;
        let item = |event: &Value| {
            let time = text_of(event, "time")?;
            ensure(humantime::parse_rfc3339(&time).is_ok(), "no good time")?;
            let data = event["data"].as_object().ok_or("no data")?;
            ensure(data.len() <= 2_000, "too many fields")?;
            let is_short = |value: &Value| value.as_str().is_none_or(|text| text.len() <= 65_536);
            ensure(data.values().all(is_short), "a text over 64 KB")?;
            Ok(Item::new(text_of(&event["data"], "message")?))
        };
        events.iter().map(item).collect()
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let response = |item: Item| {
            if item.is_poison() {
                return json!({"status": 400, "error": item.message});
            }
            held.push(item);
            json!({"status": 202})
        };
        let responses: Vec<Value> = items.into_iter().map(response).collect();
        Response::new(200, json!(responses).to_string())
    }

    fn rejects(&self) -> Rejects {
        Rejects::Records
    }

    fn unauthorized(&self) -> Response {
        Response::new(401, r#"{"error":"unknown API key - check your credentials"}"#)
    }

    fn busy(&self) -> Response {
        Response::new(429, r#"{"error":"request dropped due to rate limiting"}"#)
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        [429, 500, 501, 503, 400, 401]
            .map(|status| {
                let response = Response::new(200, format!(r#"[{{"status":{status}}}]"#));
                OwnResponse { name: format!("event `{{\"status\":{status}}}`"), lines: 1, response }
            })
            .into()
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
