//! The real Terraform, or OpenTofu, in a working folder of its own and untouched by this machine's settings.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::binaries::Binaries;
use crate::cli::Cli;
use crate::interrupt::{self, Interruptible};
use crate::mirror::Mirror;
use crate::server::inherited_environment;
use crate::wait;
use crate::workspace;

/// The version of the AWS provider that modules and examples are validated as with: the first that they
/// allow. The schema is that of the bindings, whichever version this is.
const AWS_VERSION: &str = "6.8.0";

/// How Terraform finds the provider.
#[derive(Debug, Clone, Copy)]
pub enum Installation<'a> {
    /// In the folder where it was built, without `terraform init`.
    Override(&'a Path),
    /// By `terraform init`, out of a filesystem mirror that is made of this program.
    Mirror(&'a Path),
    /// By `terraform init`, out of a filesystem mirror with this archive of a release in it.
    Archive(&'a Path),
    /// By `terraform init`, out of a filesystem mirror that has the AWS provider's schema beside this
    /// checkout's provider.
    WithAws(&'a Binaries),
}

/// Terraform with one configuration and one state.
#[derive(Debug)]
pub struct Terraform {
    cli: Cli,
    dir: PathBuf,
    environment: BTreeMap<OsString, OsString>,
    /// Removed with everything in it when it is dropped.
    scratch: tempfile::TempDir,
}

impl Terraform {
    /// A new working folder for the Terraform of `PATH`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn new(installation: Installation) -> anyhow::Result<Self> {
        Self::by(&Cli::of_path(), installation)
    }

    /// A new working folder for this program.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn by(cli: &Cli, installation: Installation) -> anyhow::Result<Self> {
        let scratch = workspace::scratch("terraform")?;
        let dir = scratch.path().join("work");
        std::fs::create_dir(&dir).context("creating a working folder for Terraform")?;
        let cli_config = scratch.path().join("terraform.rc");
        let address = cli.provider_address();
        let mirror = scratch.path().join("mirror");
        let text = match installation {
            Installation::Mirror(provider) => {
                Mirror::of_program(&mirror, &address, provider)?.cli_config()
            }
            Installation::Archive(archive) => {
                Mirror::of_archive(&mirror, &address, archive)?.cli_config()
            }
            Installation::WithAws(binaries) => {
                let aws = cli.address_of("hashicorp/aws");
                let providers = [
                    (address, logagg_release::product::VERSION, binaries.provider.as_path()),
                    (aws, AWS_VERSION, binaries.aws_provider.as_path()),
                ];
                Mirror::of_links(&mirror, &providers)?.cli_config()
            }
            Installation::Override(dir) => format!(
                "provider_installation {{\n  dev_overrides {{\n    \"{address}\" = \"{}\"\n  }}\n}}\n",
                dir.display()
            ),
        };
        std::fs::write(&cli_config, text).context("writing Terraform's CLI configuration")?;
        let mut environment: BTreeMap<_, _> =
            inherited_environment().map(|(name, value)| (OsString::from(name), value)).collect();
        for (name, value) in [
            ("HOME", scratch.path().as_os_str()),
            ("TMPDIR", scratch.path().as_os_str()),
            ("TF_CLI_CONFIG_FILE", cli_config.as_os_str()),
            ("CHECKPOINT_DISABLE", "1".as_ref()),
            ("TF_IN_AUTOMATION", "1".as_ref()),
            ("TF_INPUT", "0".as_ref()),
        ] {
            environment.insert(name.into(), value.to_owned());
        }
        Ok(Self { cli: cli.clone(), dir, environment, scratch })
    }

    /// Sets variables for every command from now on.
    #[must_use]
    pub fn with_environment(mut self, variables: Vec<(&'static str, String)>) -> Self {
        self.set_environment(variables);
        self
    }

    /// Sets variables for every command from now on.
    pub fn set_environment(&mut self, variables: Vec<(&'static str, String)>) {
        for (name, value) in variables {
            self.environment.insert(name.into(), value.into());
        }
    }

    /// Takes a variable away from every command from now on.
    pub fn remove_environment(&mut self, name: &str) {
        self.environment.remove(OsStr::new(name));
    }

    /// The program.
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// The working folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Leaves everything where it is; returns the folder to remove one day.
    pub fn keep(self) -> PathBuf {
        self.scratch.keep()
    }

    /// Every variable the commands run with; nothing else of this machine's reaches them.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.environment
    }

    /// Writes a file into the working folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.dir.join(file);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Runs a command to its end, however it ends.
    ///
    /// # Errors
    /// When terraform cannot be started.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Run> {
        self.start(arguments)?.finish()
    }

    /// Starts a command.
    ///
    /// # Errors
    /// When terraform cannot be started.
    pub fn start(&self, arguments: &[&str]) -> anyhow::Result<Running> {
        interrupt::check()?;
        let mut command = self.cli.command();
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own process group, so that Ctrl-C reaches only Terraform and the provider.
            .process_group(0);
        let child = command.spawn().map_err(|error| self.cli.not_started(error))?;
        let group = Pid::from_raw(i32::try_from(child.id()).context("a process id")?);
        Ok(Running {
            command: format!("{} {}", self.cli.product().command(), arguments.join(" ")),
            child,
            group,
            _interruptible: Interruptible::new(group),
        })
    }

    /// Plans into a file. The plan is read with [`Terraform::show`] and applied with
    /// [`Terraform::apply_plan`].
    ///
    /// # Errors
    /// When terraform cannot be started.
    pub fn plan(&self, options: &[&str]) -> anyhow::Result<Run> {
        let mut arguments = vec!["plan", "-no-color", "-detailed-exitcode", "-out=plan"];
        arguments.extend(options);
        self.run(&arguments)
    }

    /// The last plan as JSON.
    ///
    /// # Errors
    /// When there is none.
    pub fn show(&self) -> anyhow::Result<Value> {
        self.json(&["show", "-json", "plan"])
    }

    /// Applies the last plan.
    ///
    /// # Errors
    /// When terraform cannot be started.
    pub fn apply_plan(&self) -> anyhow::Result<Run> {
        self.run(&["apply", "-no-color", "plan"])
    }

    /// Plans and applies in one go.
    ///
    /// # Errors
    /// When terraform cannot be started.
    pub fn apply(&self) -> anyhow::Result<Run> {
        self.run(&["apply", "-no-color", "-auto-approve"])
    }

    /// Destroys everything in the state.
    ///
    /// # Errors
    /// When terraform cannot be started.
    pub fn destroy(&self) -> anyhow::Result<Run> {
        self.run(&["destroy", "-no-color", "-auto-approve"])
    }

    /// The state as JSON.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> anyhow::Result<Value> {
        self.json(&["show", "-json"])
    }

    /// Runs a command that prints JSON and must succeed.
    ///
    /// # Errors
    /// What it printed, when it fails.
    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let run = self.run(arguments)?;
        if run.code() != 0 {
            bail!("{run}");
        }
        serde_json::from_str(&run.stdout)
            .with_context(|| format!("{} printed something that is not JSON", run.command))
    }
}

