use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use logagg_policy::{Claim, Known, PolicyId, Standing};
use tokio::time::Instant;

use super::conflicts::{Chosen, claim};
use super::model::{Intent, Policy};
use crate::aws::{CallError, Reader};
use crate::census::Census;

/// What plans have listed and the applies after them may take, so that nothing is listed twice.
#[derive(Debug, Default)]
pub(super) struct Inventories(Mutex<Vec<(PolicyId, Instant, Inventory)>>);

/// A listing, and what the selection chooses of it.
#[derive(Clone, Debug)]
pub(super) struct Inventory {
    pub(super) census: Census,
    pub(super) chosen: BTreeSet<String>,
}

/// So long a listing is as good as a new one: apply plans once more right before it creates.
const FRESH: Duration = Duration::from_secs(60);

impl Inventories {
    /// Keeps a listing for the apply of the same policy.
    pub(super) fn keep(&self, policy: PolicyId, inventory: Inventory) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.retain(|(other, at, _)| *other != policy && now - *at < FRESH);
        kept.push((policy, now, inventory));
    }

    /// The listing that was kept for a policy, or a new one.
    pub(super) async fn take_or_list(
        &self,
        policy: PolicyId,
        reader: &Reader,
        intent: &Intent,
    ) -> Result<Inventory, CallError> {
        match self.take(policy).filter(|kept| kept.census.asked == intent.listings()) {
            Some(kept) => Ok(kept),
            None => Inventory::list(reader, intent).await,
        }
    }

    fn take(&self, policy: PolicyId) -> Option<Inventory> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(other, ..)| *other == policy)?;
        let (_, at, inventory) = kept.swap_remove(place);
        (at.elapsed() < FRESH).then_some(inventory)
    }
}

impl Inventory {
    pub(super) async fn list(reader: &Reader, intent: &Intent) -> Result<Self, CallError> {
        let mut census = Census::take(reader, &intent.selection, intent.listings()).await?;
        let chosen = census.chosen(reader, &intent.selection, &BTreeSet::new()).await?;
        Ok(Self { census, chosen })
    }

    /// What the policy claims as far as the listing tells.
    pub(super) fn claim(&self, policy: &Policy, intent: &Intent) -> Claim {
        let groups = self.chosen.iter().filter_map(|name| self.census.listed.get(name));
        let chosen = groups.map(|group| {
            let is = Standing { subscription: None, retention: group.retention };
            let due = intent.demand.on(&group.name, &group.class, &is, Known::default());
            let ships = due.standing.subscription.is_some();
            Chosen { log_group: &group.name, class: group.class.clone(), ships }
        });
        claim(policy, intent, chosen)
    }
}
