//! What is built once and kept for later runs, in the user's cache folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder for `key`, such as `victorialogs-1.52.2`, with what `build` makes in it. A build that
/// fails or is interrupted leaves nothing; one that another process is at is waited for.
///
/// # Errors
/// When the folder cannot be written, or what `build` says.
pub fn built(
    key: &str,
    build: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let parent = folder()?;
    let kept = parent.join(key);
    let lock = parent.join(format!("{key}.lock"));
    let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
    lock.lock().with_context(|| format!("waiting for another build of {key}"))?;
    if kept.exists() {
        return Ok(kept);
    }
    let half_made = tempfile::Builder::new()
        .prefix(&format!("{key}-"))
        .tempdir_in(&parent)
        .with_context(|| format!("creating a folder in {}", parent.display()))?;
    build(half_made.path())?;
    std::fs::rename(half_made.path(), &kept)
        .with_context(|| format!("keeping what was built in {}", kept.display()))?;
    // It is no longer where it would be removed.
    let _ = half_made.keep();
    Ok(kept)
}

/// Whether there is such a folder.
///
/// # Errors
/// When nothing says where it would be.
pub fn is_built(key: &str) -> anyhow::Result<bool> {
    Ok(folder()?.join(key).exists())
}

/// Where it lies: `$XDG_CACHE_HOME/logagg`, and where that is not set, where the system has caches.
///
/// # Errors
/// When nothing says where the user's files are, or the folder cannot be made.
pub fn folder() -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let of_home = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let caches = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(of_home)))
        .context("neither XDG_CACHE_HOME nor HOME says where builds are kept")?;
    let folder = caches.join("logagg");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}
