use serde_json::{Value, json};

use super::{Contract, Item, Refuses, Success, ensure, ensure_header, ensure_post, json_lines};
use crate::http::{Answer, Request};
use crate::{SECRET, event};

/// <https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/logs-metrics/>
pub(super) struct SumoLogic;

impl Contract for SumoLogic {
    fn kind(&self) -> &'static str {
        "sumologic"
    }

    fn config(&self, url: &str) -> Value {
        json!({
            "type": "sumologic",
            "url": format!("{url}/receiver/v1/http/{SECRET}=="),
            "category": "test/lambda",
            "fields": {"env": "test"},
        })
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, &format!("/receiver/v1/http/{SECRET}=="))?;
        ensure_header(request, "content-type", "text/plain; charset=utf-8")?;
        ensure_header(request, "x-sumo-category", "test/lambda")?;
        ensure_header(request, "x-sumo-fields", "env=test")?;
        ensure_header(request, "x-sumo-host", event::GROUP)?;
        ensure(request.header("x-sumo-name").is_some(), "no name of the source")?;
        let text = super::gunzipped(request, 1_000_000)?;
        json_lines(&text, 65_536)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Answer {
        held.extend(items);
        Answer::new(200, "")
    }

    fn refuses(&self) -> Refuses {
        Refuses::Nothing
    }

    fn unauthorized(&self) -> Answer {
        Answer::new(401, r#"{"status":401,"code":"header:missing","message":"no"}"#)
    }

    fn busy(&self) -> Answer {
        Answer::new(429, r#"{"status":429,"code":"rate.limit.exceeded"}"#)
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
