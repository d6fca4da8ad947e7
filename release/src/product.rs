//! The archives that a release consists of.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The version of everything in the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A program that is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `terraform-provider-logagg`.
    Provider,
    /// The function that ships logs.
    Shipper,
    /// The function that applies policies to new log groups.
    Enforcer,
    /// The program that writes what policies find as a page.
    Report,
}

impl Program {
    /// The package it is compiled from.
    pub fn package(self) -> &'static str {
        match self {
            Self::Provider => "terraform-provider-logagg",
            Self::Report => "logagg-report",
            Self::Shipper | Self::Enforcer => "logagg-shipper",
        }
    }

    /// What cargo calls it.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Provider => "terraform-provider-logagg",
            Self::Shipper => "bootstrap",
            Self::Enforcer => "enforcer",
            Self::Report => "logagg-report",
        }
    }

    /// How an archive with it begins.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provider => "terraform-provider-logagg",
            Self::Shipper => "logagg-shipper",
            Self::Enforcer => "logagg-enforcer",
            Self::Report => "logagg-report",
        }
    }

    /// Its name in the archive, by which Terraform, Lambda and people find it.
    pub fn file_name(self, platform: &str) -> String {
        let extension = if platform.starts_with("windows") { ".exe" } else { "" };
        match self {
            Self::Provider => format!("terraform-provider-logagg_v{VERSION}{extension}"),
            Self::Report => format!("logagg-report{extension}"),
            Self::Shipper | Self::Enforcer => "bootstrap".to_owned(),
        }
    }

    /// Whether Lambda runs it.
    pub fn is_function(self) -> bool {
        matches!(self, Self::Shipper | Self::Enforcer)
    }
}

/// One archive of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// What is in it.
    pub program: Program,
    /// What it runs on, in Terraform's words or in Lambda's.
    pub platform: &'static str,
    /// The compiler targets that give it, the better ones first.
    pub targets: &'static [&'static str],
}

/// Every archive of a release.
pub const PRODUCTS: [Product; 14] = [
    Product::of(Program::Provider, LINUX_AMD64),
    Product::of(Program::Provider, LINUX_ARM64),
    Product::of(Program::Provider, DARWIN_AMD64),
    Product::of(Program::Provider, DARWIN_ARM64),
    Product::of(Program::Provider, WINDOWS_AMD64),
    Product::of(Program::Shipper, LAMBDA_X86_64),
    Product::of(Program::Shipper, LAMBDA_ARM64),
    Product::of(Program::Enforcer, LAMBDA_X86_64),
    Product::of(Program::Enforcer, LAMBDA_ARM64),
    Product::of(Program::Report, LINUX_AMD64),
    Product::of(Program::Report, LINUX_ARM64),
    Product::of(Program::Report, DARWIN_AMD64),
    Product::of(Program::Report, DARWIN_ARM64),
    Product::of(Program::Report, WINDOWS_AMD64),
];

/// What a program runs on: its name, and the compiler targets that give such a program.
type Platform = (&'static str, &'static [&'static str]);

/// Linked to musl, a program runs everywhere, in Alpine's images too.
const LINUX_AMD64: Platform =
    ("linux_amd64", &["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"]);
const LINUX_ARM64: Platform =
    ("linux_arm64", &["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"]);
const DARWIN_AMD64: Platform = ("darwin_amd64", &["x86_64-apple-darwin"]);
const DARWIN_ARM64: Platform = ("darwin_arm64", &["aarch64-apple-darwin"]);
const WINDOWS_AMD64: Platform = ("windows_amd64", &["x86_64-pc-windows-msvc"]);

/// A function knows its system, and takes what is faster there.
const LAMBDA_X86_64: Platform =
    ("x86_64", &["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"]);
const LAMBDA_ARM64: Platform =
    ("arm64", &["aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"]);

impl Product {
    const fn of(program: Program, (platform, targets): Platform) -> Self {
        Self { program, platform, targets }
    }

    /// The provider for the machine this runs on, if one is released for it.
    pub fn provider_here() -> Option<Self> {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            arch => arch,
        };
        let platform = format!("{os}_{arch}");
        PRODUCTS
            .into_iter()
            .find(|product| product.program == Program::Provider && product.platform == platform)
    }

    /// The name of everything that belongs to it, less the extension.
    pub fn stem(&self) -> String {
        format!("{}_{VERSION}_{}", self.program.name(), self.platform)
    }

    /// The name of the archive.
    pub fn archive(&self) -> String {
        format!("{}.zip", self.stem())
    }

    /// The first of its targets that is among these.
    pub fn target(&self, installed: &[String]) -> Option<&'static str> {
        self.targets.iter().copied().find(|target| installed.iter().any(|name| name == target))
    }
}

/// The files of a release in a folder, in order, whichever version they are of.
///
/// # Errors
/// When the folder cannot be read.
pub fn published(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let reading = || format!("reading {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        if is_published(&entry.file_name().to_string_lossy()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn is_published(name: &str) -> bool {
    let ours = PRODUCTS.iter().map(|product| product.program.name()).chain(["logagg"]);
    let mut rest = ours.filter_map(|ours| name.strip_prefix(ours)?.strip_prefix('_'));
    rest.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(program: Program, platform: &str) -> Product {
        let found = |product: &Product| product.program == program && product.platform == platform;
        PRODUCTS.into_iter().find(found).unwrap()
    }

    #[test]
    fn archives_have_the_names_that_the_registry_and_lambda_require() {
        let provider = product(Program::Provider, "windows_amd64");
        assert_eq!(
            provider.archive(),
            format!("terraform-provider-logagg_{VERSION}_windows_amd64.zip")
        );
        assert_eq!(
            provider.program.file_name(provider.platform),
            format!("terraform-provider-logagg_v{VERSION}.exe")
        );
        let shipper = product(Program::Shipper, "arm64");
        assert_eq!(shipper.archive(), format!("logagg-shipper_{VERSION}_arm64.zip"));
        assert_eq!(shipper.program.file_name(shipper.platform), "bootstrap");
        let report = product(Program::Report, "windows_amd64");
        assert_eq!(report.archive(), format!("logagg-report_{VERSION}_windows_amd64.zip"));
        assert_eq!(report.program.file_name(report.platform), "logagg-report.exe");
    }

    #[test]
    fn the_better_of_two_installed_targets_is_taken() {
        let provider = product(Program::Provider, "linux_amd64");
        let gnu = "x86_64-unknown-linux-gnu".to_owned();
        let musl = "x86_64-unknown-linux-musl".to_owned();
        assert_eq!(provider.target(std::slice::from_ref(&gnu)), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(provider.target(&[gnu, musl]), Some("x86_64-unknown-linux-musl"));
        assert_eq!(provider.target(&["aarch64-apple-darwin".to_owned()]), None);
    }

    #[test]
    fn only_files_of_a_release_are_recognized() {
        for name in [
            "terraform-provider-logagg_0.1.0_linux_amd64.zip",
            "logagg-shipper_9.9.9_arm64.cdx.json",
            "logagg-report_0.1.0_linux_amd64.zip",
            "logagg_0.1.0_SHA256SUMS.sig",
        ] {
            assert!(is_published(name), "{name}");
        }
        for name in ["logagg", "logagg_notes.txt", "terraform-provider-logagg", "photo.jpg"] {
            assert!(!is_published(name), "{name}");
        }
    }
}
