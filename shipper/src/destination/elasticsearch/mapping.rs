//! Checks the mapping of the target index. Without the index template, dynamic mapping derives a
//! field's type from its first value, and later values of another type are rejected.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;

use super::Elasticsearch;
use crate::destination::{Address, Encoding, Inspected, Inspection, Request, Response};

/// The evaluated parts of a mapping.
const FILTER_PATH: &str = "*.mappings.date_detection,*.mappings.properties.json.type,\
    *.mappings.properties.@timestamp,*.mappings.properties.message,*.mappings.properties.log,\
    *.mappings.properties.cloud,*.mappings.properties.event,*.mappings.properties.source,\
    *.mappings.properties.trace,*.mappings.properties.span,*.mappings.properties.destination,*.mappings.properties.network,*.mappings.properties.faas,*.mappings.properties.aws,\
    *.mappings.properties.logagg";

/// The index template, with all fields of the shipper.
const TEMPLATE: &str = include_str!("../../../index-template/elasticsearch.json");

const ADVICE: &str = "install the index template, see docs/destinations/elasticsearch.md";

impl Inspection for Elasticsearch {
    /// The mapping of the index, or of one created now.
    ///
    /// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-get-mapping>
    /// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-simulate-index-template>
    fn inspection_requests(&self, now: SystemTime) -> Vec<Request> {
        let Some(index) = self.index.as_ref().map(|index| index.at(now)) else {
            return Vec::new();
        };
        let question = |method, path: &[&str]| {
            let mut url = self.cluster.clone();
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().extend(path);
            }
            url.set_query(Some(&format!("filter_path={FILTER_PATH}")));
            let address = Address { method: Some(method), url: Some(url), ..Address::default() };
            Request { address, encoding: Encoding::Identity, body: Bytes::new() }
        };
        vec![
            question(Method::GET, &[&index, "_mapping"]),
            question(Method::POST, &["_index_template", "_simulate_index", &index]),
        ]
    }

    fn evaluate(&self, response: &Response) -> Inspected {
        match response.status {
            200 => {}
            404 => return Inspected::NotFound,
            _ => return Inspected::Unknown,
        }
        let Ok(found) = serde_json::from_slice::<BTreeMap<String, Mapped>>(&response.body) else {
            return Inspected::Unknown;
        };
        // The write index of a data stream is the last one that is not frozen.
        let is_frozen = |name: &str| name.starts_with("partial-") || name.starts_with("restored-");
        let last = found.into_iter().rfind(|(name, _)| !is_frozen(name));
        let mapping = last.map(|(_, mapped)| mapped).unwrap_or_default().mappings;
        let conflicts = mapping.conflicts();
        if !conflicts.is_empty() {
            let conflicts = conflicts.join(", ");
            return Inspected::Invalid(format!(
                "the index has {conflicts}, so events whose values do not match are rejected; \
                 create another index, and {ADVICE}"
            ));
        }
        if mapping.guesses() {
            return Inspected::Invalid(format!(
                "the index maps fields dynamically, from each field's first value, so later \
                 events may be rejected; {ADVICE}"
            ));
        }
        Inspected::Valid
    }
}

#[derive(Default, Deserialize)]
struct Mapped {
    mappings: Mapping,
}

#[derive(Default, Deserialize)]
struct Mapping {
    date_detection: Option<bool>,
    #[serde(default)]
    properties: BTreeMap<String, Field>,
}

/// A field of an index: a type, or an object with fields.
#[derive(Deserialize)]
struct Field {
    #[serde(rename = "type")]
    field_type: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, Self>,
}

/// What a field may contain.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Objects,
    Text,
    Numbers,
    Times,
    Other,
}

impl Field {
    /// <https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/field-data-types>
    fn holds(&self) -> Holds {
        match self.field_type.as_deref() {
            None | Some("object" | "nested") => Holds::Objects,
            Some("keyword" | "constant_keyword" | "wildcard" | "text" | "match_only_text") => {
                Holds::Text
            }
            Some(
                "long" | "unsigned_long" | "integer" | "short" | "double" | "float" | "half_float"
                | "scaled_float",
            ) => Holds::Numbers,
            Some("date" | "date_nanos") => Holds::Times,
            Some(_) => Holds::Other,
        }
    }
}

impl Mapping {
    /// Whether dynamic mapping derives types from the first value.
    fn guesses(&self) -> bool {
        let json = self.properties.get("json").and_then(|json| json.field_type.as_deref());
        self.date_detection != Some(false) || !matches!(json, Some("flattened" | "flat_object"))
    }

    /// The fields whose type does not accept all of the shipper's values, such as `faas.name as
    /// date`.
    fn conflicts(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        let Ok(Template { template }) = serde_json::from_str::<Template>(TEMPLATE) else {
            return conflicts;
        };
        compare("", &template.mappings.properties, &self.properties, &mut conflicts);
        conflicts
    }
}

#[derive(Deserialize)]
struct Template {
    template: Mapped,
}

