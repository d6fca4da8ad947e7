use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{
    Arn, Distribution, Grant, GroupState, Listing, Permission, PolicyId, Retention, Subscription,
    SubscriptionFilter,
};
use tfplugin::{Attr, Context, Diagnostic, ImportId, Stored};

use super::identity::ImportTarget;
use super::model::{Policy, entries};
use super::private_state::PrivateState;
use super::progress::Progress;
use crate::aws::{CallError, Cause, IN_FLIGHT, Reader};
use crate::connection::{Client, RoleBlock};
use crate::diagnostics;
use crate::selection::RuleBlock;

/// Finds a policy by the name of its filters: every log group of the region is asked, so that
/// filters outside of today's selection come back too.
pub(super) async fn import(
    cx: &Context<Client>,
    id: ImportId,
) -> Vec<Stored<Policy, PrivateState>> {
    if Client::defer_if_unknown(cx) {
        return Vec::new();
    }
    let imported = match ImportTarget::by(id) {
        Ok(target) => imported(cx, target).await,
        Err(diagnostic) => Err(diagnostic),
    };
    match imported {
        Ok(stored) => vec![stored],
        Err(diagnostic) => {
            cx.report(diagnostic);
            Vec::new()
        }
    }
}

async fn imported(
    cx: &Context<Client>,
    target: ImportTarget,
) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
    let assume_role: Attr<Vec<_>> = Attr::Known(target.role.iter().cloned().collect());
    let account = Client::account_to_work_in(cx, &assume_role)?;
    let name = target.filter_name.as_str();
    let region = target.region.as_deref().unwrap_or(account.default_region());
    let account_id =
        account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
    if let Some(other) = target.account_id.as_deref().filter(|other| *other != account_id) {
        return Err(diagnostics::import_from_another_account(other, account_id));
    }
    let reader = account.reader(region, cx.stopped());
    let found = scan(&reader)
        .await
        .map_err(|error| diagnostics::not_looked_for(&error, name, region, account_id))?
        .remove(name)
        .unwrap_or_default();
    let Some(filter) = most_common(&found) else {
        return Err(diagnostics::nothing_to_import(name, region, target.no_region.as_deref()));
    };
    let foreign: BTreeMap<_, _> = found
        .iter()
        .filter(|(_, (_, other))| other.destination_arn != filter.destination_arn)
        .map(|(log_group, (_, other))| (log_group, &other.destination_arn))
        .collect();
    if !foreign.is_empty() {
        cx.report(diagnostics::imported_in_part(name, &filter.destination_arn, &foreign));
    }
    let place = Place { region, account_id, assume_role };
    policy(&reader, place, filter, &found).await
}

/// Where a policy's log groups are, and how to access them.
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) account_id: &'a str,
    pub(super) assume_role: Attr<Vec<RoleBlock>>,
}

/// The policy that makes filters such as this one, of the log groups that have it.
pub(super) async fn policy(
    reader: &Reader,
    place: Place<'_>,
    filter: &SubscriptionFilter,
    found: &Found,
) -> Result<Stored<Policy, PrivateState>, Diagnostic> {
    let Place { region, account_id, assume_role } = place;
    let name = filter.name.as_str();
    let mut private_state = PrivateState::default();
    let mut states = BTreeMap::new();
    for (log_group, (retention, other)) in found {
        if other.destination_arn == filter.destination_arn {
            let differences = other.differences(filter);
            let subscription = if differences.is_empty() {
                Subscription::Active
            } else {
                Subscription::Differs(differences)
            };
            let state = GroupState {
                subscription: Some(subscription),
                retention: *retention,
                deletion_protection: None,
            };
            states.insert(log_group.clone(), state);
        } else {
            private_state.record_foreign(log_group, other);
        }
    }
    let grant = made_grant(reader, name, filter, &mut private_state).await?;
    let state = Policy {
        id: Attr::Known(format!("{name}@{region}")),
        account_id: Attr::Known(account_id.to_owned()),
        region: Attr::Known(region.to_owned()),
        assume_role,
        name: Attr::Known(name.to_owned()),
        destination_arn: Attr::Known(filter.destination_arn.clone()),
        filter_name: Attr::Null,
        filter_pattern: Some(filter.pattern.clone()).filter(|pattern| !pattern.is_empty()).into(),
        role_arn: filter.role_arn.clone().into(),
        distribution: Some(&filter.distribution)
            .filter(|distribution| **distribution != Distribution::default())
            .map(ToString::to_string)
            .into(),
        apply_on_transformed_logs: filter.apply_on_transformed_logs.then_some(true).into(),
        field_selection_criteria: filter.field_selection_criteria.clone().into(),
        emit_system_fields: Some(&filter.emit_system_fields)
            .filter(|fields| !fields.is_empty())
            .map(|fields| fields.iter().cloned().map(Attr::Known).collect())
            .into(),
        replace_destination_arns: Attr::Null,
        on_conflict: Attr::Null,
        grant_invoke: grant.as_ref().map(|_| true).into(),
        retention_in_days: Attr::Null,
        retention_mode: Attr::Null,
        retention_on_destroy: Attr::Null,
        deletion_protection: Attr::Null,
        deletion_protection_on_destroy: Attr::Null,
        refresh: Attr::Null,
        full_refresh_after_hours: Attr::Null,
        max_changes: Attr::Null,
        min_matches: Attr::Null,
        select: Attr::Known(Vec::new()),
        exclude: Attr::Known(Vec::new()),
        log_groups: Attr::Known(entries(&states)),
        skipped: Attr::Known(BTreeMap::new()),
        pending: Attr::Known(0),
        document: Attr::Null,
        invoke_permission: grant.map(|permission| permission.to_string()).into(),
    };
    Ok(Stored { state, private: private_state })
}

