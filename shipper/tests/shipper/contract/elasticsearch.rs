use serde_json::{Value, json};

use super::{Contract, Item, Rejects, Success, opensearch};
use crate::http::{Request, Response};
use crate::mock_server::POISON;
use crate::responses::OwnResponse;
use crate::{SECRET, bulk};

/// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>
pub(super) struct Elasticsearch;

impl Contract for Elasticsearch {
    fn kind(&self) -> &'static str {
        "elasticsearch"
    }

    fn config(&self, url: &str) -> Value {
        json!({
            "type": "elasticsearch",
            "url": url,
            "index": bulk::INDEX,
            "auth": {"type": "basic", "username": "logagg", "password": SECRET},
        })
    }

    fn check(&self, request: &Request) -> Result<Vec<Item>, String> {
        let (_, pieces) = bulk::check(request)?;
        let item = |(id, document): (String, Value)| Item {
            key: Some(id),
            message: document["message"].as_str().unwrap_or_default().to_owned(),
        };
        Ok(pieces.into_iter().map(item).collect())
    }

    fn setup(&self, request: &Request) -> Option<Response> {
        bulk::mapping(request)
    }

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Response {
        let mut failures = Vec::new();
        for item in items {
            failures.push(if held.iter().any(|other| other.key == item.key) {
                Some(opensearch::IS_THERE)
            } else if item.is_poison() {
                Some((400, "illegal_argument_exception"))
            } else {
                held.push(item);
                None
            });
        }
        opensearch::items(&failures)
    }

    /// Longer than a term, if a message is one.
    fn poison(&self) -> String {
        format!("{POISON} {}", "x".repeat(33_000))
    }

    fn rejects(&self) -> Rejects {
        Rejects::Records
    }

    fn unauthorized(&self) -> Response {
        let body = r#"{"error":{"type":"security_exception"},"status":401}"#;
        opensearch::in_json(Response::new(401, body))
    }

    fn busy(&self) -> Response {
        opensearch::out_of_memory()
    }

    /// The recorded errors of OpenSearch, and those of Elasticsearch in their place:
    /// `es_rejected_execution_exception` and, from version 8 on, `document_parsing_exception`.
    ///
    /// <https://www.elastic.co/docs/troubleshoot/elasticsearch/rejected-requests>
    /// <https://github.com/elastic/elasticsearch/pull/92646>
    fn own_responses(&self) -> Vec<OwnResponse> {
        let item = |(status, error): (u16, &'static str)| OwnResponse {
            name: format!(r#"item `{{"status":{status},"error":{{"type":"{error}"}}}}`"#),
            lines: 1,
            response: opensearch::items(&[Some((status, error))]),
        };
        [
            opensearch::IS_THERE,
            (429, "rejected_execution_exception"),
            (429, "es_rejected_execution_exception"),
            (429, "cluster_block_exception"),
            (503, "unavailable_shards_exception"),
            (400, "mapper_parsing_exception"),
            (400, "document_parsing_exception"),
            (400, "illegal_argument_exception"),
            (400, "strict_dynamic_mapping_exception"),
            (400, "validation_exception"),
            (400, "index_closed_exception"),
            (403, "cluster_block_exception"),
            (403, "security_exception"),
            (404, "index_not_found_exception"),
        ]
        .map(item)
        .into()
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}
