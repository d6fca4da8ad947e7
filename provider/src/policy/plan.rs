use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{Arn, Destination, Standing, Subscription};
use tfplugin::{Attr, AttributePath, Context, Diagnostic, Planned, Proposal, Stored};

use super::memory::Memory;
use super::model::{Entry, Intent, Policy, Unusable};
use crate::aws::Account;
use crate::diagnostics;
use crate::provider::Client;

/// What the policy should be like. The values are a function of configuration and prior state
/// alone, since Terraform plans twice and the two must agree; what AWS shows meanwhile goes into
/// warnings only.
pub(super) async fn plan(
    cx: &Context<Client>,
    proposal: Proposal<Policy, Memory>,
) -> Planned<Policy, Memory> {
    let Proposal { config, prior, proposed: mut planned } = proposal;
    let account = Client::known(cx);
    plan_place(&mut planned, &config.region, account);
    destination_in_another_region(&planned).into_iter().for_each(|error| cx.report(error));
    let Some(prior) = prior else {
        plan_create(&mut planned);
        announce(cx, account, &planned, &BTreeSet::new()).await;
        return Planned {
            state: planned,
            private: Memory::default(),
            requires_replace: Vec::new(),
        };
    };
    let regions = prior.state.region.known().zip(planned.region.known());
    if regions.is_some_and(|(before, after)| before != after) {
        plan_create(&mut planned);
        let requires_replace = vec![AttributePath::root("region")];
        return Planned { state: planned, private: Memory::default(), requires_replace };
    }
    planned.account_id = prior.state.account_id.clone();
    destination_abroad(&planned).into_iter().for_each(|error| cx.report(error));
    if let Err(error) = plan_update(&mut planned, &prior) {
        cx.report(diagnostics::unusable_state(&error));
    }
    if planned.log_groups.is_unknown() {
        let held = prior.state.log_groups.known().into_iter().flatten();
        announce(cx, account, &planned, &held.map(|(name, _)| name.clone()).collect()).await;
    } else if let Some(warning) = conflicts(&planned, &prior.private) {
        cx.report(warning);
    }
    Planned { state: planned, private: prior.private, requires_replace: Vec::new() }
}

/// The log groups a policy is going to subscribe, and to give a retention, as far as a listing
/// tells.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    pub(crate) chosen: usize,
    pub(crate) subscribed: Vec<String>,
    pub(crate) retained: Vec<String>,
    pub(crate) unsubscribed: Vec<String>,
    pub(crate) skipped: BTreeMap<String, String>,
}

/// The region is the configuration's, or else the provider's as it is now: not what the state
/// remembers, so that a provider that was given another region is noticed.
fn plan_place(planned: &mut Policy, configured: &Attr<String>, account: Option<&Account>) {
    planned.region = match (configured, account) {
        (Attr::Null, Some(account)) => Attr::Known(account.default_region().to_owned()),
        (Attr::Null, None) => Attr::unknown(),
        (configured, _) => configured.clone(),
    };
    planned.id = match (&planned.name, &planned.region) {
        (Attr::Known(name), Attr::Known(region)) => Attr::Known(format!("{name}@{region}")),
        _ => Attr::unknown(),
    };
}

/// Nothing is known of the log groups before they are read, except the names of those that the
/// configuration names.
fn plan_create(planned: &mut Policy) {
    planned.account_id = Attr::unknown();
    planned.skipped = Attr::unknown();
    planned.pending = Attr::unknown();
    let by_name = planned
        .selection_is_known()
        .then(|| planned.intent().ok())
        .flatten()
        .and_then(|intent| intent.selection.exact_names().map(owned));
    planned.log_groups = match by_name {
        Some(names) => {
            let unread = || {
                Attr::Known(Entry {
                    subscription: Attr::unknown(),
                    retention_in_days: Attr::unknown(),
                })
            };
            Attr::Known(names.into_iter().map(|name| (name, unread())).collect())
        }
        None => Attr::unknown(),
    };
}

