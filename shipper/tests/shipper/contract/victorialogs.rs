//! Recorded responses of VictoriaLogs, where they differ from those of the destination it
//! implements, by case.

use super::decompressed;
use crate::http::{Request, Response};

/// Its paths for other protocols.
pub(super) const PATHS: [&str; 4] =
    ["/insert/opentelemetry", "/insert/splunk", "/insert/datadog", "/insert/elasticsearch"];

/// The limit in the cases of oversized requests.
const MAX_REQUEST_BYTES: usize = 4_000;

/// `None` if it responds like the destination itself.
pub(super) fn response(case: &str, request: &Request) -> Option<Response> {
    let bytes = decompressed(request).len();
    let is_too_large = bytes > MAX_REQUEST_BYTES;
    let response = match case {
        _ if case.ends_with("_wrong_credentials") => {
            line(401, "").with("www-authenticate", "Basic realm=\"VictoriaMetrics\"")
        }
        _ if case.ends_with("_read_only") => line(
            429,
            "cannot add rows into storage in read-only mode; the storage can be in read-only mode \
             because of lack of free disk space at -storageDataPath={folder}",
        ),
        "otlp_too_large" if is_too_large => line(
            400,
            "cannot read OpenTelemetry protocol data: too big data size exceeding \
             -opentelemetry.maxRequestSize=4000 bytes",
        ),
        "loki_too_large" if is_too_large => line(
            400,
            &format!(
                "cannot read Loki protobuf data: cannot decompress data: too big data size {bytes} \
                 exceeding 4000 bytes"
            ),
        ),
        "loki_unknown_tenant" => line(
            400,
            "cannot parse common params from request: cannot parse accountID from \"shop\": cannot \
             parse \"shop\" as uint32: strconv.ParseUint: parsing \"shop\": invalid syntax",
        ),
        "elasticsearch_unknown_path" => {
            line(400, "unsupported path requested: \"/insert/elasticsearch/logs-lambda/_bulk\"")
        }
        "datadog_nested_values" => line(
            400,
            "cannot read DataDog protocol data: unexpected label value type for \
             \"faas\":\"{\\\"name\\\":\\\"orders\\\",\\\"version\\\":\\\"$LATEST\\\"}\"; want string",
        ),
        // Whatever it omits.
        _ if case.starts_with("otlp_") => Response::new(200, ""),
        _ if case.starts_with("http_") => {
            Response::new(200, "").with("content-type", "application/json")
        }
        _ => return None,
    };
    Some(response)
}

fn line(status: u16, body: &str) -> Response {
    Response::new(status, format!("{body}\n")).with("content-type", "text/plain; charset=utf-8")
}
