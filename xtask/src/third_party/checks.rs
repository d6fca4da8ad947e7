//! What a suite has found.

use anyhow::{anyhow, ensure};
use logagg_e2e::interrupt;

/// The checks of one suite.
pub(crate) struct Checks {
    suite: &'static str,
    records: bool,
    passed: usize,
    faults: Vec<String>,
}

impl Checks {
    pub(crate) fn new(suite: &'static str, records: bool) -> Self {
        Self { suite, records, passed: 0, faults: Vec::new() }
    }

    /// Whether exchanges are written rather than compared.
    pub(crate) fn records(&self) -> bool {
        self.records
    }

    /// The suite's name, which is the server's in `tests/third-party.toml`.
    pub(crate) fn suite(&self) -> &'static str {
        self.suite
    }

    /// Makes a check and goes on, whatever comes of it.
    pub(crate) fn check(
        &mut self,
        name: &str,
        check: impl FnOnce(&mut Self) -> anyhow::Result<String>,
    ) {
        // After Ctrl-C the others are not made.
        match interrupt::check().and_then(|()| check(self)) {
            Ok(found) => {
                println!("  ok      {name}: {found}");
                self.passed += 1;
            }
            Err(error) => self.failed(name, &error),
        }
    }

    /// What could not be done, or was not as it should be.
    pub(crate) fn failed(&mut self, name: &str, error: &anyhow::Error) {
        println!("  FAILED  {name}: {error:#}");
        self.faults.push(name.to_owned());
    }

    /// What is to be said of the suite.
    pub(crate) fn end(self) -> anyhow::Result<String> {
        if !self.faults.is_empty() {
            return Err(anyhow!("{}", self.faults.join("; ")));
        }
        ensure!(self.passed > 0, "nothing was checked");
        Ok(format!("{} checks", self.passed))
    }
}
