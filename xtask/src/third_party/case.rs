//! An exchange with a server and what the shipper made of it, kept beside the mock server: written
//! only by `--record`, compared with every run, and played by the mock server in `cargo test`.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use logagg_e2e::recorder::Exchange;
use logagg_e2e::third_party::versions;
use logagg_e2e::workspace;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Checks;

/// What is recorded of a case.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// The server, by its name in `tests/third-party.toml`.
    pub(crate) server: String,
    /// Its version.
    pub(crate) version: String,
    /// The `type` of the destination.
    pub(crate) destination: String,
    /// What the shipper was given.
    pub(crate) messages: Vec<String>,
    /// What went to and fro, without what differs from run to run.
    pub(crate) exchanges: Vec<Exchange>,
    /// The counts of the destination by outcome.
    pub(crate) counts: Value,
}

impl Recorded {
    pub(crate) fn new(
        checks: &Checks,
        destination: &str,
        messages: &[String],
        exchanges: Vec<Exchange>,
        counts: Value,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            server: checks.suite().to_owned(),
            version: versions::of(checks.suite())?.version,
            destination: destination.to_owned(),
            messages: messages.to_vec(),
            exchanges,
            counts,
        })
    }

    /// Every case there is, by its name, in order.
    pub(crate) fn all() -> anyhow::Result<Vec<(String, Self)>> {
        let mut all = Vec::new();
        for server in files(&folder())? {
            for path in files(&server)? {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                all.push((name, Self::read(&path)?));
            }
        }
        Ok(all)
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading {}, which `--record` writes", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes it, or makes sure that it is what was recorded.
    pub(crate) fn hold(&self, checks: &Checks, case: &str) -> anyhow::Result<()> {
        let path = path(checks.suite(), case);
        if checks.records() {
            let folder = path.parent().context("a folder for what is recorded")?;
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
            let mut text = serde_json::to_string_pretty(self).context("writing JSON")?;
            text.push('\n');
            return std::fs::write(&path, text)
                .with_context(|| format!("writing {}", path.display()));
        }
        let recorded = Self::read(&path)?;
        ensure!(
            *self == recorded,
            "not what was recorded in {}, but\n{}",
            path.display(),
            serde_json::to_string_pretty(self).context("writing JSON")?
        );
        Ok(())
    }
}

fn path(server: &str, case: &str) -> PathBuf {
    folder().join(server).join(format!("{case}.json"))
}

fn folder() -> PathBuf {
    workspace::root().join("shipper/tests/shipper/contract/recorded")
}

/// What lies in a folder, in order; nothing where there is no folder.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()
        .with_context(|| format!("reading {}", folder.display()))?;
    files.sort();
    Ok(files)
}
