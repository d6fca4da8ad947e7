//! Faults: exact rules for selected calls, and random faults over all of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::calls::Call;
use super::chance::Chance;
use super::refusal::Refusal;
use super::service::{Kind, Operation};
use super::shared::Shared;

/// How often what happens to a call, each from 0 to 1; their sum is what is not left alone.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Storm {
    /// Refused as one too many.
    pub throttled: f64,
    /// A write refused because of another one under way.
    pub aborted: f64,
    /// `ServiceUnavailableException`.
    pub unavailable: f64,
    /// `InternalFailure`.
    pub internal_failure: f64,
    /// The connection is closed before anything was done.
    pub reset_before: f64,
    /// The connection is closed after all was done, without a response.
    pub reset_after: f64,
    /// The answer is late by [`Storm::slow_by`].
    pub slow: f64,
    /// How late a slow answer is, in simulated time.
    pub slow_by: Duration,
}

impl Storm {
    /// Every kind this often.
    pub fn of_all(probability: f64) -> Self {
        Self {
            throttled: probability,
            aborted: probability,
            unavailable: probability,
            internal_failure: probability,
            reset_before: probability,
            reset_after: probability,
            slow: probability,
            slow_by: Duration::from_millis(500),
        }
    }

    fn strike(&self, call: &Call, operation: &Operation, chance: &mut Chance) -> Option<Effect> {
        let Call { place, resource, .. } = call;
        let resource = resource.as_deref().unwrap_or_default();
        let mut left =
            chance.next(&["storm", operation.name, &place.account, &place.region, resource]).f64();
        let mut struck = |probability: f64| {
            left -= probability;
            left < 0.0
        };
        if struck(self.throttled) {
            Some(Effect::Fail(operation.service.throttled()))
        } else if struck(self.aborted) {
            let refusal = Refusal::operation_aborted();
            (operation.kind == Kind::Write).then_some(Effect::Fail(refusal))
        } else if struck(self.unavailable) {
            Some(Effect::Fail(Refusal::unavailable()))
        } else if struck(self.internal_failure) {
            Some(Effect::Fail(Refusal::internal_failure()))
        } else if struck(self.reset_before) {
            Some(Effect::ResetBefore)
        } else if struck(self.reset_after) {
            Some(Effect::ResetAfter)
        } else if struck(self.slow) {
            Some(Effect::Delay(self.slow_by))
        } else {
            None
        }
    }
}

/// Which calls a rule is about, to be ended with what shall happen to them. Of several rules that
/// match, the one made first acts.
#[must_use = "a rule without an effect does nothing"]
#[derive(Debug)]
pub struct When<'a> {
    shared: &'a Shared,
    rule: Rule,
}

impl<'a> When<'a> {
    pub(super) fn new(shared: &'a Shared, operation: &str) -> Self {
        assert!(
            operation == "*" || Operation::named(operation).is_some(),
            "the simulator has no operation {operation}"
        );
        let rule = Rule {
            operation: operation.to_owned(),
            account: None,
            region: None,
            resource: None,
            skip: 0,
            times: None,
            probability: 1.0,
            effect: Effect::ResetBefore,
        };
        Self { shared, rule }
    }

    /// Only calls in this account.
    pub fn account(mut self, account: &str) -> Self {
        self.rule.account = Some(account.to_owned());
        self
    }

    /// Only calls in this region.
    pub fn region(mut self, region: &str) -> Self {
        self.rule.region = Some(region.to_owned());
        self
    }

    /// Only calls about this log group, function, stream or role.
    pub fn resource(mut self, resource: &str) -> Self {
        self.rule.resource = Some(resource.to_owned());
        self
    }

    /// Not the first so many.
    pub fn after(mut self, calls: usize) -> Self {
        self.rule.skip = calls;
        self
    }

    /// No more than so many; without this, all that follow.
    pub fn times(mut self, times: usize) -> Self {
        self.rule.times = Some(times);
        self
    }

