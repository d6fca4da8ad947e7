use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{
    Claim, Desired, DesiredState, GroupState, Known, Listing, LogGroup, Obstacle, Ownership,
    Selection, Subscription, SubscriptionFilter, Tags, WrittenProtection, WrittenRetention,
};

use super::conflicts::{Selected, claim};
use super::filter_snapshot::FilterSnapshot;
use super::findings::Shortened;
use super::loops::Shipping;
use super::model::{Intent, Policy};
use super::private_state::PrivateState;
use super::progress::Progress;
use super::reconcile::GroupChange;
use super::reconciled::Reconciled;
use super::refresh::Basis;
use crate::aws::{CallError, Cause, IN_FLIGHT, Legacy, Reader, Restored, Timestamp};
use crate::inventory::{self, Inventory};

/// The current state: every log group that a policy selects or still holds, as AWS shows it now.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    pub(super) groups: BTreeMap<String, Observed>,
    inventory: Inventory,
    /// The filters of each group, for the next refresh.
    filter_snapshot: Option<FilterSnapshot>,
    /// When the first filter was read.
    pub(super) began: Option<SystemTime>,
}

/// One log group as AWS shows it now.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) membership: Membership,
    pub(super) group: LogGroup,
    /// Empty where the group was not asked for them.
    pub(super) filters: Vec<SubscriptionFilter>,
    /// What keeps our filter off it, as far as that is known.
    obstacle: Option<Obstacle>,
    /// What AWS said when it did not show filters for the class.
    class_rejected: Option<String>,
    /// The policy's own retention, if the group has that.
    written: Option<WrittenRetention>,
    /// The policy's own deletion protection, if the group has that.
    written_protection: Option<WrittenProtection>,
}

/// What a log group is to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    Selected,
    /// No longer selected, and perhaps still with the policy's filter.
    Left,
}

/// When filters are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// At once.
    Now,
    /// When no other policy of this process writes to the log group.
    Settled,
}

impl Discovery {
    /// Lists what `intent` selects, adds `held`, and reads the filters of all log groups that can
    /// have the policy's filter, unless `basis` has them.
    pub(super) async fn run(
        reader: &Reader,
        intent: &Intent,
        ownership: &Ownership,
        held: &BTreeSet<String>,
        basis: &Basis,
    ) -> Result<Self, CallError> {
        let inventory = Inventory::take(reader, &intent.selection, intent.listings()).await?;
        Self::of(inventory, reader, intent, ownership, held, basis, Sight::Now).await
    }

    /// The same with a listing that is at hand.
    pub(super) async fn of(
        mut inventory: Inventory,
        reader: &Reader,
        intent: &Intent,
        ownership: &Ownership,
        held: &BTreeSet<String>,
        basis: &Basis,
        sight: Sight,
    ) -> Result<Self, CallError> {
        let began = Some(SystemTime::now());
        let unseen =
            inventory::held(reader, &inventory.asked, &inventory.listed, held.iter()).await?;
        let ships = intent.wanted.is_some() || !ownership.filters.is_empty();
        let mut looks = Vec::new();
        for group in inventory.listed.values().chain(unseen.values()) {
            let selected = inventory.tag_index.judge(&intent.selection, group);
            let held = held.contains(&group.name);
            if held || selected != Some(false) {
                let filters = if ships && group.class.may_have_filters() {
                    let known = basis.filters_of(group);
                    known.map_or(Filters::Unread(basis.began), |(filters, asked_at)| {
                        Filters::Known(filters, asked_at)
                    })
                } else {
                    Filters::None
                };
                looks.push(Look { group: group.clone(), selected, held, filters });
            }
        }
        let asked = looks.iter().filter(|look| look.asks()).count();
        let progress = &Progress::new("reading log groups", asked);
        let selection = &intent.selection;
        let seen: Vec<_> = stream::iter(looks)
            .map(|look| async move {
                let (name, asks) = (look.group.name.clone(), look.asks());
                let seen = look.take(reader, selection, sight).await?;
                if asks {
                    progress.step();
                }
                Ok((name, seen))
            })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        let mut filter_snapshot = basis.filter_snapshot().filter(|_| ships);
        let mut groups = BTreeMap::new();
        for (name, Seen { tags, observed, asked_at }) in seen {
            if let Some(tags) = tags {
                inventory.tag_index.learn(name.clone(), tags);
            }
            if let Some(observed) = observed {
                if let Some((filter_snapshot, asked_at)) = filter_snapshot.as_mut().zip(asked_at) {
                    filter_snapshot.keep(&observed.group, &observed.filters, asked_at);
                }
                groups.insert(name, observed);
            }
        }
        Ok(Self { groups, inventory, filter_snapshot, began })
    }

