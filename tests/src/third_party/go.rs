//! Programs that the Go module proxy has the sources of.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{cache, tools};

/// Go, for one build.
pub(super) struct Go {
    program: PathBuf,
    what: String,
}

impl Go {
    /// The Go of this machine, to build this with.
    pub(super) fn to_build(what: &str) -> anyhow::Result<Self> {
        Ok(Self { program: tools::go(&format!("building {what}"))?, what: what.to_owned() })
    }

    /// Says that there is no Go where this is not built yet.
    pub(super) fn needed(key: &str, what: &str) -> anyhow::Result<()> {
        if !cache::is_built(key)? {
            Self::to_build(what)?;
        }
        Ok(())
    }

    /// Builds the program of a package in a version that is published, such as
    /// `example.com/server@v1.2.3`, into a folder.
    pub(super) fn install(&self, package: &str, folder: &Path) -> anyhow::Result<()> {
        self.run(self.command().env("GOBIN", folder).args(["install", "-trimpath", package]))
    }

    /// Runs Go in the folder of a module.
    pub(super) fn in_module<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<()> {
        self.run(self.command().current_dir(folder).args(arguments))
    }

    /// Runs a program that calls Go itself.
    pub(super) fn run_generator(&self, command: &mut Command) -> anyhow::Result<()> {
        self.run(command.env("GOTOOLCHAIN", "local").env("GOWORK", "off"))
    }

    fn command(&self) -> Command {
        tools::go_command(&self.program)
    }

    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        tools::run(command, &format!("building {}", self.what))?;
        Ok(())
    }
}
