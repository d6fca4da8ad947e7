//! The providers of these tests, as processes.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::client::Terraform;

pub(crate) const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Longer than anything here takes, for a test that would otherwise hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A provider that has shaken hands.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) socket: PathBuf,
    pub(crate) certificate: Vec<u8>,
    pub(crate) folder: TempDir,
}

impl Program {
    /// Starts the probe as this Terraform would.
    pub(crate) async fn start(terraform: &Terraform) -> Self {
        Self::start_with(terraform, &[]).await
    }

    pub(crate) async fn start_with(terraform: &Terraform, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(probe());
        command.envs(variables.iter().copied());
        Self::shake_hands(command, terraform).await
    }

    pub(crate) async fn shake_hands(mut command: Command, terraform: &Terraform) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", terraform.pem())
            .env("TMPDIR", folder.path())
            .env_remove("TF_LOG_PROVIDER")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).await.unwrap();
        let parts: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "5", "unix", socket, "grpc", certificate] = parts[..] else {
            panic!("not a handshake: {line:?}");
        };
        use base64::Engine;
        let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
        Self {
            socket: PathBuf::from(socket),
            certificate: engine.decode(certificate).unwrap(),
            child,
            output,
            folder,
        }
    }

    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id().unwrap().try_into().unwrap())
    }

    /// What it writes to the standard error stream from here on.
    pub(crate) fn take_errors(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// Closes the standard input.
    pub(crate) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for the end, and returns what was written after the handshake.
    pub(crate) async fn end(mut self) -> Output {
        let mut stdout = Vec::new();
        let finished = tokio::time::timeout(PATIENCE, async {
            self.output.read_to_end(&mut stdout).await.unwrap();
            self.child.wait_with_output().await.unwrap()
        });
        let output = finished.await.expect("the process ends");
        assert_eq!(
            self.folder.path().read_dir().unwrap().count(),
            0,
            "the folder of the socket is gone"
        );
        Output { stdout, ..output }
    }
}

/// Waits until the folder is empty.
pub(crate) async fn emptied(folder: &Path) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while folder.read_dir().unwrap().count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("the folder empties");
}

/// Runs the probe to its end, where it is not to start.
pub(crate) async fn run(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(probe());
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap()
}

pub(crate) fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| example("probe", "tests/probe"))
}

pub(crate) fn notes() -> &'static Path {
    static NOTES: OnceLock<PathBuf> = OnceLock::new();
    NOTES.get_or_init(|| example("notes", "examples"))
}

/// The example's program. `cargo test` builds it with everything else; where only one test was
/// asked for, it may be missing or older than its sources, and is built here.
fn example(name: &str, sources: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(name);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changed = ["src", "proto", "build.rs", "Cargo.toml", sources]
        .map(|part| newest(&root.join(part)))
        .into_iter()
        .max();
    let built = program.metadata().and_then(|metadata| metadata.modified()).ok();
    if built < changed {
        let status = std::process::Command::new(env!("CARGO"))
            // With the features that dependencies have in the whole workspace, as `cargo test` has
            // compiled them already.
            .args(["build", "--quiet", "--workspace", "--example", name])
            .current_dir(root)
            .status()
            .unwrap();
        assert!(status.success(), "cargo build --example {name}");
    }
    program
}

fn newest(path: &Path) -> SystemTime {
    let modified = path.metadata().unwrap().modified().unwrap();
    match path.read_dir() {
        Ok(entries) => {
            entries.map(|entry| newest(&entry.unwrap().path())).max().unwrap_or(modified)
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => modified,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
