//! The walk that applies.

use std::cell::{Cell, RefCell};

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::Value as Json;

use super::plan::{Action, Change, Plan};
use super::session::{Log, Planned, Reached, Sessions, ToApply, ToPlan};
use super::state::{Object, State};
use super::{Failed, Pace, rules};

pub(super) struct Apply<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) plan: &'a Plan,
    pub(super) log: &'a Log,
    pub(super) state: RefCell<State>,
    /// Whether a resource was done, at which Terraform writes all of the state.
    pub(super) written: Cell<bool>,
    /// Nothing is begun any more.
    pub(super) stopped: Cell<bool>,
    /// Nothing is written any more: Terraform is dead.
    pub(super) lost: Cell<bool>,
    /// Addresses whose private data was lost.
    pub(super) forgetful: RefCell<Vec<String>>,
}

/// What is done to one object, after what comes before it in its chain.
#[derive(Clone, Copy, Debug)]
enum Leg {
    Apply,
    /// Beside an object that is there.
    CreateFirst,
    Delete,
    DeleteDeposed,
}

struct Chain<'a> {
    change: &'a Change,
    legs: Vec<Leg>,
}

impl Apply<'_> {
    pub(super) async fn work(&self, pace: Pace, random: &mut Rng) -> Result<(), Failed> {
        self.state.borrow_mut().outputs = self.plan.outputs.clone();
        let mut chains: Vec<_> = self.plan.changes.iter().map(Chain::of).collect();
        random.shuffle(&mut chains);
        if pace == Pace::All {
            let all = chains.iter().map(async |chain| {
                for leg in &chain.legs {
                    self.leg(chain.change, *leg).await?;
                }
                Ok(())
            });
            return join_all(all).await.into_iter().collect();
        }
        let mut done = Ok(());
        loop {
            chains.retain(|chain| !chain.legs.is_empty());
            if chains.is_empty() {
                return done;
            }
            random.shuffle(&mut chains);
            let some = if pace == Pace::One { 1 } else { random.usize(1..=chains.len()) };
            let next = chains.iter_mut().take(some).map(async |chain| {
                let leg = chain.legs.remove(0);
                let result = self.leg(chain.change, leg).await;
                if result.is_err() {
                    chain.legs.clear();
                }
                result
            });
            done = join_all(next).await.into_iter().fold(done, Result::and);
        }
    }

    async fn leg(&self, change: &Change, leg: Leg) -> Result<(), Failed> {
        if self.stopped.get() || self.lost.get() {
            return Err(Failed);
        }
        self.log.line(format!("  {leg:?} {}", change.address));
        let result = match leg {
            Leg::Apply | Leg::CreateFirst => self.put(change, leg).await,
            Leg::Delete => self.delete(change).await,
            Leg::DeleteDeposed => self.delete_deposed(change).await,
        };
        self.log.line(format!("  {leg:?} {}: {result:?}", change.address));
        result
    }

    /// Writes state, unless Terraform is dead.
    fn record(&self, write: impl FnOnce(&mut State)) {
        if !self.lost.get() {
            write(&mut self.state.borrow_mut());
            self.written.set(true);
        }
    }

    async fn put(&self, change: &Change, leg: Leg) -> Result<(), Failed> {
        let Change { address, provider, config, .. } = change;
        let provider = *provider;
        let before = match leg {
            Leg::CreateFirst => None,
            _ => self.state.borrow().current.get(address).cloned(),
        };
        let again = ToPlan {
            address,
            provider,
            prior: before.as_ref(),
            private: before.as_ref().map_or(&[], |object| &object.private),
            config,
        };
        let planned = self.sessions.plan(&again, self.log).await?;
        if let Some(why) = rules::incompatible(&change.after, &planned.value) {
            return Err(self.log.blame(address, "inconsistent final plan", &why));
        }
        if before.is_some() && !planned.requires_replace.is_empty() {
            let why = format!("replaced for {:?}", planned.requires_replace);
            return Err(self.log.blame(address, "inconsistent final plan", &why));
        }
        if before.as_ref().is_some_and(|before| before.value == planned.value) {
            return Ok(());
        }
        let asked =
            ToApply { address, provider, prior: before.as_ref(), planned: &planned, config };
        match self.sessions.apply(&asked, self.log).await {
            Reached::Lost => {
                // There was no answer: what was there before stays, without private data.
                if let Some(before) = before
                    && !self.lost.get()
                {
                    self.forgetful.borrow_mut().push(address.clone());
                    let kept = Object { private: Vec::new(), ..before };
                    self.record(|state| {
                        state.current.insert(address.clone(), kept);
                    });
                }
                Err(Failed)
            }
            Reached::State { object, outcome } => {
                if outcome.is_ok() {
                    let reached = object.as_ref().map_or(&Json::Null, |object| &object.value);
                    self.consistent(address, &planned, reached)?;
                }
                let created = before.is_none();
                let tainted = created && outcome.is_err();
                self.record(|state| {
                    let Some(object) = object else { return };
                    let object = Object { tainted, ..object };
                    let replaced = state.current.insert(address.clone(), object);
                    if let (Leg::CreateFirst, Some(old)) = (leg, replaced) {
                        state.deposed.push((address.clone(), old));
                    }
                });
                outcome
            }
        }
    }

    fn consistent(&self, address: &str, planned: &Planned, reached: &Json) -> Result<(), Failed> {
        let why = rules::incompatible(&planned.value, reached)
            .or_else(|| rules::has_unknowns(reached).then(|| format!("unknown: {reached}")));
        match why {
            None => Ok(()),
            Some(why) => Err(self.log.blame(address, "inconsistent result after apply", &why)),
        }
    }

    async fn delete(&self, change: &Change) -> Result<(), Failed> {
        let Change { address, before, .. } = change;
        let Some(before) = before else { return Ok(()) };
        // The planned private state of the new object, if one replaces it.
        let planned = Planned { value: Json::Null, ..change.planned.clone() };
        let left = self.destroy(address, before, &planned).await;
        self.record(|state| match &left {
            Ok(()) => {
                state.current.remove(address);
            }
            Err(Some(left)) => {
                let left = Object { tainted: before.tainted, ..left.clone() };
                state.current.insert(address.clone(), left);
            }
            Err(None) => {}
        });
        left.map_err(|_| Failed)
    }

    async fn delete_deposed(&self, change: &Change) -> Result<(), Failed> {
        let address = &change.address;
        let deposed = {
            let state = self.state.borrow();
            state.deposed.iter().find(|(of, _)| of == address).map(|(_, object)| object.clone())
        };
        let Some(deposed) = deposed else { return Ok(()) };
        let asked = ToPlan {
            address,
            provider: deposed.provider,
            prior: Some(&deposed),
            private: &deposed.private,
            config: &Json::Null,
        };
        let planned = self.sessions.plan(&asked, self.log).await?;
        let left = self.destroy(address, &deposed, &planned).await;
        self.record(|state| {
            let at = state.deposed.iter().position(|(of, one)| {
                of == address && one.value == deposed.value && one.private == deposed.private
            });
            match (&left, at) {
                (Ok(()), Some(at)) => {
                    state.deposed.remove(at);
                }
                (Err(Some(left)), Some(at)) => state.deposed[at].1 = left.clone(),
                _ => {}
            }
        });
        left.map_err(|_| Failed)
    }

    /// With an error: what is left, where that is not what was there.
    async fn destroy(
        &self,
        address: &str,
        before: &Object,
        planned: &Planned,
    ) -> Result<(), Option<Object>> {
        let provider = before.provider;
        let asked =
            ToApply { address, provider, prior: Some(before), planned, config: &Json::Null };
        match self.sessions.apply(&asked, self.log).await {
            Reached::Lost => Err(None),
            Reached::State { object, outcome: Err(Failed) } => Err(object),
            Reached::State { object: None, outcome: Ok(()) } => Ok(()),
            Reached::State { object: Some(left), outcome: Ok(()) } => {
                let why = format!("still there: {}", left.value);
                let Failed = self.log.blame(address, "inconsistent result after apply", &why);
                Err(Some(left))
            }
        }
    }
}

impl<'a> Chain<'a> {
    fn of(change: &'a Change) -> Self {
        let legs = match change.action {
            Action::Nothing => vec![],
            Action::Create | Action::Update => vec![Leg::Apply],
            Action::DeleteThenCreate => vec![Leg::Delete, Leg::Apply],
            Action::CreateThenDelete => vec![Leg::CreateFirst, Leg::DeleteDeposed],
            Action::Delete => vec![Leg::Delete],
            Action::DeleteDeposed => vec![Leg::DeleteDeposed],
        };
        Self { change, legs }
    }
}
