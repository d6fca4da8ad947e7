use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};

use super::http::{self, Answer, Request};
use crate::process;

/// How long anything may take.
const STUCK: Duration = Duration::from_secs(60);

/// A Lambda function on this machine, behind a runtime API of its own.
pub(crate) struct Function {
    child: Child,
    events: Sender<Vec<u8>>,
    calls: Receiver<Call>,
    /// From the start of the process to its first request for work.
    pub(crate) cold_start: Duration,
}

/// What a function says to the runtime API.
enum Call {
    /// It asks for work.
    Next(Instant),
    /// It has done its work.
    Response,
    /// It reports an error.
    Error(String),
}

impl Function {
    /// Starts a program as Lambda does, and waits until it asks for work.
    pub(crate) fn start(program: &Path, configuration: &str) -> anyhow::Result<Self> {
        let (events, work) = channel();
        let (say, calls) = channel();
        let work = Mutex::new(work);
        let address = http::serve(move |request| answer(&request, &work, &say))?;
        let begun = Instant::now();
        let child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "speed")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/speed")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "s")
            .env("LOGAGG_CONFIG", configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut function = Self { child, events, calls, cold_start: Duration::ZERO };
        function.cold_start = function.until_next()?.duration_since(begun);
        Ok(function)
    }

    /// Invokes the function and returns its CPU time.
    pub(crate) fn invoke(&self, event: &[u8]) -> anyhow::Result<Duration> {
        let before = self.cpu_time()?;
        self.events.send(event.to_vec()).ok().context("the runtime API has ended")?;
        self.until_next()?;
        Ok(self.cpu_time()? - before)
    }

    /// The most memory it has had.
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        process::peak_bytes(self.child.id())
    }

    fn cpu_time(&self) -> anyhow::Result<Duration> {
        settled_cpu_time(self.child.id())
    }

    fn until_next(&self) -> anyhow::Result<Instant> {
        loop {
            match self.calls.recv_timeout(STUCK).context("the function does not ask for work")? {
                Call::Next(at) => return Ok(at),
                Call::Response => {}
                Call::Error(text) => bail!("the function reports an error: {text}"),
            }
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU time of a process once it has nothing to do.
pub(crate) fn settled_cpu_time(process: u32) -> anyhow::Result<Duration> {
    while !process::is_waiting(process)? {
        std::thread::yield_now();
    }
    process::cpu_time(process)
}

fn answer(
    request: &Request,
    work: &Mutex<Receiver<Vec<u8>>>,
    say: &Sender<Call>,
) -> Option<Answer> {
    if request.method == "GET" {
        say.send(Call::Next(Instant::now())).ok()?;
        let event = work.lock().ok()?.recv().ok()?;
        let deadline = SystemTime::now() + STUCK;
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", "8f507cfc-1234-4697-b07a-ac58fc914c95".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:123456789012:function:speed".to_owned(),
            ),
        ];
        return Some(Answer { headers, body: event });
    }
    let call = if request.path.ends_with("/response") {
        Call::Response
    } else {
        Call::Error(String::from_utf8_lossy(&request.body).into_owned())
    };
    say.send(call).ok()?;
    Some(Answer { headers: Vec::new(), body: b"{}".to_vec() })
}
