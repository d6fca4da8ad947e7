//! Lifecycles by the real Terraform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use logagg_e2e::account::Account;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::cli::Cli;
use logagg_e2e::simulator::{Gate, Simulator};
use logagg_e2e::terraform::{Installation, Run, Terraform};

use super::configuration::Configuration;
use super::driver::{
    Applied, Asked, Disturbance, Driver, Order, Outcome, Strike, What, differing_entries,
};
use super::operation::Last;
use super::state::Stated;
use crate::scene::SIMULATED_ACCOUNT;

const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// Looks in a row at which no call has arrived, until what waits for the others goes on.
const QUIET_LOOKS: usize = 40;

pub(super) struct ByTerraform<'a> {
    aws: &'a Simulator,
    terraform: Terraform,
}

impl<'a> ByTerraform<'a> {
    pub(super) fn new(cli: &Cli, aws: &'a Simulator) -> Self {
        let account = Account::at(&aws.endpoint(), SIMULATED_ACCOUNT);
        let binaries = Binaries::shared();
        let terraform = Terraform::by(cli, Installation::Override(binaries.provider_dir()))
            .unwrap()
            .with_environment(account.environment(&aws.endpoint()));
        Self { aws, terraform }
    }
}

impl From<Run> for Outcome {
    fn from(run: Run) -> Self {
        Self { code: run.code(), text: run.text(), story: run.to_string() }
    }
}

fn arguments(start: &[&str], asked: Asked<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = start.iter().map(|&text| text.to_owned()).collect();
    arguments.extend(asked.replace.map(|address| format!("-replace={address}")));
    arguments.extend(asked.target.map(|address| format!("-target={address}")));
    if asked.order == Order::Serial {
        arguments.push("-parallelism=1".to_owned());
    }
    arguments
}

impl Driver for ByTerraform<'_> {
    fn configure(&mut self, configuration: &Configuration) {
        self.terraform.write("main.tf", &configuration.text()).unwrap();
    }

    fn state(&self) -> Vec<Stated> {
        let path = self.terraform.dir().join("terraform.tfstate");
        Stated::all(&std::fs::read_to_string(path).unwrap_or_default())
    }

    fn taint(&mut self, address: &str) {
        self.terraform.run(&["taint", address]).unwrap();
    }

    /// Terraform writes its state over the old one: killed in between, it has none.
    fn has_lost_its_state(&self) -> bool {
        let file = self.terraform.dir().join("terraform.tfstate");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text).is_err()
    }

    fn lose_state(&mut self) {
        let _ = std::fs::remove_file(self.terraform.dir().join("terraform.tfstate"));
    }

    fn plan(&mut self, asked: Asked<'_>) -> Outcome {
        let start = ["plan", "-no-color", "-out=plan", "-detailed-exitcode"];
        let arguments = arguments(&start, asked);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.terraform.run(&arguments).unwrap().into()
    }

    fn shown(&self) -> BTreeMap<String, BTreeSet<String>> {
        let plan = self.terraform.show().unwrap();
        let changes = plan["resource_changes"].as_array().into_iter().flatten();
        let policies = changes.filter(|change| change["type"] == "logagg_policy");
        let shown = policies.map(|change| {
            let address = change["address"].as_str().unwrap_or_default().to_owned();
            (address, differing_entries(&change["change"]["before"], &change["change"]["after"]))
        });
        shown.collect()
    }

    fn apply(&mut self, what: What<'_>, disturbance: Disturbance<'_>) -> Applied {
        let arguments = match what {
            What::Fresh(asked) => arguments(&APPLY, asked),
            What::Saved => ["apply", "-no-color", "plan"].map(str::to_owned).to_vec(),
        };
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (run, broken_off) = match disturbance {
            Disturbance::Last(last) => (self.run_with_last(&arguments, last), false),
            Disturbance::Strike { operation, after, strike } => {
                self.break_off(&arguments, operation, after, strike)
            }
        };
        Applied { outcome: run.into(), broken_off, forgetful: Vec::new() }
    }
}

impl ByTerraform<'_> {
    /// Lets calls of a kind wait until nothing else happens.
    fn run_with_last(&self, arguments: &[&str], last: Last) -> Run {
        let hold = |operation: &str| self.aws.on(operation).hold();
        let mut gates: Vec<Gate> = match last {
            Last::Nothing => Vec::new(),
            Last::Deletes => vec![hold("DeleteSubscriptionFilter")],
            Last::Creates => vec![hold("PutSubscriptionFilter")],
        };
        let mut run = self.terraform.start(arguments).unwrap();
        let (mut calls, mut quiet) = (self.aws.counts().total(), 0);
        while !gates.is_empty() && !run.has_ended() {
            std::thread::park_timeout(BETWEEN_LOOKS);
            let now = self.aws.counts();
            let waiting = now.of("DeleteSubscriptionFilter") + now.of("PutSubscriptionFilter");
            quiet = if now.total() == calls && waiting > 0 { quiet + 1 } else { 0 };
            calls = now.total();
            if quiet >= QUIET_LOOKS {
                gates.drain(..).for_each(Gate::open);
            }
        }
        drop(gates);
        run.finish().unwrap()
    }

    /// Runs Terraform until a call has been done and is about to be answered.
    fn break_off(
        &self,
        arguments: &[&str],
        operation: &str,
        after: usize,
        strike: Strike,
    ) -> (Run, bool) {
        let (struck, strikes) = mpsc::channel();
        let struck = Mutex::new(struck);
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let hook = Arc::clone(&done);
        self.aws.on(operation).after(after).times(1).run_after(move |_| {
            if struck.lock().unwrap().send(()).is_ok() {
                let (done, changed) = &*hook;
                let _done = changed.wait_while(done.lock().unwrap(), |done| !*done).unwrap();
            }
        });
        let mut run = self.terraform.start(arguments).unwrap();
        let broken_off = loop {
            match strikes.recv_timeout(Duration::from_millis(20)) {
                Ok(()) => break true,
                // It made fewer calls of the kind.
                Err(RecvTimeoutError::Timeout) if run.has_ended() => break false,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the rule lives"),
            }
        };
        if broken_off {
            match strike {
                Strike::Interrupt => run.interrupt().unwrap(),
                Strike::Kill => run.kill().unwrap(),
            }
        }
        *done.0.lock().unwrap() = true;
        done.1.notify_all();
        (run.finish().unwrap(), broken_off)
    }
}
