//! A proxy in front of the AWS of the tests: it records every call, and by rule fails, delays or
//! disconnects calls.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::runtime;
use crate::wait::PATIENCE;

/// A call that reached the proxy.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation's API name, such as `PutSubscriptionFilter`.
    pub operation: String,
    /// The log group it names, if any.
    pub group: Option<String>,
    /// Its input; null for a query such as STS's.
    pub input: Value,
}

/// A response as AWS gives it when it refuses.
#[derive(Debug, Clone)]
pub struct AwsError {
    status: u16,
    code: String,
    message: String,
}

impl AwsError {
    /// An exception with its message.
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// The caller may not do this.
    pub fn access_denied(action: &str) -> Self {
        let message = format!(
            "User: arn:aws:iam::111122223333:user/terraform is not authorized to perform: \
             logs:{action} because no identity-based policy allows the logs:{action} action"
        );
        Self::new(400, "AccessDeniedException", &message)
    }

    /// Too many calls.
    pub fn throttled() -> Self {
        Self::new(400, "ThrottlingException", "Rate exceeded")
    }

    /// No further subscription filter fits on the group.
    pub fn limit_exceeded() -> Self {
        Self::new(400, "LimitExceededException", "Resource limit exceeded.")
    }

    /// Another change of the same group is under way.
    pub fn operation_aborted() -> Self {
        let message = "A conflicting operation is currently in progress against this resource. \
                       Please try again.";
        Self::new(400, "OperationAbortedException", message)
    }

    /// AWS itself is ill.
    pub fn unavailable() -> Self {
        let message = "The service cannot complete the request.";
        Self::new(500, "ServiceUnavailableException", message)
    }
}

/// The proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Starts one on a free port, in front of `upstream`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(upstream: &str) -> anyhow::Result<Self> {
        let listener = runtime::block_on(TcpListener::bind(("127.0.0.1", 0)))
            .context("opening a port for the fault proxy")?;
        let address = listener.local_addr().context("reading the fault proxy's port")?;
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let server = runtime::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a rule for an operation. Of several rules that match, the one made first acts.
    pub fn on(&self, operation: &str) -> When<'_> {
        When {
            proxy: self,
            rule: Rule {
                operation: operation.to_owned(),
                group: None,
                skip: 0,
                times: None,
                effect: Effect::Drop,
            },
        }
    }

    /// Forgets all rules.
    pub fn heal(&self) {
        self.shared.state().rules.clear();
    }

    /// Forgets all calls.
    pub fn forget_calls(&self) {
        self.shared.state().calls.clear();
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The calls of one operation.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// The calls that change something.
    pub fn writes(&self) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| {
            call.operation.starts_with("Put") || call.operation.starts_with("Delete")
        });
        calls
    }

    /// Waits until an operation was called so often.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn wait_for(&self, operation: &str, times: usize) -> anyhow::Result<()> {
        self.wait(|state| {
            let seen = state.calls.iter().filter(|call| call.operation == operation).count();
            match seen >= times {
                true => Ok(()),
                false => Err(format!("{operation} was called {seen} times, {times} were expected")),
            }
        })
    }

    /// Waits until every call that has arrived is answered or dropped: nothing reaches AWS any more.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn wait_until_idle(&self) -> anyhow::Result<()> {
        self.wait(|state| match state.under_way {
            0 => Ok(()),
            calls => Err(format!("{calls} calls are still under way")),
        })
    }

    fn wait(&self, reached: impl Fn(&State) -> Result<(), String>) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state();
        loop {
            let Err(missing) = reached(&state) else { return Ok(()) };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{missing}");
            }
            (state, _) = self
                .shared
                .changed
                .wait_timeout(state, left)
                .expect("nothing panics while it holds the lock");
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Which calls a rule is about, to be ended with what shall happen to them.
#[must_use = "a rule without an effect does nothing"]
pub struct When<'a> {
    proxy: &'a FaultProxy,
    rule: Rule,
}

