//! OpenSearch: the server itself, out of its jars, with HTTP, data streams and templates.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::maven::{self, Artifact};
use super::{cache, tools, versions};
use crate::progress::Progress;
use crate::python::Python;
use crate::search_api::SearchApi;
use crate::server::{Launch, Server};
use crate::workspace;

const LAUNCHER: &str = include_str!("OpenSearchLauncher.java");

/// A page of a search.
const PAGE: usize = 5_000;

/// The settings of every node.
const SETTINGS: [&str; 6] = [
    "network.host=127.0.0.1",
    // Any free port, which is not used.
    "transport.port=0",
    "discovery.type=single-node",
    "transport.type=netty4",
    "http.type=netty4",
    // Another program may fill the disk.
    "cluster.routing.allocation.disk.threshold_enabled=false",
];

/// Jars and launcher of one version.
#[derive(Debug)]
struct Build {
    java: tools::Java,
    folder: PathBuf,
}

/// A node with its data, running or killed. Both are gone when this is dropped.
#[derive(Debug)]
pub struct OpenSearch {
    name: String,
    build: Build,
    python: Python,
    home: TempDir,
    settings: Vec<String>,
    server: Option<Server>,
    port: u16,
    api: SearchApi,
}

/// Says what this machine lacks for the section `name` of `tests/third-party.toml`.
///
/// # Errors
/// When Java of the version or Maven is not there.
pub fn needs(name: &str) -> anyhow::Result<()> {
    java(name)?;
    tools::maven("OpenSearch").map(drop)
}

impl OpenSearch {
    /// Starts the one that `name` pins, built first where that has not been done, with these
    /// settings, and waits until it takes requests.
    ///
    /// # Errors
    /// What is missing on this machine, what Maven said, or the end of the server's log.
    pub fn start(
        progress: Progress,
        name: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let build = Build::ready(progress, name)?;
        let python = Python::ready(progress)?;
        let home = workspace::scratch(name)?;
        fs::create_dir(home.path().join("config")).context("creating OpenSearch's folder")?;
        let settings: Vec<_> =
            settings.iter().map(|(setting, value)| format!("{setting}={value}")).collect();
        let server =
            launch(name, &build, home.path(), &settings, |launch| Server::start(&python, launch))?;
        let (port, api) = (server.port()?, SearchApi::new(server.endpoint()));
        let name = name.to_owned();
        Ok(Self { name, build, python, home, settings, server: Some(server), port, api })
    }

    /// Its URL, which it keeps when it is restarted.
    pub fn endpoint(&self) -> &str {
        self.api.endpoint()
    }

    /// Its API.
    pub fn api(&self) -> &SearchApi {
        &self.api
    }

    /// Kills it: it writes nothing more and responds to nothing.
    ///
    /// # Errors
    /// When it has been killed before.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.take().context("OpenSearch is not running")?.kill()
    }

    /// Starts it where it was, with the data that it had.
    ///
    /// # Errors
    /// The end of its log.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "OpenSearch is still running");
        let server = launch(&self.name, &self.build, self.home.path(), &self.settings, |launch| {
            Server::start_again(&self.python, launch, self.port)
        })?;
        self.server = Some(server);
        Ok(())
    }

    /// Removes every setting, data stream, index and template.
    ///
    /// # Errors
    /// The server's response, when it refuses.
    pub fn reset(&self) -> anyhow::Result<()> {
        let nothing = json!({"persistent": {"*": null}, "transient": {"*": null}});
        self.api.call("PUT", "_cluster/settings", &nothing)?;
        self.api.call("DELETE", "_data_stream/*", &Value::Null)?;
        self.api.call("DELETE", "*?expand_wildcards=all", &Value::Null)?;
        self.api.call("DELETE", "_index_template/*", &Value::Null).map(drop)
    }

    /// How many documents were written to an index since the server's start, also those that no
    /// search finds yet; none when the index does not exist.
    ///
    /// # Errors
    /// When the server does not respond as it should.
    pub fn written(&self, index: &str) -> anyhow::Result<u64> {
        let response = self.api.call("GET", &format!("{index}*/_stats/indexing"), &Value::Null)?;
        Ok(response["_all"]["primaries"]["indexing"]["index_total"].as_u64().unwrap_or_default())
    }

    /// Every document of an index, however many, as a search finds it, with its time in milliseconds
    /// under `fields`; none when the index does not exist or is closed.
    ///
    /// # Errors
    /// When the server does not respond as it should.
    pub fn documents(&self, index: &str) -> anyhow::Result<Vec<Value>> {
        let unavailable = "ignore_unavailable=true&allow_no_indices=true";
        self.api.call("POST", &format!("{index}/_refresh?{unavailable}"), &Value::Null)?;
        let path = format!("{index}/_search?scroll=1m&{unavailable}");
        let time = json!({"field": "@timestamp", "format": "epoch_millis"});
        let query = json!({"size": PAGE, "sort": ["_doc"], "docvalue_fields": [time]});
        let mut page = self.api.call("POST", &path, &query)?;
        let mut documents = Vec::new();
        loop {
            let Some(hits) = page["hits"]["hits"].as_array() else {
                bail!("searching {index}: {page}");
            };
            if hits.is_empty() {
                return Ok(documents);
            }
            documents.extend(hits.iter().cloned());
            let next = json!({"scroll": "1m", "scroll_id": page["_scroll_id"]});
            page = self.api.call("POST", "_search/scroll", &next)?;
        }
    }
}

