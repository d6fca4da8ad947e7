use serde_json::{Value, json};

use super::{Contract, Item, Rejects, Success, ensure, ensure_header, gunzipped, parsed, text_of};
use crate::SECRET;
use crate::http::{Request, Response};

/// A generic HTTP destination, here one that accepts JSON arrays by PUT.
pub(crate) struct Http;

impl Contract for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn config(&self, url: &str) -> Value {
        json!({
            "type": "http",
            "url": format!("{url}/ingest?source=lambda"),
            "method": "PUT",
            "format": "json_array",
            "headers": {"X-Token": SECRET},
            "max_request_records": 1_000,
        })
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure(request.method == "PUT", "not PUT")?;
        ensure(request.target == "/ingest?source=lambda", "another path or query")?;
        ensure_header(request, "x-token", SECRET)?;
        ensure_header(request, "content-type", "application/json")?;
        let body = parsed(&gunzipped(request, 5_000_000)?)?;
        let documents = body.as_array().ok_or("no array")?;
        ensure((1..=1_000).contains(&documents.len()), "no documents, or too many")?;
        documents.iter().map(|document| Ok(Item::new(text_of(document, "message")?))).collect()
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        held.extend(items);
        Response::new(204, "")
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        Response::new(401, "")
    }

    fn busy(&self) -> Response {
        Response::new(429, "")
    }

    fn foreign_success(&self) -> Success {
        Success::Delivered
    }
}
