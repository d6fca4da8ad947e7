use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{
    Arn, Destination, GroupState, Known, LogGroupClass, OnConflict, Permission, Retention,
    Subscription,
};
use tfplugin::{Attr, AttributePath, Context, Convert, Diagnostic, Planned, Proposal, Stored};

use super::conflicts::{self, claim_of_map};
use super::delete::preview_of_leaving;
use super::findings::Preview;
use super::gaps::gaps;
use super::model::{Entry, Intent, Policy, Unusable, about};
use super::permission;
use super::plan_by_listing::{Before, plan_by_listing};
use super::planned_inventories::PlannedInventories;
use super::preview::{FilterWrite, GroupPreview, Released};
use super::private_state::{PrivateState, Refusals, Successor};
use super::validate::grant_to_what_is_no_function;
use crate::aws::{Account, Origin};
use crate::connection::Client;
use crate::diagnostics;

/// What the policy should be like. The values are a function of configuration and prior state
/// alone, since Terraform plans twice and the two must agree; what AWS shows meanwhile goes into
/// warnings only.
pub(super) async fn plan(
    cx: &Context<Client>,
    planned_inventories: &PlannedInventories,
    proposal: Proposal<Policy, PrivateState>,
) -> Planned<Policy, PrivateState> {
    let Proposal { config, prior, proposed: mut planned, replaced } = proposal;
    Client::defer_if_unknown(cx);
    let account = Client::account_for(cx, &planned.assume_role).unwrap_or_else(|diagnostic| {
        cx.report(diagnostic);
        None
    });
    let account = account.as_deref();
    plan_place(&mut planned, &config.region, account);
    about(cx, &planned);
    destination_in_another_region(&planned).into_iter().for_each(|error| cx.report(error));
    let id = match account {
        Some(account) => account.id(cx.stopped()).await.ok(),
        None => None,
    };
    grant_to_what_is_no_function(&planned).into_iter().for_each(|error| cx.report(error));
    planned.invoke_permission = permission::plan(&planned);
    let Some(mut prior) = prior else {
        plan_create(&mut planned, id);
        destination_abroad(&planned).into_iter().for_each(|error| cx.report(error));
        let before = if replaced.is_some() { Before::Replaced } else { Before::Nothing };
        // What is replaced is deleted with the private state that is returned here.
        let mut private = replaced.unwrap_or_else(PrivateState::draft);
        if !private.is_draft() && private.successor().is_none() {
            private.replace(Successor::Here);
        }
        let policy = private.id_or_draw();
        plan_by_listing(cx, planned_inventories, account, policy, &planned, before).await;
        return Planned { state: planned, private, requires_replace: Vec::new() };
    };
    prior.private.stay();
    let policy = prior.private.id_or_draw();
    let requires_replace = moves(&prior.state, &planned, id);
    if !requires_replace.is_empty() {
        plan_create(&mut planned, id);
        destination_abroad(&planned).into_iter().for_each(|error| cx.report(error));
        prior.private.replace(Successor::Elsewhere);
        // Of the creation that Terraform plans next it shows no warnings.
        report_leaving(cx, &prior);
        plan_by_listing(cx, planned_inventories, account, policy, &planned, Before::Replaced).await;
        return Planned { state: planned, private: prior.private, requires_replace };
    }
    let stated = prior.state.account_id.known().zip(id).filter(|(stated, id)| stated != id);
    if let Some((stated, id)) = stated {
        cx.report(diagnostics::other_account(stated, id));
    }
    planned.account_id = prior.state.account_id.clone();
    planned.document = planned.document();
    destination_abroad(&planned).into_iter().for_each(|error| cx.report(error));
    if planned.deletion_protection.is_null() && !prior.state.deletion_protection.is_null() {
        cx.report(diagnostics::protection_left_as_it_is());
    }
    match plan_update(&mut planned, &prior) {
        Ok(Some(preview)) => {
            preview.report(cx);
            report_gaps(cx, &planned, &prior, Some(&preview.subscribed));
            name_conflicts(&planned, &prior.private).into_iter().for_each(|it| cx.report(it));
            statement_taken(&planned, &prior).into_iter().for_each(|it| cx.report(it));
            let claim = claim_of_map(&planned, &prior.private);
            if let (Some(account), Some(region), Some(claim)) =
                (account, planned.region.known(), claim)
            {
                let origin = match planned.ownership() == prior.state.ownership() {
                    true => Origin::Existing,
                    false => Origin::Created,
                };
                conflicts::report(cx, account, region, policy, origin, claim).await;
                let kept =
                    conflicts::kept_of_left(cx, account, region, policy, &prior, &planned).await;
                prior.private.keep_for_others(&kept);
            }
        }
        Ok(None) => {
            report_gaps(cx, &planned, &prior, None);
            let before = Before::Policy(&prior);
            plan_by_listing(cx, planned_inventories, account, policy, &planned, before).await;
        }
        Err(error) => cx.report(diagnostics::unusable_state(&error)),
    }
    Planned { state: planned, private: prior.private, requires_replace: Vec::new() }
}

