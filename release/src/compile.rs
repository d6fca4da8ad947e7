//! The programs of a release, compiled without paths of the build machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::archive::Stamp;
use crate::product::Program;

/// The top folder of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies one folder below the workspace")
}

/// Cargo, which sets `CARGO` for every process it starts.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The target of the machine this runs on.
///
/// # Errors
/// When the compiler does not report.
pub fn host() -> anyhow::Result<String> {
    let version = rustc(&["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc reported no host")?.to_owned())
}

/// The version of the compiler, and so of the standard library that it links.
///
/// # Errors
/// When the compiler does not report.
pub fn compiler_version() -> anyhow::Result<String> {
    let version = rustc(&["--version", "--verbose"])?;
    let release = version.lines().find_map(|line| line.strip_prefix("release: "));
    Ok(release.context("rustc reported no version")?.to_owned())
}

/// The targets whose standard library is installed. None is ever fetched.
///
/// # Errors
/// When the compiler does not report where it lies.
pub fn installed_targets() -> anyhow::Result<Vec<String>> {
    let libraries = Path::new(rustc(&["--print", "sysroot"])?.trim()).join("lib/rustlib");
    let entries = std::fs::read_dir(&libraries)
        .with_context(|| format!("looking for targets in {}", libraries.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let entry = entry.context("looking for targets")?;
        let has_library = std::fs::read_dir(entry.path().join("lib")).is_ok_and(|mut files| {
            files.any(|file| {
                file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
            })
        });
        if has_library {
            targets.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}

/// Compiles a program for release; returns where it lies. Where code in C asks for the time it is
/// compiled at, it is given `stamp`.
///
/// # Errors
/// When it does not compile; cargo has then said why.
pub fn program(
    program: Program,
    target: &str,
    target_dir: &Path,
    stamp: Stamp,
) -> anyhow::Result<PathBuf> {
    let status = Command::new(cargo())
        .args(["build", "--release", "--locked", "--target", target])
        .args(["--package", program.package(), "--bin", program.binary()])
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(root())
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(target_dir)?)
        .env(format!("CFLAGS_{}", target.replace('-', "_")), c_flags(target_dir, target)?)
        .env("SOURCE_DATE_EPOCH", stamp.unix_seconds().to_string())
        // What an earlier `cargo` set for this process is not for that one.
        .env_remove("RUSTFLAGS")
        .status()
        .context("running cargo")?;
    if !status.success() {
        bail!("compiling {} for {target} failed ({status})", program.name());
    }
    let extension = if target.contains("windows") { ".exe" } else { "" };
    let file =
        target_dir.join(target).join("release").join(format!("{}{extension}", program.binary()));
    ensure!(file.is_file(), "cargo did not write {}", file.display());
    Ok(file)
}

/// What replaces the folders of this machine in a program, outer folders first: the compiler uses
/// the last match.
fn places(target_dir: &Path) -> anyhow::Result<Vec<(PathBuf, &'static str)>> {
    Ok(vec![
        (cargo_home()?, "/cargo"),
        (root().to_owned(), "/logagg"),
        (target_dir.to_owned(), "/target"),
    ])
}

fn rust_flags(target_dir: &Path) -> anyhow::Result<OsString> {
    let mut flags = OsString::new();
    for (folder, place) in places(target_dir)? {
        if !flags.is_empty() {
            // Flags stand one after the other with this between them.
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push(format!("={place}"));
    }
    Ok(flags)
}

/// The same for code in C. A compiler of Microsoft's writes no such paths.
fn c_flags(target_dir: &Path, target: &str) -> anyhow::Result<String> {
    if target.ends_with("msvc") {
        return Ok(String::new());
    }
    let flags = places(target_dir)?
        .into_iter()
        .map(|(folder, place)| format!("-ffile-prefix-map={}={place}", folder.display()));
    Ok(flags.collect::<Vec<_>>().join(" "))
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => Ok(home.into()),
        None => Ok(std::env::home_dir().context("asking for the home folder")?.join(".cargo")),
    }
}

fn rustc(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("rustc")
        .args(arguments)
        .current_dir(root())
        .output()
        .context("running rustc")?;
    ensure!(output.status.success(), "rustc {} failed", arguments.join(" "));
    String::from_utf8(output.stdout).context("reading what rustc says")
}