impl When<'_> {
    /// Only calls that name this log group.
    pub fn group(mut self, group: &str) -> Self {
        self.rule.group = Some(group.to_owned());
        self
    }

    /// Not the first so many.
    pub fn after(mut self, calls: usize) -> Self {
        self.rule.skip = calls;
        self
    }

    /// No more than so many; without this, all that follow.
    pub fn times(mut self, times: usize) -> Self {
        self.rule.times = Some(times);
        self
    }

    /// They are refused, and never reach AWS.
    pub fn fail(self, error: AwsError) {
        self.add(Effect::Fail(error));
    }

    /// They take this much longer.
    pub fn delay(self, delay: Duration) {
        self.add(Effect::Delay(delay));
    }

    /// Their connection is closed without a response, and they never reach AWS.
    pub fn drop_connection(self) {
        self.add(Effect::Drop);
    }

    /// They reach AWS, but their connection is closed without a response.
    pub fn lose_answer(self) {
        self.add(Effect::LoseAnswer);
    }

    /// They are answered by `answer`, and never reach AWS.
    pub fn answer(self, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) {
        self.add(Effect::Answer(Arc::new(answer)));
    }

    /// `hook` runs before they are passed on.
    pub fn run(self, hook: impl Fn() + Send + Sync + 'static) {
        self.add(Effect::Run(Arc::new(hook)));
    }

    /// They wait until the gate is opened or dropped, and then go on for those clients that are
    /// still there.
    pub fn hold(self) -> Gate {
        let (gate, barrier) = watch::channel(Barrier::Closed);
        self.add(Effect::Hold(barrier));
        Gate(gate)
    }

    fn add(mut self, effect: Effect) {
        self.rule.effect = effect;
        self.proxy.shared.state().rules.push(self.rule);
    }
}

/// Holds calls back.
#[derive(Debug)]
#[must_use = "calls are held only as long as the gate lives"]
pub struct Gate(watch::Sender<Barrier>);

impl Gate {
    /// Lets the calls pass.
    pub fn open(self) {
        self.0.send_replace(Barrier::Open);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Barrier {
    Closed,
    Open,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the lock")
    }
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    rules: Vec<Rule>,
    /// How many calls have arrived and are not answered, passed on or dropped yet.
    under_way: usize,
}

impl State {
    /// What happens to this call, which is counted.
    fn arrive(&mut self, call: Call) -> Option<Effect> {
        let effect = self.rules.iter_mut().find_map(|rule| rule.take(&call));
        self.calls.push(call);
        self.under_way += 1;
        effect
    }
}

#[derive(Debug)]
struct Rule {
    operation: String,
    group: Option<String>,
    skip: usize,
    times: Option<usize>,
    effect: Effect,
}

impl Rule {
    fn take(&mut self, call: &Call) -> Option<Effect> {
        let group_matches = self.group.is_none() || self.group == call.group;
        if self.operation != call.operation || !group_matches {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        match &mut self.times {
            Some(0) => return None,
            Some(times) => *times -= 1,
            None => {}
        }
        Some(self.effect.clone())
    }
}

#[derive(Clone)]
enum Effect {
    Fail(AwsError),
    Delay(Duration),
    Drop,
    LoseAnswer,
    Hold(watch::Receiver<Barrier>),
    Run(Arc<dyn Fn() + Send + Sync>),
    Answer(Arc<dyn Fn(&Value) -> Value + Send + Sync>),
}

impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fail(_) => "fail",
            Self::Delay(_) => "delay",
            Self::Drop => "drop the connection",
            Self::LoseAnswer => "lose the answer",
            Self::Hold(_) => "hold",
            Self::Run(_) => "run a hook",
            Self::Answer(_) => "answer",
        })
    }
}

/// Makes hyper close the connection without a response.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a rule drops this connection")
    }
}