/// Warns of log groups that are without their filter and get it again, all of them where the plan
/// does not know which. A destination that is not known yet takes the place of the former one.
fn report_gaps(
    cx: &Context<Client>,
    planned: &Policy,
    prior: &Stored<Policy, PrivateState>,
    subscribed: Option<&[String]>,
) {
    let destination_arn = match &planned.destination_arn {
        Attr::Known(destination_arn) => Some(destination_arn),
        Attr::Null => None,
        _ => prior.state.destination_arn.known(),
    };
    if let Some(destination_arn) = destination_arn {
        let gaps = gaps(&prior.private, destination_arn, subscribed);
        if !gaps.is_empty() {
            cx.report(diagnostics::not_forwarded(&gaps));
        }
    }
}

/// Warns of what happens where a policy no longer is.
fn report_leaving(cx: &Context<Client>, prior: &Stored<Policy, PrivateState>) {
    let Stored { state, private } = prior;
    if let (Ok(intent), Ok(states)) = (state.intent(private), state.states()) {
        preview_of_leaving(&intent, private, &states).report_shortened(cx);
    }
}

/// What moves the policy: another region, a role of another account, or the removal of such a role.
/// With the same role as before, credentials of another account are an error, and move nothing.
fn moves(prior: &Policy, planned: &Policy, account_id: Option<&str>) -> Vec<AttributePath> {
    let regions = prior.region.known().zip(planned.region.known());
    let region = regions.is_some_and(|(before, after)| before != after);
    let account_id = planned.account_of_role().or_else(|| account_id.map(str::to_owned));
    let accounts = prior.account_id.known().zip(account_id);
    let account = prior.assumed_role() != planned.assumed_role()
        && accounts.is_some_and(|(was, current)| *was != current);
    let paths = [(region, AttributePath::root("region")), (account, role_arn())];
    paths.into_iter().filter(|(moves, _)| *moves).map(|(_, path)| path).collect()
}

fn role_arn() -> AttributePath {
    AttributePath::root("assume_role").index(0).attribute("role_arn")
}

/// The region is the configuration's, or else the provider's current one: not the state's, so that
/// another region of the provider is detected.
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
/// configuration names. The account is that of the current credentials, which are another's in
/// apply only by mistake: Terraform then stops, since this plan was for another account.
fn plan_create(planned: &mut Policy, account_id: Option<&str>) {
    planned.account_id = account_id.map_or_else(Attr::unknown, |id| Attr::Known(id.to_owned()));
    planned.document = planned.document();
    planned.skipped = Attr::unknown();
    planned.pending = Attr::unknown();
    let by_name = planned
        .selection_is_known()
        .then(|| planned.intent(&PrivateState::default()).ok())
        .flatten()
        .and_then(|intent| intent.selection.exact_names().map(owned));
    planned.log_groups = match by_name {
        Some(names) => {
            let unread = || {
                Attr::Known(Entry {
                    subscription: Attr::unknown(),
                    retention_in_days: Attr::unknown(),
                    deletion_protection: match planned.deletion_protection {
                        Attr::Null => Attr::Null,
                        Attr::Known(_) | Attr::Unknown(_) => Attr::unknown(),
                    },
                })
            };
            Attr::Known(names.into_iter().map(|name| (name, unread())).collect())
        }
        None => Attr::unknown(),
    };
}

