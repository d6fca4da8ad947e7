//! What a suite has found, held against what is known not to be right yet.

use std::fmt::Write;

use anyhow::{anyhow, ensure};
use logagg_e2e::interrupt;

/// A check that fails until an issue closes its finding. It is made all the same, and the suite
/// fails once it passes: then its line goes.
pub(crate) struct KnownFault {
    check: &'static str,
    /// The finding, by its number in the project's pages of findings.
    finding: &'static str,
}

impl KnownFault {
    pub(crate) const fn new(check: &'static str, finding: &'static str) -> Self {
        Self { check, finding }
    }
}

/// The checks of one suite.
pub(crate) struct Checks {
    suite: &'static str,
    known_faults: &'static [KnownFault],
    records: bool,
    passed: usize,
    known: Vec<&'static KnownFault>,
    faults: Vec<String>,
    ran: Vec<String>,
}

impl Checks {
    pub(crate) fn new(
        suite: &'static str,
        known_faults: &'static [KnownFault],
        records: bool,
    ) -> Self {
        Self {
            suite,
            known_faults,
            records,
            passed: 0,
            known: Vec::new(),
            faults: Vec::new(),
            ran: Vec::new(),
        }
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
            Ok(found) => self.passed(name, &found),
            Err(error) => self.failed(name, &error),
        }
    }

    fn passed(&mut self, name: &str, found: &str) {
        self.ran.push(name.to_owned());
        match self.known(name) {
            None => {
                println!("  ok      {name}: {found}");
                self.passed += 1;
            }
            Some(KnownFault { finding, .. }) => {
                println!("  PASSES  {name}: {found}");
                self.faults.push(format!(
                    "{name} passes, and stands in KNOWN_FAULTS for finding {finding}: remove it"
                ));
            }
        }
    }

    /// What could not be done, or was not as it should be.
    pub(crate) fn failed(&mut self, name: &str, error: &anyhow::Error) {
        self.ran.push(name.to_owned());
        if let Some(known) = self.known(name) {
            println!("  known   {name} (finding {}): {error:#}", known.finding);
            self.known.push(known);
        } else {
            println!("  FAILED  {name}: {error:#}");
            self.faults.push(name.to_owned());
        }
    }

    fn known(&self, name: &str) -> Option<&'static KnownFault> {
        self.known_faults.iter().find(|known| known.check == name)
    }

    /// What is to be said of the suite.
    pub(crate) fn end(mut self) -> anyhow::Result<String> {
        let ran = &self.ran;
        let missing =
            self.known_faults.iter().filter(|known| ran.iter().all(|name| name != known.check));
        for KnownFault { check, .. } in missing {
            self.faults.push(format!("{check} stands in KNOWN_FAULTS and was not made"));
        }
        ensure!(self.passed + self.known.len() > 0, "nothing was checked");
        if !self.faults.is_empty() {
            return Err(anyhow!("{}", self.faults.join("; ")));
        }
        let mut said = format!("{} checks", self.passed);
        if !self.known.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(said, ", and {} known faults", self.known.len());
        }
        Ok(said)
    }
}
