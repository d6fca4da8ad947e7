//! The programs under test, built from this checkout.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::interrupt;
use crate::progress::{self, Progress};
use crate::shared::Shared;
use crate::workspace;

const PROVIDER: &str = "terraform-provider-logagg";
const SHIPPER: &str = "bootstrap";
const ENFORCER: &str = "enforcer";
const REPORT: &str = "logagg-report";
const AWS_PROVIDER: &str = "terraform-provider-aws";

/// Paths of the programs under test.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// `terraform-provider-logagg`.
    pub provider: PathBuf,
    /// `bootstrap`, the shipper.
    pub shipper: PathBuf,
    /// `enforcer`, which Lambda is given as a `bootstrap` too.
    pub enforcer: PathBuf,
    /// `logagg-report`.
    pub report: PathBuf,
    /// `terraform-provider-aws`, which has a schema and nothing else.
    pub aws_provider: PathBuf,
}

impl Binaries {
    /// Builds them, with the profile and into the folder this process was built with. The whole
    /// workspace is named, as in `cargo test --workspace`, so that every dependency gets the
    /// features it already has there and nothing is compiled twice.
    ///
    /// # Errors
    /// What the compiler said, when it fails.
    pub fn build(progress: Progress) -> anyhow::Result<Self> {
        let build_dir = workspace::build_dir()?;
        let profile = match build_dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let target_dir = build_dir.parent().unwrap_or(&build_dir);
        // Cargo sets `CARGO` for every process it starts.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo)
            .args(["build", "--workspace", "--bins"])
            .args(["--profile", profile, "--message-format=json-render-diagnostics"])
            .arg("--target-dir")
            .arg(target_dir)
            .current_dir(workspace::root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("running cargo to build the provider and the shipper")?;
        let stderr = build.stderr.take().context("reading what cargo says")?;
        let mut stdout = build.stdout.take().context("reading what cargo built")?;
        let (messages, said) = std::thread::scope(|scope| {
            let said = scope.spawn(|| relay(BufReader::new(stderr), progress));
            let mut messages = String::new();
            let read = stdout.read_to_string(&mut messages);
            let said = said.join().unwrap_or_default();
            read.map(|_| (messages, said))
        })
        .context("reading what cargo built")?;
        let status = build.wait().context("waiting for cargo")?;
        if !status.success() {
            interrupt::check()?;
            bail!("building the provider and the shipper failed ({status}):\n{said}");
        }
        Ok(Self {
            provider: executable(&messages, PROVIDER)?,
            shipper: executable(&messages, SHIPPER)?,
            enforcer: executable(&messages, ENFORCER)?,
            report: executable(&messages, REPORT)?,
            aws_provider: executable(&messages, AWS_PROVIDER)?,
        })
    }

    /// All of them, built once for all tests of this process.
    ///
    /// # Panics
    /// When they do not build, with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: Shared<Binaries> = Shared::new();
        SHARED.get(|| Self::build(&progress::to_stderr))
    }

    /// The folder the provider lies in, for Terraform's development overrides.
    pub fn provider_dir(&self) -> &Path {
        self.provider.parent().unwrap_or(Path::new("."))
    }
}

/// Passes on what is being compiled, and keeps everything said for an error.
fn relay(lines: impl BufRead, progress: Progress) -> String {
    let mut said = String::new();
    for line in lines.lines().map_while(Result::ok) {
        if let Some(package) = line.trim_start().strip_prefix("Compiling ") {
            progress(&format!("compiling {package}"));
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

/// Finds the path of a program in cargo's messages.
fn executable(messages: &str, name: &str) -> anyhow::Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("the workspace has no program named {name}"))
}