/// The remembered log groups as they should be.
fn plan_update(planned: &mut Policy, prior: &Stored<Policy, Memory>) -> Result<(), Unusable> {
    let standings = prior.state.standings()?;
    if !planned.selects_as(&prior.state) || !planned.selection_is_known() {
        planned.log_groups = Attr::unknown();
        planned.skipped = Attr::unknown();
        planned.pending = Attr::unknown();
        return Ok(());
    }
    let intent = planned.intent()?;
    let (log_groups, skipped) = due(planned, &intent, &standings, &prior.private);
    planned.log_groups = Attr::Known(log_groups);
    planned.skipped =
        if planned.destination_arn.is_unknown() { Attr::unknown() } else { Attr::Known(skipped) };
    let known = !(planned.destination_arn.is_unknown() || planned.retention_in_days.is_unknown());
    planned.pending = if known { Attr::Known(0) } else { Attr::unknown() };
    Ok(())
}

type Entries = BTreeMap<String, Attr<Entry>>;
type Reasons = BTreeMap<String, Attr<String>>;

fn due(
    planned: &Policy,
    intent: &Intent,
    standings: &BTreeMap<String, Standing>,
    memory: &Memory,
) -> (Entries, Reasons) {
    let mut log_groups = BTreeMap::new();
    let mut skipped = BTreeMap::new();
    for (name, is) in standings {
        if !intent.selection.chooses(name) {
            continue;
        }
        let class = memory.class(name);
        let due = intent.demand.on(name, &class, is);
        let mut entry = Entry::of(&due.standing);
        if planned.destination_arn.is_unknown() {
            entry.subscription = Attr::unknown();
        }
        if planned.retention_in_days.is_unknown() && class.takes_retention() {
            entry.retention_in_days = Attr::unknown();
        }
        if let Some(skip) = due.skip {
            skipped.insert(name.clone(), Attr::Known(skip.to_string()));
        }
        log_groups.insert(name.clone(), Attr::Known(entry));
    }
    (log_groups, skipped)
}

/// CloudWatch Logs delivers within a region.
fn destination_in_another_region(planned: &Policy) -> Option<Diagnostic> {
    let arn: Arn = planned.destination_arn.known()?.parse().ok()?;
    let region = planned.region.known().filter(|region| *region != arn.region())?;
    Some(diagnostics::destination_in_another_region(&arn, region))
}

/// CloudWatch Logs delivers within an account, but to a logical destination.
pub(super) fn destination_abroad(policy: &Policy) -> Option<Diagnostic> {
    let arn: Arn = policy.destination_arn.known()?.parse().ok()?;
    let account = policy.account_id.known().filter(|account| *account != arn.account())?;
    let logical = matches!(Destination::of(&arn), Ok(Destination::Logical { .. }));
    (!logical).then(|| diagnostics::destination_in_another_account(&arn, account))
}

fn conflicts(planned: &Policy, memory: &Memory) -> Option<Diagnostic> {
    let log_groups = planned.log_groups.known()?;
    let destination = planned.destination_arn.known()?;
    let active = |name: &String| {
        let entry = log_groups.get(name).and_then(Attr::known);
        let subscription = entry.and_then(|entry| entry.subscription.known());
        subscription.is_some_and(|subscription| *subscription == Subscription::Active.to_string())
    };
    let in_the_way: BTreeMap<_, _> = memory
        .foreign
        .iter()
        .filter(|(name, foreign)| *foreign != destination && active(name))
        .collect();
    let name = planned.effective_filter_name().into_known()?;
    (!in_the_way.is_empty()).then(|| diagnostics::name_will_be_taken(name, &in_the_way))
}

