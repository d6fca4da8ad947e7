//! The invariants, checked from the configuration, the state and the writes in AWS, without any of
//! the provider's code.

use std::collections::{BTreeMap, BTreeSet};

use super::configuration::{CLOSED, Configuration, OnDestroy, Policy};
use super::state::Stated;
use super::world::{By, ELSEWHERE, Event, What, World, is_foreign};

/// The filters of a policy in another state, and where they ship to.
pub(super) const NEIGHBOR: &str = "neighbor";
pub(super) const NEIGHBORS_FUNCTION: &str = CLOSED[0];

/// A promise that was broken.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) promise: Promise,
    pub(super) why: String,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    /// A log group that is called active has the filter.
    ActiveIsSubscribed,
    /// No filter of others is written over or deleted.
    ForeignIsUntouched,
    /// Retention is set only to what a policy asks for, where its mode asks for it now.
    RetentionIsAskedFor,
    /// Deletion protection is set only to what a policy asks for.
    ProtectionIsAskedFor,
    /// Retention and deletion protection are restored only as they were before the policy's first
    /// write.
    RestoresWhatWas,
    /// A shortened retention is reported.
    ShorteningIsReported,
    /// A function that is shipped to allows CloudWatch Logs to invoke it.
    MayInvoke,
    /// What the configuration says is so after an apply.
    Holds,
    /// After that there is nothing to do.
    PlanIsEmpty,
    /// A plan shows the log groups that differ, and no others.
    PlanShowsWhatDiffers,
    /// Two policies of one filter name are refused before anything is written.
    TwinIsRefused,
    /// What can succeed does.
    Succeeds,
    /// The provider neither panics nor is blamed by Terraform.
    IsSound,
}

pub(super) fn broken(promise: Promise, why: impl Into<String>) -> Violation {
    Violation { promise, why: why.into() }
}

/// What policies wrote to a log group's retention, or deletion protection, as long as one has been
/// holding the group.
#[derive(Clone, Debug)]
struct Tenure<T> {
    /// What each policy found at its first write; the policy's address, until it lets go.
    found: Vec<(Option<String>, T)>,
    last_written: Option<T>,
}

impl<T> Default for Tenure<T> {
    fn default() -> Self {
        Self { found: Vec::new(), last_written: None }
    }
}

impl<T> Tenure<T> {
    /// A policy that found this has written that.
    fn wrote(&mut self, address: &str, was: T, is: T) {
        if !self.found.iter().any(|(owner, _)| owner.as_deref() == Some(address)) {
            self.found.push((Some(address.to_owned()), was));
        }
        self.last_written = Some(is);
    }

    fn owners(&mut self) -> impl Iterator<Item = &mut Option<String>> {
        self.found.iter_mut().map(|(owner, _)| owner)
    }
}

/// The oracle's record of all steps.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    tenures: BTreeMap<String, Tenure<Option<u16>>>,
    protections: BTreeMap<String, Tenure<bool>>,
    /// Log groups that were created meanwhile.
    created: BTreeSet<String>,
    /// Log groups and names of our filters that others removed since state was refreshed.
    removed: BTreeSet<(String, String)>,
    /// Functions whose statements others removed since.
    revoked: BTreeSet<String>,
    /// Those that others ever changed: they are not restored for the neighbor.
    ever_revoked: BTreeSet<String>,
    /// Names of filters that a policy left behind when its state was lost.
    pub(super) left_behind: BTreeSet<String>,
}

/// A step as the oracle sees it.
pub(super) struct Seen<'a> {
    pub(super) current: &'a Configuration,
    pub(super) state_before: &'a [Stated],
    pub(super) state: &'a [Stated],
    pub(super) events: &'a [Event],
    /// Log groups that had the tag at some moment of it.
    pub(super) tagged: &'a BTreeSet<String>,
    /// The address of what is replaced.
    pub(super) replaced: Option<&'a str>,
    /// Whether it was interrupted or killed.
    pub(super) broken_off: bool,
    /// Terraform's words.
    pub(super) text: &'a str,
}

