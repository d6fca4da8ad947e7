//! Where things lie: the checkout, the build, and what the harness keeps between runs.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The top folder of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies one folder below the workspace")
}

/// The folder this process was built into, such as `target/debug`.
pub(crate) fn build_dir() -> anyhow::Result<PathBuf> {
    let exe = std::env::current_exe().context("asking for the path of the running program")?;
    let mut dir = exe.parent().unwrap_or(Path::new("."));
    if dir.file_name().is_some_and(|name| name == "deps") {
        dir = dir.parent().unwrap_or(dir);
    }
    Ok(dir.to_owned())
}

/// A folder of the harness beside the build, made when it does not exist: servers' logs, the
/// Python environment, working folders.
///
/// # Errors
/// When it cannot be made.
pub fn kept(name: &str) -> anyhow::Result<PathBuf> {
    let build = build_dir()?;
    let target = build.parent().unwrap_or(&build);
    let dir = target.join("e2e").join(name);
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    Ok(dir)
}

/// A new empty folder for one use.
pub(crate) fn scratch(name: &str) -> anyhow::Result<tempfile::TempDir> {
    let parent = kept("scratch")?;
    tempfile::Builder::new()
        .prefix(&format!("{name}-"))
        .tempdir_in(&parent)
        .with_context(|| format!("creating a folder in {}", parent.display()))
}

/// Keeps other processes (and other threads) out until the answer is dropped.
pub(crate) fn lock(name: &str) -> anyhow::Result<File> {
    let path = kept("locks")?.join(name);
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}
