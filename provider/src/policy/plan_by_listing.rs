//! Diagnostics of a plan that cannot show each log group: of a policy that is created or replaced,
//! or whose selection exceeds the listing.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use logagg_policy::{AccountPolicy, Known, PolicyId, SubscriptionFilter};
use tfplugin::{Context, Stored};

use super::conflicts;
use super::findings::Preview;
use super::model::{Intent, Policy};
use super::planned_inventories::{PlannedInventories, PlannedInventory};
use super::preview::{FilterWrite, GroupPreview, Released};
use super::private_state::PrivateState;
use crate::aws::{Account, IN_FLIGHT, Origin, Reader};
use crate::connection::Client;
use crate::diagnostics::{self, Present};

/// What there was before what is planned.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before<'a> {
    Nothing,
    /// Another object of the same resource.
    Replaced,
    /// The policy, which chose otherwise.
    Policy(&'a Stored<Policy, PrivateState>),
}

/// The log groups that are asked for their filters before a policy is created.
const ASKED: usize = 20;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reports the planned changes as far as a listing shows them, and claims them.
pub(super) async fn plan_by_listing(
    cx: &Context<Client>,
    planned_inventories: &PlannedInventories,
    account: Option<&Account>,
    policy: PolicyId,
    planned: &Policy,
    before: Before<'_>,
) {
    let (Some(account), Some(region)) = (account, planned.region.known()) else { return };
    if !planned.selection_is_known() || cx.has_errors() {
        return;
    }
    let Ok(intent) = planned.intent(&PrivateState::default()) else { return };
    let reader = account.reader(region, cx.stopped());
    let planned_inventory = match PlannedInventory::list(&reader, &intent).await {
        Ok(planned_inventory) => planned_inventory,
        Err(error) => return cx.report(diagnostics::not_read(&error, region)),
    };
    let destination = planned.destination_arn.known().map(String::as_str);
    let account_policies = match destination {
        Some(_) => account_policies(cx, &reader, &intent.name).await,
        None => Vec::new(),
    };
    let mut preview = Preview::of(&intent, &account_policies);
    preview.grants = planned.grant_invoke.known() == Some(&true);
    count(&mut preview, planned, &intent, &planned_inventory, before);
    let present = match (before, &intent.wanted) {
        (Before::Nothing, Some(wanted)) => present(&reader, &preview.subscribed, wanted).await,
        _ => Present::default(),
    };
    cx.report(diagnostics::announcement(&intent.name, region, destination, &preview, &present));
    preview.report(cx);
    let claim = planned_inventory.claim(planned, &intent);
    let origin = match before {
        Before::Policy(prior) if prior.state.ownership() == planned.ownership() => Origin::Existing,
        Before::Policy(_) | Before::Nothing | Before::Replaced => Origin::Created,
    };
    conflicts::report(cx, account, region, policy, origin, claim).await;
    planned_inventories.keep(policy, planned_inventory);
}

/// What the account ships by policies of its own, where that can be looked at.
async fn account_policies(
    cx: &Context<Client>,
    reader: &Reader,
    policy: &str,
) -> Vec<AccountPolicy> {
    reader.optional().account_policies().await.unwrap_or_else(|error| {
        cx.report(diagnostics::account_policy_unseen(policy, &error));
        Vec::new()
    })
}

fn count(
    preview: &mut Preview,
    planned: &Policy,
    intent: &Intent,
    planned_inventory: &PlannedInventory,
    before: Before<'_>,
) {
    let nothing = PrivateState::default();
    let (private, mut states, same_filter) = match before {
        Before::Policy(Stored { state, private }) => {
            (private, state.states().unwrap_or_default(), planned.subscribes_as(state))
        }
        Before::Nothing | Before::Replaced => (&nothing, BTreeMap::new(), true),
    };
    let again = planned.destination_arn.is_unknown() || !same_filter;
    let filter = if again { FilterWrite::Again } else { FilterWrite::IfDifferent };
    let listed = planned_inventory
        .selected
        .iter()
        .filter_map(|name| planned_inventory.inventory.listed.get(name));
    for group in listed {
        let known = Known {
            obstacle: None,
            retention: PrivateState::provenance_of_retention(private.written(group)),
            is_governed: group.governed_by.is_some(),
        };
        let current = states.remove(&group.name);
        let subscription = current.and_then(|current| current.subscription);
        let current = intent.desired.current(group, subscription);
        let desired = intent.desired.on(&group.name, &group.class, &current, known);
        preview.selected(&GroupPreview {
            log_group: &group.name,
            current: &current,
            desired: &desired,
            stored_bytes: group.stored_bytes,
            filter,
            governed_by: group.governed_by.as_deref(),
        });
    }
    for (name, current) in &states {
        preview.left(name, current, &Released::of(intent, private, name, current));
    }
}

/// Which of the first log groups already have the filter that is to be created.
async fn present(reader: &Reader, log_groups: &[String], wanted: &SubscriptionFilter) -> Present {
    let mut present = Present::default();
    let first: Vec<_> = log_groups.iter().take(ASKED).cloned().collect();
    let asked = stream::iter(first)
        .map(|name| async move {
            let answer = reader.subscription_filters(&name).await;
            (name, answer)
        })
        .buffer_unordered(IN_FLIGHT)
        .for_each(|(name, answer)| {
            let same = |filter: &SubscriptionFilter| {
                filter.name == wanted.name && filter.destination_arn == wanted.destination_arn
            };
            if let Ok(filters) = answer {
                present.asked += 1;
                if filters.iter().any(same) {
                    present.log_groups.push(name);
                }
            }
            std::future::ready(())
        });
    let _ = tokio::time::timeout(PATIENCE, asked).await;
    present.log_groups.sort_unstable();
    present
}
