use serde_json::{Deserializer, Value, json};

use super::{
    Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, gunzipped, text_of,
};
use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector>
pub(crate) struct SplunkHec;

impl Contract for SplunkHec {
    fn kind(&self) -> &'static str {
        "splunk_hec"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "splunk_hec", "token": SECRET, "url": url, "index": "main"})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/services/collector/event")?;
        ensure_header(request, "authorization", &format!("Splunk {SECRET}"))?;
        ensure_header(request, "content-type", "application/json")?;
        let body = gunzipped(request, 1_000_000)?;
        let item = |event: Result<Value, serde_json::Error>| {
            let event = event.map_err(|error| format!("no JSON: {error}"))?;
            const KNOWN: [&str; 7] =
                ["time", "host", "source", "sourcetype", "index", "event", "fields"];
            let fields = event.as_object().ok_or("no object")?;
            ensure(fields.keys().all(|name| KNOWN.contains(&name.as_str())), "another key")?;
            ensure(event["time"].as_f64().is_some(), "no time in seconds")?;
            for name in ["host", "source", "sourcetype", "index"] {
                text_of(&event, name)?;
            }
            let indexed = event["fields"].as_object().ok_or("no fields")?;
            let is_flat = |value: &Value| value.is_string() || value.is_number();
            ensure(indexed.values().all(is_flat), "a nested field")?;
            Ok(Item::new(text_of(&event, "event")?))
        };
        let events = Deserializer::from_str(&body).into_iter::<Value>();
        events.map(item).collect()
    }

    /// Accepts events up to the first invalid one, and returns its number.
    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        for (number, item) in items.into_iter().enumerate() {
            if item.is_poison() {
                let body = json!({
                    "text": "Invalid data format", "code": 6, "invalid-event-number": number,
                });
                return Response::new(400, body.to_string());
            }
            if item.message.trim().is_empty() {
                let body = json!({
                    "text": "Event field cannot be blank", "code": 13,
                    "invalid-event-number": number,
                });
                return Response::new(400, body.to_string());
            }
            held.push(item);
        }
        Response::new(200, r#"{"text":"Success","code":0}"#)
            .with("content-type", "application/json")
    }

    fn rejects(&self) -> Rejects {
        Rejects::Records
    }

    fn unauthorized(&self) -> Response {
        Response::new(403, r#"{"text":"Invalid token","code":4}"#)
    }

    fn busy(&self) -> Response {
        Response::new(503, r#"{"text":"Server is busy","code":9}"#)
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        let mut responses: Vec<OwnResponse> = [
            (503, 9),
            (503, 18),
            (503, 19),
            (503, 20),
            (500, 8),
            (403, 1),
            (401, 2),
            (401, 3),
            (403, 4),
            (400, 7),
            (400, 10),
            (400, 11),
            (400, 14),
            (400, 16),
            (400, 21),
            (400, 6),
        ]
        .map(|(status, code)| OwnResponse::new(4, status, &format!(r#"{{"code":{code}}}"#)))
        .into();
        responses.extend([
            OwnResponse::new(4, 503, r#"{"code":9,"invalid-event-number":1}"#),
            OwnResponse::new(4, 400, r#"{"code":6,"invalid-event-number":0}"#),
            OwnResponse::new(4, 400, r#"{"code":6,"invalid-event-number":2}"#),
        ]);
        responses
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
