use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use logagg_e2e::workspace;

/// Builds packages in release mode and returns the folder of their programs.
pub(crate) fn build(packages: &[&str]) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build_dir = workspace::build_dir()?;
    let target_dir = build_dir.parent().context("finding the target folder")?;
    let status = Command::new(cargo)
        .args(["build", "--release"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(workspace::root())
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "the release build failed ({status})");
    Ok(target_dir.join("release"))
}
