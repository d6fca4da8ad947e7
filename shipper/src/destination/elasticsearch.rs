//! Elasticsearch and OpenSearch: the `_bulk` API.
//!
//! Every document is sent with `create` and an id of the shipper, so that a second delivery is
//! answered with 409 and creates no duplicate. Data streams accept only `create`.

mod mapping;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::time_template::TimeTemplate;
use super::{
    Ambiguity, BatchOutcome, Deduplication, Destination, Endpoint, Inspection, Limits, ReasonCode,
    RecordOutcome, Response, Signing, UNREADABLE_RESPONSE, classify_status, ecs_document, json,
};
use crate::document_id::DocumentId;
use crate::record::Piece;
use crate::routing::NameField;

/// The request size that clients commonly use. Servers accept 100 MB by default, and as little as
/// 10 MiB in small Amazon OpenSearch Service domains.
///
/// <https://www.elastic.co/docs/reference/elasticsearch/configuration-reference/networking-settings>
/// <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html>
pub const MAX_REQUEST_BYTES: usize = 10_000_000;

/// The evaluated parts of a response. Destinations without this parameter ignore it.
///
/// <https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options>
const FILTER_PATH: &str = "items.*.status,items.*.error.type,items.*.failure_store";

/// The maximum size of a Lucene term, and so of a message in a `keyword` field.
///
/// <https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/ignore-above>
const MAX_TERM_BYTES: usize = 32_766;

/// A cluster and the target index or data stream.
pub struct Elasticsearch {
    endpoint: Endpoint,
    /// The cluster's URL.
    cluster: Url,
    /// Unless it has other values than the time, which are names of records.
    index: Option<TimeTemplate>,
    /// Whether the index is in the body; otherwise it is in the URL.
    is_index_in_body: bool,
    ids: Ids,
    max_request_bytes: usize,
}

/// How requests are authenticated.
pub enum Access {
    /// Not at all.
    Anonymous,
    /// With this `Authorization` header.
    Header(HeaderValue),
    /// With the function's role.
    Signed(Signing),
}

/// Whether documents are sent with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Yes, and deduplicated by it.
    Sent,
    /// No, the destination assigns one: time-series collections of OpenSearch Serverless accept no
    /// others.
    Omitted,
}

impl Elasticsearch {
    /// Writes to `index` of the cluster at `url`. Some servers do not support the index in the
    /// path.
    pub fn new(
        mut url: Url,
        index: Option<TimeTemplate>,
        is_index_in_body: bool,
        access: Access,
        ids: Ids,
        max_request_bytes: usize,
    ) -> Self {
        let cluster = url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let in_path = index.as_ref().and_then(TimeTemplate::constant);
            let in_path = in_path.filter(|_| !is_index_in_body);
            path.pop_if_empty().extend(in_path).push("_bulk");
        }
        url.set_query(Some(&format!("filter_path={FILTER_PATH}")));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        let mut signing = None;
        match access {
            Access::Anonymous => {}
            Access::Header(mut authorization) => {
                authorization.set_sensitive(true);
                headers.insert(AUTHORIZATION, authorization);
            }
            Access::Signed(by) => signing = Some(by),
        }
        let endpoint = Endpoint { signing, ..Endpoint::post(url, headers) };
        let is_constant = index.as_ref().is_some_and(|index| index.constant().is_some());
        let is_index_in_body = is_index_in_body || !is_constant;
        Self { endpoint, cluster, index, is_index_in_body, ids, max_request_bytes }
    }
}

impl Destination for Elasticsearch {
    fn limits(&self) -> Limits {
        Limits::of_bytes(self.max_request_bytes, self.max_request_bytes)
    }

    fn deduplication(&self) -> Deduplication {
        match self.ids {
            Ids::Sent => Deduplication::PerRecord,
            Ids::Omitted => Deduplication::None,
        }
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// Servers that ignore the filter parameter, such as VictoriaLogs, also ignore document ids and
    /// store duplicates.
    fn honors_ids(&self, response: &Response) -> bool {
        !response.body.starts_with(b"{\"took\":")
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"create\":{");
        let before = body.len();
        match (piece.record.names.get(NameField::Index), &self.index) {
            (Some(index), _) => {
                body.extend_from_slice(b"\"_index\":");
                json::string(index, body);
            }
            (None, Some(index)) if self.is_index_in_body => {
                body.extend_from_slice(b"\"_index\":\"");
                index.write(piece.record.time, body);
                body.push(b'"');
            }
            _ => {}
        }
        if self.ids == Ids::Sent {
            if body.len() > before {
                body.push(b',');
            }
            body.extend_from_slice(b"\"_id\":\"");
            DocumentId::write(piece, body);
            body.push(b'"');
        }
        body.extend_from_slice(b"}}\n");
        ecs_document::write(piece, body);
        body.push(b'\n');
    }

