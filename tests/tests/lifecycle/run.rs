//! One lifecycle, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fastrand::Rng;
use logagg_e2e::account::REGION;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::simulator::{Destination, Gate, Simulator, Storm};
use logagg_e2e::terraform::{Installation, Run, Terraform};

use super::configuration::{Configuration, TAGGED, arn};
use super::operation::{Act, Course, Facts, Generator, Last, Operation, Step, groups};
use super::oracle::{
    NEIGHBOR, NEIGHBORS_FUNCTION, Oracle, Promise, Seen, Violation, broken, differing,
};
use super::state::Stated;
use super::world::World;
use crate::scene::{PROVIDER, SIMULATED_ACCOUNT, Scene};

/// Steps of a lifecycle after its first apply.
const STEPS: usize = 10;
/// How often the same may be applied until nothing is left to do, where something got in between.
const PATIENCE: usize = 4;
const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// Looks in a row at which no call has arrived, until what waits for the others goes on.
const QUIET_LOOKS: usize = 40;

/// A lifecycle from its beginning to its end.
pub(super) struct Life {
    /// The promises that were broken, each with the step that broke it.
    pub(super) broken: Vec<Broken>,
    /// Every step with its configuration and what Terraform said.
    pub(super) story: String,
}

/// A promise that was broken, and after what.
pub(super) struct Broken {
    pub(super) operation: Operation,
    pub(super) violation: Violation,
}

/// Plays a lifecycle to its end. What comes after a broken promise may be due to that.
pub(super) fn play(seed: u64) -> Life {
    let mut random = Rng::with_seed(seed);
    let rules = Simulator::builder().seed(seed).filters_per_group(10);
    let mut scene = Scene::simulated(rules, &[]);
    let aws = scene.simulator.take().unwrap();
    scene.terraform.set_environment(vec![("AWS_ENDPOINT_URL", aws.endpoint())]);
    let elsewhere = aws.region("444455556666", REGION);
    let stream = elsewhere.add_stream("siem", &[]);
    let role = "arn:aws:iam::444455556666:role/siem";
    elsewhere
        .add_destination(Destination::named("siem", &stream, role).open_to(&[SIMULATED_ACCOUNT]));
    for function in World::revocable() {
        let region = aws.region(SIMULATED_ACCOUNT, REGION);
        region.add_function(logagg_e2e::simulator::Function::named(function));
    }
    let world = World::new(&aws, groups(&mut random));
    world.act(&Act::Tag(format!("{TAGGED}0")), &Configuration::default());
    let mut generator = Generator::new(random);
    let current = generator.first();
    let neighbor = seed.is_multiple_of(4).then(|| neighbor(&aws, &scene));
    let mut lifecycle = Lifecycle {
        scene: &scene,
        aws: &aws,
        world,
        oracle: Oracle::default(),
        generator,
        former: Configuration::default(),
        current,
        settled: false,
        twin: None,
        neighbor,
        life: Life { broken: Vec::new(), story: String::new() },
    };
    lifecycle.live();
    lifecycle.life
}

/// A policy in a state of its own, which shares a name, a function and log groups with others.
fn neighbor(aws: &Simulator, scene: &Scene) -> Terraform {
    let binaries = Binaries::shared();
    let terraform = Terraform::new(Installation::Override(binaries.provider_dir()))
        .unwrap()
        .with_environment(scene.account.environment(&aws.endpoint()));
    let text = format!(
        "{PROVIDER}\nresource \"logagg_policy\" \"it\" {{\n  name = \"ship\"\n\
         \x20 filter_name = \"{NEIGHBOR}\"\n  destination_arn = \"{}\"\n\
         \x20 grant_invoke = true\n  select {{\n    name_prefixes = [\"/a/\", \"/b/\"]\n  }}\n}}\n",
        arn(NEIGHBORS_FUNCTION)
    );
    terraform.write("main.tf", &text).unwrap();
    let run = terraform.apply().unwrap();
    assert_eq!(run.code(), 0, "{run}");
    terraform
}

struct Lifecycle<'a> {
    scene: &'a Scene,
    aws: &'a Simulator,
    world: World<'a>,
    oracle: Oracle,
    generator: Generator,
    former: Configuration,
    current: Configuration,
    /// Whether the last apply did all of it.
    settled: bool,
    twin: Option<String>,
    /// Another state on the account, with a policy that is never applied again.
    neighbor: Option<Terraform>,
    life: Life,
}

