//! What OpenSearch says in the recorded cases, by what is in the way of events there.

use serde_json::Value;

use crate::bulk;
use crate::http::{Request, Response};

/// What is in the way at a server, or how much it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition {
    /// Nothing is in the way.
    Accepts,
    /// The first so many documents of a request are there already.
    Has { documents: usize },
    /// A field in `json` has the type of its first value.
    TypesOfFirstValues,
    /// So many fields in `json` are too many.
    JsonFields { at_most: usize },
    /// A message is a term, which can have so many bytes.
    MessageBytes { at_most: usize },
    /// All documents of a request have this status and error.
    Fails(u16, &'static str),
    /// All documents of the first request have this status and error, and none of a later one.
    FailsOnce(u16, &'static str),
    /// A larger body is no request.
    RequestBytes { at_most: usize },
    /// A larger body is too much for the memory that there is.
    MemoryBytes { at_most: usize },
}

use Condition::{
    Accepts, Fails, FailsOnce, Has, JsonFields, MemoryBytes, MessageBytes, RequestBytes,
    TypesOfFirstValues,
};

/// The limit of a server of which requests, or their memory, are limited.
const LIMIT_BYTES: usize = 5 * 1024;

const MAPPER_PARSING: &str = "mapper_parsing_exception";
const ILLEGAL_ARGUMENT: &str = "illegal_argument_exception";
const REJECTED_EXECUTION: &str = "rejected_execution_exception";

/// The recorded cases, each with what it was recorded with.
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

/// What came of a document that was not created: status and error.
pub(crate) type Failure = (u16, &'static str);

/// That a document is there already.
pub(crate) const IS_THERE: Failure = (409, "version_conflict_engine_exception");

/// What is said in a case to a request before which there were so many.
pub(super) fn answer(case: &str, request: &Request, earlier: usize) -> Option<Response> {
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
    /// What comes of a document, with those before it in its request.
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

/// Whether a field is an object here and a value in a document before, or the other way round.
fn conflicts(document: &Value, before: &[&Value]) -> bool {
    let fields = document["json"].as_object().into_iter().flatten();
    fields.into_iter().any(|(name, value)| {
        let others = before.iter().filter_map(|other| other["json"].get(name));
        others.into_iter().any(|other| other.is_object() != value.is_object())
    })
}

/// The response to a request whose documents were created, or failed so: `filter_path` leaves no more
/// of it, and the server writes it so.
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

/// The response to a body over `http.max_content_length`: a status and nothing else.
pub(crate) fn too_large() -> Response {
    Response::new(413, "")
}

/// The response to a request for which there is no memory. `filter_path` leaves all of an error of the
/// whole request.
pub(super) fn out_of_memory() -> Response {
    let reason = "rejected execution of coordinating operation [coordinating_and_primary_bytes=N, \
                  replica_bytes=N, all_bytes=N, coordinating_operation_bytes=N, \
                  max_coordinating_and_primary_bytes=N]";
    let error = format!(r#""type":"{REJECTED_EXECUTION}","reason":"{reason}""#);
    let body = format!(r#"{{"error":{{"root_cause":[{{{error}}}],{error}}},"status":429}}"#);
    in_json(Response::new(429, body))
}

pub(super) fn in_json(answer: Response) -> Response {
    answer.with("content-type", "application/json; charset=UTF-8")
}