    /// Each of them this likely, from 0 to 1, by the simulator's seed.
    pub fn probability(mut self, probability: f64) -> Self {
        self.rule.probability = probability;
        self
    }

    /// They are refused, and nothing is done.
    pub fn fail(self, refusal: Refusal) {
        self.add(Effect::Fail(refusal));
    }

    /// Their connection is closed before anything is done.
    pub fn reset_before(self) {
        self.add(Effect::ResetBefore);
    }

    /// Their connection is closed after all is done, without a response.
    pub fn reset_after(self) {
        self.add(Effect::ResetAfter);
    }

    /// Their answer is late by this much simulated time.
    pub fn delay(self, delay: Duration) {
        self.add(Effect::Delay(delay));
    }

    /// `hook` runs before they are done; it may use the simulator.
    pub fn run_before(self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.add(Effect::RunBefore(Arc::new(hook)));
    }

    /// `hook` runs after they are done and before they are answered.
    pub fn run_after(self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.add(Effect::RunAfter(Arc::new(hook)));
    }

    /// They wait, before they are done, until the gate is opened or dropped.
    pub fn hold(self) -> Gate {
        let (gate, closed) = watch::channel(Barrier::Closed);
        self.add(Effect::Hold(closed));
        Gate(gate)
    }

    fn add(mut self, effect: Effect) {
        self.rule.effect = effect;
        self.shared.world().faults.rules.push(self.rule);
    }
}

/// Holds calls back.
#[derive(Debug)]
#[must_use = "calls are held only as long as the gate lives"]
pub struct Gate(watch::Sender<Barrier>);

impl Gate {
    /// Lets the calls pass.
    pub fn open(self) {
        self.0.send_replace(Barrier::Open);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Barrier {
    Closed,
    Open,
}

/// The rules and the weather.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    pub(super) storm: Option<Storm>,
}

impl Faults {
    /// What happens to a call.
    pub(super) fn strike(
        &mut self,
        call: &Call,
        operation: &Operation,
        chance: &mut Chance,
    ) -> Option<Effect> {
        let ruled = self.rules.iter_mut().enumerate().find_map(|(n, rule)| {
            rule.take(call, || {
                let Call { place, operation, .. } = call;
                let n = n.to_string();
                chance.next(&["rule", &n, operation, &place.account, &place.region]).f64()
            })
        });
        ruled.or_else(|| self.storm.and_then(|storm| storm.strike(call, operation, chance)))
    }

    pub(super) fn heal(&mut self) {
        *self = Self::default();
    }
}

#[derive(Debug)]
struct Rule {
    operation: String,
    account: Option<String>,
    region: Option<String>,
    resource: Option<String>,
    skip: usize,
    times: Option<usize>,
    probability: f64,
    effect: Effect,
}

impl Rule {
    fn take(&mut self, call: &Call, chance: impl FnOnce() -> f64) -> Option<Effect> {
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == given)
        };
        let about = (self.operation == "*" || self.operation == call.operation)
            && is(&self.account, &call.place.account)
            && is(&self.region, &call.place.region)
            && (self.resource.is_none() || self.resource == call.resource);
        if !about || self.times == Some(0) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.probability < 1.0 && chance() >= self.probability {
            return None;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        Some(self.effect.clone())
    }
}

type Hook = Arc<dyn Fn(&Call) + Send + Sync>;

/// What a fault does to a call.
#[derive(Clone)]
pub(super) enum Effect {
    Fail(Refusal),
    ResetBefore,
    ResetAfter,
    Delay(Duration),
    RunBefore(Hook),
    RunAfter(Hook),
    Hold(watch::Receiver<Barrier>),
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail(_) => "fail",
            Self::ResetBefore => "reset before",
            Self::ResetAfter => "reset after",
            Self::Delay(_) => "delay",
            Self::RunBefore(_) => "run a hook before",
            Self::RunAfter(_) => "run a hook after",
            Self::Hold(_) => "hold",
        })
    }
}
