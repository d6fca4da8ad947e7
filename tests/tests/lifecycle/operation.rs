//! What is done in a step: to the configuration, by others, and how Terraform is run.

use std::collections::BTreeSet;

use fastrand::Rng;
use logagg_e2e::simulator::Group;

use super::configuration::{
    Block, CLOSED, Configuration, Dependent, Destination, Kind, Mode, OPEN, OnDestroy, PREFIXES,
    Policy, Provider, TAGGED,
};

const RETENTIONS: [u16; 4] = [14, 30, 60, 365];
/// What owners of log groups set.
const OWNERS_RETENTIONS: [u16; 6] = [1, 7, 14, 90, 400, 731];
const PATTERNS: [&str; 3] = ["", "ERROR", "?WARN ?ERROR"];
/// Few, so that policies share one; their filters' names differ.
const NAMES: [&str; 2] = ["ship", "logs"];
const MOST_POLICIES: usize = 5;
const FEWEST_POLICIES: usize = 2;

/// A change of the configuration, or of what state says about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operation {
    /// Nothing is changed.
    Nothing,
    Create(String),
    Destroy(String),
    Rename {
        from: String,
        to: String,
    },
    RenameWithMoved {
        from: String,
        to: String,
    },
    ChangeKey {
        block: String,
        from: String,
        to: String,
    },
    /// The first of a `count` goes, and all others move up.
    Shift(String),
    Replace(String),
    Taint(String),
    Change {
        address: String,
        argument: &'static str,
    },
    MoveGroup {
        group: String,
        from: String,
        to: String,
    },
    /// A prefix goes to a policy of its own, which takes the filters' name along or has a new one.
    Split {
        from: String,
        to: String,
        filters: Filters,
    },
    /// A policy is given what another one chose, and that one goes.
    Merge {
        from: String,
        to: String,
        filters: Filters,
    },
    /// Terraform forgets a policy, which stays as it is.
    Forget(String),
    LoseState(Lost),
    /// Another policy with the filters' name of one that stays.
    Twin {
        of: String,
        twin: String,
    },
    RemoveTwin(String),
}

impl Operation {
    /// Whether one policy gives up what another takes over in the same run.
    pub(super) fn hands_over(&self) -> bool {
        match self {
            Self::Rename { .. }
            | Self::ChangeKey { .. }
            | Self::Shift(_)
            | Self::Replace(_)
            | Self::Taint(_)
            | Self::MoveGroup { .. }
            | Self::Split { .. }
            | Self::Merge { .. } => true,
            Self::Nothing
            | Self::Create(_)
            | Self::Destroy(_)
            | Self::RenameWithMoved { .. }
            | Self::Change { .. }
            | Self::Forget(_)
            | Self::LoseState(_)
            | Self::Twin { .. }
            | Self::RemoveTwin(_) => false,
        }
    }

    /// Whether it is only done where an earlier apply has left nothing to do: what is left half done
    /// is known to the policy's state alone.
    pub(super) fn needs_all_done(&self) -> bool {
        let refuses = matches!(self, Self::Forget(_) | Self::LoseState(_) | Self::Twin { .. });
        refuses || self.hands_over()
    }
}

/// Whose name the filters have after a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filters {
    HandedOver,
    OfTheirOwn,
}

/// What follows a loss of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Imported,
    CreatedAgain,
}

/// What others do to log groups.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    SetRetention(String, Option<u16>),
    SetProtection(String, bool),
    /// A filter of theirs, under a name of their own.
    AddForeign(String),
    RemoveForeign(String),
    RemoveOurs(String),
    /// A filter of theirs under the policy's name.
    TakeName(String),
    /// That one goes again.
    FreeNames,
    Tag(String),
    Untag(String),
    CreateGroup(String),
    DeleteGroup(String),
    RecreateGroup(String),
    RevokeInvoke(&'static str),
}

