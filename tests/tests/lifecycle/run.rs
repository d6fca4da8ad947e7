//! One lifecycle, from a seed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use fastrand::Rng;
use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Destination, Simulator, Storm};

use super::configuration::{Block, Configuration, OPEN, OnDestroy, Policy, TAGGED};
use super::driver::{Applied, Asked, Disturbance, Driver, Make, Order, Outcome, Strike, What};
use super::operation::{Act, Course, Facts, Generator, Last, Operation, Step, groups};
use super::oracle::{
    NEIGHBOR, NEIGHBORS_FUNCTION, Oracle, Promise, Seen, Violation, broken, differing,
};
use super::state::Stated;
use super::world::World;
use crate::scene::SIMULATED_ACCOUNT;

/// Steps of a lifecycle after its first apply.
const STEPS: usize = 10;
/// How often the same may be applied until nothing is left to do, where something got in between.
const PATIENCE: usize = 4;
const UNDISTURBED: Disturbance<'_> = Disturbance::Last(Last::Nothing);

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

/// The seeds from which on policies set deletion protection.
pub(super) const PROTECTING: u64 = 100_000;

/// Plays a lifecycle to its end. What comes after a broken promise may be due to that.
pub(super) fn play(seed: u64, make: &Make<'_>) -> Life {
    let mut random = Rng::with_seed(seed);
    let aws = Simulator::builder().seed(seed).filters_per_group(10).start().unwrap();
    for function in OPEN {
        aws.region(SIMULATED_ACCOUNT, REGION).add_shipper(function);
    }
    let elsewhere = aws.region("444455556666", REGION);
    let stream = elsewhere.add_stream("siem", &[]);
    let role = "arn:aws:iam::444455556666:role/siem";
    elsewhere
        .add_destination(Destination::named("siem", &stream, role).open_to(&[SIMULATED_ACCOUNT]));
    for function in World::revocable() {
        let region = aws.region(SIMULATED_ACCOUNT, REGION);
        region.add_function(logagg_e2e::simulator::Function::named(function));
    }
    // In other lives nothing is protected from deletion, as when their seeds first failed.
    let mut protections = (seed >= PROTECTING).then(|| Rng::with_seed(!seed));
    let mut groups = groups(&mut random);
    if let Some(random) = &mut protections {
        groups.iter_mut().for_each(|group| group.deletion_protection = random.u8(..4) == 0);
    }
    let world = World::new(&aws, groups);
    world.act(&Act::Tag(format!("{TAGGED}0")), &Configuration::default());
    let mut generator = Generator::new(random, protections);
    let current = generator.first();
    let neighbor = seed.is_multiple_of(4).then(|| neighbor(make(&aws, seed)));
    let mut lifecycle = Lifecycle {
        driver: make(&aws, seed),
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
fn neighbor<'a>(mut driver: Box<dyn Driver + 'a>) -> Box<dyn Driver + 'a> {
    let policy = Policy {
        name: "ship".to_owned(),
        filter_name: NEIGHBOR.to_owned(),
        function: NEIGHBORS_FUNCTION,
        pattern: "",
        retention: None,
        deletion_protection: None,
        on_destroy: OnDestroy::Keep,
        grants: true,
        prefixes: BTreeSet::from(["/a/", "/b/"]),
        names: BTreeSet::new(),
        by_tag: false,
        excluded: BTreeSet::new(),
    };
    let mut configuration = Configuration::default();
    configuration.blocks.insert("it".to_owned(), Block::of(policy));
    driver.configure(&configuration);
    let applied = driver.apply(What::Fresh(Asked::default()), UNDISTURBED);
    assert_eq!(applied.outcome.code(), 0, "{}", applied.outcome);
    driver
}

struct Lifecycle<'a> {
    driver: Box<dyn Driver + 'a>,
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
    neighbor: Option<Box<dyn Driver + 'a>>,
    life: Life,
}

/// How a run ended.
struct Ended {
    run: Outcome,
    /// Whether it was interrupted or killed.
    broken_off: bool,
    /// Whether it could look at everything and was not disturbed.
    undisturbed: bool,
    /// Addresses whose private data was lost.
    forgetful: Vec<String>,
}