    /// Reads log groups again whose retention or deletion protection another policy of this run
    /// has restored since they were listed.
    pub(super) async fn look_again(
        &mut self,
        reader: &Reader,
        restored: &Restored,
    ) -> Result<(), CallError> {
        for name in restored.log_groups() {
            if let Some(observed) = self.groups.get_mut(name)
                && let Some(group) = reader.settled_log_group(name).await?
            {
                observed.group.retention = group.retention;
                observed.group.is_protected = group.is_protected;
            }
        }
        Ok(())
    }

    /// Those of `restored` that get a shorter retention here, which no plan has shown: another
    /// policy of this run has released them since.
    pub(super) fn shortened_since(
        &self,
        intent: &Intent,
        ownership: &Ownership,
        restored: &Restored,
    ) -> Shortened {
        let mut shortened = Shortened::default();
        for name in &restored.retentions {
            if let Some(observed) = self.groups.get(name)
                && observed.membership == Membership::Selected
            {
                let current = observed.state(intent, ownership);
                let desired = observed.desired(intent, &current).state.retention;
                shortened.count(name, current.retention, desired, observed.group.stored_bytes);
            }
        }
        shortened
    }

    /// Takes over what replaced policies wrote to log groups whose retention or deletion
    /// protection this one sets.
    pub(super) fn inherit(&self, intent: &Intent, bequeathed: &Legacy, private: &mut PrivateState) {
        let selected = |name: &String| {
            let selected = self.groups.get(name);
            let selected = selected.filter(|group| group.membership == Membership::Selected);
            selected.map(|observed| &observed.group)
        };
        let Desired { retention, deletion_protection, .. } = intent.desired;
        let retentions = bequeathed.retentions.iter().filter(|_| retention.is_some());
        for (name, written) in retentions {
            if selected(name).is_some_and(|group| written.is_on(group)) {
                private.inherit(name, *written);
            }
        }
        let protections = bequeathed.protections.iter().filter(|_| deletion_protection.is_some());
        for (name, written) in protections {
            if selected(name).is_some_and(|group| written.is_on(group)) {
                private.inherit_protection(name, *written);
            }
        }
    }

    /// Takes from memory what AWS does not show.
    pub(super) fn recall(
        &mut self,
        intent: &Intent,
        ownership: &Ownership,
        private_state: &mut PrivateState,
    ) {
        for (name, observed) in &mut self.groups {
            let wanted = intent.wanted.as_ref();
            let foreign = wanted.and_then(|wanted| ownership.in_the_way(&observed.filters, wanted));
            if let Some(why) = observed.class_rejected.take() {
                private_state.record_class_rejected(name, why);
            }
            observed.obstacle = match foreign {
                Some(foreign) => Some(Obstacle::NameTaken(foreign.destination_arn.clone())),
                None => {
                    private_state.is_still_full(name, &observed.filters).then_some(Obstacle::Full)
                }
            };
            if observed.obstacle.is_none() {
                let class = private_state.class_rejected(name, &observed.group.class);
                observed.obstacle = match class {
                    Some(why) => Some(Obstacle::Class(why.clone())),
                    None => private_state.denied(name).map(Obstacle::Denied),
                };
            }
            observed.written = private_state.written(&observed.group);
            observed.written_protection = private_state.written_protection(&observed.group);
        }
    }

    /// Keeps the listing in mind, for a plan with another selection, and the filters, for the next
    /// refresh.
    pub(super) fn record(&self, intent: &Intent, private_state: &mut PrivateState) {
        private_state.record_inventory(&self.inventory, &intent.selection);
        self.groups.values().for_each(|observed| private_state.record_held(&observed.group));
        private_state.filter_snapshot.clone_from(&self.filter_snapshot);
    }

