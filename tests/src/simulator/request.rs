//! A request, read as far as every service needs it: who asks where for what.

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::cbor;
use super::place::Place;
use super::refusal::Refusal;
use super::service::{Operation, Service};

/// Who signed a request, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) region: String,
    pub(super) service: Service,
}

impl Scope {
    /// From the credential of the signature, which is not checked itself.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let authorization = header(headers, "authorization")?;
        let credential = authorization.split_once("Credential=")?.1.split([',', ' ']).next()?;
        let mut parts = credential.split('/');
        let (access_key, _date) = (parts.next()?, parts.next()?);
        let (region, service) = (parts.next()?, parts.next()?);
        if parts.next() != Some("aws4_request") {
            return None;
        }
        Some(Self {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: Service::signed_as(service)?,
        })
    }

    pub(super) fn place(&self, account: &str) -> Place {
        Place::new(account, &self.region)
    }
}

/// The program that a request says it comes from.
pub(super) fn user_agent(headers: &HeaderMap) -> &str {
    header(headers, "user-agent").unwrap_or_default()
}

/// The session token, which comes with the keys of a role.
pub(super) fn session_token(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-amz-security-token")
}

/// What is asked for, with its parameters.
pub(super) fn read(
    service: Service,
    head: &Parts,
    body: &Bytes,
) -> Result<(&'static Operation, Map<String, Value>), Refusal> {
    match service {
        Service::Sts => query(head, body),
        Service::Lambda => lambda(head, body),
        Service::Pipes => pipes(head),
        Service::CloudWatch => rpc(head, body),
        _ => json(service, head, body),
    }
}

/// The JSON protocol: the operation in a header, its parameters in the body.
fn json(
    service: Service,
    head: &Parts,
    body: &Bytes,
) -> Result<(&'static Operation, Map<String, Value>), Refusal> {
    let unknown = || Refusal::bad("UnknownOperationException", "");
    let target = header(&head.headers, "x-amz-target").ok_or_else(unknown)?;
    let (prefix, name) = target.rsplit_once('.').ok_or_else(unknown)?;
    let content_type = header(&head.headers, "content-type");
    let proper = head.method == Method::POST
        && head.uri.path() == "/"
        && service.targets().contains(&prefix)
        && content_type == Some(service.content_type());
    let operation = Operation::find(service, name).filter(|_| proper).ok_or_else(unknown)?;
    Ok((operation, object(body)?))
}

/// The name of the protocol in headers.
pub(super) const RPC_V2_CBOR: &str = "rpc-v2-cbor";

/// The RPC protocol: the operation is in the path, its parameters are CBOR in the body.
/// <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>
fn rpc(head: &Parts, body: &Bytes) -> Result<(&'static Operation, Map<String, Value>), Refusal> {
    let unknown = || Refusal::bad("UnknownOperationException", "");
    let path = head.uri.path().strip_prefix("/service/GraniteServiceVersion20100801/operation/");
    let proper = head.method == Method::POST
        && header(&head.headers, "smithy-protocol") == Some(RPC_V2_CBOR)
        && header(&head.headers, "content-type") == Some(Service::CloudWatch.content_type());
    let operation = Operation::find(Service::CloudWatch, path.unwrap_or_default());
    let operation = operation.filter(|_| proper).ok_or_else(unknown)?;
    Ok((operation, cbor::read(body)?))
}

/// Lambda's protocol: the operation is a method on a path, the parameters are everywhere.
fn lambda(head: &Parts, body: &Bytes) -> Result<(&'static Operation, Map<String, Value>), Refusal> {
    let unknown = || Refusal::new(404, "UnknownOperationException", "");
    let path = head.uri.path().strip_prefix("/2015-03-31/").ok_or_else(unknown)?;
    let segments: Vec<_> = path.trim_end_matches('/').split('/').map(decode).collect();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    let (name, path_parameters) = match (&head.method, &segments[..]) {
        (&Method::GET, ["functions", function, "configuration"]) => {
            ("GetFunctionConfiguration", vec![("FunctionName", *function)])
        }
        (&Method::GET, ["functions", function, "policy"]) => {
            ("GetPolicy", vec![("FunctionName", *function)])
        }
        (&Method::POST, ["functions", function, "policy"]) => {
            ("AddPermission", vec![("FunctionName", *function)])
        }
        (&Method::DELETE, ["functions", function, "policy", id]) => {
            ("RemovePermission", vec![("FunctionName", *function), ("StatementId", *id)])
        }
        (&Method::GET, ["event-source-mappings"]) => ("ListEventSourceMappings", Vec::new()),
        _ => return Err(unknown()),
    };
    let mut fields = if body.is_empty() { Map::new() } else { object(body)? };
    for (name, value) in pairs(head.uri.query().unwrap_or_default()) {
        fields.insert(name, value.into());
    }
    for (name, value) in path_parameters {
        fields.insert(name.to_owned(), value.into());
    }
    let operation = Operation::find(Service::Lambda, name).ok_or_else(unknown)?;
    Ok((operation, fields))
}

/// Pipes has paths as Lambda has; of what is asked for here all is in path and query.
/// <https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_Operations.html>
fn pipes(head: &Parts) -> Result<(&'static Operation, Map<String, Value>), Refusal> {
    let unknown = || Refusal::new(404, "UnknownOperationException", "");
    let path = head.uri.path().strip_prefix("/v1/pipes").ok_or_else(unknown)?;
    let mut fields: Map<String, Value> = pairs(head.uri.query().unwrap_or_default())
        .map(|(name, value)| (name, value.into()))
        .collect();
    let name = match (&head.method, path.trim_matches('/')) {
        (&Method::GET, "") => "ListPipes",
        (&Method::GET, name) if !name.contains('/') => {
            fields.insert("Name".to_owned(), decode(name).into());
            "DescribePipe"
        }
        _ => return Err(unknown()),
    };
    Ok((Operation::find(Service::Pipes, name).ok_or_else(unknown)?, fields))
}

/// The query protocol: everything in a form.
fn query(head: &Parts, body: &Bytes) -> Result<(&'static Operation, Map<String, Value>), Refusal> {
    const VERSION: &str = "2011-06-15";
    let form = String::from_utf8_lossy(body);
    let mut fields: Map<String, Value> =
        pairs(&form).map(|(name, value)| (name, value.into())).collect();
    let mut take = |name: &str| {
        fields.remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (action, version) = (take("Action"), take("Version"));
    let proper = head.method == Method::POST && version == VERSION;
    let operation = Operation::find(Service::Sts, &action).filter(|_| proper);
    let operation = operation.ok_or_else(|| {
        let message = format!("Could not find operation {action} for version {version}");
        Refusal::bad("InvalidAction", message)
    })?;
    Ok((operation, fields))
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("SerializationException", error.to_string()))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn pairs(form: &str) -> impl Iterator<Item = (String, String)> {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    })
}

/// Decodes percent-encoding such as `%2F`.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_names_account_region_and_service() {
        let mut headers = HeaderMap::new();
        assert_eq!(Scope::of(&headers), None);
        let value = "AWS4-HMAC-SHA256 Credential=111122223333/20260101/eu-central-1/logs/\
                     aws4_request, SignedHeaders=host, Signature=0";
        headers.insert("authorization", value.parse().unwrap());
        let expected = Scope {
            access_key: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            service: Service::Logs,
        };
        assert_eq!(Scope::of(&headers), Some(expected));
    }

    #[test]
    fn forms_are_decoded() {
        let read: Vec<_> = pairs("A=1&B=a%2Fb+c%&C").collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read, [pair("A", "1"), pair("B", "a/b c%"), pair("C", "")]);
    }
}
