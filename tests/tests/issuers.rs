//! Mock servers of sources of credentials other than STS: IAM Identity Center, and the metadata
//! services of EC2 and of containers. Each checks the requests, and responds as AWS documents.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use hyper::Response;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use crate::wire::{Task, serve};

/// What a sign-in has left behind, and what it is renewed with.
pub(crate) const SSO_TOKEN: &str = "planted-sso-token";
pub(crate) const SSO_REFRESH_TOKEN: &str = "planted-sso-refresh-token";
pub(crate) const SSO_CLIENT_SECRET: &str = "planted-sso-client-secret";
/// What a container is given to ask with.
pub(crate) const CONTAINER_TOKEN: &str = "planted-container-token";

const SSO_RENEWED_TOKEN: &str = "planted-sso-renewed-token";
const METADATA_TOKEN: &str = "planted-metadata-token";
const ROLE: &str = "logs";

/// The services. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Issuers {
    address: SocketAddr,
    _task: Task,
}

impl Issuers {
    /// Gives credentials whose access key this is.
    pub(crate) fn start(access_key: &str) -> Self {
        let access_key = access_key.to_owned();
        let (address, task) = serve(move |head, body| {
            let (status, text) = answer(&access_key, head, body).unwrap_or_else(refused);
            let answer = Response::builder().status(status);
            // How long the metadata service's token is good, which it says beside the token.
            answer.header("x-aws-ec2-metadata-token-ttl-seconds", "21600").body(text).unwrap()
        });
        Self { address, _task: task }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Why nothing is given: the code of the error.
struct Refused(&'static str);

/// <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>
const UNAUTHORIZED: &str = "UnauthorizedException";

fn refused(Refused(code): Refused) -> (u16, String) {
    (401, json!({"__type": code, "message": "Session token not found or invalid"}).to_string())
}

fn answer(access_key: &str, head: &Parts, body: &[u8]) -> Result<(u16, String), Refused> {
    let given = |name: &str, token: &str| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        if value == Some(token) { Ok(()) } else { Err(Refused(UNAUTHORIZED)) }
    };
    let text = match (head.method.as_str(), head.uri.path()) {
        // <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
        ("PUT", "/latest/api/token") => METADATA_TOKEN.to_owned(),
        ("GET", "/latest/meta-data/iam/security-credentials/") => {
            given("x-aws-ec2-metadata-token", METADATA_TOKEN)?;
            ROLE.to_owned()
        }
        ("GET", "/latest/meta-data/iam/security-credentials/logs") => {
            given("x-aws-ec2-metadata-token", METADATA_TOKEN)?;
            let mut document = document(access_key, "instance");
            document["Code"] = "Success".into();
            document["Type"] = "AWS-HMAC".into();
            document["LastUpdated"] = date(SystemTime::now()).into();
            document.to_string()
        }
        // <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
        ("GET", "/v2/credentials") => {
            given("authorization", CONTAINER_TOKEN)?;
            let mut document = document(access_key, "container");
            document["RoleArn"] = format!("arn:aws:iam::{access_key}:role/{ROLE}").into();
            document.to_string()
        }
        // <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>
        ("GET", "/federation/credentials") => {
            given("x-amz-sso_bearer_token", SSO_TOKEN)
                .or_else(|_| given("x-amz-sso_bearer_token", SSO_RENEWED_TOKEN))?;
            let expiration = in_an_hour().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let credentials = json!({
                "accessKeyId": access_key,
                "secretAccessKey": "planted-secret-of-sso",
                "sessionToken": "planted-token-of-sso",
                "expiration": expiration.as_millis() as u64,
            });
            json!({"roleCredentials": credentials}).to_string()
        }
        // <https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html>
        ("POST", "/token") => {
            let asked: Value = serde_json::from_slice(body).unwrap();
            if asked["refreshToken"] != SSO_REFRESH_TOKEN
                || asked["clientSecret"] != SSO_CLIENT_SECRET
            {
                return Err(Refused("InvalidGrantException"));
            }
            let token = json!({
                "accessToken": SSO_RENEWED_TOKEN,
                "tokenType": "Bearer",
                "expiresIn": 28800,
                "refreshToken": "planted-sso-next-refresh-token",
            });
            token.to_string()
        }
        _ => return Ok((404, String::new())),
    };
    Ok((200, text))
}

/// Credentials as the metadata services write them.
fn document(access_key: &str, of: &str) -> Value {
    json!({
        "AccessKeyId": access_key,
        "SecretAccessKey": format!("planted-secret-of-{of}"),
        "Token": format!("planted-token-of-{of}"),
        "Expiration": date(in_an_hour()),
    })
}

pub(crate) fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

pub(crate) fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
