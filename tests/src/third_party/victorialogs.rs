//! VictoriaLogs on a free port of this machine.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::go::Go;
use super::{cache, versions};
use crate::progress::Progress;
use crate::python::Python;
use crate::server::{Launch, Server};
use crate::{runtime, workspace};

const NAME: &str = "victorialogs";

/// A running VictoriaLogs, whose data outlives a restart.
#[derive(Debug)]
pub struct VictoriaLogs {
    program: PathBuf,
    python: Python,
    flags: Vec<String>,
    port: u16,
    // It ends before its data is removed.
    server: Option<Server>,
    data: TempDir,
}

impl VictoriaLogs {
    /// Starts one that never deletes, with more flags, each as `-name=value`; one that says
    /// something else of the same wins.
    ///
    /// # Errors
    /// Why it cannot be built, or what it printed when it does not come up.
    pub fn start(progress: Progress, flags: &[&str]) -> anyhow::Result<Self> {
        let mut logs = Self {
            program: program(progress)?,
            python: Python::ready(progress)?,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            data: workspace::scratch("victorialogs-data")?,
            port: 0,
            server: None,
        };
        let server = logs.launched(|launch, python| Server::start(python, launch))?;
        logs.port = server.port()?;
        logs.server = Some(server);
        Ok(logs)
    }

    /// Has it write what it holds in memory, and ends it.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.server.take().context("VictoriaLogs does not run")?.stop()
    }

    /// Starts it again, with what it had, on the port it had.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let port = self.port;
        let server = self.launched(|launch, python| Server::start_again(python, launch, port))?;
        self.server = Some(server);
        Ok(())
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything that it holds, with all fields; values are strings.
    ///
    /// # Errors
    /// When it does not respond as it should.
    pub fn stored(&self) -> anyhow::Result<Vec<Map<String, Value>>> {
        // What came this second cannot be found yet.
        self.ask("/internal/force_flush")?;
        let found = self.ask("/select/logsql/query?query=*&limit=10000000")?;
        let parse = |line: &str| serde_json::from_str(line).context("reading what is stored");
        found.lines().map(parse).collect()
    }

    /// How many events it has taken since it was started.
    ///
    /// # Errors
    /// When it does not respond as it should.
    pub fn taken(&self) -> anyhow::Result<u64> {
        let metrics = self.ask("/metrics")?;
        let rows = metrics.lines().filter(|line| line.starts_with("vl_rows_ingested_total{"));
        let count = |line: &str| {
            let count = line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
            count.with_context(|| format!("no count in {line}"))
        };
        rows.map(count).sum()
    }

    fn ask(&self, target: &str) -> anyhow::Result<String> {
        let url = format!("{}{target}", self.endpoint());
        let (status, body) = runtime::block_on(async {
            let response = runtime::CLIENT.get(&url).send().await?;
            let status = response.status();
            response.text().await.map(|body| (status, body))
        })
        .with_context(|| format!("asking {url}"))?;
        ensure!(status.is_success(), "{url} responds with {status}: {body}");
        Ok(body)
    }

    fn launched(
        &self,
        start: impl FnOnce(&Launch, &Python) -> anyhow::Result<Server>,
    ) -> anyhow::Result<Server> {
        let launch = Launch {
            name: NAME,
            program: &self.program,
            arguments: &|port| {
                let data = format!("-storageDataPath={}", self.data.path().display());
                let listens = format!("-httpListenAddr=127.0.0.1:{port}");
                let mut arguments = vec![data, listens];
                if !self.flags.iter().any(|flag| flag.starts_with("-retentionPeriod=")) {
                    arguments.push("-retentionPeriod=100y".to_owned());
                }
                arguments.extend(self.flags.iter().cloned());
                arguments
            },
            environment: &|_| Vec::new(),
            ready_path: Some("/health"),
        };
        start(&launch, &self.python).context("starting VictoriaLogs")
    }
}

/// Says what this machine lacks to build it.
///
/// # Errors
/// Likewise.
pub fn needs() -> anyhow::Result<()> {
    let version = versions::of(NAME)?.version;
    Go::needed(&key(&version), &what(&version))
}

/// The program, built where it is missing.
fn program(progress: Progress) -> anyhow::Result<PathBuf> {
    let version = versions::of(NAME)?.version;
    let folder = cache::built(&key(&version), |folder| {
        let what = what(&version);
        let go = Go::to_build(&what)?;
        progress(&format!("building {what} (once, some 30 seconds)"));
        let package = "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs";
        go.install(&format!("{package}@v{version}"), folder)
    })?;
    Ok(folder.join("victoria-logs"))
}

fn key(version: &str) -> String {
    format!("{NAME}-{version}")
}

fn what(version: &str) -> String {
    format!("VictoriaLogs {version}")
}
