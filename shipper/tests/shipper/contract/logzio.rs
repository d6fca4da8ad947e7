use serde_json::{Value, json};

use super::{Contract, Item, Rejects, Success, text_of};
use crate::http::{Request, Response};
use crate::responses::OwnResponse;
use crate::{SECRET, logzio};

/// <https://docs.logz.io/docs/shipping/Code/HTTP> documents everything except the 429, which is
/// assumed.
pub(super) struct Logzio;

impl Contract for Logzio {
    fn kind(&self) -> &'static str {
        "logzio"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "logzio", "token": SECRET, "url": url})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        let item = |line: &Value| Ok(Item::new(text_of(line, "message")?));
        logzio::check(request)?.iter().map(item).collect()
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let (malformed, good): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(Item::is_poison);
        let successful = good.len();
        held.extend(good);
        if malformed.is_empty() {
            return Response::new(200, "");
        }
        let counts = json!({
            "malformedLines": malformed.len(), "successfulLines": successful,
            "oversizedLines": 0, "emptyLogLines": 0,
        });
        Response::new(400, counts.to_string())
    }

    fn rejects(&self) -> Rejects {
        Rejects::Records
    }

    fn unauthorized(&self) -> Response {
        Response::new(401, "Logging token is not valid")
    }

    fn busy(&self) -> Response {
        Response::new(429, "")
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        [
            r#"{"malformedLines":1,"oversizedLines":1,"successfulLines":2,"emptyLogLines":0}"#,
            r#"{"malformedLines":0,"oversizedLines":0,"successfulLines":3,"emptyLogLines":1}"#,
        ]
        .map(|counts| OwnResponse::new(4, 400, counts))
        .into()
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