/// How Terraform is run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Course {
    Apply,
    /// One resource at a time.
    Serial,
    /// In bad weather.
    Storm,
    /// A plan is saved, others act, and it is applied.
    Saved(Vec<Act>),
    /// What others did is planned, and the plan is held against what they did.
    Reviewed,
    Target(String),
    Interrupted {
        operation: &'static str,
        after: usize,
    },
    Killed {
        operation: &'static str,
        after: usize,
    },
}

/// Which calls wait until nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Nothing,
    Deletes,
    Creates,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    pub(super) before: Vec<Act>,
    pub(super) course: Course,
    pub(super) last: Last,
}

/// The log groups at the beginning.
pub(super) fn groups(random: &mut Rng) -> Vec<Group> {
    let mut groups = Vec::new();
    for prefix in PREFIXES.into_iter().chain([TAGGED]) {
        for number in 0..2 {
            let mut group = Group::named(format!("{prefix}{number}")).stored_bytes(1 << 20);
            if random.u8(..4) > 0 {
                group = group.retention(one_of(random, &OWNERS_RETENTIONS));
            }
            groups.push(group);
        }
    }
    groups
}

/// What happens by chance from a seed.
#[derive(Debug)]
pub(super) struct Generator {
    pub(super) random: Rng,
    /// So that no address and no filter's name is ever used again by chance.
    made: usize,
    /// Log groups that a policy had left alone, maybe, when their owners made it write.
    written_late: BTreeSet<String>,
    /// Of the lives in which there is deletion protection: what happens to it by chance, so that all
    /// else in a life is as it was before there was.
    protections: Option<Rng>,
}

/// What the generator goes by beside the configuration.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) groups: BTreeSet<String>,
    pub(super) tagged: BTreeSet<String>,
    /// Log groups with a filter of others under a policy's name.
    pub(super) names_taken: BTreeSet<String>,
    pub(super) twin: Option<String>,
}

fn one_of<T: Clone>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())].clone()
}

impl Generator {
    pub(super) fn new(random: Rng, protections: Option<Rng>) -> Self {
        Self { random, made: 0, written_late: BTreeSet::new(), protections }
    }

