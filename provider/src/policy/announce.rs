use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{LogGroup, Standing, Subscription, Tags};
use tfplugin::Context;

use super::model::Policy;
use super::outlook::{Outlook, Prospect};
use crate::aws::Account;
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
    let listed = match reader.log_groups(&intent.listings()).await {
        Ok(listed) => listed,
        Err(error) => return cx.report(diagnostics::not_read(&error, region)),
    };
    let mut outlook = Outlook::new(intent.guards);
    let grants = planned.grant_invoke.known() == Some(&true);
    let mut announcement = Announcement { grants, ..Announcement::default() };
    let unknown_destination = planned.destination_arn.is_unknown();
    let tags = Tags::new();
    let chosen = |group: &&LogGroup| intent.selection.chooses(&group.name, &group.class, &tags);
    for group in listed.values().filter(chosen) {
        announcement.chosen += 1;
        let is = Standing { subscription: None, retention: group.retention };
        let due = intent.demand.on(&group.name, &group.class, &is, None);
        if due.standing.subscription == Some(Subscription::Active) || unknown_destination {
            announcement.subscribed.push(group.name.clone());
        }
        if due.standing.retention != is.retention {
            announcement.retained.push(group.name.clone());
        }
        if let Some(skip) = due.skip {
            announcement.skipped.insert(group.name.clone(), skip.to_string());
        }
        let (due, stored_bytes) = (due.standing, group.stored_bytes);
        outlook.chosen(Prospect { is, due, stored_bytes, touched: unknown_destination });
    }
    let stays = |name: &String| listed.get(name).is_some_and(|group| chosen(&group));
    announcement.unsubscribed = held.iter().filter(|name| !stays(name)).cloned().collect();
    let destination = planned.destination_arn.known().map(String::as_str);
    cx.report(diagnostics::announcement(&intent.name, region, destination, &announcement));
    outlook.tell(cx);
}
