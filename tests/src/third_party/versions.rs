//! The pinned versions, out of `tests/third-party.toml`.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

/// What is pinned of one server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pinned {
    /// What people call it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The oldest Java that it runs on.
    pub java: Option<u32>,
    /// The types of destinations that ship to it.
    #[serde(default)]
    pub destinations: Vec<String>,
    /// Versions of parts of it that have their own.
    #[serde(flatten)]
    pub parts: BTreeMap<String, String>,
}

/// Everything that is pinned, by the server's name.
///
/// # Errors
/// When the file is not as it should be.
pub fn all() -> anyhow::Result<BTreeMap<String, Pinned>> {
    toml::from_str(include_str!("../../third-party.toml")).context("reading tests/third-party.toml")
}

/// What is pinned of a server.
///
/// # Errors
/// When there is nothing of that name.
pub fn of(server: &str) -> anyhow::Result<Pinned> {
    all()?
        .remove(server)
        .with_context(|| format!("tests/third-party.toml has no section [{server}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_exact() {
        for (server, pinned) in all().unwrap() {
            for version in std::iter::once(&pinned.version).chain(pinned.parts.values()) {
                let numbers: Vec<_> = version.split('.').collect();
                assert!(
                    numbers.len() == 3
                        && numbers.iter().all(|number| number.parse::<u32>().is_ok()),
                    "{server} {version}"
                );
            }
        }
    }
}