/// The configuration of an imported policy: it selects the log groups that it was found on.
pub(super) fn configuration(mut state: Policy) -> Policy {
    if state.select.known().is_none_or(Vec::is_empty) {
        let names = state.log_groups.known().into_iter().flatten();
        let names = names.map(|(name, _)| Attr::Known(name.clone())).collect();
        let select = RuleBlock { names: Attr::Known(names), ..RuleBlock::default() };
        state.select = Attr::Known(vec![select]);
    }
    state
}

/// A statement that says just what the policy's would is the policy's, and its id the policy's id.
/// Who may not look for it imports without: the first apply makes another.
async fn made_grant(
    reader: &Reader,
    name: &str,
    filter: &SubscriptionFilter,
    private_state: &mut PrivateState,
) -> Result<Option<Permission>, Diagnostic> {
    let drawn = private_state.id_or_draw();
    let Ok(arn) = filter.destination_arn.parse::<Arn>() else { return Ok(None) };
    let grant_of = |policy: PolicyId| Grant::of(&arn, name, policy);
    let Some(grant) = grant_of(drawn) else { return Ok(None) };
    let statements = match reader.statements(&grant).await {
        Ok(statements) => statements,
        Err(error) if error.cause == Cause::Denied => return Ok(None),
        Err(error) => return Err(diagnostics::permission_not_read(&error, &grant)),
    };
    let holders = Grant::holders(&arn, name, &statements);
    let Some((policy, grant)) = holders.first().and_then(|id| Some((*id, grant_of(*id)?))) else {
        return Ok(None);
    };
    private_state.take_id(policy);
    private_state.record_grant(&grant);
    Ok(Some(Permission::Active))
}

/// The filters of one name by log group, with the log group's retention.
pub(super) type Found = BTreeMap<String, (Retention, SubscriptionFilter)>;

/// All filters of a region by their name.
pub(super) async fn scan(reader: &Reader) -> Result<BTreeMap<String, Found>, CallError> {
    let listed = reader.log_groups(&[Listing::Prefix(String::new())]).await?;
    let subscribable = listed.into_values().filter(|group| group.class.may_have_filters());
    let subscribable: Vec<_> = subscribable.collect();
    let progress = &Progress::new("reading subscription filters", subscribable.len());
    let answers: Vec<_> = stream::iter(subscribable)
        .map(|group| async move {
            let answer = reader.subscription_filters(&group.name).await;
            progress.step();
            match answer {
                Ok(filters) => Ok((group, filters)),
                Err(error)
                    if matches!(error.cause, Cause::Missing | Cause::Class)
                        || error.rejects(&group.class) =>
                {
                    Ok((group, Vec::new()))
                }
                Err(error) => Err(error),
            }
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for (group, filters) in answers {
        for filter in filters {
            let same_name = found.entry(filter.name.clone()).or_default();
            same_name.insert(group.name.clone(), (group.retention, filter));
        }
    }
    Ok(found)
}

/// What most of the filters look like. Of two that are as common always the same one.
pub(super) fn most_common(found: &Found) -> Option<&SubscriptionFilter> {
    let mut counts: BTreeMap<[&str; 4], (usize, &SubscriptionFilter)> = BTreeMap::new();
    let texts: Vec<_> =
        found.values().map(|(_, filter)| (filter, filter.distribution.to_string())).collect();
    for (filter, distribution) in &texts {
        let role = filter.role_arn.as_deref().unwrap_or_default();
        let key = [filter.destination_arn.as_str(), &filter.pattern, role, distribution];
        counts.entry(key).or_insert((0, filter)).0 += 1;
    }
    let most = counts.into_values().max_by_key(|(count, _)| *count)?;
    Some(most.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(destination: &str) -> SubscriptionFilter {
        SubscriptionFilter::new("logs", destination)
    }

    #[test]
    fn the_policy_is_what_most_of_its_filters_are() {
        let found: Found = [("a", "old"), ("b", "new"), ("c", "new")]
            .into_iter()
            .map(|(group, arn)| (group.to_owned(), (Retention::Never, filter(arn))))
            .collect();
        assert_eq!(most_common(&found), Some(&filter("new")));
        assert_eq!(most_common(&Found::new()), None);
    }
}
