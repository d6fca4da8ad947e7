//! Responses of OpenSearch in the recorded cases, by condition.

use serde_json::Value;

use crate::bulk;
use crate::http::{Request, Response};

/// The condition of a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition {
    /// None.
    Accepts,
    /// The first documents of a request exist already.
    Has { documents: usize },
    /// Dynamic mapping: a field in `json` has the type of its first value.
    TypesOfFirstValues,
    /// A limit on the number of fields in `json`.
    JsonFields { at_most: usize },
    /// A limit on a message that is a term.
    MessageBytes { at_most: usize },
    /// All documents of a request fail with this status and error.
    Fails(u16, &'static str),
    /// All documents of the first request fail with this status and error, and none of later ones.
    FailsOnce(u16, &'static str),
    /// A larger body is rejected.
    RequestBytes { at_most: usize },
    /// A larger body exceeds the memory limit.
    MemoryBytes { at_most: usize },
}

use Condition::{
    Accepts, Fails, FailsOnce, Has, JsonFields, MemoryBytes, MessageBytes, RequestBytes,
    TypesOfFirstValues,
};

/// The limit of requests, or of their memory.
const LIMIT_BYTES: usize = 5 * 1024;

const MAPPER_PARSING: &str = "mapper_parsing_exception";
const ILLEGAL_ARGUMENT: &str = "illegal_argument_exception";
const REJECTED_EXECUTION: &str = "rejected_execution_exception";

/// The recorded cases with their conditions.
pub(crate) const CASES: [(&str, Condition); 22] = [
    ("alias_without_write_index", Fails(400, ILLEGAL_ARGUMENT)),
    ("closed_index", Fails(400, "index_closed_exception")),
    ("conflicting_json_fields", TypesOfFirstValues),
    ("created", Accepts),
    ("data_stream", Accepts),
    ("date_like_log_stream", Fails(400, MAPPER_PARSING)),
    ("deduplicated", Has { documents: usize::MAX }),
    ("event_too_large", RequestBytes { at_most: LIMIT_BYTES }),
    ("field_limit", Fails(400, ILLEGAL_ARGUMENT)),
    ("flood_stage_block", Fails(429, "cluster_block_exception")),
    ("json_fields_over_limit", JsonFields { at_most: 20 }),
    ("keyword_too_long", MessageBytes { at_most: 32_766 }),
    ("missing_default_pipeline", Fails(400, ILLEGAL_ARGUMENT)),
    ("missing_index", Fails(404, "index_not_found_exception")),
    ("own_field_is_text", Fails(400, MAPPER_PARSING)),
    ("partly_there", Has { documents: 2 }),
    ("request_over_memory_limit", MemoryBytes { at_most: 4 * 1024 }),
    ("request_too_large", RequestBytes { at_most: LIMIT_BYTES }),
    ("shard_limit", Fails(400, "validation_exception")),
    ("strict_mapping", Fails(400, "strict_dynamic_mapping_exception")),
    ("write_block", Fails(403, "cluster_block_exception")),
    ("write_queue_full", FailsOnce(429, REJECTED_EXECUTION)),
];

/// Status and error of a document that was not created.
pub(crate) type Failure = (u16, &'static str);

/// The document exists already.
pub(crate) const IS_THERE: Failure = (409, "version_conflict_engine_exception");

/// The response in a case, to a request that was preceded by this many.
pub(super) fn response(case: &str, request: &Request, earlier: usize) -> Option<Response> {
    let (_, condition) = CASES.iter().find(|(name, _)| *name == case)?;
    let (bytes, documents) = match bulk::check(request) {
        Ok(checked) => checked,
        Err(violation) => return Some(Response::new(400, violation)),
    };
    match *condition {
        RequestBytes { at_most } if bytes > at_most => Some(too_large()),
        MemoryBytes { at_most } if bytes > at_most => Some(out_of_memory()),
        condition => {
            let documents: Vec<&Value> = documents.iter().map(|(_, document)| document).collect();
            let failure =
                |place| condition.failure(documents[place], &documents[..place], place, earlier);
            let failures: Vec<_> = (0..documents.len()).map(failure).collect();
            Some(items(&failures))
        }
    }
}

impl Condition {
    /// The result of a document after those before it in its request.
    fn failure(
        self,
        document: &Value,
        before: &[&Value],
        place: usize,
        earlier: usize,
    ) -> Option<Failure> {
        let fields =
            |document: &Value| document["json"].as_object().map_or(0, serde_json::Map::len);
        let message = || document["message"].as_str().map_or(0, str::len);
        match self {
            Has { documents } => (place < documents).then_some(IS_THERE),
            TypesOfFirstValues => conflicts(document, before).then_some((400, MAPPER_PARSING)),
            JsonFields { at_most } => {
                (fields(document) > at_most).then_some((400, ILLEGAL_ARGUMENT))
            }
            MessageBytes { at_most } => (message() > at_most).then_some((400, ILLEGAL_ARGUMENT)),
            Fails(status, error) => Some((status, error)),
            FailsOnce(status, error) => (earlier == 0).then_some((status, error)),
            Accepts | RequestBytes { .. } | MemoryBytes { .. } => None,
        }
    }
}

/// Whether a field is an object here and a value in an earlier document, or vice versa.
fn conflicts(document: &Value, before: &[&Value]) -> bool {
    let fields = document["json"].as_object().into_iter().flatten();
    fields.into_iter().any(|(name, value)| {
        let others = before.iter().filter_map(|other| other["json"].get(name));
        others.into_iter().any(|other| other.is_object() != value.is_object())
    })
}

/// The response with the results of all documents, filtered by `filter_path` and formatted as the
/// server does.
pub(crate) fn items(failures: &[Option<Failure>]) -> Response {
    let items: Vec<_> = failures
        .iter()
        .map(|failure| match failure {
            None => r#"{"create":{"status":201}}"#.to_owned(),
            Some((status, error)) => {
                format!(r#"{{"create":{{"status":{status},"error":{{"type":"{error}"}}}}}}"#)
            }
        })
        .collect();
    in_json(Response::new(200, format!(r#"{{"items":[{}]}}"#, items.join(","))))
}

/// The response to a body over `http.max_content_length`: a status only.
pub(crate) fn too_large() -> Response {
    Response::new(413, "")
}

/// The response when the memory limit is exceeded. `filter_path` does not filter errors of the
/// whole request.
pub(super) fn out_of_memory() -> Response {
    let reason = "rejected execution of coordinating operation [coordinating_and_primary_bytes=N, \
                  replica_bytes=N, all_bytes=N, coordinating_operation_bytes=N, \
                  max_coordinating_and_primary_bytes=N]";
    let error = format!(r#""type":"{REJECTED_EXECUTION}","reason":"{reason}""#);
    let body = format!(r#"{{"error":{{"root_cause":[{{{error}}}],{error}}},"status":429}}"#);
    in_json(Response::new(429, body))
}

pub(super) fn in_json(response: Response) -> Response {
    response.with("content-type", "application/json; charset=UTF-8")
}
