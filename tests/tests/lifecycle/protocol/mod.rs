//! Lifecycles without a Terraform: its part is played over the plugin protocol, as Terraform 1.11
//! plays it (`internal/terraform`, `node_resource_abstract_instance.go` and its neighbors).

mod apply;
mod plan;
mod rules;
mod session;
mod state;
mod strike;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use logagg_e2e::account::Account;
use logagg_e2e::simulator::Simulator;
use tokio::runtime::Runtime;

use self::apply::Apply;
use self::plan::{Plan, Planner};
use self::session::{Log, Sessions};
use self::state::State;
use super::configuration::Configuration;
use super::driver::{Applied, Asked, Disturbance, Driver, Order, Outcome, What, differing_entries};
use super::operation::Last;
use super::state::Stated;
use crate::client::Terraform;
use crate::scene::SIMULATED_ACCOUNT;

/// The type of every resource here.
const POLICY: &str = "logagg_policy";

/// A failure, which is in the log.
#[derive(Clone, Copy, Debug)]
struct Failed;

/// How resources that do not depend on each other are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// One after the other, by chance.
    One,
    /// Some at once, and the next when all of these are done.
    Some,
    /// All at once.
    All,
}

pub(super) struct OverProtocol<'a> {
    aws: &'a Simulator,
    runtime: Runtime,
    terraform: Terraform,
    environment: Vec<(&'static str, String)>,
    random: Rng,
    configuration: Configuration,
    state: State,
    planned: Option<Plan>,
}

impl<'a> OverProtocol<'a> {
    pub(super) fn new(aws: &'a Simulator, seed: u64) -> Self {
        let account = Account::at(&aws.endpoint(), SIMULATED_ACCOUNT);
        Self {
            aws,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            terraform: Terraform::new(),
            environment: account.environment(&aws.endpoint()),
            // Another chance than that of the steps.
            random: Rng::with_seed(!seed),
            configuration: Configuration::default(),
            state: State::default(),
            planned: None,
        }
    }

    fn pace(&mut self, order: Order) -> Pace {
        match (order, self.random.u8(..4)) {
            (Order::Serial, _) | (_, 0) => Pace::One,
            (_, 1) => Pace::Some,
            _ => Pace::All,
        }
    }

    fn make_plan(&mut self, asked: Asked<'_>, log: &Log) -> Result<Plan, Failed> {
        let pace = self.pace(asked.order);
        self.runtime.block_on(async {
            let providers = self.state.providers(&self.configuration);
            let sessions = Sessions::start(&self.terraform, &self.environment, &providers, log);
            let sessions = sessions.await?;
            let planner =
                Planner { sessions: &sessions, configuration: &self.configuration, asked, log };
            planner.plan(&self.state, pace, &mut self.random).await
        })
    }

    fn carry_out(
        &mut self,
        plan: &Plan,
        order: Order,
        disturbance: Disturbance<'_>,
        log: &Log,
    ) -> (Result<(), Failed>, bool, Vec<String>) {
        let mut pace = self.pace(order);
        if matches!(disturbance, Disturbance::Last(Last::Deletes | Last::Creates))
            && order == Order::Any
        {
            pace = Pace::All;
        }
        let mut random = self.random.fork();
        self.runtime.block_on(async {
            let providers = self.state.providers(&self.configuration);
            let sessions = Sessions::start(&self.terraform, &self.environment, &providers, log);
            let Ok(sessions) = sessions.await else { return (Err(Failed), false, Vec::new()) };
            let apply = Apply {
                sessions: &sessions,
                plan,
                log,
                state: RefCell::new(plan.prior.clone()),
                written: Cell::new(false),
                stopped: Cell::new(false),
                lost: Cell::new(false),
                forgetful: RefCell::default(),
            };
            let work = apply.work(pace, &mut random);
            let gated = pace == Pace::All;
            let everything = self.random.bool();
            let (done, broken_off) = match disturbance {
                Disturbance::Last(last) => {
                    (strike::with_last(self.aws, last, gated, work).await, false)
                }
                Disturbance::Strike { operation, after, strike } => {
                    let at = strike::At { aws: self.aws, operation, after, strike, everything };
                    at.during(work, &apply).await
                }
            };
            // A Terraform that was killed has written what it knew when a resource was done.
            if apply.written.get() || !apply.lost.get() {
                self.state = apply.state.into_inner();
            }
            let done = if broken_off { Err(Failed) } else { done };
            (done, broken_off, apply.forgetful.into_inner())
        })
    }
}

impl Driver for OverProtocol<'_> {
    fn configure(&mut self, configuration: &Configuration) {
        self.configuration = configuration.clone();
    }

    fn state(&self) -> Vec<Stated> {
        self.state.stated()
    }

    fn taint(&mut self, address: &str) {
        if let Some(object) = self.state.current.get_mut(address) {
            object.tainted = true;
        }
    }

    fn lose_state(&mut self) {
        self.state = State::default();
    }

    fn plan(&mut self, asked: Asked<'_>) -> Outcome {
        let log = Log::default();
        log.line("plan");
        let planned = self.make_plan(asked, &log);
        let code = match &planned {
            Err(Failed) => 1,
            Ok(plan) if plan.is_empty() => 0,
            Ok(_) => 2,
        };
        self.planned = planned.ok();
        log.outcome(code)
    }

    fn shown(&self) -> BTreeMap<String, BTreeSet<String>> {
        let changes = self.planned.iter().flat_map(|plan| &plan.changes);
        let shown = changes.map(|change| {
            let before = change.before.as_ref().map(|object| object.value.clone());
            let differ = differing_entries(&before.unwrap_or_default(), &change.after);
            (change.address.clone(), differ)
        });
        shown.collect()
    }

    fn apply(&mut self, what: What<'_>, disturbance: Disturbance<'_>) -> Applied {
        let log = Log::default();
        log.line("apply");
        let (planned, order) = match what {
            What::Fresh(asked) => (self.make_plan(asked, &log), asked.order),
            What::Saved => (self.planned.take().ok_or(Failed), Order::Any),
        };
        let (done, broken_off, forgetful) = match planned {
            Ok(plan) => self.carry_out(&plan, order, disturbance, &log),
            Err(Failed) => (Err(Failed), false, Vec::new()),
        };
        let outcome = log.outcome(done.map_or(1, |()| 0));
        Applied { outcome, broken_off, forgetful }
    }
}