/// The recorded log groups in their desired state; None if the record does not cover the selection.
fn plan_update(
    planned: &mut Policy,
    prior: &Stored<Policy, PrivateState>,
) -> Result<Option<Preview>, Unusable> {
    let private = &prior.private;
    let states = prior.state.states()?;
    let mut intent = planned.intent(private)?;
    intent.restore_loops(private);
    let selected = if planned.selects_as(&prior.state) {
        let held = states.iter().filter(|(name, _)| !private.left.contains(*name));
        Some(held.map(|(name, current)| (name.as_str(), current.retention)).collect())
    } else {
        private.selected_by(&intent.selection)
    };
    let Some(selected) = selected.filter(|_| planned.selection_is_known()) else {
        planned.log_groups = Attr::unknown();
        planned.skipped = Attr::unknown();
        planned.pending = Attr::unknown();
        return Ok(None);
    };
    let unknown = Unknown::of(planned, &prior.state);
    let ownership = planned.ownership();
    let refusals = match planned.document == prior.state.document {
        true => Refusals::Hold,
        false => Refusals::Outdated,
    };
    let mut preview = Preview::of(&intent, &private.account_policies);
    let mut log_groups = BTreeMap::new();
    let mut skipped = BTreeMap::new();
    let mut unsure = false;
    for (name, retention) in &selected {
        let class = private.class(name);
        let mut current =
            states.get(*name).cloned().unwrap_or_else(|| new_group_state(&intent, *retention));
        current.deletion_protection = intent.protection(private, name, current.deletion_protection);
        let written = private.written_as_listed(name, current.retention);
        let known = Known {
            obstacle: private.obstacle(name, &ownership, refusals),
            retention: PrivateState::provenance_of_retention(written),
            is_governed: private.governed_by(name).is_some(),
        };
        let desired = intent.desired.on(name, &class, &current, known);
        let taken = private.has_foreign(name);
        unsure |= taken && unknown.replaced;
        let entry = unknown.entry(&current, &desired.state, &class, taken);
        log_groups.insert((*name).to_owned(), Attr::Known(entry));
        if let Some(skip) = &desired.skip {
            skipped.insert((*name).to_owned(), Attr::Known(skip.to_string()));
        }
        let written = unknown.written && desired.state.subscription.is_some();
        let filter = if written { FilterWrite::Again } else { FilterWrite::IfDifferent };
        let stored_bytes = private.stored_bytes(name);
        preview.selected(&GroupPreview {
            log_group: name,
            current: &current,
            desired: &desired,
            stored_bytes,
            filter,
            governed_by: private.governed_by(name),
        });
    }
    for (name, current) in states.iter().filter(|(name, _)| !selected.contains_key(name.as_str())) {
        preview.left(name, current, &Released::of(&intent, private, name, current));
    }
    // What AWS refused holds only for the same document.
    let unknown_skips = unknown.subscription || unsure || planned.document.is_unknown();
    planned.log_groups = Attr::Known(log_groups);
    planned.skipped = if unknown_skips { Attr::unknown() } else { Attr::Known(skipped) };
    planned.pending = if unknown.anything() || unsure { Attr::unknown() } else { Attr::Known(0) };
    Ok(Some(preview))
}

/// A newly selected log group; its filters have not been read.
fn new_group_state(intent: &Intent, retention: Retention) -> GroupState {
    let subscription = intent.desired.ships.as_ref().map(|_| Subscription::Missing);
    GroupState { subscription, retention, deletion_protection: None }
}

/// What of a log group is unknown yet.
struct Unknown {
    /// An argument that says what is subscribed is only known after apply.
    subscription: bool,
    /// An argument that says what is retained is.
    retention: bool,
    /// Whether log groups are protected is.
    protection: bool,
    /// A destination whose filters are taken over is.
    replaced: bool,
    /// An argument of the filters changes, so every one of them is written, though each is active
    /// before and after.
    written: bool,
    /// A log group that turns out not to take what is due is passed over.
    skips: bool,
}