    /// What the policy claims.
    pub(super) fn claim(&self, policy: &Policy, intent: &Intent, ownership: &Ownership) -> Claim {
        let selected = self.selected().map(|observed| {
            let current = observed.state(intent, ownership);
            let ships = observed.desired(intent, &current).state.subscription.is_some();
            let LogGroup { name, class, .. } = &observed.group;
            Selected { log_group: name, class: class.clone(), ships }
        });
        claim(policy, intent, selected)
    }

    /// The log groups that have the filter which is wanted, by name and destination.
    pub(super) fn subscribed(&self, intent: &Intent) -> Vec<&str> {
        let Some(wanted) = &intent.wanted else { return Vec::new() };
        let has = |observed: &&Observed| {
            let same = |filter: &SubscriptionFilter| {
                filter.name == wanted.name && filter.destination_arn == wanted.destination_arn
            };
            observed.filters.iter().any(same)
        };
        self.selected().filter(has).map(|observed| observed.group.name.as_str()).collect()
    }

    /// The log groups that the selection selects.
    pub(super) fn selected(&self) -> impl Iterator<Item = &Observed> {
        self.groups.values().filter(|observed| observed.membership == Membership::Selected)
    }
}

impl Discovery {
    /// The changes that make the log groups compliant.
    pub(super) fn group_changes(&self, intent: &Intent, ownership: &Ownership) -> Vec<GroupChange> {
        let group_changes = self.groups.iter().map(|(name, group)| {
            let current = group.state(intent, ownership);
            let desired = group.desired(intent, &current).state;
            let mut group_change =
                GroupChange::of(name.clone(), current, desired).listed(&group.group);
            group_change.filters = Some(group.filters.clone());
            if group.membership == Membership::Left {
                if let Some(written) = intent.restored(group.written).and(group.written) {
                    group_change.restore(written);
                }
                let written = group.written_protection;
                if let Some(written) = intent.restored_protection(written).and(written) {
                    group_change.restore_protection(written);
                }
            }
            group_change
        });
        group_changes.filter(GroupChange::is_needed).collect()
    }

    /// Takes over what was written since.
    pub(super) fn follow(&mut self, reconciled: &[Reconciled]) {
        if let Some(filter_snapshot) = &mut self.filter_snapshot {
            filter_snapshot.follow(reconciled);
        }
        for reconciled in reconciled {
            if reconciled.gone {
                self.groups.remove(&reconciled.log_group);
            } else if let Some(group) = self.groups.get_mut(&reconciled.log_group) {
                group.group.retention = reconciled.reached.retention;
                if let Some(protected) = reconciled.reached.deletion_protection {
                    group.group.is_protected = protected;
                }
                if let Some(filters) = &reconciled.filters {
                    group.filters.clone_from(filters);
                }
            }
        }
    }

    /// The log groups that the selection names and that do not exist.
    pub(super) fn absent(&self, intent: &Intent) -> BTreeSet<String> {
        let named = intent.selection.exact_names().unwrap_or_default();
        let absent = named.into_iter().filter(|name| !self.groups.contains_key(*name));
        absent.map(str::to_owned).collect()
    }
}

impl Shipping for Discovery {
    fn destinations_of(&self, log_group: &str) -> Option<Vec<String>> {
        let Inventory { asked, listed, .. } = &self.inventory;
        shipped_to(self.groups.get(log_group), log_group, asked, listed)
    }
}

/// Where a log group is shipped, if it was asked, or if a listing shows that there is none.
pub(super) fn shipped_to(
    observed: Option<&Observed>,
    log_group: &str,
    asked: &[Listing],
    listed: &BTreeMap<String, LogGroup>,
) -> Option<Vec<String>> {
    if let Some(observed) = observed {
        let filters = observed.filters.iter();
        return Some(filters.map(|filter| filter.destination_arn.clone()).collect());
    }
    let covered = asked.iter().any(|listing| listing.covers(log_group));
    (covered && !listed.contains_key(log_group)).then(Vec::new)
}

/// A look at one log group.
struct Look {
    group: LogGroup,
    /// None if that depends on its tags.
    selected: Option<bool>,
    held: bool,
    filters: Filters,
}

/// How the filters of a log group come to be known.
enum Filters {
    /// It has none, or they are nothing to the policy.
    None,
    /// They cannot have changed since they were read.
    Known(Vec<SubscriptionFilter>, Timestamp),
    /// They are to be read if needed, in a refresh that began then.
    Unread(Option<Timestamp>),
}

