//! A collector of OpenTelemetry on a free port of this machine: rotel, which prints what it takes.

use anyhow::Context;

use crate::progress::Progress;
use crate::python::Python;
use crate::server::{Launch, Server};

/// A running collector.
#[derive(Debug)]
pub struct Rotel {
    server: Server,
}

impl Rotel {
    /// Starts one and waits until it takes requests.
    ///
    /// # Errors
    /// What it printed, when it does not come up.
    pub fn start(progress: Progress) -> anyhow::Result<Self> {
        let python = Python::of_third_party(progress)?;
        let server = Server::start(
            &python,
            &Launch {
                name: "rotel",
                program: &python.package("rotel")?.join("rotel-agent"),
                arguments: &|port| {
                    let endpoint = format!("127.0.0.1:{port}");
                    let arguments = ["start", "--exporter", "blackhole", "--debug-log", "logs"];
                    let more = ["--debug-log-verbosity", "detailed"];
                    let endpoints =
                        ["--otlp-grpc-endpoint", "127.0.0.1:0", "--otlp-http-endpoint", &endpoint];
                    arguments
                        .iter()
                        .chain(&more)
                        .chain(&endpoints)
                        .map(|s| (*s).to_owned())
                        .collect()
                },
                environment: &|_| Vec::new(),
                ready_path: None,
            },
        )
        .context("starting rotel, a collector of OpenTelemetry")?;
        Ok(Self { server })
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Everything it has printed of what it took.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn printed(&self) -> anyhow::Result<String> {
        self.server.printed()
    }
}
