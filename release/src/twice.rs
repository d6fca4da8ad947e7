use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use logagg_release::{compile, sums};

/// Makes the release twice from copies of the checkout and compares. The folders have names of
/// different length, so that no path can hide in a program.
///
/// # Errors
/// When a copy cannot be made or packed, or two files differ; all that do are named.
pub(crate) fn run(parent: &Path) -> anyhow::Result<()> {
    let first = pack(&parent.join("first"))?;
    let second = pack(&parent.join("second/in/another/folder"))?;
    let differing = differences(&first, &second)?;
    if !differing.is_empty() {
        bail!("the two builds differ: {}", differing.join(", "));
    }
    println!("{} files, identical in both builds", files(&first)?.len());
    Ok(())
}

fn pack(checkout: &Path) -> anyhow::Result<PathBuf> {
    if checkout.exists() {
        std::fs::remove_dir_all(checkout)
            .with_context(|| format!("removing {}", checkout.display()))?;
    }
    copy(checkout)?;
    println!("packing in {}", checkout.display());
    let folder = checkout.join("target/package");
    let status = Command::new(compile::cargo())
        .args(["run", "--quiet", "--locked", "--package", "logagg-release", "--bin", "pack", "--"])
        .arg("--out")
        .arg(&folder)
        .current_dir(checkout)
        .env("CARGO_TARGET_DIR", checkout.join("target"))
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "packaging in {} failed ({status})", checkout.display());
    Ok(folder)
}

/// Copies what git knows of, as it lies here.
fn copy(checkout: &Path) -> anyhow::Result<()> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(compile::root())
        .output()
        .context("asking git for the files of this checkout")?;
    ensure!(output.status.success(), "git reported no files of this checkout");
    let names = String::from_utf8(output.stdout).context("reading what git says")?;
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (compile::root().join(name), checkout.join(name));
        let copying = || format!("copying {name}");
        std::fs::create_dir_all(to.parent().unwrap_or(checkout)).with_context(copying)?;
        std::fs::copy(from, to).with_context(copying)?;
    }
    Ok(())
}

/// The names of files that are not the same in both folders.
fn differences(first: &Path, second: &Path) -> anyhow::Result<Vec<String>> {
    let (first, second) = (files(first)?, files(second)?);
    let names = first.keys().chain(second.keys()).collect::<BTreeSet<_>>();
    Ok(names.into_iter().filter(|name| first.get(*name) != second.get(*name)).cloned().collect())
}

/// The checksum of every file in a folder.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let reading = || format!("reading {}", folder.display());
    let mut sums = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let bytes = std::fs::read(entry.path()).with_context(reading)?;
        sums.insert(entry.file_name().to_string_lossy().into_owned(), sums::hex(&bytes));
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_differs_or_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        for (folder, files) in [
            (&first, [("a", "1"), ("b", "1"), ("c", "1")]),
            (&second, [("a", "1"), ("b", "2"), ("d", "1")]),
        ] {
            std::fs::create_dir(folder).unwrap();
            for (name, text) in files {
                std::fs::write(folder.join(name), text).unwrap();
            }
        }
        assert_eq!(differences(&first, &second).unwrap(), ["b", "c", "d"]);
        assert_eq!(differences(&first, &first).unwrap(), Vec::<String>::new());
    }
}
