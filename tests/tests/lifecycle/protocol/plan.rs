//! The walk that plans.

use std::collections::BTreeMap;

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::Value as Json;

use super::session::{Log, Planned, Sessions, ToPlan, config};
use super::state::{Object, State};
use super::{Failed, Pace, rules};
use crate::lifecycle::configuration::{Configuration, Destination, Instance, Kind, Provider};
use crate::lifecycle::driver::Asked;

/// What is to be done, and the state that it was planned for.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) prior: State,
    pub(super) changes: Vec<Change>,
    /// What the state's `outputs` will be.
    pub(super) outputs: BTreeMap<String, String>,
    /// Whether state changes though no object does.
    pub(super) bookkeeping: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) address: String,
    pub(super) action: Action,
    pub(super) provider: Provider,
    /// With everything known; null for what is destroyed.
    pub(super) config: Json,
    pub(super) before: Option<Object>,
    /// Null for what is destroyed.
    pub(super) after: Json,
    pub(super) planned: Planned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Create,
    Update,
    DeleteThenCreate,
    CreateThenDelete,
    Delete,
    DeleteDeposed,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        let nothing = self.changes.iter().all(|change| change.action == Action::Nothing);
        nothing && !self.bookkeeping
    }
}

pub(super) struct Planner<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) configuration: &'a Configuration,
    pub(super) asked: Asked<'a>,
    pub(super) log: &'a Log,
}

