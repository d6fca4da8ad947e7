//! ElasticMQ, a server of SQS's protocol with its visibility timeouts, receive counts and dead-letter queues, on a
//! free port of this machine. It comes from Maven's registry and needs Java 17.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::progress::Progress;
use crate::python::Python;
use crate::server::{Launch, Server};
use crate::workspace;

const VERSION: &str = "1.6.12";

/// The account that its queues are in.
pub const ACCOUNT: &str = "123456789012";

/// A running server, with a queue and the dead-letter queue behind it.
#[derive(Debug)]
pub struct ElasticMq {
    server: Server,
}

impl ElasticMq {
    /// Starts one with the queue `undelivered`, which moves a message to `undelivered-dead` once it was
    /// received three times.
    ///
    /// # Errors
    /// What is missing, or what it printed, when it does not come up.
    pub fn start(progress: Progress) -> anyhow::Result<Self> {
        let python = Python::ready(progress)?;
        let folder = workspace::root().join("target/e2e/elasticmq");
        let classpath = classpath(&folder, progress)?;
        let configuration = |port: u16| folder.join(format!("{port}.conf"));
        let server = Server::start(
            &python,
            &Launch {
                name: "elasticmq",
                program: Path::new("java"),
                arguments: &|port| {
                    let file = configuration(port);
                    // What cannot be written is not found by the server, which says so.
                    let _ = fs::write(&file, of_port(port));
                    vec![
                        format!("-Dconfig.file={}", file.display()),
                        "-cp".to_owned(),
                        classpath.clone(),
                        "org.elasticmq.server.Main".to_owned(),
                    ]
                },
                environment: &|_| Vec::new(),
                ready_path: None,
            },
        )
        .context("starting ElasticMQ")?;
        Ok(Self { server })
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }
}

/// The paths of its archives, which Maven downloads once.
fn classpath(folder: &PathBuf, progress: Progress) -> anyhow::Result<String> {
    let file = folder.join(format!("{VERSION}.classpath"));
    if let Ok(classpath) = fs::read_to_string(&file) {
        return Ok(classpath);
    }
    progress("downloading ElasticMQ (once, some 40 MB)");
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let project = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>logagg</groupId>\
         <artifactId>elasticmq</artifactId><version>1</version><dependencies><dependency>\
         <groupId>org.elasticmq</groupId><artifactId>elasticmq-server_2.13</artifactId>\
         <version>{VERSION}</version></dependency></dependencies></project>"
    );
    fs::write(folder.join("pom.xml"), project).context("writing a project of Maven's")?;
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:build-classpath"])
        .arg(format!("-Dmdep.outputFile={}", file.display()))
        .current_dir(folder)
        .output()
        .context("starting mvn, which must be on PATH")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "mvn has not found ElasticMQ: {printed}");
    fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))
}

fn of_port(port: u16) -> String {
    format!(
        r#"include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = "127.0.0.1", sqs-limits = strict }}
rest-stats {{ enabled = false }}
aws {{ region = eu-west-1, accountId = {ACCOUNT} }}
queues {{
  undelivered {{
    defaultVisibilityTimeout = 900 seconds
    deadLettersQueue {{ name = "undelivered-dead", maxReceiveCount = 3 }}
  }}
  undelivered-dead {{ }}
}}
"#
    )
}
