//! The crates that are linked into a program, as cargo resolves them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::compile;

/// Name and version of a crate.
pub type Id = (String, String);

/// A crate, as its authors describe it.
#[derive(Debug, Clone)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its license as an SPDX expression.
    pub license: String,
    /// Its authors, if it names them.
    pub authors: Vec<String>,
    /// Where it is worked on.
    pub repository: Option<String>,
    /// The SHA-256 of the package in the registry; none for what lies in this checkout.
    pub checksum: Option<String>,
    /// Where its files lie.
    pub dir: PathBuf,
}

/// The crates that are linked into a program. What only helps to compile it is not among them.
#[derive(Debug)]
pub struct Crates {
    /// The program's own.
    pub root: Id,
    /// All of them.
    pub all: BTreeMap<Id, Crate>,
    /// Which needs which.
    pub needs: BTreeMap<Id, BTreeSet<Id>>,
}

impl Crates {
    /// Asks cargo which crates are linked into the programs of a package. A crate that is not
    /// downloaded is an error.
    ///
    /// # Errors
    /// What cargo said; a crate that names no license.
    pub fn linked(package: &str, target: &str) -> anyhow::Result<Self> {
        let tree = cargo(&[
            "tree",
            "--package",
            package,
            "--edges",
            "normal,no-proc-macro",
            "--target",
            target,
            "--prefix",
            "depth",
            "--format",
            "|{p}",
        ])?;
        let (root, needs) = edges(&tree)?;
        let described = described(target)?;
        let mut all = BTreeMap::new();
        for id in needs.keys() {
            let (name, version) = id;
            let described = described
                .get(id)
                .with_context(|| format!("cargo does not describe {name} {version}"))?;
            all.insert(id.clone(), described.clone());
        }
        Ok(Self { root, all, needs })
    }
}

/// Every crate that is used for a target in any way, also for tests.
///
/// # Errors
/// What cargo said; a crate that names no license.
pub fn described(target: &str) -> anyhow::Result<BTreeMap<Id, Crate>> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform", target])?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("reading what cargo metadata says")?;
    let checksums = checksums()?;
    let mut all = BTreeMap::new();
    for package in metadata.packages {
        let id = (package.name.clone(), package.version.clone());
        let expression = package.license.with_context(|| {
            format!("{} {} has no license in its Cargo.toml", package.name, package.version)
        })?;
        let described = Crate {
            license: canonical(&expression)
                .with_context(|| format!("{} {}", package.name, package.version))?,
            checksum: checksums.get(&id).cloned().flatten(),
            dir: package.manifest_path.parent().unwrap_or(Path::new("/")).to_owned(),
            name: package.name,
            version: package.version,
            authors: package.authors,
            repository: package.repository,
        };
        all.insert(id, described);
    }
    Ok(all)
}

/// Reads what `cargo tree --prefix depth --format '|{p}'` prints.
fn edges(tree: &str) -> anyhow::Result<(Id, BTreeMap<Id, BTreeSet<Id>>)> {
    let mut needs: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    let mut way: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let read = || {
            let (depth, package) = line.split_once('|')?;
            let mut words = package.split(' ');
            let id = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
            Some((depth.parse::<usize>().ok()?, id))
        };
        let (depth, id) = read().with_context(|| format!("reading cargo tree's line {line}"))?;
        way.truncate(depth);
        if let Some(parent) = way.last() {
            needs.entry(parent.clone()).or_default().insert(id.clone());
        }
        needs.entry(id.clone()).or_default();
        way.push(id);
    }
    let root = way.into_iter().next().context("cargo tree named no package")?;
    Ok((root, needs))
}

/// An SPDX expression in its one right form: crates of old have `MIT/Apache-2.0`.
fn canonical(expression: &str) -> anyhow::Result<String> {
    let canonical = spdx::Expression::canonicalize(expression)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("the license {expression} is not supported"))?;
    Ok(canonical.unwrap_or_else(|| expression.to_owned()))
}

fn checksums() -> anyhow::Result<BTreeMap<Id, Option<String>>> {
    let path = compile::root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path).context("reading Cargo.lock")?;
    let lock: Lock = toml::from_str(&text).context("reading Cargo.lock")?;
    Ok(lock.package.into_iter().map(|it| ((it.name, it.version), it.checksum)).collect())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(compile::cargo())
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(compile::root())
        .output()
        .context("running cargo")?;
    if !output.status.success() {
        bail!(
            "cargo {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).context("reading what cargo says")
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    #[serde(default)]
    authors: Vec<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> Id {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn a_tree_is_read_into_what_needs_what() {
        let tree = "0|app v1.0.0 (/app)\n1|a v0.1.0\n2|c v2.0.0\n1|b v0.2.0\n2|c v2.0.0 (*)\n";
        let (root, needs) = edges(tree).unwrap();
        assert_eq!(root, id("app", "1.0.0"));
        let of = |name, version| needs[&id(name, version)].iter().cloned().collect::<Vec<_>>();
        assert_eq!(of("app", "1.0.0"), [id("a", "0.1.0"), id("b", "0.2.0")]);
        assert_eq!(of("a", "0.1.0"), [id("c", "2.0.0")]);
        assert_eq!(of("b", "0.2.0"), [id("c", "2.0.0")]);
        assert_eq!(of("c", "2.0.0"), []);
    }

    #[test]
    fn a_line_that_is_no_crate_is_an_error_that_shows_it() {
        let error = edges("0|app v1.0.0\n[build-dependencies]\n").unwrap_err();
        assert_eq!(error.to_string(), "reading cargo tree's line [build-dependencies]");
    }

    #[test]
    fn a_license_of_the_old_form_gets_the_right_one() {
        assert_eq!(canonical("MIT/Apache-2.0").unwrap(), "MIT OR Apache-2.0");
        assert_eq!(canonical("MIT").unwrap(), "MIT");
        assert!(canonical("as you like").is_err());
    }
}
