//! What AWS services share: requests signed with Signature Version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::SECRET;
use crate::http::{Request, Response};
use crate::responses::OwnResponse;

use super::{ensure, ensure_header};

/// Headers that are not signed: HTTP clients and proxies add and change them.
const UNSIGNED: [&str; 4] = ["accept", "authorization", "content-length", "user-agent"];

/// Checks that a request is signed for a service in `eu-west-1`, with all its headers and with the
/// body as it arrived.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
pub(crate) fn ensure_signed(request: &Request, service: &str) -> Result<(), String> {
    let authorization = request.header("authorization").unwrap_or_default();
    let scope = format!("/eu-west-1/{service}/aws4_request");
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/";
    ensure(authorization.starts_with(start), "another Authorization")?;
    ensure(authorization.contains(&scope), "another scope")?;
    ensure(request.header("x-amz-date").is_some(), "no x-amz-date")?;
    ensure_header(request, "x-amz-security-token", &format!("{SECRET}-token"))?;
    let signed = signed_headers(request);
    for name in request.headers.keys().filter(|name| !UNSIGNED.contains(&name.as_str())) {
        ensure(signed.contains(&name.as_str()), &format!("{name} is not signed"))?;
    }
    ensure(authorization == signature(request, service)?, "the signature of another request")
}

/// The names of the signed headers.
fn signed_headers(request: &Request) -> Vec<&str> {
    let authorization = request.header("authorization").unwrap_or_default();
    let signed = authorization.split_once("SignedHeaders=").map_or("", |(_, rest)| rest);
    signed.split_once(',').map_or("", |(names, _)| names).split(';').collect()
}

/// The `Authorization` that a request should have, as it arrived.
fn signature(request: &Request, service: &str) -> Result<String, String> {
    // The signer adds these itself.
    const OF_SIGNER: [&str; 4] =
        ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

    let key = format!("{SECRET}-key");
    let token = request.header("x-amz-security-token").map(str::to_owned);
    let identity = Credentials::new("AKIDEXAMPLE", key, token, None, "test").into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if request.header("x-amz-content-sha256").is_some() {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let time = request.header("x-amz-date").and_then(time).ok_or("no date in x-amz-date")?;
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name(service)
        .time(time)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let url = format!("http://{}{}", request.header("host").ok_or("no host")?, request.target);
    let headers = signed_headers(request)
        .into_iter()
        .filter(|name| !OF_SIGNER.contains(name))
        .filter_map(|name| Some((name, request.header(name)?)));
    let body = SignableBody::Bytes(&request.body);
    let (instructions, _) = SignableRequest::new(&request.method, url, headers, body)
        .and_then(|signable| sign(signable, &params))
        .map_err(|error| error.to_string())?
        .into_parts();
    let authorization = instructions.headers().find(|(name, _)| *name == "authorization");
    authorization.map(|(_, value)| value.to_owned()).ok_or_else(|| "no signature".to_owned())
}

/// The time `20231106T100000Z`.
fn time(basic: &str) -> Option<SystemTime> {
    let (date, time) = basic.strip_suffix('Z')?.split_once('T')?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    humantime::parse_rfc3339(&text).ok()
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
    let is_signed = signed_headers(request).contains(&"x-amz-checksum-crc32");
    ensure(is_signed, "a checksum that is not signed")
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
