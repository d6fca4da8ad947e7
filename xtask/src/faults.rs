//! What comes of every fault of every log service, played by the shipper's own test.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use logagg_e2e::workspace;

/// The variable by which the test knows where to write its table.
const TABLE_VARIABLE: &str = "LOGAGG_FAULTS";

/// The test that plays them.
const TEST: &str =
    "faults::counts_add_up_before_the_deadline_whatever_fails_and_the_page_documents_it";

/// Plays all faults and prints what came of them; an error where something does not add up.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("creating a folder")?;
    let table = folder.path().join("faults");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        // With the features that the whole workspace has, so that nothing is compiled twice.
        .args(["test", "--quiet", "--workspace", "--test", "shipper", "--", "--exact", TEST])
        .env(TABLE_VARIABLE, &table)
        .current_dir(workspace::root())
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo")?;
    match std::fs::read_to_string(&table) {
        Ok(table) => print!("{table}"),
        Err(error) if output.status.success() => return Err(error).context("no test was run"),
        Err(_) => {}
    }
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the faults do not come out as they must:\n{said}");
    Ok(())
}
