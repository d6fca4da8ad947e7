//! The HTTP server: takes a call through count, quota and fault to the world and back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::calls::Call;
use super::fault::{Barrier, Effect};
use super::iam::Who;
use super::place::Place;
use super::refusal::Refusal;
use super::request::{self, Scope};
use super::service::{Kind, Operation, Service};
use super::shared::Shared;
use super::world::Permission;

/// Makes hyper close the connection without a response.
#[derive(Debug)]
struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault resets this connection")
    }
}

impl std::error::Error for Reset {}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the simulator: a set that is dropped aborts what it holds.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                // Without this every answer waits for the caller's acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    // A client that goes away, and a connection that a fault resets, end here alike.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Reset> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let Some(scope) = Scope::of(&head.headers) else {
        let message = "Missing Authentication Token";
        let refusal = Refusal::new(403, "MissingAuthenticationTokenException", message);
        return Ok(refuse(&shared, Service::Logs, &refusal));
    };
    let service = scope.service;
    let arrived = match arrive(&shared, &scope, &head, &body) {
        Ok(arrived) => arrived,
        Err(refusal) => return Ok(refuse(&shared, service, &refusal)),
    };
    let operation = arrived.operation;
    Ok(match work(&shared, arrived).await? {
        Ok(body) => respond(&shared, success(operation), service.content_type(), body),
        Err(refusal) => {
            shared.world().counts.refuse(operation.name, &refusal.code);
            refuse(&shared, service, &refusal)
        }
    })
}

/// A call that was understood and counted.
struct Arrived {
    operation: &'static Operation,
    call: Call,
    who: Who,
    fields: Map<String, Value>,
}

fn arrive(shared: &Shared, scope: &Scope, head: &Parts, body: &Bytes) -> Result<Arrived, Refusal> {
    let token = request::session_token(&head.headers);
    let who = shared.world().iam.who(scope.service, &scope.access_key, token)?;
    let (operation, fields) = request::read(scope.service, head, body)?;
    let place = scope.place(&who.account);
    let resource = operation.resource(&fields);
    shared.world().counts.arrive(operation.name, &place);
    shared.arrived.notify_all();
    let user_agent = request::user_agent(&head.headers).to_owned();
    let call =
        Call { operation: operation.name, place, who: who.arn.clone(), resource, user_agent };
    Ok(Arrived { operation, call, who, fields })
}

/// What comes of a call: a response, a refusal, or a lost connection.
async fn work(shared: &Arc<Shared>, arrived: Arrived) -> Result<Result<Vec<u8>, Refusal>, Reset> {
    let Arrived { operation, call, who, fields } = arrived;
    let (effect, latency) = {
        let mut world = shared.world();
        if !world.within_quota(operation.name, &call.place, shared.clock.now()) {
            return Ok(Err(operation.service.throttled()));
        }
        let latency = world.latency(&call);
        let world = &mut *world;
        (world.faults.strike(&call, operation, &mut world.chance), latency)
    };
    match &effect {
        Some(Effect::Fail(refusal)) => return Ok(Err(refusal.clone())),
        Some(Effect::ResetBefore) => return Err(Reset),
        Some(Effect::RunBefore(hook)) => {
            let (hook, call) = (Arc::clone(hook), call.clone());
            tokio::task::spawn_blocking(move || hook(&call)).await.map_err(|_| Reset)?;
        }
        Some(Effect::Hold(barrier)) => {
            let mut barrier = barrier.clone();
            // An error means that the gate is gone, which opens it too.
            let _ = barrier.wait_for(|barrier| *barrier == Barrier::Open).await;
        }
        _ => {}
    }
    let Some(_under_way) = UnderWay::begin(shared, operation, &call) else {
        return Ok(Err(Refusal::operation_aborted()));
    };
    let now = shared.clock.now();
    let outcome = shared.world().carry_out(operation, &call, &who, fields, now, Permission::Asked);
    wait(shared, latency).await;
    match effect {
        Some(Effect::ResetAfter) => return Err(Reset),
        Some(Effect::Delay(delay)) => wait(shared, delay).await,
        Some(Effect::RunAfter(hook)) => {
            tokio::task::spawn_blocking(move || hook(&call)).await.map_err(|_| Reset)?;
        }
        _ => {}
    }
    Ok(outcome)
}

async fn wait(shared: &Shared, simulated: Duration) {
    let real = shared.clock.real(simulated);
    if !real.is_zero() {
        tokio::time::sleep(real).await;
    }
}

/// A write to a log group from its beginning to its response. Another one meanwhile is aborted.
struct UnderWay<'a> {
    shared: &'a Shared,
    group: Option<(Place, String)>,
}

impl<'a> UnderWay<'a> {
    /// None when another write to the group is under way.
    fn begin(shared: &'a Shared, operation: &Operation, call: &Call) -> Option<Self> {
        let writes = operation.service == Service::Logs && operation.kind == Kind::Write;
        let group = call.resource.clone().filter(|_| writes).map(|name| (call.place.clone(), name));
        let begun = match &group {
            Some(group) => shared.world().under_way.insert(group.clone()),
            None => true,
        };
        begun.then_some(Self { shared, group })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            self.shared.world().under_way.remove(group);
        }
    }
}

/// The status of a response that says yes.
fn success(operation: &Operation) -> StatusCode {
    match operation.name {
        "AddPermission" => StatusCode::CREATED,
        "RemovePermission" => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    }
}

fn refuse(shared: &Shared, service: Service, refusal: &Refusal) -> Response<Full<Bytes>> {
    let (content_type, body) = service.render(refusal);
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = respond(shared, status, content_type, body);
    if let Ok(code) = HeaderValue::from_str(&refusal.code) {
        if service == Service::CloudWatch {
            query_error(&mut response, refusal);
        }
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// The code of the protocol that CloudWatch had first, for clients that know it by that.
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>
fn query_error(response: &mut Response<Full<Bytes>>, refusal: &Refusal) {
    let fault = if refusal.status < 500 { "Sender" } else { "Receiver" };
    if let Ok(error) = HeaderValue::from_str(&format!("{};{fault}", refusal.code)) {
        response.headers_mut().insert("x-amzn-query-error", error);
    }
}

fn respond(
    shared: &Shared,
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if content_type == Service::CloudWatch.content_type() {
        headers.insert("smithy-protocol", HeaderValue::from_static(request::RPC_V2_CBOR));
    }
    let id = HeaderValue::from_static("00000000-0000-0000-0000-000000000000");
    headers.insert("x-amzn-requestid", id);
    // Who wants to know what time it is here can read it, as at AWS.

    let date = httpdate::fmt_http_date(shared.clock.now());
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(DATE, date);
    }
    response
}