impl Unknown {
    fn of(planned: &Policy, prior: &Policy) -> Self {
        let on_conflict = planned.on_conflict.known().and_then(|text| text.parse().ok());
        let replaced = planned.replace_destination_arns.clone().into_value();
        Self {
            subscription: planned.destination_arn.is_unknown() || planned.on_conflict.is_unknown(),
            retention: planned.retention_in_days.is_unknown()
                || planned.retention_mode.is_unknown(),
            protection: planned.deletion_protection.is_unknown(),
            replaced: !replaced.is_wholly_known(),
            written: !planned.subscribes_as(prior),
            skips: on_conflict == Some(OnConflict::Skip),
        }
    }

    fn anything(&self) -> bool {
        self.subscription || self.retention || self.protection
    }

    fn entry(
        &self,
        current: &GroupState,
        desired: &GroupState,
        class: &LogGroupClass,
        taken: bool,
    ) -> Entry {
        let mut entry = Entry::of(desired);
        let has_filter = desired.subscription.is_some();
        let may_be_skipped = (self.skips || class.may_reject_filters())
            && has_filter
            && current.subscription != desired.subscription;
        let unsure = self.replaced && taken;
        if self.subscription || unsure || may_be_skipped || (self.written && has_filter) {
            entry.subscription = Attr::unknown();
        }
        let may_be_denied = self.skips && current.retention != desired.retention;
        if (self.retention && class.is_changeable()) || may_be_denied {
            entry.retention_in_days = Attr::unknown();
        }
        let may_be_denied =
            self.skips && current.deletion_protection != desired.deletion_protection;
        // Of a class that takes none it is null only where the policy sets none.
        if self.protection || may_be_denied {
            entry.deletion_protection = Attr::unknown();
        }
        entry
    }
}

/// CloudWatch Logs delivers within a region.
fn destination_in_another_region(planned: &Policy) -> Option<Diagnostic> {
    let arn: Arn = planned.destination_arn.known()?.parse().ok()?;
    let region = planned.region.known().filter(|region| *region != arn.region())?;
    Some(diagnostics::destination_in_another_region(&arn, region))
}

/// CloudWatch Logs delivers within an account, but to a CloudWatch Logs destination.
pub(super) fn destination_abroad(policy: &Policy) -> Option<Diagnostic> {
    let arn: Arn = policy.destination_arn.known()?.parse().ok()?;
    let account = policy.account_id.known().filter(|account| *account != arn.account())?;
    let logical = matches!(Destination::of(&arn), Ok(Destination::Logical { .. }));
    (!logical).then(|| diagnostics::destination_in_another_account(&arn, account))
}

/// Foreign filters that hold the name of the policy's.
fn name_conflicts(planned: &Policy, private: &PrivateState) -> Option<Diagnostic> {
    let log_groups = planned.log_groups.known()?;
    planned.destination_arn.known()?;
    let shipped = |name: &String| {
        let entry = log_groups.get(name).and_then(Attr::known);
        entry.is_some_and(|entry| match &entry.subscription {
            Attr::Null => false,
            Attr::Known(subscription) => *subscription == Subscription::Active.to_string(),
            Attr::Unknown(_) => true,
        })
    };
    let ownership = planned.ownership();
    let in_the_way: BTreeMap<_, _> =
        private.foreign(&ownership).filter(|(name, _)| shipped(name)).collect();
    let name = planned.effective_filter_name().into_known()?;
    (!in_the_way.is_empty()).then(|| diagnostics::name_will_be_taken(name, &in_the_way))
}

/// The permission cannot be added while another owner's statement has its ID.
fn statement_taken(planned: &Policy, prior: &Stored<Policy, PrivateState>) -> Option<Diagnostic> {
    let policy = prior.private.id()?;
    let grant = planned.grant(policy).ok().flatten()?;
    let is_same = prior.state.grant(policy).ok().flatten().as_ref() == Some(&grant);
    let taken = prior.state.invoke_permission.known() == Some(&Permission::Conflict.to_string());
    (is_same && taken).then(|| diagnostics::statement_will_be_taken(&grant))
}

