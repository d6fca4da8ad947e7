use serde_json::{Value, json};

use super::aws::{ensure_checksum, ensure_signed};
use super::{Contract, Item, Rejects, Success, ensure, ensure_header, gunzipped, json_lines};
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
pub(super) struct S3;

impl Contract for S3 {
    fn kind(&self) -> &'static str {
        "s3"
    }

    fn config(&self, url: &str) -> Value {
        json!({"type": "s3", "bucket": "logs", "region": "eu-west-1", "prefix": "a/{yyyy}/", "url": url})
    }

    /// Objects are identified by their keys; an item by its object's key and its index.
    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        ensure(request.method == "PUT", "not PUT")?;
        let key = request.target.strip_prefix("/logs/a/2").ok_or("another key")?;
        ensure(key.ends_with(".json.gz"), "another name")?;
        ensure_header(request, "content-type", "application/x-ndjson")?;
        ensure_signed(request, "s3")?;
        ensure_checksum(request)?;
        let hash = request.header("x-amz-content-sha256").unwrap_or_default();
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure(is_hash, "no hash of the body")?;
        let items = json_lines(&gunzipped(request, 16_000_000)?, usize::MAX)?;
        let keyed = |(place, item)| Item { key: Some(format!("{key} {place}")), ..item };
        Ok(items.into_iter().enumerate().map(keyed).collect())
    }

    /// An existing object is overwritten.
    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        held.retain(|old| items.iter().all(|new| new.key != old.key));
        held.extend(items);
        Response::new(200, "")
    }

    fn rejects(&self) -> Rejects {
        Rejects::Nothing
    }

    fn unauthorized(&self) -> Response {
        Response::new(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
    }

    fn busy(&self) -> Response {
        Response::new(503, "<Error><Code>SlowDown</Code><Message>no</Message></Error>")
    }

    fn own_responses(&self) -> Vec<OwnResponse> {
        [
            (503, "SlowDown"),
            (400, "RequestTimeout"),
            (409, "OperationAborted"),
            (403, "AccessDenied"),
            (404, "NoSuchBucket"),
        ]
        .map(|(status, code)| {
            let response = Response::new(status, format!("<Error><Code>{code}</Code></Error>"));
            OwnResponse { name: format!("{status} `{code}`"), lines: 1, response }
        })
        .into()
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
