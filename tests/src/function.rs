//! A Lambda function as a process of this machine, behind a runtime API of its own: for what must
//! be asked of a simulator or of moto, which run no functions.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::wait::PATIENCE;

/// A running instance of a function. It ends when it is dropped.
#[derive(Debug)]
pub struct Function {
    child: Child,
    events: Sender<Invocation>,
    said: Receiver<Said>,
    summaries: Receiver<Value>,
}

/// What came of an invocation, and the line that the function printed of it.
#[derive(Debug)]
pub struct Invoked {
    /// The response, or the error.
    pub result: Result<Value, FunctionError>,
    /// The summary.
    pub summary: Value,
}

/// What came of an invocation.
#[derive(Debug)]
pub struct FunctionError {
    /// The error as the function gave it to Lambda.
    pub error: Value,
}

#[derive(Debug)]
struct Invocation {
    event: Value,
    time: Duration,
}

#[derive(Debug)]
enum Said {
    Response(Value),
    Error(Value),
}

struct RuntimeApi {
    arn: String,
    work: Mutex<Receiver<Invocation>>,
    say: Sender<Said>,
}

impl Function {
    /// Starts a program as Lambda would start the function of this ARN, with these variables and
    /// no others.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(
        program: &Path,
        arn: &str,
        environment: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let (events, work) = channel();
        let (say, said) = channel();
        let api = RuntimeApi { arn: arn.to_owned(), work: Mutex::new(work), say };
        let address = serve(api)?;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let mut child = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "s")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let (summarize, summaries) = channel();
        let printed = child.stdout.take().context("reading what a function prints")?;
        thread::spawn(move || {
            for line in BufReader::new(printed).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str::<Value>(&line)
                    && line["logagg"] == "summary"
                {
                    // Its receiver may be gone.
                    let _ = summarize.send(line);
                }
            }
        });
        Ok(Self { child, events, said, summaries })
    }

    /// Invokes the function with a minute's time and waits for its response.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn invoke(&self, event: &Value) -> anyhow::Result<Result<Value, FunctionError>> {
        self.invoke_within(event, PATIENCE)
    }

    /// Invokes the function with so much time and waits for its summary too. All invocations of
    /// a function are called so, or none.
    ///
    /// # Errors
    /// When no answer comes, or no summary.
    pub fn summarize(&self, event: &Value, time: Duration) -> anyhow::Result<Invoked> {
        let result = self.invoke_within(event, time)?;
        let summary =
            self.summaries.recv_timeout(PATIENCE).context("the function is not summarizing")?;
        Ok(Invoked { result, summary })
    }

    /// The process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Invokes the function with so much time.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn invoke_within(
        &self,
        event: &Value,
        time: Duration,
    ) -> anyhow::Result<Result<Value, FunctionError>> {
        let invocation = Invocation { event: event.clone(), time };
        if self.events.send(invocation).is_err() {
            bail!("the runtime API has ended");
        }
        match self.said.recv_timeout(PATIENCE).context("the function does not answer")? {
            Said::Response(answer) => Ok(Ok(answer)),
            Said::Error(error) => Ok(Err(FunctionError { error })),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(api: RuntimeApi) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let api = Arc::new(api);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let api = Arc::clone(&api);
            // An error is the function's going away.
            thread::spawn(move || api.converse(&stream));
        }
    });
    Ok(address)
}

impl RuntimeApi {
    fn converse(&self, stream: &TcpStream) -> anyhow::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        loop {
            let (line, body) = read(&mut reader)?;
            if line.starts_with("GET ") {
                let work = self.work.lock().ok().context("a test has failed")?;
                let Invocation { event, time } = work.recv()?;
                let deadline = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH)?;
                let body = event.to_string();
                write!(
                    writer,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                     lambda-runtime-aws-request-id: 8f507cfc-1234-4697-b07a-ac58fc914c95\r\n\
                     lambda-runtime-deadline-ms: {}\r\n\
                     lambda-runtime-invoked-function-arn: {}\r\ncontent-length: {}\r\n\r\n{body}",
                    deadline.as_millis(),
                    self.arn,
                    body.len()
                )?;
                continue;
            }
            let said = serde_json::from_slice(&body)?;
            let is_response = line.contains("/response ");
            self.say.send(if is_response { Said::Response(said) } else { Said::Error(said) })?;
            writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}")?;
        }
    }
}

/// The first line and the body of a request.
fn read(reader: &mut impl BufRead) -> anyhow::Result<(String, Vec<u8>)> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        bail!("the connection was closed");
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((first, body))
}