/// What a look showed.
#[derive(Default)]
struct Seen {
    tags: Option<Tags>,
    /// None where the log group is nothing to the policy, or there no more.
    observed: Option<Observed>,
    /// When its filters were read.
    asked_at: Option<Timestamp>,
}

impl Look {
    fn asks(&self) -> bool {
        matches!(self.filters, Filters::Unread(_)) || self.selected.is_none()
    }

    async fn take(
        self,
        reader: &Reader,
        selection: &Selection,
        sight: Sight,
    ) -> Result<Seen, CallError> {
        let (selected, tags) = match self.selected {
            Some(selected) => (selected, None),
            None => match reader.tags(&self.group).await? {
                Some(tags) => {
                    let LogGroup { name, class, .. } = &self.group;
                    (selection.chooses(name, class, &tags), Some(tags))
                }
                // Deleted since it was listed.
                None => return Ok(Seen::default()),
            },
        };
        let membership = if selected {
            Membership::Selected
        } else if self.held {
            Membership::Left
        } else {
            return Ok(Seen { tags, ..Seen::default() });
        };
        let mut observed = Observed::new(membership, self.group);
        let asked_at = match self.filters {
            Filters::None => None,
            Filters::Known(filters, asked_at) => {
                observed.filters = filters;
                Some(asked_at)
            }
            Filters::Unread(began) => {
                let name = &observed.group.name;
                let answer = match sight {
                    Sight::Now => reader.subscription_filters(name).await,
                    Sight::Settled => reader.settled_subscription_filters(name).await,
                };
                match answer {
                    Ok(filters) => observed.filters = filters,
                    Err(error) if error.rejects(&observed.group.class) => {
                        observed.class_rejected = Some(error.to_string());
                    }
                    // Deleted since it was listed, or of a class that has no filters after all.
                    Err(error) if matches!(error.cause, Cause::Missing | Cause::Class) => {
                        return Ok(Seen { tags, ..Seen::default() });
                    }
                    Err(error) => return Err(error),
                }
                began
            }
        };
        Ok(Seen { tags, observed: Some(observed), asked_at })
    }
}

impl Observed {
    fn new(membership: Membership, group: LogGroup) -> Self {
        let (written, written_protection) = (None, None);
        Self {
            membership,
            group,
            filters: Vec::new(),
            obstacle: None,
            class_rejected: None,
            written,
            written_protection,
        }
    }

    /// How the group stands towards a policy.
    pub(super) fn state(&self, intent: &Intent, ownership: &Ownership) -> GroupState {
        let holds_ours = self.filters.iter().any(|filter| ownership.made(filter));
        let mut unread = intent.desired.current(&self.group, None);
        if self.membership == Membership::Left {
            let sets = intent.desired.deletion_protection.is_some();
            let written = self.written_protection.filter(|_| sets);
            unread.deletion_protection = written.map(|written| written.wrote);
        }
        let concerned = self.desired(intent, &unread).state.subscription.is_some();
        let subscription = match &intent.wanted {
            Some(wanted) => {
                (concerned || holds_ours).then(|| ownership.examine(&self.filters, wanted))
            }
            // A filter of the policy that is no longer desired still exists.
            None => holds_ours.then_some(Subscription::Active),
        };
        GroupState { subscription, ..unread }
    }

    /// What is due to the group; a group that left is only to lose our filter, and perhaps our
    /// retention and deletion protection.
    pub(super) fn desired(&self, intent: &Intent, current: &GroupState) -> DesiredState {
        let LogGroup { name, class, .. } = &self.group;
        match self.membership {
            Membership::Selected => {
                let retention = PrivateState::provenance_of_retention(self.written);
                let is_governed = self.group.governed_by.is_some();
                let known = Known { obstacle: self.obstacle.clone(), retention, is_governed };
                intent.desired.on(name, class, current, known)
            }
            Membership::Left => {
                let retention = intent.restored(self.written).unwrap_or(current.retention);
                let restored = intent.restored_protection(self.written_protection);
                let deletion_protection = restored.or(current.deletion_protection);
                let state = GroupState { subscription: None, retention, deletion_protection };
                DesiredState { state, skip: None }
            }
        }
    }
}