fn launch(
    name: &str,
    build: &Build,
    home: &Path,
    settings: &[String],
    start: impl FnOnce(&Launch) -> anyhow::Result<Server>,
) -> anyhow::Result<Server> {
    let classes = build.folder.join("classes");
    let jars = build.folder.join("jars/*");
    let options = [
        "-Xms512m".to_owned(),
        "-Xmx512m".to_owned(),
        // It lives for seconds or minutes.
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-Dorg.apache.logging.log4j.level=INFO".to_owned(),
        "-cp".to_owned(),
        format!("{}:{}", classes.display(), jars.display()),
        "OpenSearchLauncher".to_owned(),
        format!("path.home={}", home.display()),
    ];
    start(&Launch {
        name,
        program: &build.java.program(),
        arguments: &|port| {
            let own = SETTINGS.iter().map(|setting| (*setting).to_owned());
            let port = format!("http.port={port}");
            options.iter().cloned().chain(own).chain([port]).chain(settings.to_owned()).collect()
        },
        environment: &|_| Vec::new(),
        ready_path: Some("/_cluster/health?wait_for_status=yellow&timeout=5s"),
    })
    .with_context(|| format!("starting {name}"))
}

fn java(name: &str) -> anyhow::Result<tools::Java> {
    let pinned = versions::of(name)?;
    let version = pinned.java.with_context(|| format!("{name} says no version of Java"))?;
    tools::Java::at_least(version, &format!("OpenSearch {}", pinned.version))
}

impl Build {
    /// The cached entry, which is created if missing.
    fn ready(progress: Progress, name: &str) -> anyhow::Result<Self> {
        let java = java(name)?;
        let pinned = versions::of(name)?;
        let (version, release) = (&pinned.version, pinned.java.unwrap_or_default());
        let mut hasher = DefaultHasher::new();
        (LAUNCHER, release).hash(&mut hasher);
        let key = format!("opensearch-{version}-{:08x}", hasher.finish() >> 32);
        let folder = cache::built(&key, |folder| {
            progress(&format!("fetching OpenSearch {version} with Maven (once, 60 MB)"));
            let jars = folder.join("jars");
            maven::fetch(folder, &artifacts(version, None), "OpenSearch")?;
            // It is optional for the server's jar, and without it nothing is logged.
            let log4j = version_of("log4j-api", &jars)?;
            maven::fetch(folder, &artifacts(version, Some(&log4j)), "OpenSearch")?;
            progress("compiling OpenSearch's launcher");
            let launcher = folder.join("OpenSearchLauncher.java");
            fs::write(&launcher, LAUNCHER).context("writing OpenSearch's launcher")?;
            let mut compile = Command::new(java.compiler());
            compile.args(["--release", &release.to_string(), "-d"]).arg(folder.join("classes"));
            compile.arg("-cp").arg(jars.join("*")).arg(&launcher);
            tools::run(&mut compile, "compiling OpenSearch's launcher").map(drop)
        })?;
        Ok(Self { java, folder })
    }
}

/// The server and the modules that it cannot do without.
fn artifacts<'a>(version: &'a str, log4j: Option<&'a str>) -> Vec<Artifact<'a>> {
    let of_opensearch = [
        ("org.opensearch", "opensearch"),
        ("org.opensearch.plugin", "transport-netty4-client"),
        ("org.opensearch.plugin", "analysis-common"),
        ("org.opensearch.plugin", "lang-painless"),
    ];
    let of_opensearch = of_opensearch.map(|(group, name)| Artifact { group, name, version });
    let group = "org.apache.logging.log4j";
    let of_log4j = log4j.map(|version| Artifact { group, name: "log4j-core", version });
    of_opensearch.into_iter().chain(of_log4j).collect()
}

/// The version in the name of a jar.
fn version_of(artifact: &str, jars: &Path) -> anyhow::Result<String> {
    let files = fs::read_dir(jars).with_context(|| format!("reading {}", jars.display()))?;
    let prefix = format!("{artifact}-");
    files
        .flatten()
        .find_map(|file| {
            let name = file.file_name().into_string().ok()?;
            Some(name.strip_prefix(&prefix)?.strip_suffix(".jar")?.to_owned())
        })
        .with_context(|| format!("Maven fetched no {artifact}"))
}