/// How a run of Terraform ended.
struct Ended {
    run: Run,
    /// Whether it was interrupted or killed.
    broken_off: bool,
    /// Whether it could look at everything and was not disturbed.
    undisturbed: bool,
}

impl Lifecycle<'_> {
    fn live(&mut self) {
        let first = Step {
            operation: Operation::Create("all".to_owned()),
            before: Vec::new(),
            course: Course::Apply,
            last: Last::Nothing,
        };
        // What the neighbor wrote is nobody's step.
        self.world.events();
        self.play(&first);
        for _ in 0..STEPS {
            let facts = self.facts();
            let mut next = self.current.clone();
            let step = self.generator.step(&mut next, &facts);
            if !self.settled
                && step.operation.needs_all_done()
                && let Err(violation) = self.settle()
            {
                self.note(&step.operation, violation);
            }
            self.former = std::mem::replace(&mut self.current, next);
            self.play(&step);
        }
    }

    fn facts(&self) -> Facts {
        let groups: BTreeSet<_> = self.world.region.groups().into_keys().collect();
        let tagged = groups.iter().filter(|group| self.world.has_tag(group)).cloned().collect();
        let names_taken = self.world.names_taken().into_iter().map(|(group, _)| group).collect();
        Facts { groups, tagged, names_taken, twin: self.twin.clone() }
    }

    fn play(&mut self, step: &Step) {
        if let Err(violation) = self.step(step) {
            self.note(&step.operation, violation);
        }
    }

    fn note(&mut self, operation: &Operation, violation: Violation) {
        let _ = write!(self.life.story, "\n!!! {violation:?}\n");
        self.life.broken.push(Broken { operation: operation.clone(), violation });
        self.settled = false;
    }

    fn step(&mut self, step: &Step) -> Result<(), Violation> {
        let text = self.current.text();
        self.scene.terraform.write("main.tf", &text).unwrap();
        let _ = write!(
            self.life.story,
            "\n{step:#?}\n{}\n",
            text.split_once("\nlocals").map_or(&*text, |(_, rest)| rest)
        );
        let state_before = self.state();
        self.prepare(&step.operation);
        let mut tagged = self.tagged();
        for act in &step.before {
            self.act(act);
        }
        tagged.extend(self.tagged());
        if step.course == Course::Reviewed {
            self.review()?;
        }
        let ended = self.run(step, &mut tagged)?;
        self.check(step, &ended, &state_before, &tagged)?;
        let twin = matches!(step.operation, Operation::Twin { .. });
        // A hand-over that was broken off, or whose result nobody remembers, is brought to its end;
        // that may take more than one apply.
        let go_on_as_it_is = self.generator.random.bool()
            && !step.operation.hands_over()
            && !matches!(step.course, Course::Killed { .. });
        if !self.settled && !twin && !go_on_as_it_is {
            self.settle()?;
        }
        Ok(())
    }

    /// What is done to state before Terraform runs.
    fn prepare(&mut self, operation: &Operation) {
        let terraform = &self.scene.terraform;
        match operation {
            Operation::Taint(address) => {
                // Where it is not in state there is nothing to taint.
                terraform.run(&["taint", address]).unwrap();
            }
            Operation::LoseState(_) => {
                // It may never have been written.
                let _ = std::fs::remove_file(terraform.dir().join("terraform.tfstate"));
                self.oracle.state_is_lost();
            }
            Operation::RenameWithMoved { from, to } => {
                self.oracle.moved(&format!("logagg_policy.{from}"), &format!("logagg_policy.{to}"));
            }
            _ => {}
        }
        let abandons = matches!(operation, Operation::Forget(_) | Operation::LoseState(_));
        if abandons {
            let policies = self.former.policies();
            let names = policies.values().map(|policy| policy.filter_name.clone());
            self.oracle.left_behind.extend(names);
        }
        self.twin = match operation {
            Operation::Twin { twin, .. } => Some(twin.clone()),
            _ => None,
        };
    }

    fn act(&mut self, act: &Act) {
        if let Act::RevokeInvoke(function) = act {
            self.oracle.revoke(function);
        }
        self.world.act(act, &self.current);
        let events = self.world.events();
        self.oracle.note(&events);
    }

    fn tagged(&self) -> BTreeSet<String> {
        let groups = self.world.region.groups().into_keys();
        groups.filter(|group| self.world.has_tag(group)).collect()
    }

    fn state(&self) -> Vec<Stated> {
        let path = self.scene.terraform.dir().join("terraform.tfstate");
        Stated::all(&std::fs::read_to_string(path).unwrap_or_default())
    }

    /// A plan shows what others did, and nothing else.
    fn review(&mut self) -> Result<(), Violation> {
        if !self.settled || !self.world.names_taken().is_empty() {
            return Ok(());
        }
        let run = self.terraform(&["plan", "-no-color", "-out=plan"])?;
        if run.code() != 0 {
            return Err(broken(Promise::Succeeds, errors(&run)));
        }
        let plan = self.scene.terraform.show().unwrap();
        let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for change in plan["resource_changes"].as_array().into_iter().flatten() {
            if change["type"] != "logagg_policy" {
                continue;
            }
            let address = change["address"].as_str().unwrap_or_default().to_owned();
            let entries = |when: &str| {
                let groups = change["change"][when]["log_groups"].as_object().cloned();
                groups.unwrap_or_default()
            };
            let (before, after) = (entries("before"), entries("after"));
            let names = before.keys().chain(after.keys());
            let differ = names.filter(|name| before.get(*name) != after.get(*name));
            shown.insert(address, differ.cloned().collect());
        }
        shown.retain(|_, groups| !groups.is_empty());
        let expected = differing(&self.current, &self.state(), &self.world);
        if shown != expected {
            let why = format!("shown: {shown:?}\nexpected: {expected:?}");
            return Err(broken(Promise::PlanShowsWhatDiffers, why));
        }
        Ok(())
    }

    /// Runs Terraform to its end; it must not be the provider's fault.
    fn terraform(&mut self, arguments: &[&str]) -> Result<Run, Violation> {
        let run = self.scene.terraform.run(arguments).unwrap();
        self.sound(&run)?;
        Ok(run)
    }

    fn sound(&mut self, run: &Run) -> Result<(), Violation> {
        let _ = write!(self.life.story, "\n{run}\n");
        let text = run.text();
        let blames = ["panic", "Provider produced"];
        match blames.iter().find(|blame| text.contains(**blame)) {
            None => Ok(()),
            Some(_) => Err(broken(Promise::IsSound, errors(run))),
        }
    }

    fn run(&mut self, step: &Step, tagged: &mut BTreeSet<String>) -> Result<Ended, Violation> {
        let mut arguments: Vec<String> = APPLY.map(str::to_owned).to_vec();
        match &step.operation {
            Operation::Replace(address) if self.is_in_state(address) => {
                arguments.push(format!("-replace={address}"));
            }
            _ => {}
        }
        match &step.course {
            Course::Serial => arguments.push("-parallelism=1".to_owned()),
            Course::Target(address) => arguments.push(format!("-target={address}")),
            Course::Storm => {
                let slow_by = Duration::from_millis(20);
                self.aws.storm(Storm { slow_by, ..Storm::of_all(0.02) });
            }
            Course::Saved(acts) => {
                let mut plan = vec!["plan".to_owned(), "-no-color".to_owned()];
                plan.extend(arguments.drain(3..));
                plan.push("-out=plan".to_owned());
                let run = self.terraform(&plan.iter().map(String::as_str).collect::<Vec<_>>())?;
                if run.code() != 0 {
                    return Ok(Ended { run, broken_off: false, undisturbed: acts.is_empty() });
                }
                self.oracle.refreshed();
                for act in acts {
                    self.act(act);
                }
                tagged.extend(self.tagged());
                arguments = ["apply", "-no-color", "plan"].map(str::to_owned).to_vec();
            }
            _ => {}
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let ended = match &step.course {
            Course::Interrupted { operation, after } => {
                self.break_off(&arguments, operation, *after, Strike::Interrupt)
            }
            Course::Killed { operation, after } => {
                self.break_off(&arguments, operation, *after, Strike::Kill)
            }
            _ => {
                let run = self.run_with_last(&arguments, step.last);
                let undisturbed =
                    matches!(step.course, Course::Apply | Course::Serial | Course::Reviewed);
                Ended { run, broken_off: false, undisturbed }
            }
        };
        self.aws.heal();
        self.sound(&ended.run)?;
        Ok(ended)
    }

    fn is_in_state(&self, address: &str) -> bool {
        self.state().iter().any(|policy| policy.address == address)
    }

    /// Lets calls of a kind wait until nothing else happens.
    fn run_with_last(&self, arguments: &[&str], last: Last) -> Run {
        let hold = |operation: &str| self.aws.on(operation).hold();
        let mut gates: Vec<Gate> = match last {
            Last::Nothing => Vec::new(),
            Last::Deletes => vec![hold("DeleteSubscriptionFilter")],
            Last::Puts => vec![hold("PutSubscriptionFilter")],
        };
        let mut run = self.scene.terraform.start(arguments).unwrap();
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
    ) -> Ended {
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
        let mut run = self.scene.terraform.start(arguments).unwrap();
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
        Ended { run: run.finish().unwrap(), broken_off, undisturbed: !broken_off }
    }

    fn check(
        &mut self,
        step: &Step,
        ended: &Ended,
        state_before: &[Stated],
        tagged: &BTreeSet<String>,
    ) -> Result<(), Violation> {
        let killed = matches!(step.course, Course::Killed { .. }) && ended.broken_off;
        let succeeded = ended.run.code() == 0;
        let targeted = matches!(step.course, Course::Target(_));
        let obstructed = !self.world.names_taken().is_empty();
        let state = self.state();
        let events = self.world.events();
        let written = events.iter().any(|event| event.by == super::world::By::Provider);
        if let Operation::Twin { of, twin } = &step.operation {
            let refused = !succeeded && !written;
            let why = || {
                format!("{twin} beside {of}, written: {written}, exit code {}", ended.run.code())
            };
            if !refused {
                return Err(broken(Promise::TwinIsRefused, why()));
            }
        } else {
            let excused = ended.broken_off
                || obstructed
                || matches!(step.course, Course::Storm | Course::Saved(_) | Course::Target(_));
            if !succeeded && !excused {
                return Err(broken(Promise::Succeeds, errors(&ended.run)));
            }
        }
        let quiet = succeeded && ended.undisturbed && !targeted && !obstructed;
        if succeeded && ended.undisturbed && !targeted {
            self.oracle.refreshed();
        }
        let text = ended.run.text();
        let replaced = match &step.operation {
            Operation::Replace(address) | Operation::Taint(address) => Some(address.as_str()),
            _ => None,
        };
        let seen = Seen {
            current: &self.current,
            state_before,
            state: &state,
            events: &events,
            tagged,
            replaced,
            text: &text,
        };
        self.oracle.judge(&seen)?;
        if ended.broken_off {
            self.oracle.excuse_cut_off(&events);
        }
        if self.neighbor.is_some() {
            self.oracle.neighbor_may_invoke(&self.world)?;
        }
        if !killed {
            self.oracle.state_is_honest(&state, &self.world)?;
            if succeeded {
                self.oracle.may_invoke(&state, &self.world)?;
            }
        }
        if quiet {
            self.oracle.holds(&self.current, &state, &self.world)?;
            self.oracle.shortening_is_told(&seen, &self.world)?;
            self.plan_is_empty()?;
            self.current.settle();
        }
        self.settled = quiet;
        Ok(())
    }

    fn plan_is_empty(&mut self) -> Result<(), Violation> {
        let run = self.terraform(&["plan", "-no-color", "-detailed-exitcode"])?;
        match run.code() {
            0 => Ok(()),
            _ => Err(broken(Promise::PlanIsEmpty, errors(&run))),
        }
    }

    /// Applies the same until nothing is left to do, with the names of filters free.
    fn settle(&mut self) -> Result<(), Violation> {
        self.act(&Act::FreeNames);
        let mut last = None;
        for _ in 0..PATIENCE {
            let (state_before, tagged) = (self.state(), self.tagged());
            let run = self.terraform(&APPLY)?;
            let (state, events) = (self.state(), self.world.events());
            let text = run.text();
            let seen = Seen {
                current: &self.current,
                state_before: &state_before,
                state: &state,
                events: &events,
                tagged: &tagged,
                replaced: None,
                text: &text,
            };
            self.oracle.judge(&seen)?;
            let plan = self.terraform(&["plan", "-no-color", "-detailed-exitcode"])?;
            if run.code() == 0 && plan.code() == 0 {
                self.oracle.refreshed();
                self.oracle.state_is_honest(&state, &self.world)?;
                self.oracle.may_invoke(&state, &self.world)?;
                self.oracle.holds(&self.current, &state, &self.world)?;
                self.current.settle();
                self.settled = true;
                return Ok(());
            }
            last = Some(if run.code() == 0 { plan } else { run });
        }
        Err(broken(Promise::PlanIsEmpty, last.map_or_else(String::new, |run| errors(&run))))
    }
}

/// The errors among what Terraform said, or the last of it where there are none.
fn errors(run: &Run) -> String {
    let text = run.text();
    let at = text.find("Error: ").or_else(|| text.find("Terraform will perform")).unwrap_or(0);
    text[at..].chars().take(1_500).collect()
}

#[derive(Clone, Copy)]
enum Strike {
    Interrupt,
    Kill,
}
