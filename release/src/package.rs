//! From a compiled program to the files that are published for it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use crate::archive::{self, Compression, Entry, Mode, Stamp};
use crate::crates::Crates;
use crate::product::{self, Product, Program, VERSION};
use crate::{bill, compile, glibc, notices};

/// A folder that a release is laid into.
#[derive(Debug)]
pub struct Package {
    /// Where.
    pub folder: PathBuf,
    /// When everything in it was changed.
    pub stamp: Stamp,
    /// How hard its archives are compressed.
    pub compression: Compression,
}

impl Package {
    /// Writes a product's archive and its bill of materials; returns the archive.
    ///
    /// # Errors
    /// When cargo does not report what is in the program, a crate brings no license, a function
    /// would not start in Lambda, or a file cannot be read or written.
    pub fn add(&self, product: &Product, program: &Path, target: &str) -> anyhow::Result<PathBuf> {
        let content =
            std::fs::read(program).with_context(|| format!("reading {}", program.display()))?;
        if product.program.is_function() {
            glibc::starts_in_lambda(&content)
                .with_context(|| format!("packing {}", program.display()))?;
        }
        let crates = Crates::linked(product.program.package(), target)?;
        let notices = notices::render(product.program.name(), &crates)?;
        let license = std::fs::read(compile::root().join("LICENSE")).context("reading LICENSE")?;
        let name = product.program.file_name(product.platform);
        let entries = [
            Entry { name: &name, content: &content, mode: Mode::Program },
            Entry { name: "LICENSE", content: &license, mode: Mode::Text },
            Entry { name: "THIRD-PARTY.txt", content: notices.as_bytes(), mode: Mode::Text },
        ];
        let archive = archive::pack(&entries, self.stamp, self.compression)?;
        let bill = bill::render(product, &crates)?;
        self.write(&format!("{}.cdx.json", product.stem()), bill.as_bytes())?;
        self.write(&product.archive(), &archive)
    }

    /// Writes the registry's manifest with the provider's protocol version.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_manifest(&self) -> anyhow::Result<PathBuf> {
        let manifest = json!({"version": 1, "metadata": {"protocol_versions": ["5.0"]}});
        let name = format!("{}_{VERSION}_manifest.json", Program::Provider.name());
        self.write(&name, format!("{manifest:#}\n").as_bytes())
    }

    /// Removes what an earlier run laid there, and nothing else.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clear(&self) -> anyhow::Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        for path in product::published(&self.folder)? {
            std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("creating {}", self.folder.display()))?;
        let path = self.folder.join(name);
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// What a program for Linux needs of the system it runs on, in a word.
///
/// # Errors
/// When it cannot be read.
pub fn requirement(program: &Path) -> anyhow::Result<Option<String>> {
    let content =
        std::fs::read(program).with_context(|| format!("reading {}", program.display()))?;
    Ok(glibc::needed(&content)?.map(|version| format!("glibc {version} or newer")))
}
