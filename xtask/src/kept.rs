use std::path::PathBuf;

use anyhow::{Context, bail};
use logagg_e2e::cloudwatch::CloudWatchLogs;
use logagg_e2e::lambda::Lambda;
use serde::{Deserialize, Serialize};

/// What is known of a demo that was left running.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Where its AWS answers.
    pub(crate) aws: String,
    /// The account in it.
    pub(crate) account: String,
    /// The region everything is in.
    pub(crate) region: String,
    /// The processes that end the servers on request.
    pub(crate) guards: Vec<u32>,
    /// The folder that Terraform worked in, with everything around it.
    pub(crate) folder: PathBuf,
}

impl Kept {
    /// Writes down what is left running.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let file = file()?;
        let text = serde_json::to_string_pretty(self).context("writing down what is kept")?;
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }

    /// The demo that is still running; none when nothing was kept or it is gone.
    pub(crate) fn find() -> anyhow::Result<Option<Self>> {
        let file = file()?;
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        };
        let kept: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what the demo wrote", file.display()))?;
        // After a restart of the machine the process ids belong to others.
        Ok(kept.logs().groups().is_ok().then_some(kept))
    }

    /// The demo that is still running.
    pub(crate) fn expect() -> anyhow::Result<Self> {
        match Self::find()? {
            Some(kept) => Ok(kept),
            None => bail!("no demo is running; start one with: cargo demo --keep"),
        }
    }

    /// Its CloudWatch Logs.
    pub(crate) fn logs(&self) -> CloudWatchLogs {
        CloudWatchLogs::new(&self.aws, &self.account, &self.region)
    }

    /// Its functions.
    pub(crate) fn lambda(&self) -> Lambda {
        Lambda::new(&self.aws, &self.account, &self.account, &self.region)
    }

    /// Forgets it.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let file = file()?;
        std::fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))
    }
}

fn file() -> anyhow::Result<PathBuf> {
    Ok(logagg_e2e::workspace::kept("demo")?.join("kept.json"))
}
