//! Generic HTTP destinations that accept JSON.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::{
    BatchOutcome, Deduplication, Destination, Encoding, Endpoint, Limits, RecordGroup, Response,
    classify_status, ecs_document,
};
use crate::record::Piece;

/// The default maximum size of a request.
pub const DEFAULT_REQUEST_BYTES: usize = 5_000_000;

/// The default maximum size of a record.
pub const DEFAULT_RECORD_BYTES: usize = 1_000_000;

/// A generic HTTP destination.
pub struct Http {
    endpoint: Endpoint,
    format: Format,
    encoding: Encoding,
    limits: Limits,
}

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One document per line.
    Ndjson,
    /// A JSON array.
    JsonArray,
}

impl Http {
    /// Sends to exactly `url`. A `Content-Type` among `headers` replaces that of the format.
    pub fn new(
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        format: Format,
        encoding: Encoding,
        limits: Limits,
    ) -> Self {
        let content_type = match format {
            Format::Ndjson => "application/x-ndjson",
            Format::JsonArray => "application/json",
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        let endpoint = Endpoint { method, ..Endpoint::post(url, headers) };
        Self { endpoint, format, encoding, limits }
    }
}

impl Destination for Http {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn deduplication(&self) -> Deduplication {
        Deduplication::None
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encoding(&self) -> Encoding {
        self.encoding
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        ecs_document::write(piece, body);
        if self.format == Format::Ndjson {
            body.push(b'\n');
        }
    }

    fn separator(&self) -> &'static [u8] {
        match self.format {
            Format::Ndjson => b"",
            Format::JsonArray => b",",
        }
    }

    fn open(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        if self.format == Format::JsonArray {
            body.push(b'[');
        }
    }

    fn close(&self, _group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        if self.format == Format::JsonArray {
            body.push(b']');
        }
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        match response.status {
            200..300 => BatchOutcome::delivered(sent),
            _ => classify_status(response),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{Ambiguity, ReasonCode, sample};

    fn http(format: Format, headers: HeaderMap) -> Http {
        let url = Url::parse("https://logs.example/in?source=a").unwrap();
        let limits = Limits::of_bytes(DEFAULT_REQUEST_BYTES, DEFAULT_RECORD_BYTES);
        Http::new(Method::PUT, url, headers, format, Encoding::Gzip, limits)
    }

    fn body(http: &Http) -> String {
        let mut body = Vec::new();
        sample::with_piece("x", |piece| {
            let record_group =
                RecordGroup { first: piece, bytes: 1, is_first: true, is_last: true };
            http.open(&record_group, &mut body);
            http.encode(piece, &mut body);
            body.extend_from_slice(http.separator());
            http.encode(piece, &mut body);
            http.close(&record_group, &mut body);
        });
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn documents_are_lines_or_an_array() {
        let lines = http(Format::Ndjson, HeaderMap::new());
        assert_eq!(lines.endpoint().headers[CONTENT_TYPE], "application/x-ndjson");
        let text = body(&lines);
        assert!(text.ends_with('\n'));
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let document: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(document["message"], "x");
        }
        let array = http(Format::JsonArray, HeaderMap::new());
        assert_eq!(array.endpoint().headers[CONTENT_TYPE], "application/json");
        let documents: Vec<serde_json::Value> = serde_json::from_str(&body(&array)).unwrap();
        assert_eq!(documents.len(), 2);
    }

    #[test]
    fn a_configured_content_type_has_precedence() {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let http = http(Format::Ndjson, headers);
        assert_eq!(http.endpoint().headers[CONTENT_TYPE], "application/json");
        assert_eq!(http.endpoint().url.as_str(), "https://logs.example/in?source=a");
        assert_eq!(http.endpoint().method, Method::PUT);
    }

    #[test]
    fn every_response_is_about_the_whole_request() {
        let check = |status, expected: BatchOutcome| {
            let response = Response { status, retry_after: None, body: bytes::Bytes::new() };
            assert_eq!(http(Format::Ndjson, HeaderMap::new()).classify(4, &response), expected);
        };
        check(204, BatchOutcome::delivered(4));
        check(413, BatchOutcome::TooLarge);
        check(408, BatchOutcome::Retry(ReasonCode::from_status(408), Ambiguity::Unclear));
        check(429, BatchOutcome::Retry(ReasonCode::from_status(429), Ambiguity::NothingAccepted));
        check(422, BatchOutcome::Stop(ReasonCode::from_status(422)));
        check(501, BatchOutcome::Stop(ReasonCode::from_status(501)));
    }
}
