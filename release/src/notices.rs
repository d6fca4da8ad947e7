//! The licenses of what is linked into a program, which have to go along with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::crates::{Crate, Crates};

/// How the names of files with licenses begin.
const FILES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// What the standard library is under, as its authors describe it.
const STANDARD_LIBRARY: &str = "The Rust standard library is linked too. It is under MIT OR \
                                Apache-2.0, copyright The Rust Project Developers:\n\
                                https://github.com/rust-lang/rust/blob/main/COPYRIGHT\n";

/// Every crate with its license, and every license's text once.
///
/// # Errors
/// A crate that brings no license, and names none whose text is known.
pub fn render(program: &str, crates: &Crates) -> anyhow::Result<String> {
    let foreign = || crates.all.values().filter(|it| it.checksum.is_some());
    ensure!(foreign().next().is_some(), "{program} uses no third-party crate");
    let mut text =
        format!("{program} contains third-party software under its own licenses. The crates:\n\n");
    for it in foreign() {
        let _ = writeln!(text, "  {} {}: {}", it.name, it.version, it.license);
    }
    let _ = write!(text, "\n{STANDARD_LIBRARY}");
    for (license, users) in texts(foreign())?.values() {
        let rule = "-".repeat(80);
        let users: Vec<_> = users.iter().map(String::as_str).collect();
        let _ = write!(text, "\n{rule}\n{}\n{rule}\n\n{}\n", users.join(", "), license.trim());
    }
    Ok(text)
}

/// License texts with the crates they belong to, by what stays the same however a string is
/// wrapped.
type Texts = BTreeMap<String, (String, BTreeSet<String>)>;

fn texts<'a>(crates: impl Iterator<Item = &'a Crate> + Clone) -> anyhow::Result<Texts> {
    let all: Vec<_> = crates.collect();
    let mut texts = Texts::new();
    for it in &all {
        let mut found = files(&it.dir)?;
        if found.is_empty() {
            found = of_a_sibling(it, &all)?;
        }
        if found.is_empty() {
            found = standard(it)?;
        }
        for text in found {
            let same = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            let (_, users) = texts.entry(same).or_insert_with(|| (text, BTreeSet::new()));
            users.insert(format!("{} {}", it.name, it.version));
        }
    }
    Ok(texts)
}

/// The license files of a crate, including those of code it bundles.
fn files(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .and_then(Iterator::collect::<Result<_, _>>)
        .with_context(|| format!("looking for licenses in {}", dir.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let is_code = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() {
            texts.extend(files(&path)?);
        } else if FILES.iter().any(|file| name.starts_with(file)) && !is_code {
            let text =
                std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            texts.push(String::from_utf8_lossy(&text).into_owned());
        }
    }
    Ok(texts)
}

/// A crate that forgot the file takes that of one from the same repository with the same license.
fn of_a_sibling(it: &Crate, all: &[&Crate]) -> anyhow::Result<Vec<String>> {
    for other in all {
        if it.repository.is_some()
            && other.repository == it.repository
            && other.license == it.license
        {
            let found = files(&other.dir)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
    Ok(Vec::new())
}

/// The standard text of the license, or of the first that the crate offers.
fn standard(it: &Crate) -> anyhow::Result<Vec<String>> {
    let expression = spdx::Expression::parse(&it.license)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("the license {} is not supported", it.license))?;
    let license = expression.requirements().find_map(|it| it.req.license.id());
    let Some(license) = license else {
        bail!(
            "{} {} contains no license text, and {} has no standard text",
            it.name,
            it.version,
            it.license
        );
    };
    let authors = match it.authors.is_empty() {
        true => format!("the authors of {}", it.name),
        false => it.authors.join(", "),
    };
    Ok(vec![format!("{} by {authors}, under:\n\n{}", it.name, license.text())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn it(name: &str, license: &str, dir: &Path) -> Crate {
        Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.to_owned(),
            authors: vec!["Ada".to_owned()],
            repository: Some("https://example.com/repository".to_owned()),
            checksum: Some("00".to_owned()),
            dir: dir.join(name),
        }
    }

    fn folder(dir: &Path, name: &str, files: &[(&str, &str)]) {
        for (file, text) in files {
            let path = dir.join(name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::create_dir_all(dir.join(name)).unwrap();
    }

    fn found(crates: &[Crate]) -> Vec<(String, Vec<String>)> {
        let texts = texts(crates.iter()).unwrap();
        texts.into_values().map(|(text, users)| (text, users.into_iter().collect())).collect()
    }

    #[test]
    fn a_text_stands_once_for_all_who_wrap_it_differently() {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), "a", &[("LICENSE-MIT", "Do as you\nlike.\n")]);
        folder(dir.path(), "b", &[("third_party/LICENSE", "Do as\nyou like."), ("lib.rs", "x")]);
        let crates = [it("a", "MIT", dir.path()), it("b", "MIT", dir.path())];
        let users = vec!["a 1.0.0".to_owned(), "b 1.0.0".to_owned()];
        assert_eq!(found(&crates), [("Do as you\nlike.\n".to_owned(), users)]);
    }

    #[test]
    fn a_crate_without_the_file_takes_its_siblings_or_else_the_standard_text() {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), "a", &[("COPYING", "Ours.")]);
        folder(dir.path(), "b", &[]);
        folder(dir.path(), "c", &[("license.rs", "code")]);
        let crates = [
            it("a", "MIT", dir.path()),
            it("b", "MIT", dir.path()),
            it("c", "ISC OR MIT", dir.path()),
        ];
        let found = found(&crates);
        assert!(
            found.contains(&("Ours.".to_owned(), vec!["a 1.0.0".to_owned(), "b 1.0.0".to_owned()]))
        );
        let (standard, users) = found.iter().find(|(text, _)| text != "Ours.").unwrap();
        assert!(standard.starts_with("c by Ada, under:\n\nISC License"), "{standard}");
        assert_eq!(users, &["c 1.0.0"]);
    }
}
