//! The log service of the tests: osmem-server, which speaks OpenSearch's API from memory.

use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::progress::{self, Progress};
use crate::python::Python;
use crate::search_api::SearchApi;
use crate::server::{Launch, Server};
use crate::shared::Shared;

/// A running search server.
#[derive(Debug)]
pub struct Search {
    server: Server,
    api: SearchApi,
}

impl Search {
    /// Starts one and waits until it takes requests.
    ///
    /// # Errors
    /// What it printed, when it does not come up.
    pub fn start(progress: Progress) -> anyhow::Result<Self> {
        let python = Python::ready(progress)?;
        let program = Command::new(python.interpreter())
            .args(["-c", "import osmem_server; print(osmem_server.resolve_binary())"])
            .output()
            .context("asking Python for the path of osmem-server")?;
        if !program.status.success() {
            bail!(
                "osmem-server has no build for this machine:\n{}",
                String::from_utf8_lossy(&program.stderr)
            );
        }
        let program = String::from_utf8_lossy(&program.stdout).trim().to_owned();
        let server = Server::start(
            &python,
            &Launch {
                name: "osmem-server",
                program: program.as_ref(),
                arguments: &|port| {
                    let address = format!("127.0.0.1:{port}");
                    // Japanese analysis needs a dictionary that takes a second to load.
                    ["--no-ja", "--no-stdin-watch", "--addr", &address].map(str::to_owned).into()
                },
                environment: &|_| Vec::new(),
                ready_path: Some("/"),
            },
        )
        .context("starting osmem-server, the log service of the tests")?;
        let api = SearchApi::new(server.endpoint());
        Ok(Self { server, api })
    }

    /// The one that all tests of this process share; each has an index of its own in it.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: Shared<Search> = Shared::new();
        SHARED.get(|| Self::start(&progress::to_stderr))
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Creates an index with the given body (settings and mappings).
    ///
    /// # Errors
    /// The server's answer, when it refuses.
    pub fn create_index(&self, index: &str, body: &Value) -> anyhow::Result<()> {
        self.api.create_index(index, body)
    }

    /// Sends a `_bulk` body; returns status and document.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn bulk(&self, body: &str) -> anyhow::Result<(u16, Value)> {
        self.api.bulk(body)
    }

    /// Every document of an index, at most 10,000. An index that does not exist yet
    /// has none.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn documents(&self, index: &str) -> anyhow::Result<Vec<Value>> {
        self.find(index, &json!({"match_all": {}}))
    }

    /// The documents that a query finds.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn find(&self, index: &str, query: &Value) -> anyhow::Result<Vec<Value>> {
        self.api.find(index, query)
    }

    /// Lets it outlive this process; returns the process that ends it at SIGTERM.
    ///
    /// # Errors
    /// When its guard is gone.
    pub fn keep(self) -> anyhow::Result<u32> {
        self.server.keep()
    }
}
