//! A server that runs beside the tests: started on a free port, waited for, never left behind.

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::python::Python;
use crate::{runtime, workspace};

/// Another program may take a free port before it is used.
const ATTEMPTS: usize = 3;

/// What every server's runtime says then.
const PORT_IN_USE: &str = "address already in use";

/// A Java server starts in ten seconds, and in more than a minute beside other work.
const START_PATIENCE: Duration = Duration::from_secs(180);

/// What to start and how to see that it is up.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    pub(crate) program: &'a Path,
    pub(crate) arguments: &'a dyn Fn(u16) -> Vec<String>,
    pub(crate) environment: &'a dyn Fn(u16) -> Vec<(&'static str, String)>,
    /// Answers 200 once the server takes requests; `None` where it does so once it listens.
    pub(crate) ready_path: Option<&'a str>,
}

/// A running server. It ends when this is dropped and when this process ends in any way.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    log: PathBuf,
    guard: Child,
    guard_input: Option<ChildStdin>,
}

impl Server {
    pub(crate) fn start(python: &Python, launch: &Launch) -> anyhow::Result<Self> {
        let mut attempt = 1;
        loop {
            let mut server = Self::launch(python, launch, free_port()?)?;
            match server.wait_until_ready(launch) {
                Ok(()) => return Ok(server),
                Err(_) if attempt < ATTEMPTS && server.found_its_port_in_use() => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts one on the port that an earlier one had.
    pub(crate) fn start_again(python: &Python, launch: &Launch, port: u16) -> anyhow::Result<Self> {
        let mut server = Self::launch(python, launch, port)?;
        server.wait_until_ready(launch)?;
        Ok(server)
    }

    /// Ends it at once, without time to write or to respond.
    pub(crate) fn kill(self) -> anyhow::Result<()> {
        self.end_by("kill")
    }

    /// Ends it in order, and gives it the time that it wants for that.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.end_by("stop")
    }

    fn end_by(mut self, word: &str) -> anyhow::Result<()> {
        let mut input = self.guard_input.take().context("the server was already stopped")?;
        writeln!(input, "{word}").context("telling the server's guard to end it")?;
        drop(input);
        self.guard.wait().context("waiting for a server's end")?;
        Ok(())
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    pub(crate) fn port(&self) -> anyhow::Result<u16> {
        let port = self.endpoint.rsplit(':').next().and_then(|port| port.parse().ok());
        port.with_context(|| format!("no port in {}", self.endpoint))
    }

    /// Everything it has printed.
    pub(crate) fn printed(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(&self.log)
            .with_context(|| format!("reading {}", self.log.display()))
    }

    /// Lets the server outlive this process; returns the process to end it with.
    pub(crate) fn keep(mut self) -> anyhow::Result<u32> {
        let mut input = self.guard_input.take().context("the server was already stopped")?;
        input.write_all(b"keep\n").context("telling the server's guard to keep it")?;
        Ok(self.guard.id())
    }

    fn launch(python: &Python, launch: &Launch, port: u16) -> anyhow::Result<Self> {
        let name = launch.name;
        // The guard removes it: it outlives this process when that is killed.
        let scratch = workspace::scratch(name)?.keep();
        let log = workspace::log(&format!("{name}-{port}"))?;
        // One that is started again goes on in its log.
        let output = File::options().create(true).append(true).open(&log);
        let output = output.with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new(python.interpreter());
        command
            .args(["-c", include_str!("guard.py")])
            .arg(&scratch)
            .arg(launch.program)
            .args((launch.arguments)(port))
            .env_clear()
            .envs(inherited_environment())
            .env("HOME", &scratch)
            .env("TMPDIR", &scratch)
            .envs((launch.environment)(port))
            .current_dir(&scratch)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().context("sharing a log file")?)
            .stderr(output);
        // Ctrl-C is for the program in front; this one ends when that does.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut guard = command
            .spawn()
            .with_context(|| format!("starting {name} with {}", python.interpreter().display()))?;
        let guard_input = guard.stdin.take();
        Ok(Self { endpoint: format!("http://127.0.0.1:{port}"), log, guard, guard_input })
    }

    fn wait_until_ready(&mut self, launch: &Launch) -> anyhow::Result<()> {
        let url = format!("{}{}", self.endpoint, launch.ready_path.unwrap_or_default());
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            crate::interrupt::check()?;
            let is_ready = match launch.ready_path {
                Some(_) => runtime::block_on(runtime::CLIENT.get(&url).send())
                    .is_ok_and(|answer| answer.status().is_success()),
                None => TcpStream::connect(self.address()).is_ok(),
            };
            if is_ready {
                return Ok(());
            }
            if let Some(status) = self.guard.try_wait().context("watching a server")? {
                bail!(
                    "{} ended ({status}) before it was ready:\n{}",
                    launch.name,
                    self.last_lines()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{} did not answer at {url} within {} s:\n{}",
                    launch.name,
                    START_PATIENCE.as_secs(),
                    self.last_lines()
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn found_its_port_in_use(&self) -> bool {
        self.printed().is_ok_and(|log| log.to_ascii_lowercase().contains(PORT_IN_USE))
    }

    /// The end of the log, for a message.
    pub(crate) fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(40)..];
        format!("{}\n(whole log: {})", tail.join("\n"), self.log.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `keep` there is nothing to wait for.
        if self.guard_input.take().is_some() {
            let _ = self.guard.wait();
        }
    }
}

/// Ends a server that was kept, by the process that guards it; one that is gone is fine.
///
/// # Errors
/// When the system refuses.
pub fn end(guard: u32) -> anyhow::Result<()> {
    let pid = Pid::from_raw(i32::try_from(guard).context("a process id")?);
    match kill(pid, Signal::SIGTERM) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("ending process {pid}")),
    }
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

/// What a program needs of this machine; not its AWS configuration.
pub(crate) fn inherited_environment() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "SYSTEMROOT"]
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (name, value)))
}
