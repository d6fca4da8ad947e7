//! What AWS's services have in common: requests signed with Signature Version 4.

use crate::SECRET;
use crate::answers::OwnAnswer;
use crate::http::{Answer, Request};

use super::{ensure, ensure_header};

/// Makes sure that a request is signed for a service. Whether the signature is right is tried where
/// it is made.
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

/// A refusal of a service that speaks JSON, which quotes what was sent.
pub(super) fn refusal(status: u16, name: &str) -> Answer {
    let body = format!(r#"{{"__type":"com.amazonaws#{name}","message":"{}"}}"#, crate::PAYLOAD);
    Answer::new(status, body)
}

/// Answers of a service that speaks JSON, which refuses requests for these reasons.
pub(super) fn own_refusals<const COUNT: usize>(names: [&str; COUNT]) -> [OwnAnswer; COUNT] {
    names.map(|name| OwnAnswer::new(1, 400, &format!(r#"{{"__type":"{name}"}}"#)))
}