/// Tells what a plan that cannot show the log groups one by one is about to do.
async fn announce(
    cx: &Context<Client>,
    account: Option<&Account>,
    planned: &Policy,
    held: &BTreeSet<String>,
) {
    let (Some(account), Some(region)) = (account, planned.region.known()) else {
        return;
    };
    if !planned.selection_is_known() || cx.has_errors() {
        return;
    }
    let Ok(intent) = planned.intent() else { return };
    let reader = account.reader(region, cx.stopped());
    let listed = match reader.log_groups(&intent.selection.listings()).await {
        Ok(listed) => listed,
        Err(error) => return cx.report(diagnostics::not_read(&error, region)),
    };
    let mut announcement = Announcement::default();
    for (name, group) in listed.iter().filter(|(name, _)| intent.selection.chooses(name)) {
        announcement.chosen += 1;
        let is = Standing { subscription: None, retention: group.retention };
        let due = intent.demand.on(name, &group.class, &is);
        if due.standing.subscription.is_some() || planned.destination_arn.is_unknown() {
            announcement.subscribed.push(name.clone());
        }
        if due.standing.retention != is.retention {
            announcement.retained.push(name.clone());
        }
        if let Some(skip) = due.skip {
            announcement.skipped.insert(name.clone(), skip.to_string());
        }
    }
    announcement.unsubscribed =
        held.iter().filter(|name| !intent.selection.chooses(name)).cloned().collect();
    let destination = planned.destination_arn.known().map(String::as_str);
    cx.report(diagnostics::announcement(&intent.name, region, destination, &announcement));
}

