//! The compilers and runtimes that third-party servers need: looked for, never fetched.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use nix::unistd::Pid;

use crate::interrupt::{self, Interruptible};

/// Where distributions and installers install Java.
const JAVA_FOLDERS: [&str; 5] =
    ["/usr/lib/jvm", "/opt", "/opt/java", "/Library/Java/JavaVirtualMachines", "/usr/java"];

/// A Java runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// Its home, as in `JAVA_HOME`.
    pub home: PathBuf,
    /// The first number of its version.
    pub version: u32,
}

impl Java {
    /// The oldest of this machine that is new enough and has a compiler.
    ///
    /// # Errors
    /// Says what it is needed for, where it was looked for, and what there is.
    pub fn at_least(version: u32, needed_for: &str) -> anyhow::Result<Self> {
        let mut found = Self::all();
        found.sort_by_key(|java| java.version);
        if let Some(java) = found.iter().find(|java| java.version >= version) {
            return Ok(java.clone());
        }
        let there: Vec<_> = found
            .iter()
            .map(|java| format!("{} ({})", java.home.display(), java.version))
            .collect();
        let there = if there.is_empty() { "no JDK".to_owned() } else { there.join(", ") };
        bail!(
            "{needed_for} needs a JDK {version} or newer; JAVA_HOME, JAVA_HOME_*, PATH and {} have \
             {there}",
            JAVA_FOLDERS.join(", ")
        );
    }

    /// The program that runs classes.
    pub fn program(&self) -> PathBuf {
        self.home.join("bin/java")
    }

    /// The compiler.
    pub fn compiler(&self) -> PathBuf {
        self.home.join("bin/javac")
    }

    fn all() -> Vec<Self> {
        let named = std::env::vars_os()
            .filter(|(name, _)| name.to_string_lossy().starts_with("JAVA_HOME"))
            .map(|(_, home)| PathBuf::from(home));
        let by_path = on_path("javac").and_then(|compiler| compiler.canonicalize().ok());
        let by_path = by_path.and_then(|compiler| Some(compiler.parent()?.parent()?.to_owned()));
        let installed = JAVA_FOLDERS.iter().flat_map(|folder| subfolders(Path::new(folder)));
        let installed = installed.flat_map(|folder| [folder.join("Contents/Home"), folder]);
        let mut homes: Vec<_> = named
            .chain(by_path)
            .chain(installed)
            .filter_map(|home| home.canonicalize().ok())
            .filter(|home| home.join("bin/javac").is_file())
            .collect();
        homes.sort();
        homes.dedup();
        homes.into_iter().filter_map(Self::of).collect()
    }

    /// A JDK says its version in a file of its home.
    fn of(home: PathBuf) -> Option<Self> {
        let release = std::fs::read_to_string(home.join("release")).ok()?;
        let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
        let version = version.trim_matches('"').split(['.', '-', '+']).next()?.parse().ok()?;
        Some(Self { home, version })
    }
}

/// Maven, which fetches what Java servers consist of.
///
/// # Errors
/// When it is not on `PATH`, with what it is needed for.
pub fn maven(needed_for: &str) -> anyhow::Result<PathBuf> {
    on_path("mvn").with_context(|| {
        format!(
            "{needed_for} needs Maven, and mvn is not on PATH (on Debian and Ubuntu: apt install \
             maven)"
        )
    })
}

/// Go, which builds Go servers.
///
/// # Errors
/// When it is not on `PATH`, with what it is needed for.
pub fn go(needed_for: &str) -> anyhow::Result<PathBuf> {
    on_path("go").with_context(|| {
        format!("{needed_for} needs Go, and go is not on PATH (https://go.dev/doc/install)")
    })
}

/// A call of Go that fetches no other Go: what a module wants of a newer one is an error.
pub fn go_command(go: &Path) -> Command {
    let mut command = Command::new(go);
    command.env("GOTOOLCHAIN", "local").env("GOWORK", "off").env("CGO_ENABLED", "0");
    command
}

/// Runs a command to its end; what it prints is the error when it fails.
///
/// # Errors
/// When it cannot be started or fails.
pub fn run(command: &mut Command, what: &str) -> anyhow::Result<String> {
    interrupt::check()?;
    let running = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{what}: running {}", command.get_program().to_string_lossy()))?;
    let group = i32::try_from(running.id()).context("a process id")?;
    let _interruptible = Interruptible::new(Pid::from_raw(group));
    let output = running.wait_with_output().with_context(|| format!("waiting for {what}"))?;
    interrupt::check()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{what} failed ({}):\n{}{}", output.status, tail(&said), tail(&errors));
    }
    Ok(said)
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let mut tail = lines[lines.len().saturating_sub(40)..].join("\n");
    tail.push('\n');
    tail
}

/// A program's path, if there is one of that name.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
