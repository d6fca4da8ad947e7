use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use logagg_policy::{Claim, Known, PolicyId};
use tokio::time::Instant;

use super::conflicts::{Selected, claim};
use super::model::{Intent, Policy};
use crate::aws::{CallError, Reader};
use crate::inventory::Inventory;

/// What plans have listed and the applies after them may take, so that nothing is listed twice.
#[derive(Debug, Default)]
pub(super) struct PlannedInventories(Mutex<Vec<(PolicyId, Instant, PlannedInventory)>>);

/// A listing, and what the selection matches in it.
#[derive(Clone, Debug)]
pub(super) struct PlannedInventory {
    pub(super) inventory: Inventory,
    pub(super) selected: BTreeSet<String>,
}

/// How long a listing is reused: apply plans again right before it creates.
const FRESH: Duration = Duration::from_secs(60);

impl PlannedInventories {
    /// Keeps a listing for the apply of the same policy.
    pub(super) fn keep(&self, policy: PolicyId, planned: PlannedInventory) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.retain(|(other, at, _)| *other != policy && now - *at < FRESH);
        kept.push((policy, now, planned));
    }

    /// The listing that was kept for a policy, or a new one.
    pub(super) async fn take_or_list(
        &self,
        policy: PolicyId,
        reader: &Reader,
        intent: &Intent,
    ) -> Result<PlannedInventory, CallError> {
        match self.take(policy).filter(|kept| kept.inventory.asked == intent.listings()) {
            Some(kept) => Ok(kept),
            None => PlannedInventory::list(reader, intent).await,
        }
    }

    fn take(&self, policy: PolicyId) -> Option<PlannedInventory> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(other, ..)| *other == policy)?;
        let (_, at, planned) = kept.swap_remove(place);
        (at.elapsed() < FRESH).then_some(planned)
    }
}

impl PlannedInventory {
    pub(super) async fn list(reader: &Reader, intent: &Intent) -> Result<Self, CallError> {
        let mut inventory = Inventory::take(reader, &intent.selection, intent.listings()).await?;
        let selected = inventory.selected(reader, &intent.selection, &BTreeSet::new()).await?;
        Ok(Self { inventory, selected })
    }

    /// What the policy claims according to the listing.
    pub(super) fn claim(&self, policy: &Policy, intent: &Intent) -> Claim {
        let groups = self.selected.iter().filter_map(|name| self.inventory.listed.get(name));
        let selected = groups.map(|group| {
            let current = intent.desired.current(group, None);
            let desired = intent.desired.on(&group.name, &group.class, &current, Known::default());
            let ships = desired.state.subscription.is_some();
            Selected { log_group: &group.name, class: group.class.clone(), ships }
        });
        claim(policy, intent, selected)
    }
}
