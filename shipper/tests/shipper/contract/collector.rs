//! Recorded responses of the OpenTelemetry Collector, where they differ from those of the
//! destination it implements, by case.

use prost::Message;

use super::decompressed;
use crate::http::{Request, Response};

const WRONG_TOKEN: &str = "provided authorization does not match expected scheme or token";
const TOO_LARGE: &str = "http: request body too large";
const OUT_OF_MEMORY: &str = "data refused due to high memory usage";
const HEC_SUCCESS: &str = r#"{"text": "Success", "code": 0}"#;

/// The limit in the cases of oversized requests.
const MAX_REQUEST_BYTES: usize = 4_000;

/// `google.rpc.Status`, the body of OTLP errors.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// `None` if it responds like the destination itself.
pub(super) fn response(case: &str, request: &Request) -> Option<Response> {
    let is_too_large = decompressed(request).len() > MAX_REQUEST_BYTES;
    let response = match case {
        "otlp_wrong_token" => status(401, 16, WRONG_TOKEN),
        "otlp_too_large" if is_too_large => status(400, 3, TOO_LARGE),
        "otlp_out_of_memory" => status(503, 14, OUT_OF_MEMORY),
        "otlp_unknown_path" => line(404, "404 page not found"),
        "otlp_backend_busy" => {
            status(503, 14, &format!("Throttle (1s), error: {}", behind("Unavailable", "503")))
        }
        "otlp_backend_rejects" => {
            status(400, 3, &format!("Permanent error: {}", behind("InvalidArgument", "400")))
        }
        "otlp_backend_too_large" => {
            status(500, 2, &format!("Permanent error: {}", behind("Unknown", "413")))
        }
        "datadog_wrong_token" | "splunk_hec_wrong_token" => line(401, WRONG_TOKEN),
        "datadog_too_large" if is_too_large => line(500, TOO_LARGE),
        "datadog_accepted" | "datadog_too_large" => json(202, "{\"errors\":[]}\n"),
        "datadog_out_of_memory" => line(503, OUT_OF_MEMORY),
        "splunk_hec_acknowledged" if request.target.starts_with("/services/collector/ack") => {
            // The first acknowledgement id, which is requested before anything is sent, is unknown.
            let is_known = String::from_utf8_lossy(&request.body).contains("[1]");
            let acks = if is_known { r#""1":true"# } else { r#""0":false"# };
            json(200, &format!(r#"{{"acks": {{{acks}}}}}"#))
        }
        // Without the extension this path does not exist, and the request is parsed as an event.
        "splunk_hec_without_acknowledgement"
            if request.target.starts_with("/services/collector/ack") =>
        {
            text(400, r#"{"text":"Event field is required","code":12}"#)
        }
        "splunk_hec_acknowledged" => json(200, r#"{"text": "Success", "code": 0, "ackId": 1}"#),
        "splunk_hec_blank" if has_blank_event(request) => {
            text(400, r#"{"text":"Event field cannot be blank","code":13}"#)
        }
        "splunk_hec_too_large" if is_too_large => {
            text(400, r#"{"text":"Invalid data format","code":6}"#)
        }
        "splunk_hec_out_of_memory" => text(500, r#""Internal Server Error""#),
        _ if case.starts_with("splunk_hec") => json(200, HEC_SUCCESS),
        _ => return None,
    };
    Some(response)
}

/// Its description of its backend's response.
fn behind(code: &str, status: &str) -> String {
    format!(
        "rpc error: code = {code} desc = error exporting items, request to \
         http://127.0.0.1:00000/v1/logs responded with HTTP Status Code {status}, Message=, \
         Details=[]"
    )
}

fn has_blank_event(request: &Request) -> bool {
    String::from_utf8_lossy(&decompressed(request)).contains(r#""event":"","#)
}

fn status(status: u16, code: i32, message: &str) -> Response {
    let body = Status { code, message: message.to_owned() }.encode_to_vec();
    Response::new(status, body).with("content-type", "application/x-protobuf")
}

fn json(status: u16, body: &str) -> Response {
    Response::new(status, body).with("content-type", "application/json")
}

fn text(status: u16, body: &str) -> Response {
    Response::new(status, body).with("content-type", "text/plain; charset=utf-8")
}

fn line(status: u16, body: &str) -> Response {
    text(status, &format!("{body}\n"))
}
