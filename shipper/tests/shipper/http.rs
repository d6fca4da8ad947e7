//! A small HTTP/1.1 server with faults: it resets connections, does not respond, and truncates
//! responses.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// A request, as far as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A URL without a listener. Its port is taken, so that no server of another test gets it.
pub(crate) fn unused_url() -> String {
    static TAKEN: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    TAKEN.lock().unwrap().push(socket);
    format!("http://{address}")
}

/// The reply to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Response(Response),
    /// The connection is reset instead of a response.
    Reset,
    /// The response after this time.
    Late(Duration, Response),
    /// No response.
    Silence,
    /// The response truncated in its body, or in its head if it has none.
    Truncated(Response),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The service behind a server.
pub(crate) trait Service: Send + Sync + 'static {
    /// Whether to reset the connection before the body of the next request is read.
    fn resets_before_body(&self) -> bool {
        false
    }

    fn response(&self, request: Request) -> Reply;
}

/// A server on a free port of 127.0.0.1 until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
pub(crate) struct Stop {
    stopped: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Stop {
    fn is_set(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Blocks until the server is dropped.
    fn wait(&self) {
        let guard = self.lock.lock().unwrap();
        drop(self.changed.wait_while(guard, |()| !self.is_set()).unwrap());
    }

    /// Blocks until the server is dropped, or this time has passed.
    fn wait_at_most(&self, time: Duration) {
        let guard = self.lock.lock().unwrap();
        drop(self.changed.wait_timeout_while(guard, time, |()| !self.is_set()).unwrap());
    }
}

/// A connection with or without TLS.
trait Connection: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Connection for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Connection for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

impl Server {
    pub(crate) fn start(service: Arc<impl Service>) -> Self {
        Self::start_with(service, None)
    }

    /// A server with TLS.
    pub(crate) fn start_with_tls(service: Arc<impl Service>, tls: ServerConfig) -> Self {
        Self::start_with(service, Some(Arc::new(tls)))
    }

    fn start_with(service: Arc<impl Service>, tls: Option<Arc<ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(Stop::default());
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                for stream in listener.incoming() {
                    if stop.is_set() {
                        return;
                    }
                    let (service, stop) = (Arc::clone(&service), Arc::clone(&stop));
                    let stream = stream.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let tls = tls.clone();
                    // The thread ends with its connection, which the client closes.
                    thread::spawn(move || match tls {
                        None => serve(stream, service.as_ref(), &stop),
                        Some(tls) => {
                            let session = ServerConnection::new(tls).unwrap();
                            serve(StreamOwned::new(session, stream), service.as_ref(), &stop);
                        }
                    });
                }
            }
        });
        Self { address, scheme, stop, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let guard = self.stop.lock.lock().unwrap();
        self.stop.stopped.store(true, Ordering::SeqCst);
        self.stop.changed.notify_all();
        drop(guard);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: impl Connection, service: &dyn Service, stop: &Stop) {
    let mut buffer = Vec::new();
    while let Ok(Some((mut request, body_bytes, mut rest))) = head(&mut stream, &mut buffer) {
        if service.resets_before_body() {
            return reset(stream.socket());
        }
        while rest.len() < body_bytes {
            let mut chunk = [0; 64 * 1024];
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(count) => rest.extend_from_slice(&chunk[..count]),
            }
        }
        buffer = rest.split_off(body_bytes);
        request.body = rest;
        let (response, whole) = match service.response(request) {
            Reply::Reset => return reset(stream.socket()),
            Reply::Silence => return stop.wait(),
            Reply::Response(response) => (response, true),
            Reply::Late(time, response) => {
                stop.wait_at_most(time);
                (response, true)
            }
            Reply::Truncated(response) => (response, false),
        };
        let mut bytes = format!("HTTP/1.1 {} X\r\n", response.status).into_bytes();
        for (name, value) in &response.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(
            format!("content-length: {}\r\n\r\n", response.body.len()).as_bytes(),
        );
        match (whole, response.body.len()) {
            (true, _) => bytes.extend_from_slice(&response.body),
            (false, 0) => bytes.truncate(bytes.len() / 2),
            (false, length) => bytes.extend_from_slice(&response.body[..length / 2]),
        }
        if stream.write_all(&bytes).is_err() || !whole {
            return;
        }
    }
}

/// Reads up to the end of the head; returns the length of the body and what was read of it.
fn head(
    stream: &mut impl Connection,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(Request, usize, Vec<u8>)>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(end)) = parsed.parse(buffer) {
            let headers: BTreeMap<String, String> = parsed
                .headers
                .iter()
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value).into_owned();
                    (header.name.to_ascii_lowercase(), value)
                })
                .collect();
            let body_bytes =
                headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            let request = Request {
                method: parsed.method.unwrap().to_owned(),
                target: parsed.path.unwrap().to_owned(),
                headers,
                body: Vec::new(),
            };
            let rest = buffer.split_off(end);
            return Ok(Some((request, body_bytes, rest)));
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Closing without lingering sends a reset.
fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}
