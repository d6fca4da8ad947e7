//! A mock server of the AWS services for configurations and secrets: strict about requests, which
//! it counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::SECRET;
use crate::http::{Reply, Request, Response, Server, Service};

/// Parameters, secrets and objects.
pub(crate) struct SecretStores {
    state: Arc<State>,
    server: Server,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: BTreeMap<String, String>,
    responses: VecDeque<Response>,
    asked: Vec<String>,
    is_silent: bool,
    violations: Vec<String>,
}

impl SecretStores {
    pub(crate) fn start() -> Self {
        let state = Arc::new(State::default());
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    /// Stores a string under a parameter's name, a secret's ARN or an object's path.
    pub(crate) fn keep(&self, name: &str, text: &str) {
        self.state.inner.lock().unwrap().kept.insert(name.to_owned(), text.to_owned());
    }

    /// Sets the responses to the next requests.
    pub(crate) fn response(&self, responses: impl IntoIterator<Item = Response>) {
        self.state.inner.lock().unwrap().responses.extend(responses);
    }

    /// Stops responding.
    pub(crate) fn fall_silent(&self) {
        self.state.inner.lock().unwrap().is_silent = true;
    }

    /// The server's URL.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The requested names, after checking that every request was valid.
    pub(crate) fn asked(&self) -> Vec<String> {
        let inner = self.state.inner.lock().unwrap();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        inner.asked.clone()
    }
}

impl Service for State {
    fn response(&self, request: Request) -> Reply {
        let mut inner = self.inner.lock().unwrap();
        match asked_for(&request) {
            Ok((name, response)) => {
                inner.asked.push(name.clone());
                if inner.is_silent {
                    return Reply::Silence;
                }
                if let Some(response) = inner.responses.pop_front() {
                    return Reply::Response(response);
                }
                Reply::Response(response(inner.kept.get(&name)))
            }
            Err(violation) => {
                inner.violations.push(format!("{violation}: {request:?}"));
                Reply::Response(Response::new(400, r#"{"__type":"ValidationException"}"#))
            }
        }
    }
}

type Answering = fn(Option<&String>) -> Response;

/// What a request asks for, and its protocol.
fn asked_for(request: &Request) -> Result<(String, Answering), &'static str> {
    let authorization = request.header("authorization").unwrap_or_default();
    let signed =
        |service: &str| authorization.contains(&format!("/eu-west-1/{service}/aws4_request"));
    let token = request.header("x-amz-security-token");
    if token != Some(&format!("{SECRET}-token")) || authorization.contains(SECRET) {
        return Err("other credentials");
    }
    let input: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let name = |field: &str| input[field].as_str().map(str::to_owned).ok_or("no name");
    match request.header("x-amz-target") {
        Some("AmazonSSM.GetParameter") if signed("ssm") => {
            if input["WithDecryption"] != true {
                return Err("not decrypted");
            }
            Ok((name("Name")?, |kept| match kept {
                Some(text) => of(&json!({"Parameter": {"Type": "SecureString", "Value": text}})),
                None => Response::new(400, r#"{"__type":"ParameterNotFound"}"#),
            }))
        }
        Some("secretsmanager.GetSecretValue") if signed("secretsmanager") => {
            Ok((name("SecretId")?, |kept| match kept {
                Some(text) => of(&json!({"SecretString": text, "VersionStages": ["AWSCURRENT"]})),
                None => Response::new(400, r#"{"__type":"ResourceNotFoundException"}"#),
            }))
        }
        None if request.method == "GET" && signed("s3") => {
            Ok((request.target.clone(), |kept| match kept {
                Some(text) => Response::new(200, text.as_str()),
                None => Response::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
            }))
        }
        _ => Err("another call"),
    }
}

fn of(value: &Value) -> Response {
    Response::new(200, value.to_string())
}