    fn protection(&mut self) -> Option<bool> {
        let random = self.protections.as_mut()?;
        [None, Some(true), Some(true), Some(false)][random.usize(..4)]
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    /// The first configuration: single blocks, and often one with several instances.
    pub(super) fn first(&mut self) -> Configuration {
        let mut configuration = Configuration::default();
        if self.chance(60) {
            let label = self.fresh("many");
            let kind = if self.random.bool() { Kind::ForEach } else { Kind::Count };
            let mut policies = Vec::new();
            for prefix in [PREFIXES[3], PREFIXES[4]] {
                let key = self.fresh("k");
                policies.push((key, self.policy(BTreeSet::from([prefix]))));
            }
            let mut block = self.block(policies[0].1.clone());
            block.kind = kind;
            block.policies = policies;
            configuration.blocks.insert(label, block);
        }
        for prefixes in [BTreeSet::from(["/a/"]), BTreeSet::from(["/b/", "/c/"])] {
            let policy = self.policy(prefixes);
            let block = self.block(policy);
            configuration.blocks.insert(self.fresh("p"), block);
        }
        if self.chance(65) {
            let mut policy = self.policy(BTreeSet::new());
            policy.by_tag = true;
            let block = self.block(policy);
            configuration.blocks.insert(self.fresh("p"), block);
        }
        configuration
    }

    fn block(&mut self, policy: Policy) -> Block {
        let mut block = Block::of(policy);
        block.created_first = self.chance(30);
        block.dependent = match self.random.u8(..6) {
            0 => Dependent::CreatedFirst,
            1 => Dependent::Something,
            _ => Dependent::Nothing,
        };
        if self.chance(15) {
            block.destination = Destination::InApply;
        }
        if self.chance(8) {
            block.provider = Provider::Second;
        }
        block
    }

    fn policy(&mut self, prefixes: BTreeSet<&'static str>) -> Policy {
        let filter_name = self.fresh("f");
        let mut policy = Policy {
            name: one_of(&mut self.random, &NAMES).to_owned(),
            filter_name,
            function: "shipper",
            pattern: one_of(&mut self.random, &PATTERNS),
            retention: self.retention(),
            deletion_protection: self.protection(),
            on_destroy: OnDestroy::Restore,
            grants: false,
            prefixes,
            names: BTreeSet::new(),
            by_tag: false,
            excluded: BTreeSet::new(),
        };
        if self.chance(30) {
            policy.on_destroy = OnDestroy::Keep;
        }
        self.destination(&mut policy);
        policy
    }

    fn retention(&mut self) -> Option<(u16, Mode)> {
        let mode = match self.random.bool() {
            true => Mode::Exact,
            false => one_of(&mut self.random, &Mode::ALL),
        };
        let retention = (one_of(&mut self.random, &RETENTIONS), mode);
        self.chance(85).then_some(retention)
    }

    fn destination(&mut self, policy: &mut Policy) {
        let closed = self.chance(50);
        policy.function = match closed {
            // One more often than the other, so that policies meet there.
            true if self.chance(70) => CLOSED[0],
            true => CLOSED[1],
            false => one_of(&mut self.random, &OPEN),
        };
        policy.grants = closed || self.chance(20);
    }

    /// The next step; the configuration is changed by it.
    pub(super) fn step(&mut self, configuration: &mut Configuration, facts: &Facts) -> Step {
        if let Some(twin) = &facts.twin {
            configuration.blocks.remove(twin);
            let operation = Operation::RemoveTwin(twin.clone());
            return Step {
                operation,
                before: Vec::new(),
                course: Course::Apply,
                last: Last::Nothing,
            };
        }
        let mut before = Vec::new();
        if !facts.names_taken.is_empty() && self.chance(60) {
            before.push(Act::FreeNames);
        }
        if self.chance(40) {
            let acts = self.random.usize(1..3);
            before.extend(self.acts(acts, configuration, facts));
        }
        let mut late = None;
        if self.chance(30)
            && let Some((due, _)) = self.change_of_mind(configuration, facts)
        {
            if let Act::SetRetention(group, _) = &due {
                late = Some(group.clone());
            }
            before.push(due);
        }
        let operation = self.operation(configuration, facts);
        if let Operation::Twin { .. } | Operation::LoseState(_) = operation {
            before.retain(|act| *act == Act::FreeNames);
            return Step { operation, before, course: Course::Apply, last: Last::Nothing };
        }
        self.written_late.extend(late);
        let last = match self.random.u8(..4) {
            0 => Last::Nothing,
            1 => Last::Creates,
            _ => Last::Deletes,
        };
        let course = self.course(&operation, &mut before, configuration, facts);
        Step { operation, before, course, last }
    }

    fn course(
        &mut self,
        operation: &Operation,
        before: &mut Vec<Act>,
        configuration: &Configuration,
        facts: &Facts,
    ) -> Course {
        let writes = [
            "PutSubscriptionFilter",
            "PutSubscriptionFilter",
            "DeleteSubscriptionFilter",
            "PutRetentionPolicy",
        ];
        let operation_hit = one_of(&mut self.random, &writes);
        let after = self.random.usize(..4);
        match operation {
            Operation::Nothing if self.random.bool() => return Course::Reviewed,
            Operation::Change { address, .. } if self.chance(15) => {
                return Course::Target(address.clone());
            }
            _ => {}
        }
        match self.random.u8(..100) {
            0..40 => Course::Apply,
            40..55 => Course::Serial,
            55..62 => Course::Storm,
            62..80 => {
                let acts = self.random.usize(1..4);
                let mut between = self.acts(acts, configuration, facts);
                if let Some((due, not_due)) = self.change_of_mind(configuration, facts) {
                    before.push(due);
                    between.push(not_due);
                }
                Course::Saved(between)
            }
            80..90 => Course::Interrupted { operation: operation_hit, after },
            _ => Course::Killed { operation: operation_hit, after },
        }
    }

    /// An owner sets a retention that a policy does not leave, and later one that it does.
    fn change_of_mind(
        &mut self,
        configuration: &Configuration,
        facts: &Facts,
    ) -> Option<(Act, Act)> {
        let groups: Vec<_> = facts.groups.iter().cloned().collect();
        let retention_of = |group: &String| {
            let has_tag = facts.tagged.contains(group);
            configuration.policy_of(group, has_tag).and_then(|(_, policy)| policy.retention)
        };
        let offset = self.random.usize(..groups.len());
        let mut groups = groups.iter().cycle().skip(offset).take(groups.len());
        groups.find_map(|group| {
            let (due, not_due) = match retention_of(group)? {
                (_, Mode::Exact) => return None,
                (_, Mode::AtLeast) => (Some(7), Some(400)),
                (_, Mode::AtMost) => (Some(400), Some(7)),
                (_, Mode::IfUnset) => (None, Some(7)),
            };
            let set = |days| Act::SetRetention(group.clone(), days);
            Some((set(due), set(not_due)))
        })
    }

    /// A policy releases a log group that it had to write to: it restores the retention it found
    /// then, not the first one it read.
    fn let_go(&mut self, configuration: &mut Configuration, facts: &Facts) -> Option<Operation> {
        let groups: Vec<_> = self.written_late.intersection(&facts.groups).cloned().collect();
        if groups.is_empty() {
            return None;
        }
        let group = one_of(&mut self.random, &groups);
        self.written_late.remove(&group);
        let (address, _) = configuration.policy_of(&group, facts.tagged.contains(&group))?;
        let mut policies = configuration.policies_mut();
        let policy = policies.get_mut(&address)?;
        policy.names.remove(&group);
        policy.excluded.insert(group);
        Some(Operation::Change { address, argument: "exclude" })
    }

    fn acts(&mut self, number: usize, configuration: &Configuration, facts: &Facts) -> Vec<Act> {
        (0..number).filter_map(|_| self.act(configuration, facts)).collect()
    }

    fn act(&mut self, configuration: &Configuration, facts: &Facts) -> Option<Act> {
        let groups: Vec<_> = facts.groups.iter().cloned().collect();
        let group = one_of(&mut self.random, &groups);
        let has_tag = facts.tagged.contains(&group);
        let policy = configuration.policy_of(&group, has_tag).map(|(_, policy)| policy);
        let by_tag = configuration.policies().values().any(|policy| policy.by_tag);
        if by_tag && self.chance(35) {
            let group = format!("{TAGGED}{}", self.random.u8(..2));
            return facts.groups.contains(&group).then(|| match facts.tagged.contains(&group) {
                true => Act::Untag(group),
                false => Act::Tag(group),
            });
        }
        let chance = self.random.u8(..100);
        if let Some(random) = self.protections.as_mut().filter(|_| chance < 40)
            && random.bool()
        {
            return Some(Act::SetProtection(group, random.bool()));
        }
        Some(match chance {
            0..40 => {
                let unset = self.chance(15);
                let retention = one_of(&mut self.random, &OWNERS_RETENTIONS);
                let by_hand = self.chance(25);
                let against = match policy.and_then(|policy| policy.retention) {
                    // What the policy would have written.
                    Some((days, _)) if by_hand => days,
                    Some((_, Mode::AtMost | Mode::AtLeast | Mode::IfUnset)) => {
                        one_of(&mut self.random, &[7, 400, 400, 731])
                    }
                    _ => retention,
                };
                Act::SetRetention(group, (by_hand || !unset).then_some(against))
            }
            40..52 => Act::AddForeign(group),
            52..57 => Act::RemoveForeign(group),
            57..75 => Act::RemoveOurs(group),
            75..79 => Act::TakeName(group),
            79..85 => {
                let prefix = one_of(&mut self.random, &PREFIXES);
                Act::CreateGroup(self.fresh(&format!("{prefix}new")))
            }
            85..90 if groups.len() > 8 => Act::DeleteGroup(group),
            90..95 => Act::RecreateGroup(group),
            _ => Act::RevokeInvoke(one_of(&mut self.random, &CLOSED)),
        })
    }

    fn operation(&mut self, configuration: &mut Configuration, facts: &Facts) -> Operation {
        if self.chance(12)
            && let Some(operation) = self.let_go(configuration, facts)
        {
            return operation;
        }
        loop {
            let roll = self.random.u8(..100);
            let operation = match roll {
                0..8 => self.create(configuration),
                8..20 => self.destroy(configuration),
                20..28 => self.rename(configuration),
                28..34 => self.change_key(configuration),
                34..39 => self.shift(configuration),
                39..48 => self.replace(configuration),
                48..70 => self.change(configuration),
                70..76 => self.move_group(configuration, facts),
                76..81 => self.split(configuration),
                81..87 => self.merge(configuration),
                87..89 => self.forget(configuration),
                89..91 => Some(self.lose_state(configuration, facts)),
                91..94 if facts.names_taken.is_empty() => self.twin(configuration),
                94.. => Some(Operation::Nothing),
                _ => None,
            };
            if let Some(operation) = operation {
                return operation;
            }
        }
    }

    fn label(&mut self, configuration: &Configuration) -> String {
        let labels: Vec<_> = configuration.blocks.keys().cloned().collect();
        one_of(&mut self.random, &labels)
    }

    /// A block with one instance.
    fn single(&mut self, configuration: &Configuration) -> Option<String> {
        let label = self.label(configuration);
        (configuration.blocks[&label].kind == Kind::One).then_some(label)
    }

    /// An instance: its block, its index there, and its address.
    fn instance(&mut self, configuration: &Configuration) -> (String, usize, String) {
        let label = self.label(configuration);
        let block = &configuration.blocks[&label];
        let index = self.random.usize(..block.policies.len());
        let address = match block.kind {
            Kind::One => format!("logagg_policy.{label}"),
            Kind::ForEach => format!("logagg_policy.{label}[{:?}]", block.policies[index].0),
            Kind::Count => format!("logagg_policy.{label}[{index}]"),
        };
        (label, index, address)
    }

    fn create(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let policies = configuration.policies();
        if policies.len() >= MOST_POLICIES {
            return None;
        }
        let used: BTreeSet<_> =
            policies.values().flat_map(|policy| policy.prefixes.iter().copied()).collect();
        let named: BTreeSet<_> =
            policies.values().flat_map(|policy| policy.names.iter().cloned()).collect();
        let by_tag = policies.values().any(|policy| policy.by_tag);
        let free = PREFIXES.into_iter().find(|prefix| !used.contains(prefix));
        let mut policy = match free {
            Some(prefix) => self.policy(BTreeSet::from([prefix])),
            None if !by_tag => self.policy(BTreeSet::new()),
            None => return None,
        };
        policy.by_tag = free.is_none();
        policy.excluded = named;
        let label = self.fresh("p");
        let block = self.block(policy);
        configuration.blocks.insert(label.clone(), block);
        Some(Operation::Create(label))
    }

    fn destroy(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let label = self.single(configuration)?;
        if configuration.policies().len() <= FEWEST_POLICIES {
            return None;
        }
        configuration.blocks.remove(&label);
        Some(Operation::Destroy(label))
    }

    fn rename(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let from = self.label(configuration);
        let block = configuration.blocks.remove(&from)?;
        let to = self.fresh("p");
        configuration.blocks.insert(to.clone(), block);
        if self.chance(25) {
            configuration
                .moved
                .push((format!("logagg_policy.{from}"), format!("logagg_policy.{to}")));
            return Some(Operation::RenameWithMoved { from, to });
        }
        Some(Operation::Rename { from, to })
    }

    fn change_key(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let block = self.label(configuration);
        let to = self.fresh("k");
        let found = configuration.blocks.get_mut(&block)?;
        if found.kind != Kind::ForEach {
            return None;
        }
        let index = self.random.usize(..found.policies.len());
        let from = std::mem::replace(&mut found.policies[index].0, to.clone());
        Some(Operation::ChangeKey { block, from, to })
    }

    fn shift(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let label = self.label(configuration);
        let block = configuration.blocks.get_mut(&label)?;
        if block.kind != Kind::Count || block.policies.len() < 2 {
            return None;
        }
        block.policies.remove(0);
        Some(Operation::Shift(label))
    }

    fn replace(&mut self, configuration: &Configuration) -> Option<Operation> {
        let (_, _, address) = self.instance(configuration);
        Some(match self.chance(25) {
            true => Operation::Taint(address),
            false => Operation::Replace(address),
        })
    }

    fn change(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let (label, index, address) = self.instance(configuration);
        let mut policy = configuration.blocks[&label].policies[index].1.clone();
        let argument = match self.random.u8(..10) {
            0 => {
                self.destination(&mut policy);
                "destination_arn"
            }
            1 => {
                policy.pattern = one_of(&mut self.random, &PATTERNS);
                "filter_pattern"
            }
            2 => {
                policy.filter_name = self.fresh("f");
                "filter_name"
            }
            3 => {
                policy.name = one_of(&mut self.random, &NAMES).to_owned();
                "name"
            }
            4 | 5 => {
                policy.retention = self.retention();
                policy.deletion_protection = self.protection();
                "retention"
            }
            6 => {
                policy.on_destroy = match policy.on_destroy {
                    OnDestroy::Keep => OnDestroy::Restore,
                    OnDestroy::Restore => OnDestroy::Keep,
                };
                "retention_on_destroy"
            }
            7 => {
                policy.grants = !policy.grants || CLOSED.contains(&policy.function);
                "grant_invoke"
            }
            _ => {
                let group = match policy.prefixes.first() {
                    Some(prefix) => format!("{prefix}{}", self.random.u8(..2)),
                    None => return None,
                };
                let named =
                    configuration.policies().values().any(|policy| policy.names.contains(&group));
                if !policy.excluded.remove(&group) {
                    policy.excluded.insert(group);
                } else if named {
                    return None;
                }
                "exclude"
            }
        };
        let current = &mut configuration.blocks.get_mut(&label)?.policies[index].1;
        if *current == policy {
            return None;
        }
        *current = policy;
        Some(Operation::Change { address, argument })
    }

    fn move_group(
        &mut self,
        configuration: &mut Configuration,
        facts: &Facts,
    ) -> Option<Operation> {
        let groups: Vec<_> = facts.groups.iter().cloned().collect();
        let group = one_of(&mut self.random, &groups);
        let (from, _) = configuration.policy_of(&group, facts.tagged.contains(&group))?;
        let (label, index, to) = self.instance(configuration);
        if from == to || configuration.provider_of(&from) != configuration.provider_of(&to) {
            return None;
        }
        let policies = configuration.policies_mut();
        for (address, policy) in policies {
            if address == from && !policy.names.remove(&group) {
                policy.excluded.insert(group.clone());
            }
        }
        let policy = &mut configuration.blocks.get_mut(&label)?.policies[index].1;
        policy.excluded.remove(&group);
        policy.names.insert(group.clone());
        Some(Operation::MoveGroup { group, from, to })
    }

    fn split(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let (label, index, from) = self.instance(configuration);
        if configuration.policies().len() >= MOST_POLICIES {
            return None;
        }
        let fresh = self.fresh("f");
        let policy = &mut configuration.blocks.get_mut(&label)?.policies[index].1;
        if policy.prefixes.len() < 2 {
            return None;
        }
        let prefix = policy.prefixes.pop_first()?;
        let mut part = Policy {
            prefixes: BTreeSet::from([prefix]),
            names: BTreeSet::new(),
            by_tag: false,
            ..policy.clone()
        };
        let filters = match self.random.bool() {
            true => Filters::HandedOver,
            false => Filters::OfTheirOwn,
        };
        match filters {
            Filters::HandedOver => policy.filter_name = fresh,
            Filters::OfTheirOwn => part.filter_name = fresh,
        }
        let provider = configuration.provider_of(&from)?;
        let label = self.fresh("p");
        let block = Block { provider, ..self.block(part) };
        configuration.blocks.insert(label.clone(), block);
        Some(Operation::Split { from, to: format!("logagg_policy.{label}"), filters })
    }

    fn merge(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let label = self.single(configuration)?;
        let (into, index, to) = self.instance(configuration);
        if into == label || configuration.policies().len() <= FEWEST_POLICIES {
            return None;
        }
        if configuration.blocks[&into].provider != configuration.blocks[&label].provider {
            return None;
        }
        let (_, gone) = configuration.blocks.remove(&label)?.policies.pop()?;
        let filters = match self.random.bool() {
            true => Filters::HandedOver,
            false => Filters::OfTheirOwn,
        };
        let policy = &mut configuration.blocks.get_mut(&into)?.policies[index].1;
        policy.prefixes.extend(gone.prefixes);
        policy.names.extend(gone.names);
        policy.by_tag |= gone.by_tag;
        policy.excluded.extend(gone.excluded);
        policy.excluded.retain(|group| !policy.names.contains(group));
        if filters == Filters::HandedOver {
            policy.filter_name = gone.filter_name;
            policy.function = gone.function;
            policy.grants = gone.grants;
        }
        Some(Operation::Merge { from: format!("logagg_policy.{label}"), to, filters })
    }

    fn forget(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let label = self.single(configuration)?;
        if configuration.policies().len() <= FEWEST_POLICIES {
            return None;
        }
        configuration.blocks.remove(&label);
        configuration.forgotten.push(format!("logagg_policy.{label}"));
        Some(Operation::Forget(label))
    }

    fn lose_state(&mut self, configuration: &mut Configuration, facts: &Facts) -> Operation {
        if self.random.bool() || !facts.names_taken.is_empty() {
            return Operation::LoseState(Lost::CreatedAgain);
        }
        // One without a filter leaves nothing to be found by.
        let has_filters = |policy: &Policy| {
            let mut groups = facts.groups.iter();
            groups.any(|group| policy.chooses(group, facts.tagged.contains(group)))
        };
        let policies = configuration.policies();
        let imports: Vec<_> = policies
            .into_iter()
            .filter(|(_, policy)| has_filters(policy))
            .map(|(address, policy)| (address, policy.filter_name.clone()))
            .collect();
        configuration.imports = imports;
        Operation::LoseState(Lost::Imported)
    }

    fn twin(&mut self, configuration: &mut Configuration) -> Option<Operation> {
        let (label, index, of) = self.instance(configuration);
        let mut policy = configuration.blocks[&label].policies[index].1.clone();
        policy.retention = None;
        policy.deletion_protection = None;
        if self.random.bool() {
            // They have no log group in common, and a filter's name all the same.
            policy.prefixes = BTreeSet::from(["/nobody/"]);
            policy.names.clear();
            policy.by_tag = false;
        }
        let twin = self.fresh("twin");
        let provider = configuration.blocks[&label].provider;
        let block = Block { provider, ..Block::of(policy) };
        configuration.blocks.insert(twin.clone(), block);
        Some(Operation::Twin { of, twin })
    }
}