impl Oracle {
    /// Terraform looked at everything, so what others did before is known.
    pub(super) fn refreshed(&mut self) {
        self.removed.clear();
        self.revoked.clear();
    }

    pub(super) fn revoke(&mut self, function: &str) {
        self.revoked.insert(function.to_owned());
        self.ever_revoked.insert(function.to_owned());
    }

    /// No record of the original retention remains.
    pub(super) fn state_is_lost(&mut self) {
        self.tenures.clear();
        self.protections.clear();
    }

    /// The private state of a policy is lost, so it records the retention it finds next as the
    /// original one.
    pub(super) fn forgets(&mut self, address: &str) {
        self.let_go(|owner| owner == address);
    }

    /// A policy has another address.
    pub(super) fn moved(&mut self, from: &str, to: &str) {
        for owner in self.owners() {
            if let Some(owner) = owner
                && let Some(key) = owner.strip_prefix(from)
                && (key.is_empty() || key.starts_with('['))
            {
                *owner = format!("{to}{key}");
            }
        }
    }

    /// What others did, of which no write of the provider is judged.
    pub(super) fn note(&mut self, events: &[Event]) {
        for event in events {
            match &event.what {
                What::Filter { name, was: Some(was), .. } if was != ELSEWHERE => {
                    self.removed.insert((event.group.clone(), name.clone()));
                }
                What::Created | What::Deleted => {
                    self.tenures.remove(&event.group);
                    self.protections.remove(&event.group);
                    self.created.insert(event.group.clone());
                    self.removed.insert((event.group.clone(), String::new()));
                }
                _ => {}
            }
        }
    }

    /// A run that was broken off cannot know of its last writes whether they were done.
    pub(super) fn excuse_cut_off(&mut self, events: &[Event]) {
        for event in events {
            if let What::Filter { name, .. } = &event.what {
                self.removed.insert((event.group.clone(), name.clone()));
            }
        }
    }

    /// Judges every write, one after the other.
    pub(super) fn check(&mut self, seen: &Seen<'_>) -> Result<(), Violation> {
        if let Some(address) = seen.replaced.filter(|_| !seen.broken_off) {
            self.let_go(|owner| owner == address);
        }
        let mut first = Ok(());
        for event in seen.events {
            let checked = match (event.by, &event.what) {
                (By::Others, _) => {
                    self.note(std::slice::from_ref(event));
                    Ok(())
                }
                (By::Provider, What::Filter { name, was: Some(was) })
                    if was == ELSEWHERE || name == NEIGHBOR =>
                {
                    let why = format!("the provider wrote {name} of others on {}", event.group);
                    Err(broken(Promise::ForeignIsUntouched, why))
                }
                (By::Provider, What::Retention { was, is }) if was != is => {
                    self.check_retention(seen, &event.group, *was, *is)
                }
                (By::Provider, What::Protection { was, is }) if was != is => {
                    self.check_protection(seen, &event.group, *was, *is)
                }
                (By::Provider, _) => Ok(()),
            };
            first = first.and(checked);
        }
        let configured = seen.current.policies();
        let holds = |owner: &str, group: &str| {
            let mut of_owner = seen.state.iter().filter(|policy| policy.address == owner);
            // A destroy that was broken off has let the log group go, and may yet restore it.
            of_owner.any(|policy| {
                policy.holds(group) || !configured.contains_key(owner) || seen.broken_off
            })
        };
        let is_held = |group: &str| seen.state.iter().any(|policy| policy.holds(group));
        let_go_of(&mut self.tenures, holds, is_held);
        let_go_of(&mut self.protections, holds, is_held);
        first
    }

    fn let_go(&mut self, of: impl Fn(&str) -> bool) {
        for owner in self.owners() {
            owner.take_if(|owner| of(owner));
        }
    }

