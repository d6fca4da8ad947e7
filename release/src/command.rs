use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use lexopt::prelude::*;
use logagg_release::archive::{Compression, Stamp};
use logagg_release::compile;
use logagg_release::package::{self, Package};
use logagg_release::product::{PRODUCTS, Product};
use logagg_release::sums::{self, Signer};

use crate::twice;

/// The help text.
pub(crate) const HELP: &str = "\
Builds the release packages from this checkout. Builds are reproducible: the same commit gives the
same bytes.

  cargo pack [--out DIR] [--target TARGET...]
        compile and package the provider, the Lambda functions and logagg-report for every installed
        compiler target, or for these; write archives, SBOMs and checksums to DIR (default:
        target/package)
  cargo pack --seal [--out DIR]
        write only the checksums of the files in DIR, for example packages from several machines
  cargo pack --twice
        package two copies of this checkout and compare every byte; takes two clean builds

environment:
  SOURCE_DATE_EPOCH   timestamp of all files in the archives and of the build, in seconds since 1970
                      (default: 1980)
  GPG_FINGERPRINT     key to sign the checksums with; without it they are not signed";

/// One call of the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Pack { out: Option<PathBuf>, targets: Vec<String> },
    Seal { out: Option<PathBuf> },
    Twice,
    Help,
}

impl Command {
    /// Reads the command line.
    pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut out = None;
        let mut targets = Vec::new();
        let mut only = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Self::Help),
                Long("out") => out = Some(arguments.value()?.into()),
                Long("target") => targets.push(arguments.value()?.string()?),
                Long(word @ ("seal" | "twice")) => only = Some(word.to_owned()),
                other => return Err(other.unexpected()),
            }
        }
        match only.as_deref() {
            None => Ok(Self::Pack { out, targets }),
            Some("seal") if targets.is_empty() => Ok(Self::Seal { out }),
            Some("twice") if targets.is_empty() && out.is_none() => Ok(Self::Twice),
            Some(word) => Err(format!("--{word} cannot be combined with other options").into()),
        }
    }

    /// Does it.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Pack { out, targets } => {
                let folder = folder(out);
                pack(&folder, &targets)?;
                seal(&folder)
            }
            Self::Seal { out } => seal(&folder(out)),
            Self::Twice => twice::run(&target_dir().join("twice")),
            Self::Help => Ok(()),
        }
    }
}

fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => compile::root().join(dir),
        None => compile::root().join("target"),
    }
}

fn folder(out: Option<PathBuf>) -> PathBuf {
    out.unwrap_or_else(|| target_dir().join("package"))
}

fn pack(folder: &Path, wanted: &[String]) -> anyhow::Result<()> {
    let installed = compile::installed_targets()?;
    for target in wanted {
        ensure!(
            PRODUCTS.iter().any(|product| product.targets.contains(&target.as_str())),
            "no product is released for the target {target}"
        );
        ensure!(installed.contains(target), "the target {target} is not installed");
    }
    let usable = if wanted.is_empty() { &installed } else { wanted };
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let stamp = Stamp::from_source_date_epoch(epoch.as_deref())?;
    let package = Package { folder: folder.to_owned(), stamp, compression: Compression::Best };
    package.clear()?;
    let mut missing = Vec::new();
    for product in &PRODUCTS {
        let Some(target) = product.target(usable) else {
            missing.push(product);
            continue;
        };
        let program = compile::program(product.program, target, &target_dir(), stamp)?;
        let archive = package.add(product, &program, target)?;
        let needs =
            package::requirement(&program)?.map_or(String::new(), |it| format!(", needs {it}"));
        println!("{}: {}{needs}", product.archive(), size(&archive)?);
    }
    package.add_manifest()?;
    tell_missing(&missing, wanted);
    Ok(())
}

/// Says what is not there, and what it would take.
fn tell_missing(missing: &[&Product], wanted: &[String]) {
    if missing.is_empty() || !wanted.is_empty() {
        return;
    }
    println!("\nnot packaged, because their compiler targets are not installed:");
    for product in missing {
        println!("  {}: {}", product.archive(), product.targets.join(" or "));
    }
}

fn seal(folder: &Path) -> anyhow::Result<()> {
    let lists = sums::write(folder)?;
    let Some(signer) = Signer::from_environment() else {
        println!("\n{}: not signed: GPG_FINGERPRINT is not set", folder.display());
        return Ok(());
    };
    for list in lists {
        println!("{}", signer.sign(&list)?.display());
    }
    Ok(())
}

fn size(file: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    Ok(format!("{:.1} MB", bytes as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let words = std::iter::once("pack").chain(line.split(' ').filter(|word| !word.is_empty()));
        Command::parse(lexopt::Parser::from_iter(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_way_to_call_it_is_understood() {
        assert_eq!(parse(""), Ok(Command::Pack { out: None, targets: vec![] }));
        assert_eq!(
            parse("--out x --target a --target b"),
            Ok(Command::Pack {
                out: Some("x".into()),
                targets: vec!["a".to_owned(), "b".to_owned()]
            })
        );
        assert_eq!(parse("--seal --out x"), Ok(Command::Seal { out: Some("x".into()) }));
        assert_eq!(parse("--twice"), Ok(Command::Twice));
        assert_eq!(parse("--twice -h"), Ok(Command::Help));
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        assert_eq!(parse("--sael"), Err("invalid option '--sael'".to_owned()));
        assert_eq!(parse("all"), Err("unexpected argument \"all\"".to_owned()));
        assert_eq!(
            parse("--seal --target a"),
            Err("--seal cannot be combined with other options".to_owned())
        );
    }

    #[test]
    fn a_target_that_is_unknown_or_missing_is_an_error_that_names_it() {
        let refused = |target: &str| {
            pack(Path::new("nowhere"), &[target.to_owned()]).unwrap_err().to_string()
        };
        assert_eq!(refused("sparc"), "no product is released for the target sparc");
        let missing = PRODUCTS.iter().flat_map(|product| product.targets);
        let installed = compile::installed_targets().unwrap();
        if let Some(target) =
            missing.copied().find(|target| !installed.iter().any(|it| it == target))
        {
            assert_eq!(refused(target), format!("the target {target} is not installed"));
        }
    }
}
