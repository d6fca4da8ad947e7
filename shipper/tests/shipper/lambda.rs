//! A mock Lambda: serves the runtime API to the real `bootstrap` and kills it at its deadline.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::http::{Reply, Request, Response, Server, Service};
use crate::{PAYLOAD, SECRET, schema};

/// The time after which a test is considered stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The trace header of an invocation, with the lineage by which Lambda detects recursive loops.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
pub(crate) const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:15|68fd508a:5";

pub(crate) const OWN_LOG_GROUP: &str = "/aws/lambda/the-shipper";

/// A running instance of the function.
pub(crate) struct Lambda {
    api: Arc<RuntimeApi>,
    output: Arc<Output>,
    child: Child,
    readers: Vec<JoinHandle<()>>,
    invocations: usize,
    _server: Server,
}

/// The result of an invocation.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// The function's response, or the error it reported.
    pub(crate) result: Result<Value, FunctionError>,
    /// The summary line.
    pub(crate) summary: Value,
}

impl Invoked {
    /// Whether Lambda retries the event or a part of it.
    pub(crate) fn is_retried_by_lambda(&self) -> bool {
        self.result.as_ref().map_or(true, |response| {
            response["batchItemFailures"].as_array().is_some_and(|failures| !failures.is_empty())
        })
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct FunctionError {
    pub(crate) error_type: String,
    pub(crate) message: String,
}

#[derive(Default)]
struct RuntimeApi {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: VecDeque<(String, Vec<u8>, SystemTime)>,
    results: VecDeque<(String, Result<Value, FunctionError>)>,
    init_error: Option<FunctionError>,
    stopped: bool,
}

/// All lines that the process has written, and whether to standard error.
#[derive(Default)]
struct Output {
    lines: Mutex<Vec<(Stream, String)>>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq)]
enum Stream {
    Out,
    Err,
}

impl Lambda {
    /// Starts the function with a configuration, which accepts missing storage.
    pub(crate) fn start(config: &Value) -> Self {
        Self::start_with(Some(&accepting(config)))
    }

    /// Starts the function with these variables in addition to those of Lambda.
    pub(crate) fn start_in(environment: &[(&str, &str)]) -> Self {
        let environment: Vec<(&str, &OsStr)> =
            environment.iter().map(|&(name, value)| (name, OsStr::new(value))).collect();
        Self::launch(None, &environment)
    }

    /// Starts the function on a system that trusts only the authorities in `ca_file`.
    pub(crate) fn start_trusting(config: &Value, ca_file: &Path) -> Self {
        Self::launch(Some(&accepting(config)), &[("SSL_CERT_FILE", ca_file.as_os_str())])
    }

    /// Starts the function with AWS at this URL.
    pub(crate) fn start_with_aws(config: &Value, aws: &str) -> Self {
        Self::launch(Some(&accepting(config)), &[("AWS_ENDPOINT_URL", OsStr::new(aws))])
    }

    /// Starts the function with this value of `LOGAGG_CONFIG`.
    pub(crate) fn start_with(config: Option<&str>) -> Self {
        Self::launch(config, &[])
    }

    /// Starts the function with a memory limit, and with AWS at this URL.
    pub(crate) fn start_with_memory(config: &Value, megabytes: usize, aws: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", r#"ulimit -d $1 && exec "$0""#, env!("CARGO_BIN_EXE_bootstrap")]);
        shell.arg((megabytes * 1024).to_string());
        let megabytes = megabytes.to_string();
        let environment = [
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", OsStr::new(&megabytes)),
            ("AWS_ENDPOINT_URL", OsStr::new(aws)),
        ];
        Self::launch_as(shell, Some(&accepting(config)), &environment)
    }

    fn launch(config: Option<&str>, environment: &[(&str, &OsStr)]) -> Self {
        Self::launch_as(Command::new(env!("CARGO_BIN_EXE_bootstrap")), config, environment)
    }

    fn launch_as(
        mut command: Command,
        config: Option<&str>,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let api = Arc::new(RuntimeApi::default());
        let server = Server::start(Arc::clone(&api));
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", server.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "the-shipper")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG_GROUP)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "s")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", format!("{SECRET}-key"))
            .env("AWS_SESSION_TOKEN", format!("{SECRET}-token"))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(config) = config {
            schema::takes_what_the_reader_takes(config);
            command.env("LOGAGG_CONFIG", config);
        }
        let mut child = command.spawn().unwrap();
        let output = Arc::new(Output::default());
        let readers = vec![
            read(child.stdout.take().unwrap(), Stream::Out, &output),
            read(child.stderr.take().unwrap(), Stream::Err, &output),
        ];
        Self { api, output, child, readers, invocations: 0, _server: server }
    }