    /// The policies that remember what they found.
    fn owners(&mut self) -> impl Iterator<Item = &mut Option<String>> {
        let retentions = self.tenures.values_mut().flat_map(Tenure::owners);
        retentions.chain(self.protections.values_mut().flat_map(Tenure::owners))
    }

    /// Deletion protection is set to what a policy asks for, or restored.
    fn check_protection(
        &mut self,
        seen: &Seen<'_>,
        group: &str,
        was: bool,
        is: bool,
    ) -> Result<(), Violation> {
        let policies = seen.current.policies();
        let tenure = self.protections.entry(group.to_owned()).or_default();
        let has_tag = seen.tagged.contains(group);
        let asking = policies.iter().find(|(_, policy)| {
            let chosen = policy.chooses(group, false) || policy.chooses(group, has_tag);
            chosen && policy.deletion_protection == Some(is)
        });
        if let Some((address, _)) = asking {
            tenure.wrote(address, was, is);
            return Ok(());
        }
        let change = format!("{group}: protected {was} -> {is}");
        let (last, found) = (tenure.last_written.replace(is), &tenure.found);
        if !may_be_restored(seen, group, found, Stated::restores_protection) {
            let why = format!("{change}, which no policy asks for");
            return Err(broken(Promise::ProtectionIsAskedFor, why));
        }
        if last != Some(was) || !found.iter().any(|(_, before)| *before == is) {
            let why = format!(
                "{change}, which was no policy's last write ({last:?}) or not there before one's \
                 first ({found:?})"
            );
            return Err(broken(Promise::RestoresWhatWas, why));
        }
        Ok(())
    }

    fn check_retention(
        &mut self,
        seen: &Seen<'_>,
        group: &str,
        was: Option<u16>,
        is: Option<u16>,
    ) -> Result<(), Violation> {
        let policies = seen.current.policies();
        let tenure = self.tenures.entry(group.to_owned()).or_default();
        let written = tenure.last_written == Some(was);
        let asking = policies.iter().find(|(_, policy)| {
            let chosen =
                policy.chooses(group, false) || policy.chooses(group, seen.tagged.contains(group));
            let asks = policy
                .retention
                .is_some_and(|(days, mode)| is == Some(days) && mode.asks(days, was, written));
            chosen && asks
        });
        let shown = |days: Option<u16>| days.map_or("never expire".to_owned(), |it| it.to_string());
        let change = format!("{group}: {} -> {}", shown(was), shown(is));
        if let Some((address, _)) = asking {
            tenure.wrote(address, was, is);
            return Ok(());
        }
        let (last, found) = (tenure.last_written.replace(is), &tenure.found);
        if !may_be_restored(seen, group, found, Stated::restores) {
            let why = format!("{change}, which no policy asks for");
            return Err(broken(Promise::RetentionIsAskedFor, why));
        }
        // What a new log group has when a policy first sees it is taken for the enforcer's work, also
        // where the policy was killed over it, and a new one has never expire before.
        let adopted = last.is_none() && is.is_none() && self.created.contains(group);
        let remembered = last == Some(was) && found.iter().any(|(_, before)| *before == is);
        if !adopted && !remembered {
            let has_tag = seen.tagged.contains(group);
            let asks = policies.values().find(|policy| policy.chooses(group, has_tag));
            let promise = match asks.and_then(|policy| policy.retention) {
                Some((days, _)) if is == Some(days) => Promise::RetentionIsAskedFor,
                _ => Promise::RestoresWhatWas,
            };
            let why = format!(
                "{change}, which was no policy's last write ({last:?}) or not there before one's \
                 first ({found:?})"
            );
            return Err(broken(promise, why));
        }
        Ok(())
    }