    /// A message may be too long for a `keyword` field.
    fn is_at_fault(&self, piece: &Piece<'_>, reason: &ReasonCode) -> bool {
        let is_of_documents = matches!(
            reason.as_str(),
            "illegal_argument_exception"
                | "mapper_parsing_exception"
                | "document_parsing_exception"
        );
        is_of_documents && piece.message.len() > MAX_TERM_BYTES
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        if !(200..300).contains(&response.status) {
            return classify_status(response);
        }
        if are_all_created(sent, &response.body) {
            return BatchOutcome::delivered(sent);
        }
        match serde_json::from_slice::<BulkResponse>(&response.body) {
            Ok(bulk) if bulk.items.len() == sent => {
                BatchOutcome::Each(bulk.items.iter().map(outcome).collect())
            }
            // What was accepted is reported as a conflict by the retry.
            Ok(_) | Err(_) => UNREADABLE_RESPONSE,
        }
    }

    fn inspection(&self) -> Option<&dyn Inspection> {
        self.index.is_some().then_some(self as &dyn Inspection)
    }
}

/// Whether the response reports every document as created, in the form that servers write. Any
/// other is parsed as JSON.
fn are_all_created(sent: usize, response: &[u8]) -> bool {
    const ITEM: &[u8] = br#"{"create":{"status":201}}"#;

    let items = response.strip_prefix(br#"{"items":["#).and_then(|rest| rest.strip_suffix(b"]}"));
    items.is_some_and(|items| {
        let mut parts = items.chunks(ITEM.len() + 1);
        let last = parts.next_back();
        items.len() + 1 == sent * (ITEM.len() + 1)
            && last == Some(ITEM)
            && parts.all(|part| part.strip_suffix(b",") == Some(ITEM))
    })
}

/// The outcome of one document. A missing index, a missing permission and a full disk (403
/// `cluster_block_exception`) are not errors of the document, and neither is an unknown status. 400
/// is ambiguous: it is also the status of a closed index, the limit of shards, a mapping that
/// conflicts with the shipper's fields or has too many, and a missing pipeline. A document in a
/// failure store is not in its index.
///
/// <https://www.elastic.co/docs/manage-data/data-store/data-streams/failure-store>
fn outcome(item: &BulkItem) -> RecordOutcome {
    let reason = || match &item.create.error {
        Some(error) => ReasonCode::from_service(&error.error_type),
        None => ReasonCode::from_status(item.create.status),
    };
    match item.create.status {
        200..300 if item.create.failure_store.as_deref() == Some("used") => {
            RecordOutcome::Rejected(ReasonCode::new("failure_store"))
        }
        200..300 => RecordOutcome::Delivered,
        409 => RecordOutcome::Deduplicated,
        401 | 403 | 404 | 501 => RecordOutcome::Stop(reason()),
        status @ (429 | 500..600) => RecordOutcome::Retry(reason(), Ambiguity::after(status)),
        400 => RecordOutcome::Incompatible(reason()),
        _ => RecordOutcome::Stop(reason()),
    }
}

#[derive(Deserialize)]
struct BulkResponse {
    items: Vec<BulkItem>,
}

#[derive(Deserialize)]
struct BulkItem {
    create: ItemResult,
}

#[derive(Deserialize)]
struct ItemResult {
    status: u16,
    error: Option<ItemError>,
    failure_store: Option<String>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(rename = "type")]
    error_type: String,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::destination::sample;
    use crate::log_source::LogSource;
    use crate::record::Record;

    fn destination() -> Elasticsearch {
        let url = Url::parse("https://search.example:9200/base/").unwrap();
        let index = TimeTemplate::parse("logs lambda").ok();
        Elasticsearch::new(url, index, false, Access::Anonymous, Ids::Sent, MAX_REQUEST_BYTES)
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let response =
            Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) };
        let batch_outcome = destination().classify(2, &response);
        assert_eq!(&batch_outcome, expected, "{status} {body}");
    }

    #[test]
    fn the_expected_response_has_a_fast_path() {
        let item = r#"{"create":{"status":201}}"#;
        let response = |items: &[&str]| format!(r#"{{"items":[{}]}}"#, items.join(","));
        check(200, &response(&[item, item]), &BatchOutcome::delivered(2));
        let read = BatchOutcome::Each(vec![RecordOutcome::Delivered, RecordOutcome::Delivered]);
        check(200, &response(&[item, r#"{"create":{"status":200}}"#]), &read);
        check(200, &response(&[item, r#"{"create":{"status": 201}}"#]), &read);
        let other = [RecordOutcome::Delivered, RecordOutcome::Deduplicated].to_vec();
        check(200, &response(&[item, r#"{"create":{"status":409}}"#]), &BatchOutcome::Each(other));
        for other in [&[item][..], &[item, item, item], &[]] {
            check(200, &response(other), &UNREADABLE_RESPONSE);
        }
        check(200, &response(&[item, item]).replace("},{", "} {"), &UNREADABLE_RESPONSE);
    }

    fn item(status: u16, error_type: &str) -> String {
        format!(
            r#"{{"create":{{"status":{status},"error":{{"type":"{error_type}","reason":"quotes"}}}}}}"#
        )
    }

    #[test]
    fn writes_below_the_path_of_the_url_and_filters_the_response() {
        assert_eq!(
            destination().endpoint().url.as_str(),
            "https://search.example:9200/base/logs%20lambda/_bulk?filter_path=items.*.status,items.*.error.type,items.*.failure_store"
        );
    }

    #[test]
    fn every_item_has_its_own_outcome() {
        let ok = r#"{"create":{"status":201}}"#.to_owned();
        let cases = [
            (ok.clone(), RecordOutcome::Delivered),
            (item(409, "version_conflict_engine_exception"), RecordOutcome::Deduplicated),
            (
                item(429, "es_rejected_execution_exception"),
                RecordOutcome::Retry(
                    ReasonCode::from_service("es_rejected_execution_exception"),
                    Ambiguity::NothingAccepted,
                ),
            ),
            (
                item(503, "unavailable_shards_exception"),
                RecordOutcome::Retry(
                    ReasonCode::from_service("unavailable_shards_exception"),
                    Ambiguity::NothingAccepted,
                ),
            ),
            (
                item(500, "translog_exception"),
                RecordOutcome::Retry(
                    ReasonCode::from_service("translog_exception"),
                    Ambiguity::Unclear,
                ),
            ),
            (
                item(400, "mapper_parsing_exception"),
                RecordOutcome::Incompatible(ReasonCode::from_service("mapper_parsing_exception")),
            ),
            (
                item(403, "cluster_block_exception"),
                RecordOutcome::Stop(ReasonCode::from_service("cluster_block_exception")),
            ),
            (
                item(404, "index_not_found_exception"),
                RecordOutcome::Stop(ReasonCode::from_service("index_not_found_exception")),
            ),
            (item(400, "Quotes a Document"), RecordOutcome::Incompatible(ReasonCode::new("other"))),
            (
                item(418, "teapot_exception"),
                RecordOutcome::Stop(ReasonCode::new("teapot_exception")),
            ),
            (
                r#"{"create":{"status":201,"failure_store":"used"}}"#.to_owned(),
                RecordOutcome::Rejected(ReasonCode::new("failure_store")),
            ),
            (
                r#"{"create":{"status":201,"failure_store":"not_enabled"}}"#.to_owned(),
                RecordOutcome::Delivered,
            ),
        ];
        for (second, expected) in cases {
            let body = format!(r#"{{"took":3,"errors":true,"items":[{ok},{second}]}}"#);
            check(200, &body, &BatchOutcome::Each(vec![RecordOutcome::Delivered, expected]));
        }
    }

    #[test]
    fn an_unreadable_response_is_ambiguous() {
        let one_item = r#"{"items":[{"create":{"status":201}}]}"#;
        let another_action = r#"{"items":[{"index":{"status":201}},{"index":{"status":201}}]}"#;
        for body in ["", "{", "<html>ok</html>", "{}", one_item, another_action] {
            check(200, body, &UNREADABLE_RESPONSE);
        }
    }

    #[test]
    fn a_request_is_classified_by_its_status() {
        check(413, "", &BatchOutcome::TooLarge);
        check(401, "", &BatchOutcome::Stop(ReasonCode::from_status(401)));
        check(
            429,
            r#"{"items":[]}"#,
            &BatchOutcome::Retry(ReasonCode::from_status(429), Ambiguity::NothingAccepted),
        );
    }

    #[test]
    fn a_record_is_an_action_line_and_a_document_line() {
        let log_source = LogSource::new("1", "g", "s");
        let record = Record::of(&log_source, "{\"a\":1}");
        let piece = Piece::whole(&record);
        let mut body = Vec::new();
        destination().encode(&piece, &mut body);
        let text = String::from_utf8(body).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        let [action, document, ""] = lines[..] else {
            panic!("not two lines: {text}");
        };
        let mut id = Vec::new();
        DocumentId::write(&piece, &mut id);
        let id = String::from_utf8(id).unwrap();
        assert_eq!(action, format!(r#"{{"create":{{"_id":"{id}"}}}}"#));
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        assert_eq!(document["json"], serde_json::json!({"a": 1}));
    }

    #[test]
    fn an_index_can_have_a_date_and_ids_can_be_omitted() {
        let action = |ids| {
            let url = Url::parse("https://search.example/").unwrap();
            let index = TimeTemplate::parse("logs-{yyyy.MM.dd}").ok();
            let destination = Elasticsearch::new(url, index, false, Access::Anonymous, ids, 10_000);
            assert_eq!(destination.endpoint().url.path(), "/_bulk");
            let mut body = Vec::new();
            sample::with_piece("x", |piece| destination.encode(piece, &mut body));
            let line = body.split(|byte| *byte == b'\n').next().unwrap();
            let mut action: serde_json::Value = serde_json::from_slice(line).unwrap();
            action["create"].take()
        };
        assert_eq!(action(Ids::Omitted), serde_json::json!({"_index": "logs-2023.11.06"}));
        let with_id = action(Ids::Sent);
        assert_eq!(with_id["_index"], "logs-2023.11.06");
        assert_eq!(with_id["_id"].as_str().map(str::len), Some(73));
    }
}
