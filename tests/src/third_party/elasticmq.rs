//! ElasticMQ: an SQS with visibility timeouts, receive counts and dead-letter queues.

use std::fs;

use anyhow::Context;
use tempfile::TempDir;

use super::maven::{self, Artifact};
use super::{cache, tools, versions};
use crate::progress::Progress;
use crate::python::Python;
use crate::server::{Launch, Server};
use crate::workspace;

const NAME: &str = "elasticmq";

/// The account that its queues are in.
pub const ACCOUNT: &str = "123456789012";

/// A running ElasticMQ with the queue `undelivered`, which moves a message to `undelivered-dead`
/// once it was received three times. It ends when this is dropped.
#[derive(Debug)]
pub struct ElasticMq {
    server: Server,
    _folder: TempDir,
}

/// Says what this machine lacks.
///
/// # Errors
/// When there is no Java of the version that it needs, or no Maven.
pub fn needs() -> anyhow::Result<()> {
    java()?;
    tools::maven("ElasticMQ").map(drop)
}

impl ElasticMq {
    /// Starts one, fetched first where that has not been done, and waits until it takes requests.
    ///
    /// # Errors
    /// What is missing on this machine, what Maven said, or the end of its log.
    pub fn start(progress: Progress) -> anyhow::Result<Self> {
        let (java, version) = (java()?, versions::of(NAME)?.version);
        let fetched = cache::built(&format!("{NAME}-{version}"), |folder| {
            progress(&format!("fetching ElasticMQ {version} with Maven (once, 60 MB)"));
            let (group, name) = ("org.elasticmq", "elasticmq-server_2.13");
            maven::fetch(folder, &[Artifact { group, name, version: &version }], "ElasticMQ")
        })?;
        let folder = workspace::scratch(NAME)?;
        let settings = folder.path().join("elasticmq.conf");
        let server = Server::start(
            &Python::ready(progress)?,
            &Launch {
                name: NAME,
                program: &java.program(),
                arguments: &|port| {
                    // Without its file it does not come up, and says so.
                    let _ = fs::write(&settings, configuration(port));
                    let settings = format!("-Dconfig.file={}", settings.display());
                    let jars = fetched.join("jars/*").display().to_string();
                    let main = "org.elasticmq.server.Main".to_owned();
                    vec!["-Xmx256m".to_owned(), settings, "-cp".to_owned(), jars, main]
                },
                environment: &|_| Vec::new(),
                ready_path: Some("/health"),
            },
        )
        .context("starting ElasticMQ")?;
        Ok(Self { server, _folder: folder })
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }
}

fn java() -> anyhow::Result<tools::Java> {
    let version = versions::of(NAME)?.java.context("ElasticMQ says no version of Java")?;
    tools::Java::at_least(version, "ElasticMQ")
}

fn configuration(port: u16) -> String {
    format!(
        "include classpath(\"application.conf\")
node-address {{ protocol = http, host = \"127.0.0.1\", port = {port}, context-path = \"\" }}
rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = \"127.0.0.1\", sqs-limits = strict }}
rest-stats {{ enabled = false }}
aws {{ region = eu-west-1, accountId = {ACCOUNT} }}
queues {{
  undelivered {{
    defaultVisibilityTimeout = 900 seconds
    deadLettersQueue {{ name = \"undelivered-dead\", maxReceiveCount = 3 }}
  }}
  undelivered-dead {{ }}
}}
"
    )
}