/// A command at work.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    group: Pid,
    _interruptible: Interruptible,
}

impl Running {
    /// Presses Ctrl-C: the signal reaches Terraform and the providers it runs, as in a terminal.
    ///
    /// # Errors
    /// When the command is gone.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        killpg(self.group, Signal::SIGINT).with_context(|| format!("interrupting {}", self.command))
    }

    /// Kills Terraform and the providers it runs, as a machine that goes down does, and waits until
    /// all of them are gone with their connections.
    ///
    /// # Errors
    /// When the command is gone.
    pub fn kill(&self) -> anyhow::Result<()> {
        killpg(self.group, Signal::SIGKILL).with_context(|| format!("killing {}", self.command))?;
        wait::until("the end of Terraform and its providers", || {
            match living(|process| process.group == self.group.as_raw()) {
                Ok(living) if living.is_empty() => Ok(()),
                Ok(living) => Err(format!("{living:?} are there")),
                Err(error) => Err(format!("{error:#}")),
            }
        })
    }

    /// Kills the providers that Terraform runs, waits for their end, and Terraform lives.
    ///
    /// # Errors
    /// When the system does not report what they are.
    pub fn kill_providers(&self) -> anyhow::Result<()> {
        let terraform = Pid::from_raw(i32::try_from(self.child.id()).context("a process id")?);
        let providers = living(|process| process.parent == terraform.as_raw())?;
        for provider in &providers {
            // It may have ended this moment.
            let _ = kill(*provider, Signal::SIGKILL);
        }
        wait::until("the end of the providers", || {
            let living = living(|_| true).map_err(|error| format!("{error:#}"))?;
            match providers.iter().find(|provider| living.contains(provider)) {
                None => Ok(()),
                Some(provider) => Err(format!("{provider} is there")),
            }
        })
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub fn finish(self) -> anyhow::Result<Run> {
        let Self { command, child, .. } = self;
        let output = child.wait_with_output().with_context(|| format!("waiting for {command}"))?;
        Ok(Run {
            command,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// The system's record of a process.
struct Process {
    parent: i32,
    group: i32,
}

/// The processes of a kind that have not ended. One whose last thread has exited has closed its
/// connections, and is not among them even before it is reaped.
fn living(of_the_kind: impl Fn(&Process) -> bool) -> anyhow::Result<Vec<Pid>> {
    let mut living = Vec::new();
    for entry in std::fs::read_dir("/proc").context("looking for processes")? {
        let name = entry.context("looking for processes")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has ended meanwhile has no status. The name before `)` may hold anything.
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, fields)) = status.rsplit_once(") ") else { continue };
        let mut fields = fields.split(' ');
        let ended = matches!(fields.next(), Some("Z" | "X")) && threads(pid) <= 1;
        let mut number = || fields.next().and_then(|field| field.parse().ok()).unwrap_or_default();
        let process = Process { parent: number(), group: number() };
        if !ended && of_the_kind(&process) {
            living.push(Pid::from_raw(pid));
        }
    }
    Ok(living)
}

fn threads(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Run {
    command: String,
    status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it printed on standard error; without color that is where errors go.
    pub stderr: String,
}

impl Run {
    /// The exit code; that of the signal, as shells count it, when one ended the command.
    pub fn code(&self) -> i32 {
        let signal = || 128 + self.status.signal().unwrap_or_default();
        self.status.code().unwrap_or_else(signal)
    }

    /// Everything printed, as running text: without the frames around errors and warnings and
    /// with every run of white space as one space, so that line breaks do not matter.
    pub fn text(&self) -> String {
        format!("{} {}", self.stdout, self.stderr)
            .split(|c: char| c.is_whitespace() || "│╷╵".contains(c))
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, status, stdout, stderr } = self;
        write!(f, "$ {command}\n{stdout}{stderr}({status})")
    }
}