fn owned(names: BTreeSet<&str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::entries;
    use crate::selection::RuleBlock;
    use logagg_policy::{Listing, LogGroup, LoopGuard, SubscriptionFilter};

    const SHIPPER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";

    fn text(text: &str) -> Attr<String> {
        Attr::Known(text.to_owned())
    }

    fn select(prefix: &str) -> Attr<Vec<RuleBlock>> {
        let name_prefixes = Attr::Known(vec![text(prefix)]);
        Attr::Known(vec![RuleBlock { name_prefixes, ..RuleBlock::default() }])
    }

    fn group_state(subscription: Option<Subscription>, retention: Retention) -> GroupState {
        GroupState { subscription, retention, deletion_protection: None }
    }

    /// A policy in the state with these log groups.
    fn state(groups: &[(&str, GroupState)]) -> Policy {
        let states =
            groups.iter().map(|(name, current)| ((*name).to_owned(), current.clone())).collect();
        Policy {
            id: text("logs@eu-west-1"),
            account_id: text("123456789012"),
            region: text("eu-west-1"),
            assume_role: Attr::Known(Vec::new()),
            name: text("logs"),
            destination_arn: text(SHIPPER),
            filter_name: Attr::Null,
            filter_pattern: Attr::Null,
            role_arn: Attr::Null,
            distribution: Attr::Null,
            apply_on_transformed_logs: Attr::Null,
            field_selection_criteria: Attr::Null,
            emit_system_fields: Attr::Null,
            replace_destination_arns: Attr::Null,
            on_conflict: Attr::Null,
            grant_invoke: Attr::Null,
            retention_in_days: Attr::Known(30),
            retention_mode: Attr::Null,
            retention_on_destroy: Attr::Null,
            deletion_protection: Attr::Null,
            deletion_protection_on_destroy: Attr::Null,
            refresh: Attr::Null,
            full_refresh_after_hours: Attr::Null,
            max_changes: Attr::Null,
            min_matches: Attr::Null,
            select: select("/aws/lambda/"),
            exclude: Attr::Known(Vec::new()),
            log_groups: Attr::Known(entries(&states)),
            skipped: Attr::Known(BTreeMap::new()),
            pending: Attr::Known(0),
            document: Attr::Null,
            invoke_permission: Attr::Null,
        }
    }

    /// The memory of a listing of `/aws/lambda/` that had one log group.
    fn recording(name: &str, class: LogGroupClass, stored_bytes: u64) -> PrivateState {
        let group = LogGroup {
            name: name.into(),
            class,
            retention: Retention::Never,
            governed_by: None,
            is_protected: false,
            arn: String::new(),
            stored_bytes,
            created_ms: 1,
        };
        let mut private_state = PrivateState::default();
        private_state.record_listing(&[Listing::Prefix("/aws/lambda/".into())], [&group]);
        private_state
    }

    fn planned(
        state: &Policy,
        private_state: PrivateState,
        change: impl FnOnce(&mut Policy),
    ) -> Policy {
        let prior = Stored { state: state.clone(), private: private_state };
        let mut planned = state.clone();
        change(&mut planned);
        plan_update(&mut planned, &prior).unwrap();
        planned
    }

    fn entry(policy: &Policy, name: &str) -> Entry {
        policy.log_groups.known().and_then(|groups| groups[name].known().cloned()).unwrap()
    }

    #[test]
    fn a_compliant_state_has_an_empty_plan() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", current)]);
        assert_eq!(planned(&state, PrivateState::default(), |_| {}), state);
    }

    #[test]
    fn drift_is_corrected_for_each_group() {
        let mut state = state(&[
            ("/aws/lambda/a", group_state(Some(Subscription::Active), Retention::Days(30))),
            ("/aws/lambda/new", group_state(Some(Subscription::Missing), Retention::Never)),
        ]);
        state.pending = Attr::Known(1);
        let planned = planned(&state, PrivateState::default(), |_| {});
        let active = Entry {
            subscription: text("active"),
            retention_in_days: Attr::Known(30),
            deletion_protection: Attr::Null,
        };
        assert_eq!(entry(&planned, "/aws/lambda/new"), active);
        assert_eq!(entry(&planned, "/aws/lambda/a"), active);
        assert_eq!(planned.pending, Attr::Known(0));
    }

    #[test]
    fn a_group_that_left_the_selection_is_planned_for_removal() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", current.clone()), ("/ecs/web", current)]);
        let mut private_state = PrivateState::default();
        private_state.left.insert("/ecs/web".into());
        let planned = planned(&state, private_state, |_| {});
        let names: Vec<_> = planned.log_groups.known().unwrap().keys().collect();
        assert_eq!(names, ["/aws/lambda/a"]);
    }

    #[test]
    fn another_selection_within_the_listing_is_planned_exactly() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", current)]);
        let private_state = recording("/aws/lambda/b", LogGroupClass::Standard, 0);
        let planned =
            planned(&state, private_state, |policy| policy.select = select("/aws/lambda/b"));
        let names: Vec<_> = planned.log_groups.known().unwrap().keys().collect();
        assert_eq!(names, ["/aws/lambda/b"]);
        let desired = Entry {
            subscription: text("active"),
            retention_in_days: Attr::Known(30),
            deletion_protection: Attr::Null,
        };
        assert_eq!(entry(&planned, "/aws/lambda/b"), desired);
    }

    #[test]
    fn updates_without_drift_count_towards_max_changes() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", current.clone()), ("/aws/lambda/b", current)]);
        let prior = Stored { state: state.clone(), private: PrivateState::default() };
        let check = |change: &dyn Fn(&mut Policy), expected: &str| {
            let mut planned = state.clone();
            planned.max_changes = Attr::Known(1);
            change(&mut planned);
            let preview = plan_update(&mut planned, &prior).unwrap().unwrap();
            let problem = preview.problem().map(|problem| problem.summary);
            assert_eq!(problem.unwrap_or_default(), expected);
        };
        check(&|_| {}, "");
        let too_many = "More changes than max_changes allows";
        check(&|policy| policy.filter_pattern = text("ERROR"), too_many);
        check(&|policy| policy.retention_in_days = Attr::Known(60), too_many);
        check(
            &|policy| policy.min_matches = Attr::Known(3),
            "Fewer log groups than min_matches requires",
        );
    }

    #[test]
    fn a_filter_that_creates_a_loop_is_planned_for_deletion() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/other", current)]);
        let planned = planned(&state, PrivateState::default(), |policy| {
            policy.destination_arn = text(&SHIPPER.replace("shipper", "other"));
        });
        assert_eq!(entry(&planned, "/aws/lambda/other").subscription, Attr::Null);
        let reason = text("loop: the destination itself writes to this log group");
        assert_eq!(planned.skipped.known().unwrap()["/aws/lambda/other"], reason);
    }

    #[test]
    fn a_recorded_loop_is_planned_for_deletion_while_the_destination_is_the_same() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/app/tail", current)]);
        let mut loops = LoopGuard::default();
        loops.written_by("/app/tail", &["function shipper".to_owned()]);
        let mut private_state = PrivateState::default();
        private_state.record_loops(SHIPPER, &loops);
        let same = planned(&state, private_state.clone(), |_| {});
        assert_eq!(entry(&same, "/app/tail").subscription, Attr::Null);
        assert!(same.skipped.known().unwrap().contains_key("/app/tail"));
        let other = planned(&state, private_state, |policy| {
            policy.destination_arn = text(&SHIPPER.replace("shipper", "other"));
        });
        assert!(entry(&other, "/app/tail").subscription.is_unknown(), "it is to be written");
    }

    #[test]
    fn a_recorded_class_without_filters_is_skipped_when_a_destination_is_added() {
        let mut state = state(&[("/aws/lambda/cheap", group_state(None, Retention::Days(30)))]);
        state.destination_arn = Attr::Null;
        let private_state = recording("/aws/lambda/cheap", LogGroupClass::InfrequentAccess, 0);
        let planned =
            planned(&state, private_state, |policy| policy.destination_arn = text(SHIPPER));
        assert_eq!(entry(&planned, "/aws/lambda/cheap").subscription, Attr::Null);
        assert!(planned.skipped.known().unwrap().contains_key("/aws/lambda/cheap"));
    }

    #[test]
    fn an_unknown_destination_leaves_only_the_subscriptions_unknown() {
        let current = group_state(Some(Subscription::Active), Retention::Never);
        let state = state(&[("/aws/lambda/a", current)]);
        let planned = planned(&state, PrivateState::default(), |policy| {
            policy.destination_arn = Attr::unknown();
        });
        let entry = entry(&planned, "/aws/lambda/a");
        assert!(entry.subscription.is_unknown());
        assert_eq!(entry.retention_in_days, Attr::Known(30));
        assert!(planned.skipped.is_unknown() && planned.pending.is_unknown());
    }

    #[test]
    fn a_selection_beyond_the_listing_is_planned_as_unknown() {
        let current = group_state(Some(Subscription::Active), Retention::Days(30));
        let state = state(&[("/aws/lambda/a", current)]);
        let private_state = recording("/aws/lambda/a", LogGroupClass::Standard, 0);
        let planned = planned(&state, private_state, |policy| policy.select = select("/aws/"));
        assert!(planned.log_groups.is_unknown());
        assert!(planned.skipped.is_unknown() && planned.pending.is_unknown());
    }

    #[test]
    fn a_first_plan_shows_the_log_groups_that_are_selected_by_name() {
        let mut policy = state(&[]);
        policy.select = Attr::Known(vec![RuleBlock {
            names: Attr::Known(vec![text("/aws/lambda/b"), text("/aws/lambda/a")]),
            ..RuleBlock::default()
        }]);
        plan_create(&mut policy, None);
        let names: Vec<_> = policy.log_groups.known().unwrap().keys().collect();
        assert_eq!(names, ["/aws/lambda/a", "/aws/lambda/b"]);
        assert!(entry(&policy, "/aws/lambda/a").subscription.is_unknown());
        policy.select = select("/aws/lambda/");
        plan_create(&mut policy, None);
        assert!(policy.log_groups.is_unknown());
    }

    #[test]
    fn a_foreign_filter_is_warned_of_until_it_ships_where_we_do() {
        let current = group_state(
            Some(Subscription::Differs(vec![logagg_policy::Argument::DestinationArn])),
            Retention::Days(30),
        );
        let state = state(&[("/aws/lambda/a", current)]);
        let mut private_state = PrivateState::default();
        let elsewhere = SHIPPER.replace("shipper", "other");
        private_state.record_foreign("/aws/lambda/a", &SubscriptionFilter::new("logs", &elsewhere));
        let same = planned(&state, private_state.clone(), |_| {});
        let warning = name_conflicts(&same, &private_state).unwrap();
        assert_eq!(warning.summary, "Filter name already in use on 1 log group");
        let moved = planned(&state, private_state.clone(), |policy| {
            policy.destination_arn = text(&elsewhere);
        });
        assert_eq!(name_conflicts(&moved, &private_state), None);
    }

    #[test]
    fn with_unknown_replaced_destinations_a_foreign_filter_may_be_ours() {
        let differs = Subscription::Differs(vec![logagg_policy::Argument::DestinationArn]);
        let mut state = state(&[
            ("/aws/lambda/a", group_state(Some(differs), Retention::Days(30))),
            ("/aws/lambda/b", group_state(Some(Subscription::Active), Retention::Days(30))),
        ]);
        state.on_conflict = text("skip");
        let elsewhere = SHIPPER.replace("shipper", "other");
        let mut private_state = PrivateState::default();
        private_state.record_foreign("/aws/lambda/a", &SubscriptionFilter::new("logs", &elsewhere));
        let plan = |replaced: Attr<String>| {
            planned(&state, private_state.clone(), |policy| {
                policy.replace_destination_arns = Attr::Known(vec![replaced]);
            })
        };
        let first = plan(Attr::unknown());
        assert!(entry(&first, "/aws/lambda/a").subscription.is_unknown());
        assert!(first.skipped.is_unknown() && first.pending.is_unknown());
        // Every filter is looked at again, so none is known before.
        let second = plan(text(&elsewhere));
        assert!(entry(&second, "/aws/lambda/a").subscription.is_unknown());
        assert_eq!(second.skipped, Attr::Known(BTreeMap::new()));
    }
}