fn compare(
    prefix: &str,
    ours: &BTreeMap<String, Field>,
    found: &BTreeMap<String, Field>,
    conflicts: &mut Vec<String>,
) {
    for (name, field) in ours {
        let Some(there) = found.get(name).filter(|_| name != "json") else {
            continue;
        };
        if field.holds() == there.holds() {
            compare(&format!("{prefix}{name}."), &field.properties, &there.properties, conflicts);
        } else {
            let field_type = there.field_type.as_deref().unwrap_or("object");
            conflicts.push(format!("{prefix}{name} as {field_type}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;
    use serde_json::{Value, json};

    use super::super::{Access, Ids, MAX_REQUEST_BYTES};
    use super::*;
    use crate::destination::time_template::TimeTemplate;
    use crate::destination::{ecs_document, sample};
    use crate::record::{Extent, Piece};

    fn destination() -> Elasticsearch {
        let url = Url::parse("https://search.example:9200/base/").unwrap();
        let index = TimeTemplate::parse("logs-{yyyy.MM.dd}").ok();
        Elasticsearch::new(url, index, false, Access::Anonymous, Ids::Sent, MAX_REQUEST_BYTES)
    }

    fn evaluate(status: u16, body: &str) -> Inspected {
        let body = Bytes::copy_from_slice(body.as_bytes());
        destination().evaluate(&Response { status, retry_after: None, body })
    }

    fn template(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_mapping_of_the_index_or_of_its_template_is_requested() {
        let asked: Vec<String> = destination()
            .inspection_requests(SystemTime::UNIX_EPOCH)
            .into_iter()
            .map(|question| {
                let Address { method, url, .. } = question.address;
                format!("{} {}", method.unwrap(), url.unwrap().path())
            })
            .collect();
        let expected = [
            "GET /base/logs-1970.01.01/_mapping",
            "POST /base/_index_template/_simulate_index/logs-1970.01.01",
        ];
        assert_eq!(asked, expected);
    }

    #[test]
    fn the_index_template_has_no_dynamic_mapping_and_no_conflicts() {
        const OPENSEARCH: &str = include_str!("../../../index-template/opensearch.json");
        for text in [TEMPLATE, OPENSEARCH] {
            let mapped = &template(text)["template"];
            assert_eq!(evaluate(200, &json!({"template": mapped}).to_string()), Inspected::Valid);
        }
        let without_flattened = |text| {
            let mut template = template(text);
            let properties = &mut template["template"]["mappings"]["properties"];
            properties["json"].take();
            properties["aws"]["properties"]["cloudwatch"]["properties"]["extracted_fields"].take();
            template
        };
        assert_eq!(without_flattened(TEMPLATE), without_flattened(OPENSEARCH));
    }

    #[test]
    fn every_sent_field_is_in_the_template() {
        fn missing(prefix: &str, document: &Value, properties: &Value, found: &mut Vec<String>) {
            for (name, value) in document.as_object().unwrap() {
                let field = &properties[name];
                let name = format!("{prefix}{name}");
                match (value, field.get("properties")) {
                    (Value::Object(_), Some(properties)) => {
                        missing(&format!("{name}."), value, properties, found);
                    }
                    _ if field["type"].is_string() => {}
                    _ => found.push(name),
                }
            }
        }
        const REPORT: &str = concat!(
            "REPORT RequestId: 8f507cfc-1234-4697-b07a-ac58fc914c95\tDuration: 1.5 ms\t",
            "Billed Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t",
            "Init Duration: 9.25 ms\tRestore Duration: 5 ms\tBilled Restore Duration: 6 ms\t",
            "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\t",
            "SegmentId: 53995c3f42cd8ad8\tStatus: timeout\tError Type: E\t\n",
        );
        const FLOW: &str =
            "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK";
        const DROPPED: &str = concat!(
            r#"{"time":"t","type":"platform.logsDropped","record":{"tenantId":"a","#,
            r#""durableExecutionArn":"b","droppedRecords":1,"droppedBytes":2}}"#,
        );
        for message in [REPORT, FLOW, DROPPED, r#"{"level":"warn"}"#] {
            for extent in
                [Extent::Part { number: 1, count: 2 }, Extent::Truncated { message_bytes: 9 }]
            {
                let mut body = Vec::new();
                sample::with_piece(message, |piece| {
                    ecs_document::write(&Piece { extent, ..piece.clone() }, &mut body);
                });
                let document = serde_json::from_slice(&body).unwrap();
                let mut found = Vec::new();
                let mappings = &template(TEMPLATE)["template"]["mappings"];
                missing("", &document, &mappings["properties"], &mut found);
                assert!(found.is_empty(), "{found:?}");
            }
        }
    }

    #[track_caller]
    fn check(body: &Value, expected: &str) {
        let Inspected::Invalid(why) = evaluate(200, &body.to_string()) else {
            panic!("{body} is taken for well");
        };
        assert!(why.starts_with(expected), "{why}");
    }

    #[test]
    fn a_field_of_another_type_is_named() {
        let conflicts = json!({"logs": {"mappings": {"properties": {
            "faas": {"type": "text"},
            "aws": {"properties": {
                "cloudwatch": {"properties": {"log_stream": {"type": "date"}}},
                "lambda": {"properties": {"kind": {"type": "text"}}},
            }},
        }}}});
        check(&conflicts, "the index has aws.cloudwatch.log_stream as date, faas as text, so");
    }

    #[test]
    fn dynamic_mapping_causes_a_warning() {
        let well = template(TEMPLATE)["template"].take();
        let guesses = "the index maps fields dynamically";
        check(&json!({}), guesses);
        check(&json!({"logs": {"mappings": {}}}), guesses);
        check(&json!({"template": {"mappings": {"date_detection": false}}}), guesses);
        // Only the last index of a data stream matters.
        let badly = json!({"mappings": {}});
        check(&json!({".ds-logs-000001": well, ".ds-logs-000002": badly}), guesses);
        let renewed = json!({".ds-logs-000001": badly, ".ds-logs-000002": well}).to_string();
        assert_eq!(evaluate(200, &renewed), Inspected::Valid);
    }

    #[test]
    fn an_unknown_mapping_causes_no_warning() {
        assert_eq!(evaluate(404, r#"{"status":404}"#), Inspected::NotFound);
        assert_eq!(evaluate(403, r#"{"status":403}"#), Inspected::Unknown);
        assert_eq!(evaluate(200, "<html>"), Inspected::Unknown);
    }
}
