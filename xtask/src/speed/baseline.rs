use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::function::settled_cpu_time;
use crate::process;

/// The program that does what no shipper can do without.
pub(crate) struct Baseline {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    sent_bytes: usize,
}

impl Baseline {
    /// Starts it for an event in a file and what the shipper made of it, in files too; without those,
    /// it makes the messages alone of it.
    pub(crate) fn start(
        program: &Path,
        event: &Path,
        level: u32,
        bodies: &[impl AsRef<Path>],
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg(event)
            .arg(level.to_string())
            .args(bodies.iter().map(AsRef::as_ref))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let input = child.stdin.take().context("talking to the baseline")?;
        let output = BufReader::new(child.stdout.take().context("talking to the baseline")?);
        let mut baseline = Self { child, input, output, sent_bytes: 0 };
        baseline.read()?;
        Ok(baseline)
    }

    /// Runs it once and returns its CPU time.
    pub(crate) fn work(&mut self) -> anyhow::Result<Duration> {
        let before = settled_cpu_time(self.child.id())?;
        self.input.write_all(b"\n").context("talking to the baseline")?;
        let line = self.read()?;
        let sent = line.split_whitespace().last().context("the baseline says nothing")?;
        self.sent_bytes = sent.parse().context("reading how much the baseline would send")?;
        Ok(settled_cpu_time(self.child.id())? - before)
    }

    /// How much it would have sent when it ran last.
    pub(crate) fn sent_bytes(&self) -> usize {
        self.sent_bytes
    }

    /// The most memory it has had.
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        process::peak_bytes(self.child.id())
    }

    fn read(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("reading what the baseline says")?;
        ensure!(!line.is_empty(), "the baseline has ended");
        Ok(line)
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