    /// State claims no more than there is.
    pub(super) fn state_is_honest(
        &self,
        state: &[Stated],
        world: &World<'_>,
    ) -> Result<(), Violation> {
        for policy in state {
            let name = policy.text("filter_name");
            for (group, subscription) in policy.log_groups() {
                let excused = [name, ""]
                    .iter()
                    .any(|name| self.removed.contains(&(group.clone(), (*name).to_owned())));
                let Some(found) = world.region.group(&group).filter(|_| !excused) else { continue };
                let filter = found.filters.get(name).is_some_and(|filter| {
                    filter.destination_arn == policy.text("destination_arn")
                        && filter.filter_pattern == policy.text("filter_pattern")
                });
                if subscription == "active" && !filter {
                    let why = format!(
                        "{} calls {group} active, whose filters are {:?}",
                        policy.address, found.filters
                    );
                    return Err(broken(Promise::ActiveIsSubscribed, why));
                }
            }
        }
        Ok(())
    }

    /// Every function that a policy ships to by its own leave can be invoked.
    pub(super) fn may_invoke(&self, state: &[Stated], world: &World<'_>) -> Result<(), Violation> {
        for policy in state.iter().filter(|policy| policy.grants()) {
            let function = policy.text("destination_arn").rsplit(':').next().unwrap_or_default();
            let only_so = CLOSED.contains(&function) && !self.revoked.contains(function);
            if only_so && !world.may_invoke(function) {
                let why = format!("{} ships to {function}", policy.address);
                return Err(broken(Promise::MayInvoke, why));
            }
        }
        Ok(())
    }

    /// The same for the policy in another state.
    pub(super) fn neighbor_may_invoke(&self, world: &World<'_>) -> Result<(), Violation> {
        let revoked = self.ever_revoked.contains(NEIGHBORS_FUNCTION);
        match revoked || world.may_invoke(NEIGHBORS_FUNCTION) {
            true => Ok(()),
            false => Err(broken(Promise::MayInvoke, "a policy in another state ships there")),
        }
    }

    /// After a successful apply all is as the configuration says.
    pub(super) fn holds(
        &self,
        configuration: &Configuration,
        state: &[Stated],
        world: &World<'_>,
    ) -> Result<(), Violation> {
        let policies = configuration.policies();
        for policy in state {
            if !policies.contains_key(&policy.address) {
                let why = format!("{} is still in state", policy.address);
                return Err(broken(Promise::Holds, why));
            }
        }
        let mut ours = BTreeSet::new();
        for (name, found) in world.region.groups() {
            let chosen = configuration.policy_of(&name, world.has_tag(&name));
            if let Some((address, policy)) = chosen {
                ours.insert((name.clone(), policy.filter_name.clone()));
                check_group(&address, policy, &name, &found)?;
                let stated = state.iter().find(|stated| stated.address == address);
                if !stated.is_some_and(|stated| stated.holds(&name)) {
                    let why = format!("{name} is missing in {address}");
                    return Err(broken(Promise::Holds, why));
                }
            }
            for filter in found.filters.values().filter(|filter| !is_foreign(filter)) {
                let wanted =
                    filter.name == NEIGHBOR || ours.contains(&(name.clone(), filter.name.clone()));
                if !wanted && !self.left_behind.contains(&filter.name) {
                    let why = format!("{name} has the undesired filter {}", filter.name);
                    return Err(broken(Promise::Holds, why));
                }
            }
        }
        Ok(())
    }

    /// Retention that a quiet apply left shorter than it was is in what Terraform said.
    pub(super) fn shortening_is_reported(
        &self,
        seen: &Seen<'_>,
        world: &World<'_>,
    ) -> Result<(), Violation> {
        let mut before = BTreeMap::new();
        for event in seen.events.iter().filter(|event| event.by == By::Provider) {
            if let What::Retention { was, .. } = event.what {
                before.entry(&event.group).or_insert(was);
            }
        }
        for (name, was) in before {
            let Some(group) = world.region.group(name) else { continue };
            let is = group.retention_in_days;
            let shorter = is.is_some_and(|is| was.is_none_or(|was| is < was));
            if shorter && group.stored_bytes > 0 && !is_reported(name, seen.text) {
                let why = format!("{name}: {was:?} -> {is:?}");
                return Err(broken(Promise::ShorteningIsReported, why));
            }
        }
        Ok(())
    }
}