impl Lifecycle<'_> {
    fn live(&mut self) {
        let first = Step {
            operation: Operation::Create("all".to_owned()),
            before: Vec::new(),
            course: Course::Apply,
            last: Last::Nothing,
        };
        // The neighbor's writes belong to no step.
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
        self.driver.configure(&self.current);
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
        // An interrupted hand-over, or one whose result was lost, is completed; that may take more
        // than one apply.
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
        match operation {
            Operation::Taint(address) => self.driver.taint(address),
            Operation::LoseState(_) => {
                self.driver.lose_state();
                self.oracle.state_is_lost();
            }
            Operation::RenameWithMoved { from, to } => {
                self.oracle.moved(&format!("logagg_policy.{from}"), &format!("logagg_policy.{to}"));
            }
            _ => {}
        }
        if matches!(operation, Operation::Forget(_) | Operation::LoseState(_)) {
            self.leave_behind();
        }
        self.twin = match operation {
            Operation::Twin { twin, .. } => Some(twin.clone()),
            _ => None,
        };
    }

    /// Filters from before the step are not deleted.
    fn leave_behind(&mut self) {
        let policies = self.former.policies();
        let names = policies.values().map(|policy| policy.filter_name.clone());
        self.oracle.left_behind.extend(names);
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
        self.driver.state()
    }

    /// A plan shows what others did, and nothing else.
    fn review(&mut self) -> Result<(), Violation> {
        if !self.settled || !self.world.names_taken().is_empty() {
            return Ok(());
        }
        let run = self.plan(Asked::default())?;
        if run.code() == 1 {
            return Err(broken(Promise::Succeeds, errors(&run)));
        }
        let mut shown = self.driver.shown();
        shown.retain(|_, groups| !groups.is_empty());
        let expected = differing(&self.current, &self.state(), &self.world);
        if shown != expected {
            let why = format!("shown: {shown:?}\nexpected: {expected:?}");
            return Err(broken(Promise::PlanShowsWhatDiffers, why));
        }
        Ok(())
    }

    /// Plans; it must not fail by the provider's fault.
    fn plan(&mut self, asked: Asked<'_>) -> Result<Outcome, Violation> {
        let run = self.driver.plan(asked);
        self.sound(&run)?;
        Ok(run)
    }

    fn apply(
        &mut self,
        what: What<'_>,
        disturbance: Disturbance<'_>,
    ) -> Result<Applied, Violation> {
        let applied = self.driver.apply(what, disturbance);
        self.aws.heal();
        self.sound(&applied.outcome)?;
        Ok(applied)
    }

    fn sound(&mut self, run: &Outcome) -> Result<(), Violation> {
        let _ = write!(self.life.story, "\n{run}\n");
        let text = run.text();
        let blames = ["panic", "Provider produced"];
        match blames.iter().find(|blame| text.contains(**blame)) {
            None => Ok(()),
            Some(_) => Err(broken(Promise::IsSound, errors(run))),
        }
    }

    fn run(&mut self, step: &Step, tagged: &mut BTreeSet<String>) -> Result<Ended, Violation> {
        let replace = match &step.operation {
            Operation::Replace(address) if self.is_in_state(address) => Some(address.as_str()),
            _ => None,
        };
        let mut asked = Asked { replace, ..Asked::default() };
        let mut disturbance = Disturbance::Last(step.last);
        match &step.course {
            Course::Serial => asked.order = Order::Serial,
            Course::Target(address) => asked.target = Some(address),
            Course::Storm => {
                let slow_by = Duration::from_millis(20);
                self.aws.storm(Storm { slow_by, ..Storm::of_all(0.02) });
            }
            Course::Interrupted { operation, after } => {
                let (after, strike) = (*after, Strike::Interrupt);
                disturbance = Disturbance::Strike { operation, after, strike };
            }
            Course::Killed { operation, after } => {
                let (after, strike) = (*after, Strike::Kill);
                disturbance = Disturbance::Strike { operation, after, strike };
            }
            Course::Apply | Course::Reviewed | Course::Saved(_) => {}
        }
        let mut what = What::Fresh(asked);
        if let Course::Saved(acts) = &step.course {
            let run = self.plan(asked)?;
            if run.code() == 1 {
                let undisturbed = acts.is_empty();
                return Ok(Ended { run, broken_off: false, undisturbed, forgetful: Vec::new() });
            }
            self.oracle.refreshed();
            for act in acts {
                self.act(act);
            }
            tagged.extend(self.tagged());
            what = What::Saved;
        }
        let Applied { outcome: run, broken_off, forgetful } = self.apply(what, disturbance)?;
        let undisturbed = !broken_off
            && !matches!(step.course, Course::Storm | Course::Saved(_) | Course::Target(_));
        Ok(Ended { run, broken_off, undisturbed, forgetful })
    }

    fn is_in_state(&self, address: &str) -> bool {
        self.state().iter().any(|policy| policy.address == address)
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
        if killed && self.driver.has_lost_its_state() {
            self.oracle.state_is_lost();
            self.leave_behind();
        }
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
            broken_off: ended.broken_off,
            text,
        };
        let checked = self.oracle.check(&seen);
        for address in &ended.forgetful {
            self.oracle.forgets(address);
        }
        checked?;
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
            self.oracle.shortening_is_reported(&seen, &self.world)?;
            self.plan_is_empty()?;
            self.current.settle();
        }
        self.settled = quiet;
        Ok(())
    }

    fn plan_is_empty(&mut self) -> Result<(), Violation> {
        let run = self.plan(Asked::default())?;
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
            let Applied { outcome: run, .. } =
                self.apply(What::Fresh(Asked::default()), UNDISTURBED)?;
            let (state, events) = (self.state(), self.world.events());
            let text = run.text();
            let seen = Seen {
                current: &self.current,
                state_before: &state_before,
                state: &state,
                events: &events,
                tagged: &tagged,
                replaced: None,
                broken_off: false,
                text,
            };
            self.oracle.check(&seen)?;
            let plan = self.plan(Asked::default())?;
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
fn errors(run: &Outcome) -> String {
    let text = run.text();
    let at = text.find("Error: ").or_else(|| text.find("Terraform will perform")).unwrap_or(0);
    text[at..].chars().take(1_500).collect()
}