    /// Invokes the function with a minute until the deadline.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> Invoked {
        self.invoke_within(event, STUCK)
    }

    /// Invokes the function and, like Lambda, kills the process at the deadline.
    pub(crate) fn invoke_within(&mut self, event: &[u8], time: Duration) -> Invoked {
        self.invocations += 1;
        let request_id = format!("invocation-{}", self.invocations);
        let deadline = SystemTime::now() + time;
        {
            let mut state = self.api.state.lock().unwrap();
            state.next.push_back((request_id.clone(), event.to_vec(), deadline));
            self.api.changed.notify_all();
        }
        let until = Instant::now() + time;
        let mut state = self.api.state.lock().unwrap();
        let result = loop {
            if let Some((answered, result)) = state.results.pop_front() {
                assert_eq!(answered, request_id);
                break result;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let _ = self.child.kill();
                panic!("the invocation was still running at its deadline");
            }
            state = self.api.changed.wait_timeout(state, left).unwrap().0;
        };
        drop(state);
        Invoked { result, summary: self.summary(&request_id) }
    }

    /// The error of a failed start, once the process has ended.
    pub(crate) fn init_error(mut self) -> FunctionError {
        let status = self.child.wait().unwrap();
        assert!(!status.success(), "the process ended as if all were well");
        let state = self.api.state.lock().unwrap();
        let error = state.init_error.as_ref().expect("no init error was reported");
        FunctionError { error_type: error.error_type.clone(), message: error.message.clone() }
    }

    /// Everything that the process has written to standard error, once it has ended.
    pub(crate) fn standard_error(&mut self) -> String {
        self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let lines = self.output.lines.lock().unwrap();
        let of_error = lines.iter().filter(|(stream, _)| *stream == Stream::Err);
        of_error.map(|(_, line)| format!("{line}\n")).collect()
    }

    /// Waits for this many lines of metrics.
    pub(crate) fn metrics(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + STUCK;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            let found: Vec<Value> = lines
                .iter()
                .filter_map(|(_, line)| serde_json::from_str(line).ok())
                .filter(|line: &Value| line["logagg"] == "metrics")
                .collect();
            if found.len() >= count {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} lines of metrics", found.len());
            lines = self.output.changed.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Everything that was written so far.
    pub(crate) fn written(&self) -> String {
        let lines = self.output.lines.lock().unwrap();
        lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// Waits for the summary line of an invocation, and checks that there is only one.
    fn summary(&self, request_id: &str) -> Value {
        let until = Instant::now() + STUCK;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            let mut found: Vec<Value> = lines
                .iter()
                .filter(|(stream, _)| *stream == Stream::Out)
                .map(|(_, line)| serde_json::from_str(line).expect("a line that is no JSON"))
                .filter(|line: &Value| line["request_id"] == request_id)
                .collect();
            if let Some(summary) = found.pop() {
                assert!(found.is_empty(), "two summary lines: {found:?}");
                assert_eq!(summary["logagg"], "summary");
                return summary;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no summary line for {request_id}");
            lines = self.output.changed.wait_timeout(lines, left).unwrap().0;
        }
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        self.api.state.lock().unwrap().stopped = true;
        self.api.changed.notify_all();
        if thread::panicking() {
            for (_, line) in &*self.output.lines.lock().unwrap() {
                eprintln!("the function wrote: {line}");
            }
            return;
        }
        for (_, line) in &*self.output.lines.lock().unwrap() {
            for marker in [PAYLOAD, SECRET] {
                assert!(!line.contains(marker), "{marker} was written: {line}");
            }
        }
    }
}

/// A configuration that accepts missing storage, unless it sets `accepted_risks` itself.
pub(crate) fn accepting(config: &Value) -> String {
    let mut config = config.clone();
    if config.get("accepted_risks").is_none() {
        config["accepted_risks"] = json!(["no_undelivered_storage"]);
    }
    config.to_string()
}

fn read(stream: impl Read + Send + 'static, kind: Stream, output: &Arc<Output>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            output.lines.lock().unwrap().push((kind, line));
            output.changed.notify_all();
        }
    })
}

const PREFIX: &str = "/2018-06-01/runtime/";

impl Service for RuntimeApi {
    fn response(&self, request: Request) -> Reply {
        let path = request.target.strip_prefix(PREFIX).expect("another API");
        match (request.method.as_str(), path) {
            ("GET", "invocation/next") => self.next(),
            ("POST", "init/error") => {
                let error = function_error(&request.body);
                assert_eq!(
                    request.header("lambda-runtime-function-error-type"),
                    Some(error.error_type.as_str())
                );
                self.state.lock().unwrap().init_error = Some(error);
                Reply::Response(Response::new(202, "{}"))
            }
            ("POST", path) => {
                let path = path.strip_prefix("invocation/").expect("another call");
                let (request_id, kind) = path.split_once('/').expect("another call");
                let result = match kind {
                    "response" => Ok(serde_json::from_slice(&request.body).unwrap()),
                    "error" => Err(function_error(&request.body)),
                    other => panic!("another call: {other}"),
                };
                let mut state = self.state.lock().unwrap();
                state.results.push_back((request_id.to_owned(), result));
                self.changed.notify_all();
                Reply::Response(Response::new(202, "{}"))
            }
            other => panic!("another call: {other:?}"),
        }
    }
}

impl RuntimeApi {
    /// Blocks until there is an event, like Lambda.
    fn next(&self) -> Reply {
        let mut state = self.state.lock().unwrap();
        loop {
            if state.stopped {
                return Reply::Reset;
            }
            if let Some((request_id, event, deadline)) = state.next.pop_front() {
                let since = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
                let arn = "arn:aws:lambda:eu-west-1:123456789012:function:the-shipper";
                return Reply::Response(
                    Response::new(200, event)
                        .with("content-type", "application/json")
                        .with("lambda-runtime-aws-request-id", request_id)
                        .with("lambda-runtime-deadline-ms", since.as_millis().to_string())
                        .with("lambda-runtime-invoked-function-arn", arn)
                        .with("lambda-runtime-trace-id", TRACE),
                );
            }
            state = self.changed.wait(state).unwrap();
        }
    }
}

fn function_error(body: &[u8]) -> FunctionError {
    let value: Value = serde_json::from_slice(body).unwrap();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let message = text("errorMessage");
    for marker in [PAYLOAD, SECRET] {
        assert!(!message.contains(marker), "{marker} was reported: {message}");
    }
    FunctionError { error_type: text("errorType"), message }
}