/// Owners forget log groups that they no longer hold.
fn let_go_of<T>(
    tenures: &mut BTreeMap<String, Tenure<T>>,
    holds: impl Fn(&str, &str) -> bool,
    is_held: impl Fn(&str) -> bool,
) {
    tenures.retain(|group, tenure| {
        tenure.owners().for_each(|owner| drop(owner.take_if(|owner| !holds(owner, group))));
        is_held(group) || tenure.owners().any(|owner| owner.is_some())
    });
}

/// Whether a policy that holds a log group, or has written to it, restores what was there before.
fn may_be_restored<T>(
    seen: &Seen<'_>,
    group: &str,
    found: &[(Option<String>, T)],
    restores: impl Fn(&Stated) -> bool,
) -> bool {
    let owns = |address: &String| found.iter().any(|(owner, _)| owner.as_ref() == Some(address));
    let mut restorers =
        seen.state_before.iter().filter(|policy| policy.holds(group) || owns(&policy.address));
    let policies = seen.current.policies();
    let also_now = policies.values().any(|policy| policy.on_destroy == OnDestroy::Restore);
    restorers.any(|policy| restores(policy) || also_now)
}

/// Whether a log group is in a warning of retention that gets shorter. Terraform folds those of
/// several policies that begin alike, and then shows the log groups of one.
fn is_reported(name: &str, text: &str) -> bool {
    let mut warnings = text.split("Retention is shortened on").skip(1);
    let folded = text.contains("more similar warning") && warnings.clone().next().is_some();
    folded || warnings.any(|warning| warning.contains(&format!("{name} (")))
}

fn check_group(
    address: &str,
    policy: &Policy,
    name: &str,
    found: &logagg_e2e::simulator::Group,
) -> Result<(), Violation> {
    let filter = found.filters.get(&policy.filter_name);
    let subscribed = filter.is_some_and(|filter| {
        filter.destination_arn == policy.destination_arn()
            && filter.filter_pattern == policy.pattern
    });
    if !subscribed {
        let why = format!("{name} is not shipped as {address} says: {:?}", found.filters);
        return Err(broken(Promise::Holds, why));
    }
    if let Some(protection) =
        policy.deletion_protection.filter(|it| *it != found.deletion_protection)
    {
        let why = format!("{name} is not protected as {address} says: {protection}");
        return Err(broken(Promise::Holds, why));
    }
    match policy.retention {
        Some((days, mode)) if mode.is_due(days, found.retention_in_days) => {
            let why = format!(
                "{name} has the retention {:?}, and {address} says {days}, {mode:?}",
                found.retention_in_days
            );
            Err(broken(Promise::Holds, why))
        }
        _ => Ok(()),
    }
}

/// The log groups that a plan should show as changed, by the policy's address.
pub(super) fn differing(
    configuration: &Configuration,
    state: &[Stated],
    world: &World<'_>,
) -> BTreeMap<String, BTreeSet<String>> {
    let policies = configuration.policies();
    let mut differing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for stated in state {
        let Some(policy) = policies.get(&stated.address) else { continue };
        let groups = world.region.groups();
        let of = differing.entry(stated.address.clone()).or_default();
        for (name, found) in &groups {
            let chosen = policy.chooses(name, world.has_tag(name));
            let wrong = match chosen {
                true => check_group(&stated.address, policy, name, found).is_err(),
                false => stated.holds(name),
            };
            if wrong {
                of.insert(name.clone());
            }
        }
    }
    differing.retain(|_, groups| !groups.is_empty());
    differing
}
