//! nginx on a free port of this machine, in front of another server: TLS, HTTP/2, and limits.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use tempfile::TempDir;

use crate::progress::Progress;
use crate::python::Python;
use crate::server::{Launch, Server};
use crate::workspace;

use super::tools;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
    folder: TempDir,
}

/// What it lets through.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest body; a larger one is answered with 413.
    pub body_bytes: usize,
    /// The most requests in a second; more are answered with 429.
    pub requests_per_second: usize,
}

impl Nginx {
    /// Starts one that shows this certificate (both in PEM) and passes on to `upstream`.
    ///
    /// # Errors
    /// What is missing on this machine, or what it printed, when it does not come up.
    pub fn start(
        progress: Progress,
        certificate: &str,
        key: &str,
        upstream: &str,
        limits: Limits,
    ) -> anyhow::Result<Self> {
        let python = Python::ready(progress)?;
        let program = program()?;
        let folder = workspace::scratch("nginx")?;
        let path = |name: &str| folder.path().join(name);
        fs::write(path("certificate.pem"), certificate).context("writing a certificate")?;
        fs::write(path("key.pem"), key).context("writing a key")?;
        let server = Server::start(
            &python,
            &Launch {
                name: "nginx",
                program: &program,
                arguments: &|port| {
                    // Without its file it does not come up, and says so.
                    let _ = fs::write(path("nginx.conf"), configuration(port, upstream, limits));
                    let folder = folder.path().display().to_string();
                    vec!["-p".to_owned(), folder, "-c".to_owned(), "nginx.conf".to_owned()]
                },
                environment: &|_| Vec::new(),
                ready_path: None,
            },
        )
        .context("starting nginx")?;
        Ok(Self { server, folder })
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.server.address())
    }

    /// Protocol and status of every delivery that it has answered, as in `HTTP/2.0 413`, without the questions about
    /// the index.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn answered(&self) -> anyhow::Result<Vec<String>> {
        let log = fs::read_to_string(self.folder.path().join("access.log"));
        Ok(log.context("reading nginx's log")?.lines().map(str::to_owned).collect())
    }
}

/// Where it is.
///
/// # Errors
/// When it is not on `PATH`, with how to install it.
pub fn program() -> anyhow::Result<PathBuf> {
    tools::on_path("nginx")
        .context("nginx is not on PATH; install it (on Debian and Ubuntu: apt install nginx-light)")
}

/// One process, which runs as the current user and writes only to its folder.
fn configuration(port: u16, upstream: &str, limits: Limits) -> String {
    let Limits { body_bytes, requests_per_second } = limits;
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{}}
http {{
  log_format answered '$server_protocol $status';
  map $request_uri $delivers {{
    default 1;
    ~/(_mapping|_simulate_index) 0;
  }}
  access_log access.log answered if=$delivers;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size {body_bytes};
  limit_req_zone $server_addr zone=all:1m rate={requests_per_second}r/s;
  limit_req_status 429;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    location / {{
      limit_req zone=all;
      proxy_pass {upstream};
    }}
  }}
}}
"
    )
}
