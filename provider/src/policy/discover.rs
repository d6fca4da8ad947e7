use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{
    Due, Listing, LogGroupClass, Ownership, Retention, Standing, Subscription, SubscriptionFilter,
};

use super::mend::{Job, Mended, Touch};
use super::model::Intent;
use super::progress::Progress;
use crate::aws::{CallError, Cause, Reader};

/// What there is: every log group that a policy chooses or still holds, as AWS shows it now.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    pub(super) groups: BTreeMap<String, Observed>,
}

/// One log group as AWS shows it now.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) membership: Membership,
    pub(super) class: LogGroupClass,
    pub(super) retention: Retention,
    /// Empty where the group was not asked for them.
    pub(super) filters: Vec<SubscriptionFilter>,
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
    /// them that can have a filter of ours for its filters.
    pub(super) async fn run(
        reader: &Reader,
        intent: &Intent,
        ownership: &Ownership,
        held: &BTreeSet<String>,
    ) -> Result<Self, CallError> {
        let mut groups = list(reader, intent, held).await?;
        if intent.wanted.is_none() && ownership.destinations.is_empty() {
            return Ok(Self { groups });
        }
        let ask: Vec<_> = groups
            .iter()
            .filter(|(_, group)| group.class == LogGroupClass::Standard)
            .map(|(name, _)| name.clone())
            .collect();
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
                (Some(filters), Some(group)) => group.filters = filters,
                // Deleted since it was listed, or of a class that has no filters after all.
                _ => drop(groups.remove(&name)),
            }
        }
        Ok(Self { groups })
    }
}

impl Discovery {
    /// What has to be done for the groups to stand as they should.
    pub(super) fn jobs(&self, intent: &Intent, ownership: &Ownership) -> Vec<Job> {
        let jobs = self.groups.iter().map(|(name, group)| {
            let is = group.standing(name, intent, ownership);
            Job {
                log_group: name.clone(),
                should: group.due(name, intent, &is).standing,
                is,
                subscription: Touch::IfDifferent,
                filters: Some(group.filters.clone()),
            }
        });
        jobs.filter(Job::is_needed).collect()
    }

    /// Takes over what was written since.
    pub(super) fn follow(&mut self, mended: &[Mended]) {
        for mended in mended {
            if mended.gone {
                self.groups.remove(&mended.log_group);
            } else if let Some(group) = self.groups.get_mut(&mended.log_group) {
                group.retention = mended.reached.retention;
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

impl Observed {
    /// How the group stands towards a policy.
    pub(super) fn standing(&self, name: &str, intent: &Intent, ownership: &Ownership) -> Standing {
        let retention = self.retention;
        let holds_ours = ownership.ours(&self.filters).next().is_some();
        let subscription = match &intent.wanted {
            Some(wanted) => {
                let subscription = ownership.examine(&self.filters, wanted);
                let not_yet = Standing { subscription: None, retention };
                let due = intent.demand.on(name, &self.class, &not_yet);
                (due.skip.is_none() || holds_ours).then_some(subscription)
            }
            // A filter of ours that nobody wants any more is still there.
            None => holds_ours.then_some(Subscription::Active),
        };
        Standing { subscription, retention }
    }

    /// What is due to the group; a group that left is only to lose our filter.
    pub(super) fn due(&self, name: &str, intent: &Intent, is: &Standing) -> Due {
        match self.membership {
            Membership::Chosen => intent.demand.on(name, &self.class, is),
            Membership::Left => {
                let standing = Standing { subscription: None, retention: is.retention };
                Due { standing, skip: None }
            }
        }
    }
}

async fn list(
    reader: &Reader,
    intent: &Intent,
    held: &BTreeSet<String>,
) -> Result<BTreeMap<String, Observed>, CallError> {
    let listed = reader.log_groups(&intent.selection.listings()).await?;
    let unseen: Vec<_> = held
        .iter()
        .filter(|name| !listed.contains_key(*name))
        .cloned()
        .map(Listing::Name)
        .collect();
    let unseen = reader.log_groups(&unseen).await?;
    let groups = listed.into_iter().chain(unseen).filter_map(|(name, group)| {
        let membership = if intent.selection.chooses(&name) {
            Membership::Chosen
        } else if held.contains(&name) {
            Membership::Left
        } else {
            return None;
        };
        let observed = Observed {
            membership,
            class: group.class,
            retention: group.retention,
            filters: Vec::new(),
        };
        Some((name, observed))
    });
    Ok(groups.collect())
}
