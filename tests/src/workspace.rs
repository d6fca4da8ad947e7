//! Where things lie: the checkout, the build, and what the harness keeps between runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;

/// Longer than a demo is kept running.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The top folder of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies one folder below the workspace")
}

/// Every file below a folder of the checkout, less what is built and hidden folders other than `.github`.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(folder: impl AsRef<Path>) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let reading = || format!("reading {}", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(reading)? {
            let path = entry.with_context(reading)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !path.is_dir() {
                files.push(path);
            } else if name != "target" && (!name.starts_with('.') || name == ".github") {
                folders.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The folder this process was built into, such as `target/debug`.
///
/// # Errors
/// When the system does not report where the running program lies.
pub fn build_dir() -> anyhow::Result<PathBuf> {
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
    prune(&parent)?;
    tempfile::Builder::new()
        .prefix(&format!("{name}-"))
        .tempdir_in(&parent)
        .with_context(|| format!("creating a folder in {}", parent.display()))
}

/// A new file for what a server says.
pub(crate) fn log(name: &str) -> anyhow::Result<PathBuf> {
    let dir = kept("logs")?;
    prune(&dir)?;
    Ok(dir.join(format!("{name}-{}.log", std::process::id())))
}

/// Removes what is older than a week: logs, and what a killed process could not remove itself.
fn prune(dir: &Path) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    for entry in entries.flatten() {
        let changed = entry.metadata().and_then(|data| data.modified());
        if changed.is_ok_and(|changed| changed < SystemTime::now() - KEPT_FOR) {
            let path = entry.path();
            // Another process may be doing the same.
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
    }
    Ok(())
}

/// Keeps other processes (and other threads) out until the answer is dropped.
pub(crate) fn lock(name: &str) -> anyhow::Result<File> {
    let path = kept("locks")?.join(name);
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}
