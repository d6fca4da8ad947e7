use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::aws::{ensure_signed, own_rejections, rejection};
use super::{
    Contract, Item, Rejects, Success, ensure, ensure_header, ensure_post, json_lines, parsed,
    text_of,
};
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>
pub(super) struct Firehose;

impl Contract for Firehose {
    fn kind(&self) -> &'static str {
        "firehose"
    }

    fn config(&self, url: &str) -> Value {
        let arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs";
        json!({"type": "firehose", "stream_arn": arn, "url": url})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/")?;
        ensure_header(request, "x-amz-target", "Firehose_20150804.PutRecordBatch")?;
        ensure_header(request, "content-type", "application/x-amz-json-1.1")?;
        ensure_signed(request, "firehose")?;
        let text = std::str::from_utf8(&request.body).map_err(|error| error.to_string())?;
        let body = parsed(text)?;
        ensure(body["DeliveryStreamName"] == "logs", "another stream")?;
        let records = body["Records"].as_array().ok_or("no records")?;
        ensure((1..=500).contains(&records.len()), "no records, or more than 500")?;
        let mut total = 0;
        let mut items = Vec::new();
        for record in records {
            let data = STANDARD.decode(text_of(record, "Data")?).map_err(|e| e.to_string())?;
            ensure(data.len() <= 1_024_000, "a record over 1,000 KiB")?;
            total += data.len();
            let text = String::from_utf8(data).map_err(|error| error.to_string())?;
            items.extend(json_lines(&text, usize::MAX)?);
        }
        ensure(total <= 4 * 1_048_576, "a request over 4 MiB")?;
        ensure(items.len() == records.len(), "not one document a record")?;
        Ok(items)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let responses: Vec<Value> =
            (0..items.len()).map(|index| json!({"RecordId": format!("{index}")})).collect();
        held.extend(items);
        Response::new(200, json!({"FailedPutCount": 0, "RequestResponses": responses}).to_string())
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        rejection(400, "AccessDeniedException")
    }

    fn busy(&self) -> Response {
        rejection(503, "ServiceUnavailableException")
    }

    fn failed_inside(&self, records: usize) -> Option<Response> {
        let failed = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal failure."});
        let response =
            json!({"FailedPutCount": records, "RequestResponses": vec![failed; records]});
        Some(Response::new(200, response.to_string()))
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        let record = |code: &str| {
            let body = format!(r#"{{"RequestResponses":[{{"ErrorCode":"{code}"}}]}}"#);
            let response = Response::new(200, body);
            OwnResponse { name: format!("record with `{code}`"), lines: 1, response }
        };
        let mut responses = vec![record("ServiceUnavailableException"), record("InternalFailure")];
        responses.extend(own_rejections([
            "ServiceUnavailableException",
            "AccessDeniedException",
            "ResourceNotFoundException",
        ]));
        responses
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
