use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{
    Due, Listing, LogGroup, LogGroupClass, Obstacle, Ownership, Retention, Standing, Subscription,
    SubscriptionFilter, Tags,
};

use super::loops::Shipping;
use super::memory::Memory;
use super::mend::{Job, Mended, Touch};
use super::model::Intent;
use super::progress::Progress;
use super::recollection::Recollection;
use super::refresh::Basis;
use crate::aws::{CallError, Cause, Reader};

/// What there is: every log group that a policy chooses or still holds, as AWS shows it now.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    pub(super) groups: BTreeMap<String, Observed>,
    /// What was asked, and all of the answer.
    asked: Vec<Listing>,
    listed: BTreeMap<String, LogGroup>,
    /// The filters of each group, for the next refresh.
    recollection: Option<Recollection>,
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
    /// What it goes back to when the policy lets it go.
    restored: Option<Retention>,
}

/// What a log group is to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    Chosen,
    /// No longer chosen, and perhaps still with a filter of ours.
    Left,
}

/// Groups asked at the same time; the token buckets set the pace.
pub(super) const IN_FLIGHT: usize = 32;

impl Discovery {
    /// Lists what `intent` chooses, adds what is in `held` all the same, and asks every one of
    /// them that can have a filter of ours for its filters, unless `basis` knows them.
    pub(super) async fn run(
        reader: &Reader,
        intent: &Intent,
        ownership: &Ownership,
        held: &BTreeSet<String>,
        basis: &Basis,
    ) -> Result<Self, CallError> {
        let mut discovery = Self::list(reader, intent, held).await?;
        let groups = &mut discovery.groups;
        if intent.wanted.is_none() && ownership.destinations.is_empty() {
            return Ok(discovery);
        }
        let mut recollection = basis.recollection();
        let mut ask = Vec::new();
        let takes_filters =
            |observed: &&mut Observed| observed.group.class == LogGroupClass::Standard;
        for observed in groups.values_mut().filter(takes_filters) {
            let Some((filters, asked_at)) = basis.filters_of(&observed.group) else {
                ask.push(observed.group.name.clone());
                continue;
            };
            if let Some(recollection) = &mut recollection {
                recollection.keep(&observed.group, &filters, asked_at);
            }
            observed.filters = filters;
        }
        let progress = Progress::new("reading subscription filters", ask.len());
        let answers: Vec<_> = stream::iter(ask)
            .map(|name| async {
                let answer = reader.subscription_filters(&name).await;
                progress.step();
                match answer {
                    Ok(filters) => Ok((name, Some(filters))),
                    Err(error) if matches!(error.cause, Cause::Missing | Cause::Class) => {
                        Ok((name, None))
                    }
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        for (name, filters) in answers {
            match (filters, groups.get_mut(&name)) {
                (Some(filters), Some(observed)) => {
                    if let Some((recollection, began)) = recollection.as_mut().zip(basis.began) {
                        recollection.keep(&observed.group, &filters, began);
                    }
                    observed.filters = filters;
                }
                // Deleted since it was listed, or of a class that has no filters after all.
                _ => drop(groups.remove(&name)),
            }
        }
        discovery.recollection = recollection;
        Ok(discovery)
    }

    async fn list(
        reader: &Reader,
        intent: &Intent,
        held: &BTreeSet<String>,
    ) -> Result<Self, CallError> {
        let asked = intent.listings();
        let listed = reader.log_groups(&asked).await?;
        let unseen = reader.log_groups(&unlisted(&listed, held.iter())).await?;
        let groups = listed.values().chain(unseen.values()).filter_map(|group| {
            let membership = if intent.selection.chooses(&group.name, &group.class, &Tags::new()) {
                Membership::Chosen
            } else if held.contains(&group.name) {
                Membership::Left
            } else {
                return None;
            };
            Some((group.name.clone(), Observed::new(membership, group.clone())))
        });
        Ok(Self { groups: groups.collect(), asked, listed, recollection: None })
    }

    /// Takes from memory what AWS does not show.
    pub(super) fn recall(&mut self, intent: &Intent, ownership: &Ownership, memory: &mut Memory) {
        for (name, observed) in &mut self.groups {
            let wanted = intent.wanted.as_ref();
            let foreign = wanted.and_then(|wanted| ownership.in_the_way(&observed.filters, wanted));
            observed.obstacle = match foreign {
                Some(foreign) => Some(Obstacle::NameTaken(foreign.destination_arn.clone())),
                None => memory.is_still_full(name, &observed.filters).then_some(Obstacle::Full),
            };
            observed.restored = intent.restored(&observed.group, memory);
        }
    }

    /// Keeps in mind the retention of every chosen group before we write it.
    pub(super) fn remember_originals(&self, memory: &mut Memory) {
        for observed in self.chosen() {
            let group = &observed.group;
            memory.remember_original(&group.name, group.created_ms, group.retention);
        }
    }

    /// Keeps the listing in mind, for a plan with another selection, and the filters, for the next
    /// refresh.
    pub(super) fn remember(&self, memory: &mut Memory) {
        memory.remember_listing(&self.asked, self.listed.values());
        memory.recollection.clone_from(&self.recollection);
    }

    /// The log groups that the selection chooses.
    pub(super) fn chosen(&self) -> impl Iterator<Item = &Observed> {
        self.groups.values().filter(|observed| observed.membership == Membership::Chosen)
    }
}

impl Discovery {
    /// What has to be done for the groups to stand as they should.
    pub(super) fn jobs(&self, intent: &Intent, ownership: &Ownership) -> Vec<Job> {
        let jobs = self.groups.iter().map(|(name, group)| {
            let is = group.standing(intent, ownership);
            Job {
                log_group: name.clone(),
                should: group.due(intent, &is).standing,
                is,
                subscription: Touch::IfDifferent,
                filters: Some(group.filters.clone()),
                barred: None,
            }
        });
        jobs.filter(Job::is_needed).collect()
    }

    /// Takes over what was written since.
    pub(super) fn follow(&mut self, mended: &[Mended]) {
        if let Some(recollection) = &mut self.recollection {
            recollection.follow(mended);
        }
        for mended in mended {
            if mended.gone {
                self.groups.remove(&mended.log_group);
            } else if let Some(group) = self.groups.get_mut(&mended.log_group) {
                group.group.retention = mended.reached.retention;
                if let Some(filters) = &mended.filters {
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
        shipped_to(self.groups.get(log_group), log_group, &self.asked, &self.listed)
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
    let covered = asked.iter().any(|listing| match listing {
        Listing::Name(name) => name == log_group,
        Listing::Prefix(prefix) => log_group.starts_with(prefix.as_str()),
    });
    (covered && !listed.contains_key(log_group)).then(Vec::new)
}

/// What to ask to see also those log groups of these names that a listing did not have.
pub(super) fn unlisted<'n>(
    listed: &BTreeMap<String, LogGroup>,
    names: impl Iterator<Item = &'n String>,
) -> Vec<Listing> {
    names.filter(|name| !listed.contains_key(*name)).cloned().map(Listing::Name).collect()
}

impl Observed {
    fn new(membership: Membership, group: LogGroup) -> Self {
        Self { membership, group, filters: Vec::new(), obstacle: None, restored: None }
    }

    /// How the group stands towards a policy.
    pub(super) fn standing(&self, intent: &Intent, ownership: &Ownership) -> Standing {
        let holds_ours = self.filters.iter().any(|filter| ownership.made(filter));
        let unread = Standing { subscription: None, retention: self.group.retention };
        let concerned = self.due(intent, &unread).standing.subscription.is_some();
        let subscription = match &intent.wanted {
            Some(wanted) => {
                (concerned || holds_ours).then(|| ownership.examine(&self.filters, wanted))
            }
            // A filter of ours that nobody wants any more is still there.
            None => holds_ours.then_some(Subscription::Active),
        };
        Standing { subscription, ..unread }
    }

    /// What is due to the group; a group that left is only to lose our filter, and perhaps our
    /// retention.
    pub(super) fn due(&self, intent: &Intent, is: &Standing) -> Due {
        let LogGroup { name, class, .. } = &self.group;
        match self.membership {
            Membership::Chosen => intent.demand.on(name, class, is, self.obstacle.clone()),
            Membership::Left => {
                let retention = self.restored.unwrap_or(is.retention);
                Due { standing: Standing { subscription: None, retention }, skip: None }
            }
        }
    }
}
