use serde_json::{Value, json};

use super::{Contract, Item, Refuses, Success};
use crate::answers::OwnAnswer;
use crate::http::{Answer, Request};
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

    fn take(&self, items: Vec<Item>, held: &mut Vec<Item>) -> Answer {
        let mut answers = Vec::new();
        for item in items {
            answers.push(if held.iter().any(|other| other.key == item.key) {
                failed(409, "version_conflict_engine_exception", &item)
            } else if item.is_poison() {
                failed(400, "document_parsing_exception", &item)
            } else {
                held.push(item);
                json!({"create": {"_index": bulk::INDEX, "status": 201, "result": "created"}})
            });
        }
        Answer::new(200, json!({"took": 1, "errors": true, "items": answers}).to_string())
    }

    fn refuses(&self) -> Refuses {
        Refuses::Records
    }

    fn unauthorized(&self) -> Answer {
        Answer::new(401, r#"{"error":{"type":"security_exception"},"status":401}"#)
    }

    fn busy(&self) -> Answer {
        Answer::new(429, r#"{"error":{"type":"circuit_breaking_exception"},"status":429}"#)
    }

    fn own_answers(&self) -> Vec<OwnAnswer> {
        let item = |item: &str| {
            let answer = Answer::new(200, format!(r#"{{"items":[{{"create":{item}}}]}}"#));
            OwnAnswer { name: format!("item `{item}`"), lines: 1, answer }
        };
        [
            (409, "version_conflict_engine_exception"),
            (429, "es_rejected_execution_exception"),
            (503, "unavailable_shards_exception"),
            (400, "document_parsing_exception"),
            (403, "cluster_block_exception"),
            (403, "security_exception"),
            (404, "index_not_found_exception"),
        ]
        .map(|(status, word)| {
            item(&format!(r#"{{"status":{status},"error":{{"type":"{word}"}}}}"#))
        })
        .into()
    }

    fn foreign_success(&self) -> Success {
        Success::Unclear
    }
}

/// Services quote the document, which must stay between us.
fn failed(status: u16, error_type: &str, item: &Item) -> Value {
    json!({"create": {
        "_index": bulk::INDEX,
        "status": status,
        "error": {"type": error_type, "reason": item.message},
    }})
}