fn owned(names: BTreeSet<&str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::{RuleBlock, entries};
    use logagg_policy::{LogGroupClass, Retention};

    const SHIPPER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";

    fn text(text: &str) -> Attr<String> {
        Attr::Known(text.to_owned())
    }

    fn select(prefix: &str) -> Attr<Vec<RuleBlock>> {
        let name_prefixes = Attr::Known(vec![text(prefix)]);
        Attr::Known(vec![RuleBlock { name_prefixes, ..RuleBlock::default() }])
    }

    fn standing(subscription: Option<Subscription>, retention: Retention) -> Standing {
        Standing { subscription, retention }
    }

    /// A policy in the state with these log groups.
    fn state(groups: &[(&str, Standing)]) -> Policy {
        let standings = groups.iter().map(|(name, is)| ((*name).to_owned(), is.clone())).collect();
        Policy {
            id: text("logs@eu-west-1"),
            account_id: text("123456789012"),
            region: text("eu-west-1"),
            name: text("logs"),
            destination_arn: text(SHIPPER),
            filter_name: Attr::Null,
            filter_pattern: Attr::Null,
            role_arn: Attr::Null,
            distribution: Attr::Null,
            retention_in_days: Attr::Known(30),
            select: select("/aws/lambda/"),
            exclude: Attr::Known(Vec::new()),
            log_groups: Attr::Known(entries(&standings)),
            skipped: Attr::Known(BTreeMap::new()),
            pending: Attr::Known(0),
        }
    }

    fn planned(state: &Policy, memory: Memory, change: impl FnOnce(&mut Policy)) -> Policy {
        let prior = Stored { state: state.clone(), private: memory };
        let mut planned = state.clone();
        change(&mut planned);
        plan_update(&mut planned, &prior).unwrap();
        planned
    }

    fn entry(policy: &Policy, name: &str) -> Entry {
        policy.log_groups.known().and_then(|groups| groups[name].known().cloned()).unwrap()
    }

    #[test]
    fn a_state_that_is_as_it_should_be_plans_itself() {
        let is = standing(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", is)]);
        assert_eq!(planned(&state, Memory::default(), |_| {}), state);
    }

    #[test]
    fn drift_is_planned_away_group_by_group() {
        let mut state = state(&[
            ("/aws/lambda/a", standing(Some(Subscription::Active), Retention::Days(30))),
            ("/aws/lambda/new", standing(Some(Subscription::Missing), Retention::Never)),
        ]);
        state.pending = Attr::Known(1);
        let planned = planned(&state, Memory::default(), |_| {});
        let active = Entry { subscription: text("active"), retention_in_days: Attr::Known(30) };
        assert_eq!(entry(&planned, "/aws/lambda/new"), active);
        assert_eq!(entry(&planned, "/aws/lambda/a"), active);
        assert_eq!(planned.pending, Attr::Known(0));
    }

    #[test]
    fn a_group_that_left_the_selection_is_planned_away() {
        let is = standing(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", is.clone()), ("/ecs/web", is)]);
        let planned = planned(&state, Memory::default(), |_| {});
        let names: Vec<_> = planned.log_groups.known().unwrap().keys().collect();
        assert_eq!(names, ["/aws/lambda/a"]);
    }

    #[test]
    fn a_filter_on_a_group_that_became_a_loop_is_planned_away() {
        let is = standing(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/other", is)]);
        let planned = planned(&state, Memory::default(), |policy| {
            policy.destination_arn = text(&SHIPPER.replace("shipper", "other"));
        });
        assert_eq!(entry(&planned, "/aws/lambda/other").subscription, Attr::Null);
        let reason = text("loop: the destination itself writes to this log group");
        assert_eq!(planned.skipped.known().unwrap()["/aws/lambda/other"], reason);
    }

    #[test]
    fn a_class_without_filters_is_remembered_when_a_destination_is_added() {
        let mut state = state(&[("/aws/lambda/cheap", standing(None, Retention::Days(30)))]);
        state.destination_arn = Attr::Null;
        let mut memory = Memory::default();
        memory.remember_class("/aws/lambda/cheap", &LogGroupClass::InfrequentAccess);
        let planned = planned(&state, memory, |policy| policy.destination_arn = text(SHIPPER));
        assert_eq!(entry(&planned, "/aws/lambda/cheap").subscription, Attr::Null);
        assert!(planned.skipped.known().unwrap().contains_key("/aws/lambda/cheap"));
    }

    #[test]
    fn an_unknown_destination_leaves_only_the_subscriptions_unknown() {
        let is = standing(Some(Subscription::Active), Retention::Never);
        let state = state(&[("/aws/lambda/a", is)]);
        let planned =
            planned(&state, Memory::default(), |policy| policy.destination_arn = Attr::unknown());
        let entry = entry(&planned, "/aws/lambda/a");
        assert!(entry.subscription.is_unknown());
        assert_eq!(entry.retention_in_days, Attr::Known(30));
        assert!(planned.skipped.is_unknown() && planned.pending.is_unknown());
    }

    #[test]
    fn other_words_for_the_selection_are_planned_as_unknown() {
        let is = standing(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", is)]);
        let planned =
            planned(&state, Memory::default(), |policy| policy.select = select("/aws/lambda/a"));
        assert!(planned.log_groups.is_unknown());
        assert!(planned.skipped.is_unknown() && planned.pending.is_unknown());
    }

    #[test]
    fn a_first_plan_knows_the_log_groups_that_are_chosen_by_name() {
        let mut policy = state(&[]);
        policy.select = Attr::Known(vec![RuleBlock {
            names: Attr::Known(vec![text("/aws/lambda/b"), text("/aws/lambda/a")]),
            ..RuleBlock::default()
        }]);
        plan_create(&mut policy);
        let names: Vec<_> = policy.log_groups.known().unwrap().keys().collect();
        assert_eq!(names, ["/aws/lambda/a", "/aws/lambda/b"]);
        assert!(entry(&policy, "/aws/lambda/a").subscription.is_unknown());
        policy.select = select("/aws/lambda/");
        plan_create(&mut policy);
        assert!(policy.log_groups.is_unknown());
    }

    #[test]
    fn a_foreign_filter_is_warned_of_until_it_ships_where_we_do() {
        let is = standing(
            Some(Subscription::Differs(vec![logagg_policy::Argument::DestinationArn])),
            Retention::Days(30),
        );
        let state = state(&[("/aws/lambda/a", is)]);
        let mut memory = Memory::default();
        let elsewhere = SHIPPER.replace("shipper", "other");
        memory.foreign.insert("/aws/lambda/a".into(), elsewhere.clone());
        let same = planned(&state, memory.clone(), |_| {});
        let warning = conflicts(&same, &memory).unwrap();
        assert_eq!(warning.summary, "Filter name taken on 1 log group");
        let moved =
            planned(&state, memory.clone(), |policy| policy.destination_arn = text(&elsewhere));
        assert_eq!(conflicts(&moved, &memory), None);
    }
}
