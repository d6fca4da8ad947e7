//! A mock STS server that records every request. The access key it returns for a role is the ID of
//! the role's account, by which the AWS of the tests identifies accounts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hyper::Response;
use hyper::http::request::Parts;

use crate::wire::{Task, serve};

/// A question to STS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The access key that signed it; empty without a signature.
    pub(crate) by: String,
    /// The region it was signed for.
    pub(crate) region: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Asked {
    pub(crate) fn action(&self) -> &str {
        self.field("Action")
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// The mock server. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Sts {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _task: Task,
}

/// The secret key that comes with every role.
pub(crate) const SECRET_KEY: &str = "planted-secret-of-a-role";
/// The session token that comes with every role.
pub(crate) const SESSION_TOKEN: &str = "planted-token-of-a-role";

/// A role of this name cannot be assumed.
pub(crate) const FORBIDDEN: &str = "forbidden";

impl Sts {
    /// Gives credentials that last for an hour.
    pub(crate) fn start() -> Self {
        Self::giving(Duration::from_secs(3600))
    }

    /// Gives credentials that last so long.
    pub(crate) fn giving(life: Duration) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let seen = Arc::clone(&asked);
        let (address, task) = serve(move |head, body| {
            let asked = read(head, body);
            let (status, xml) = reply(&asked, life);
            seen.lock().unwrap().push(asked);
            let response = Response::builder().status(status).header("content-type", "text/xml");
            response.body(xml).unwrap()
        });
        Self { address, asked, _task: task }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every question of this kind, in order.
    pub(crate) fn asked(&self, action: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.action() == action).cloned().collect()
    }

    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

fn read(head: &Parts, body: &[u8]) -> Asked {
    let signature = head.headers.get("authorization").map(|value| value.to_str().unwrap());
    let scope = signature.and_then(|text| text.split("Credential=").nth(1)).unwrap_or_default();
    let mut scope = scope.split('/');
    let by = scope.next().unwrap_or_default().to_owned();
    let region = scope.nth(1).unwrap_or_default().to_owned();
    let form = String::from_utf8(body.to_vec()).unwrap();
    let url = reqwest::Url::parse(&format!("http://sts/?{form}")).unwrap();
    Asked { by, region, fields: url.query_pairs().into_owned().collect() }
}

fn reply(asked: &Asked, life: Duration) -> (u16, String) {
    let action = asked.action();
    let result = match action {
        "GetCallerIdentity" => format!(
            "<Arn>arn:aws:iam::{0}:root</Arn><UserId>{0}</UserId><Account>{0}</Account>",
            asked.by
        ),
        "AssumeRole" | "AssumeRoleWithWebIdentity" => {
            let role = asked.field("RoleArn");
            if role.ends_with(FORBIDDEN) {
                return (403, refusal("AccessDenied", "not authorized to perform: sts:AssumeRole"));
            }
            let expiration = humantime::format_rfc3339_seconds(SystemTime::now() + life);
            format!(
                "<Credentials><AccessKeyId>{}</AccessKeyId>\
                 <SecretAccessKey>{SECRET_KEY}</SecretAccessKey>\
                 <SessionToken>{SESSION_TOKEN}</SessionToken>\
                 <Expiration>{expiration}</Expiration></Credentials>",
                role.split(':').nth(4).unwrap()
            )
        }
        _ => return (400, refusal("InvalidAction", "no such action")),
    };
    let xml = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <{action}Result>{result}</{action}Result></{action}Response>"
    );
    (200, xml)
}

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}
