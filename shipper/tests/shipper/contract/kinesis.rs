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

/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>
pub(super) struct Kinesis;

const ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/logs";

impl Contract for Kinesis {
    fn kind(&self) -> &'static str {
        "kinesis"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "kinesis", "stream_arn": ARN, "url": url})
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure_post(request, "/")?;
        ensure_header(request, "x-amz-target", "Kinesis_20131202.PutRecords")?;
        ensure_header(request, "content-type", "application/x-amz-json-1.1")?;
        ensure_signed(request, "kinesis")?;
        let text = std::str::from_utf8(&request.body).map_err(|error| error.to_string())?;
        let body = parsed(text)?;
        ensure(body["StreamARN"] == ARN, "another stream")?;
        let records = body["Records"].as_array().ok_or("no records")?;
        ensure((1..=500).contains(&records.len()), "no records, or more than 500")?;
        let mut total = 0;
        let mut items = Vec::new();
        for record in records {
            let key = text_of(record, "PartitionKey")?;
            ensure((1..=256).contains(&key.len()), "no good partition key")?;
            let data = STANDARD.decode(text_of(record, "Data")?).map_err(|e| e.to_string())?;
            let bytes = data.len() + key.len();
            ensure(bytes <= 1_048_576, "a record over 1 MiB")?;
            total += bytes;
            let text = String::from_utf8(data).map_err(|error| error.to_string())?;
            items.extend(json_lines(&text, usize::MAX)?);
        }
        ensure(total <= 5 * 1_048_576, "a request over 5 MiB")?;
        ensure(items.len() == records.len(), "not one document a record")?;
        Ok(items)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let number = |index| json!({"SequenceNumber": format!("{index}"), "ShardId": "shardId-0"});
        let responses: Vec<Value> = (0..items.len()).map(number).collect();
        held.extend(items);
        Response::new(200, json!({"FailedRecordCount": 0, "Records": responses}).to_string())
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        rejection(400, "AccessDeniedException")
    }

    fn busy(&self) -> Response {
        rejection(400, "ProvisionedThroughputExceededException")
    }

    fn failed_inside(&self, records: usize) -> Option<Response> {
        let failed = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal failure."});
        let response = json!({"FailedRecordCount": records, "Records": vec![failed; records]});
        Some(Response::new(200, response.to_string()))
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        let record = |code: &str| {
            let response =
                Response::new(200, format!(r#"{{"Records":[{{"ErrorCode":"{code}"}}]}}"#));
            OwnResponse { name: format!("record with `{code}`"), lines: 1, response }
        };
        let mut responses =
            vec![record("ProvisionedThroughputExceededException"), record("InternalFailure")];
        responses.extend(own_rejections([
            "LimitExceededException",
            "AccessDeniedException",
            "ResourceNotFoundException",
        ]));
        responses
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
