use serde_json::{Value, json};

use super::{Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, json_lines};
use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/logs-metrics/>,
/// <https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/troubleshooting/>
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
        ensure(request.header("x-sumo-host").is_some(), "no host of the source")?;
        ensure(request.header("x-sumo-name").is_some(), "no name of the source")?;
        let text = super::gunzipped(request, 1_000_000)?;
        json_lines(&text, 65_536)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        held.extend(items);
        Response::new(200, "")
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        Response::new(401, "")
    }

    fn busy(&self) -> Response {
        let text =
            "You have temporarily exceeded your Sumo Logic quota. Please try again at a later time";
        Response::new(429, text)
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        // <https://github.com/SumoLogic/sumologic-otel-collector/pull/443> has the keys.
        let said = r#"{"status":200,"id":"1","code":"budget.exceeded","message":"..."}"#;
        vec![OwnResponse::new(4, 200, said)]
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
