//! Checksums over a folder's files, and the signature that vouches for them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use crate::product::{self, Program, VERSION};

/// Writes the checksums of everything in the folder: of what belongs to the provider into the file
/// that a registry reads, of the rest into one beside it. The answer is both files.
///
/// # Errors
/// When the folder holds nothing to publish, or a file cannot be read or written.
pub fn write(folder: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let mut registry = String::new();
    let mut rest = String::new();
    for path in product::published(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with("SHA256SUMS") || name.ends_with("SHA256SUMS.sig") {
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let list = if is_listed_by_registry(&name) { &mut registry } else { &mut rest };
        let _ = writeln!(list, "{}  {name}", hex(&bytes));
    }
    ensure!(
        !registry.is_empty() && !rest.is_empty(),
        "{} contains no release: run cargo pack first",
        folder.display()
    );
    let provider = folder.join(format!("{}_{VERSION}_SHA256SUMS", Program::Provider.name()));
    let others = folder.join(format!("logagg_{VERSION}_SHA256SUMS"));
    for (path, text) in [(&provider, registry), (&others, rest)] {
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        // It vouches for what the list was before.
        let signature = signature(path);
        if signature.exists() {
            std::fs::remove_file(&signature)
                .with_context(|| format!("removing {}", signature.display()))?;
        }
    }
    Ok([provider, others])
}

/// Whether the registry's own checksums list it: the provider's archives and its manifest, and
/// nothing else.
fn is_listed_by_registry(name: &str) -> bool {
    let provider = format!("{}_{VERSION}_", Program::Provider.name());
    name.starts_with(&provider) && (name.ends_with(".zip") || name.ends_with("_manifest.json"))
}

/// Where the signature of a file belongs.
fn signature(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The SHA-256 of these bytes, in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Who signs, with GnuPG.
#[derive(Debug)]
pub struct Signer {
    /// The program, `gpg`.
    pub program: PathBuf,
    /// The fingerprint of the key.
    pub key: String,
}

impl Signer {
    /// The key that `GPG_FINGERPRINT` names, if it names one.
    pub fn from_environment() -> Option<Self> {
        let key = std::env::var("GPG_FINGERPRINT").ok().filter(|key| !key.is_empty())?;
        Some(Self { program: "gpg".into(), key })
    }

    /// Writes the detached signature of a file beside it, as the registry wants it: binary, and
    /// with `.sig` after the name.
    ///
    /// # Errors
    /// What GnuPG said, when it does not sign.
    pub fn sign(&self, file: &Path) -> anyhow::Result<PathBuf> {
        let signature = signature(file);
        let output = Command::new(&self.program)
            .args(["--batch", "--yes", "--local-user", &self.key, "--detach-sign", "--output"])
            .arg(&signature)
            .arg(file)
            .output()
            .with_context(|| format!("running {}", self.program.display()))?;
        ensure!(
            output.status.success(),
            "signing {} with the key {} failed: {}",
            file.display(),
            self.key,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(signature)
    }
}