impl std::error::Error for Dropped {}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the proxy: a set that is dropped aborts what it holds.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let Ok((stream, client)) = watched(stream) else { return };
            let service = service_fn(move |request| {
                answer(Arc::clone(&shared), Arc::clone(&client), request)
            });
            // A client that goes away, and a connection dropped by a rule, end here alike.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The other end of a connection. The kernel is asked for it, because a close that has not reached
/// the runtime yet has happened all the same.
#[derive(Debug)]
struct Client(std::net::TcpStream);

impl Client {
    fn is_gone(&self) -> bool {
        match self.0.peek(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

fn watched(stream: TcpStream) -> std::io::Result<(TcpStream, Arc<Client>)> {
    let stream = stream.into_std()?;
    let client = Client(stream.try_clone()?);
    Ok((TcpStream::from_std(stream)?, Arc::new(client)))
}

/// A call, until it is answered or dropped.
struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.changed.notify_all();
    }
}

async fn answer(
    shared: Arc<Shared>,
    client: Arc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    let call = describe(&head, &body);
    let input = call.input.clone();
    let effect = shared.state().arrive(call);
    let _under_way = UnderWay(Arc::clone(&shared));
    shared.changed.notify_all();
    match effect {
        None => {}
        Some(Effect::Fail(error)) => return Ok(refuse(&head, &error)),
        Some(Effect::Drop) => return Err(Dropped),
        Some(Effect::LoseAnswer) => {
            forward(&shared, head, body).await.ok();
            return Err(Dropped);
        }
        Some(Effect::Answer(answer)) => {
            let body = answer(&input).to_string();
            return Ok(respond(StatusCode::OK, "application/x-amz-json-1.1", body));
        }
        Some(Effect::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Effect::Hold(mut barrier)) => {
            // An error means that the gate is gone, which opens it too.
            let _ = barrier.wait_for(|barrier| *barrier == Barrier::Open).await;
        }
        Some(Effect::Run(hook)) => {
            tokio::task::spawn_blocking(move || hook()).await.map_err(|_| Dropped)?;
        }
    }
    if client.is_gone() {
        return Err(Dropped);
    }
    match forward(&shared, head, body).await {
        Ok(answer) => Ok(answer),
        Err(error) if lost(&error) => Err(Dropped),
        Err(error) => {
            let text = format!("the fault proxy could not pass the call on: {error:?}");
            Ok(respond(StatusCode::BAD_GATEWAY, "text/plain", text))
        }
    }
}

/// AWS took the call and closed the connection, so the caller's is closed too.
fn lost(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_connect())
}

fn describe(head: &hyper::http::request::Parts, body: &Bytes) -> Call {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = match target {
        Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
        None => String::from_utf8_lossy(body)
            .split('&')
            .find_map(|pair| pair.strip_prefix("Action=").map(str::to_owned))
            .unwrap_or_else(|| format!("{} {}", head.method, head.uri.path())),
    };
    Call { operation, group: input["logGroupName"].as_str().map(str::to_owned), input }
}

async fn forward(
    shared: &Shared,
    head: hyper::http::request::Parts,
    body: Bytes,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = head.headers;
    for name in [HOST, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    let answer = runtime::CLIENT
        .request(head.method, format!("{}{path}", shared.upstream))
        .headers(headers)
        .body(body)
        .send()
        .await?;
    let mut response = Response::new(Full::default());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        response.headers_mut().remove(name);
    }
    *response.body_mut() = Full::new(answer.bytes().await?);
    Ok(response)
}

/// In the shape of the protocol the call came in: JSON for logs, a query for STS.
fn refuse(head: &hyper::http::request::Parts, error: &AwsError) -> Response<Full<Bytes>> {
    let AwsError { status, code, message } = error;
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if head.headers.contains_key("x-amz-target") {
        let body = json!({"__type": code, "message": message}).to_string();
        return respond(status, "application/x-amz-json-1.1", body);
    }
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    );
    respond(status, "text/xml", body)
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content_type = hyper::header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, content_type);
    response
}
