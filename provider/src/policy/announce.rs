use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{LogGroup, Standing, Subscription};
use tfplugin::Context;

use super::fights;
use super::model::{Intent, Policy};
use super::outlook::{Outlook, Prospect};
use super::twice::twice;
use crate::aws::{Account, CallError, Reader};
use crate::census::Census;
use crate::diagnostics;
use crate::provider::Client;

/// The log groups a policy is going to subscribe, and to give a retention, as far as a listing
/// tells.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    pub(crate) chosen: usize,
    pub(crate) subscribed: Vec<String>,
    pub(crate) retained: Vec<String>,
    pub(crate) unsubscribed: Vec<String>,
    pub(crate) skipped: BTreeMap<String, String>,
    /// Whether it lets CloudWatch Logs invoke the destination.
    pub(crate) grants: bool,
}

/// Tells what a plan that cannot show the log groups one by one is about to do. Changes are
/// counted as if nothing were subscribed yet.
pub(super) async fn announce(
    cx: &Context<Client>,
    account: Option<&Account>,
    planned: &Policy,
    held: &BTreeSet<String>,
) {
    let (Some(account), Some(region)) = (account, planned.region.known()) else { return };
    if !planned.selection_is_known() || cx.has_errors() {
        return;
    }
    let Ok(intent) = planned.intent() else { return };
    let reader = account.reader(region, cx.stopped());
    let (listed, chosen) = match listed_and_chosen(&reader, &intent).await {
        Ok(answer) => answer,
        Err(error) => return cx.report(diagnostics::not_read(&error, region)),
    };
    let mut outlook = Outlook::new(intent.guards);
    let grants = planned.grant_invoke.known() == Some(&true);
    let mut announcement = Announcement { grants, ..Announcement::default() };
    let unknown_destination = planned.destination_arn.is_unknown();
    let mut prospects = Vec::new();
    for group in chosen.iter().filter_map(|name| listed.get(name)) {
        announcement.chosen += 1;
        let is = Standing { subscription: None, retention: group.retention };
        let due = intent.demand.on(&group.name, &group.class, &is, None);
        let ships = due.standing.subscription == Some(Subscription::Active);
        if ships || unknown_destination {
            announcement.subscribed.push(group.name.clone());
        }
        let class = group.class.clone();
        prospects.push(fights::Prospect { log_group: &group.name, class, ships });
        if due.standing.retention != is.retention {
            announcement.retained.push(group.name.clone());
        }
        if let Some(skip) = due.skip {
            announcement.skipped.insert(group.name.clone(), skip.to_string());
        }
        let (due, stored_bytes) = (due.standing, group.stored_bytes);
        outlook.chosen(Prospect { is, due, stored_bytes, touched: unknown_destination });
    }
    announcement.unsubscribed = held.difference(&chosen).cloned().collect();
    let destination = planned.destination_arn.known().map(String::as_str);
    cx.report(diagnostics::announcement(&intent.name, region, destination, &announcement));
    outlook.tell(cx);
    if destination.is_some() {
        // What keeps the account's policy from being seen is told by whoever looks for loops.
        let account_policy = reader.account_policy().await.ok().flatten();
        let looped = announcement.skipped.keys().filter(|name| is_loop(&intent, name));
        let names = looped.map(String::as_str);
        let shipped = prospects.iter().filter(|prospect| prospect.ships);
        let shipped = shipped.map(|prospect| prospect.log_group);
        let warning = account_policy.and_then(|policy| twice(planned, &policy, shipped, names));
        warning.into_iter().for_each(|warning| cx.report(warning));
    }
    let stake = fights::stake(planned, &intent, prospects.into_iter());
    fights::tell(cx, account, planned, stake).await;
}

fn is_loop(intent: &Intent, log_group: &str) -> bool {
    intent.demand.ships.as_ref().is_some_and(|guard| guard.why(log_group).is_some())
}

async fn listed_and_chosen(
    reader: &Reader,
    intent: &Intent,
) -> Result<(BTreeMap<String, LogGroup>, BTreeSet<String>), CallError> {
    let mut census = Census::take(reader, &intent.selection, intent.listings()).await?;
    let chosen = census.chosen(reader, &intent.selection, &BTreeSet::new()).await?;
    Ok((census.listed, chosen))
}
