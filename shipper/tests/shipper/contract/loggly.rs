use serde_json::{Value, json};

use super::{Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, json_lines};
use crate::SECRET;
use crate::http::{Request, Response};

/// <https://documentation.solarwinds.com/en/success_center/loggly/content/admin/http-bulk-endpoint.htm>, and for
/// the 403 <https://github.com/loggly/node-loggly-bulk>. Its body, and the 503, are assumed.
pub(super) struct Loggly;

impl Contract for Loggly {
    fn kind(&self) -> &'static str {
        "loggly"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "loggly", "token": SECRET, "url": url, "tags": "lambda,test"})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, &format!("/bulk/{SECRET}/tag/lambda,test/"))?;
        ensure_header(request, "content-type", "text/plain")?;
        ensure(request.header("content-encoding").is_none(), "compression, which is not known")?;
        ensure(request.body.len() <= 5_000_000, "a body over 5 MB")?;
        let text = std::str::from_utf8(&request.body).map_err(|error| error.to_string())?;
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            let time = super::text_of(&event, "timestamp")?;
            ensure(humantime::parse_rfc3339(&time).is_ok(), "no good timestamp")?;
        }
        json_lines(text, 1_000_000)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        held.extend(items);
        Response::new(200, r#"{"response" : "ok"}"#)
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        Response::new(403, "invalid token")
    }

    fn busy(&self) -> Response {
        Response::new(503, "")
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