/// What is planned for one address.
enum Node<'a> {
    Instance(Instance<'a>),
    Orphan(&'a str),
    Deposed(&'a str, &'a Object),
}

impl Planner<'_> {
    pub(super) async fn plan(
        &self,
        state: &State,
        pace: Pace,
        random: &mut Rng,
    ) -> Result<Plan, Failed> {
        let mut prior = state.clone();
        let mut bookkeeping = false;
        for (from, to) in &self.configuration.moved {
            bookkeeping |= prior.rename(from, to);
        }
        for address in &self.configuration.forgotten {
            bookkeeping |= prior.current.remove(address).is_some();
        }
        let outputs = self.outputs(&prior);
        bookkeeping |= outputs != prior.outputs;
        let configured = self.configuration.policies();
        let instances = self.configuration.instances().map(Node::Instance);
        let orphans = prior.current.keys().filter(|address| !configured.contains_key(*address));
        let orphans = orphans.map(|address| Node::Orphan(address));
        let deposed = prior.deposed.iter().map(|(address, object)| Node::Deposed(address, object));
        let mut nodes: Vec<_> = instances.chain(orphans).chain(deposed).collect();
        nodes.retain(|node| match (node, self.asked.target) {
            (_, None) => true,
            (Node::Instance(instance), Some(target)) => instance.address == target,
            (Node::Orphan(_) | Node::Deposed(..), Some(_)) => false,
        });
        random.shuffle(&mut nodes);
        let nodes = nodes.iter().map(|node| self.node(node, &prior));
        let planned = match pace {
            Pace::One => {
                let mut planned = Vec::new();
                for node in nodes {
                    planned.push(node.await);
                }
                planned
            }
            Pace::Some | Pace::All => join_all(nodes).await,
        };
        let mut changes = Vec::new();
        let mut deposed = Vec::new();
        let mut current = prior.current.clone();
        let mut failed = Ok(());
        for planned in planned {
            let Ok((refreshed, change)) = planned else {
                failed = Err(Failed);
                continue;
            };
            match (refreshed, change.action) {
                (Some(object), Action::DeleteDeposed) => {
                    deposed.push((change.address.clone(), object));
                }
                (None, Action::DeleteDeposed) => {}
                (Some(object), _) => {
                    let before = current.insert(change.address.clone(), object);
                    bookkeeping |= before.is_none();
                }
                (None, _) => {
                    current.remove(&change.address);
                }
            }
            self.log.line(format!("  {:?} {}", change.action, change.address));
            changes.push(change);
        }
        failed?;
        if self.asked.target.is_none() {
            prior.deposed = deposed;
        }
        prior.current = current;
        Ok(Plan { prior, changes, outputs, bookkeeping })
    }

    fn outputs(&self, prior: &State) -> BTreeMap<String, String> {
        let given = self.configuration.instances().filter(is_given_in_apply);
        let given = given.map(|one| (one.label.to_owned(), one.policy.destination_arn()));
        match self.asked.target {
            None => given.collect(),
            Some(target) => {
                let targeted =
                    given.filter(|(label, _)| format!("logagg_policy.{label}") == target);
                prior.outputs.clone().into_iter().chain(targeted).collect()
            }
        }
    }

    /// What there is now, and what is to be done.
    async fn node(
        &self,
        node: &Node<'_>,
        prior: &State,
    ) -> Result<(Option<Object>, Change), Failed> {
        match node {
            Node::Instance(instance) => self.instance(instance, prior).await,
            Node::Orphan(address) => {
                self.destroyed(address, &prior.current[*address], Action::Delete).await
            }
            Node::Deposed(address, object) => {
                self.destroyed(address, object, Action::DeleteDeposed).await
            }
        }
    }

    async fn destroyed(
        &self,
        address: &str,
        object: &Object,
        action: Action,
    ) -> Result<(Option<Object>, Change), Failed> {
        let before = self.sessions.refresh(address, object, self.log).await?;
        let provider = object.provider;
        let Some(before) = before else {
            let planned = Planned {
                value: Json::Null,
                private: Vec::new(),
                identity: None,
                requires_replace: Vec::new(),
            };
            let address = address.to_owned();
            let (config, after) = (Json::Null, Json::Null);
            let action = match action {
                Action::DeleteDeposed => action,
                _ => Action::Nothing,
            };
            let change = Change { address, action, provider, config, before: None, after, planned };
            return Ok((None, change));
        };
        let asked = ToPlan {
            address,
            provider,
            prior: Some(&before),
            private: &before.private,
            config: &Json::Null,
        };
        let planned = self.sessions.plan(&asked, self.log).await?;
        let change = Change {
            address: address.to_owned(),
            action,
            provider,
            config: Json::Null,
            before: Some(before.clone()),
            after: Json::Null,
            planned,
        };
        Ok((Some(before), change))
    }

    async fn instance(
        &self,
        instance: &Instance<'_>,
        prior: &State,
    ) -> Result<(Option<Object>, Change), Failed> {
        let Instance { address, block, policy, .. } = instance;
        let provider = block.provider;
        let known = config(&policy.value(), self.sessions.policy());
        let mut config = known.clone();
        let output = prior.outputs.get(instance.label);
        if is_given_in_apply(instance) && output != Some(&policy.destination_arn()) {
            config["destination_arn"] = rules::UNKNOWN.into();
        }
        self.sessions.validate(address, provider, &config, self.log).await?;
        let found = match prior.current.get(address) {
            Some(object) => {
                self.sessions
                    .refresh(address, &Object { provider, ..object.clone() }, self.log)
                    .await?
            }
            None => self.imported(address, provider).await?,
        };
        let tainted = found.as_ref().filter(|object| object.tainted);
        let before = found.as_ref().filter(|object| !object.tainted);
        let first = ToPlan {
            address,
            provider,
            prior: before,
            private: before.map_or(&[], |object| &object.private),
            config: &config,
        };
        let mut planned = self.sessions.plan(&first, self.log).await?;
        let replace = match block.is_created_first() {
            true => Action::CreateThenDelete,
            false => Action::DeleteThenCreate,
        };
        let forced = self.asked.replace == Some(address.as_str());
        let action = match before {
            None if tainted.is_some() => replace,
            None => Action::Create,
            Some(before) if before.value == planned.value && !forced => Action::Nothing,
            Some(_) if forced || !planned.requires_replace.is_empty() => {
                let second = ToPlan {
                    address,
                    provider,
                    prior: None,
                    private: &planned.private,
                    config: &config,
                };
                planned = self.sessions.plan(&second, self.log).await?;
                replace
            }
            Some(_) => Action::Update,
        };
        let change = Change {
            address: address.clone(),
            action,
            provider,
            config: known,
            before: found.clone(),
            after: planned.value.clone(),
            planned,
        };
        Ok((found, change))
    }

    async fn imported(&self, address: &str, provider: Provider) -> Result<Option<Object>, Failed> {
        let mut imports = self.configuration.imports.iter();
        let Some((_, id)) = imports.find(|(to, _)| to == address) else { return Ok(None) };
        let found = self.sessions.import(address, provider, id, self.log).await?;
        self.sessions.refresh(address, &found, self.log).await
    }
}

fn is_given_in_apply(instance: &Instance<'_>) -> bool {
    instance.block.destination == Destination::InApply && instance.block.kind == Kind::One
}
