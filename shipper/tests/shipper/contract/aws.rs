//! What AWS services share: requests signed with Signature Version 4.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

use super::{ensure, ensure_header};

/// Checks that a request is signed for a service. The signature itself is tested with the signer.
pub(super) fn ensure_signed(request: &Request, service: &str) -> Result<(), String> {
    let authorization = request.header("authorization").unwrap_or_default();
    let scope = format!("/eu-west-1/{service}/aws4_request");
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
    ensure(authorization.starts_with(start), "another Authorization")?;
    ensure(authorization.contains(&scope), "another scope")?;
    ensure(authorization.contains("Signature="), "no signature")?;
    ensure(request.header("x-amz-date").is_some(), "no x-amz-date")?;
    ensure_header(request, "x-amz-security-token", &format!("{SECRET}-token"))
}

/// Checks that an upload to S3 has a valid, signed checksum. A bucket with Object Lock rejects
/// uploads without one: "The Content-MD5 or x-amz-sdk-checksum-algorithm header is required for any
/// request to upload an object with a retention period configured using Amazon S3 Object Lock"; its
/// error says "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with
/// Object Lock parameters". The checksum is the CRC-32 of the body, big-endian, in base64.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
pub(crate) fn ensure_checksum(request: &Request) -> Result<(), String> {
    let mut sum = flate2::Crc::new();
    sum.update(&request.body);
    let checksum = BASE64_STANDARD.encode(sum.sum().to_be_bytes());
    ensure_header(request, "x-amz-checksum-crc32", &checksum)?;
    let authorization = request.header("authorization").unwrap_or_default();
    let signed = authorization.split_once("SignedHeaders=").map_or("", |(_, rest)| rest);
    let signed = signed.split_once(',').map_or("", |(headers, _)| headers);
    ensure(
        signed.split(';').any(|name| name == "x-amz-checksum-crc32"),
        "a checksum that is not signed",
    )
}

/// An error of a JSON service, which quotes the request.
pub(super) fn rejection(status: u16, name: &str) -> Response {
    let body = format!(r#"{{"__type":"com.amazonaws#{name}","message":"{}"}}"#, crate::PAYLOAD);
    Response::new(status, body)
}

/// Responses of a JSON service that rejects requests with these errors.
pub(super) fn own_rejections<const COUNT: usize>(names: [&str; COUNT]) -> [OwnResponse; COUNT] {
    names.map(|name| OwnResponse::new(1, 400, &format!(r#"{{"__type":"{name}"}}"#)))
}
