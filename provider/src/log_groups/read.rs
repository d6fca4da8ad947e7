use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{LogGroup, Selection, SubscriptionFilter};
use tfplugin::{Attr, Context, Diagnostic};

use super::model::{Filter, Found, LogGroups};
use crate::aws::{CallError, Cause, IN_FLIGHT, Reader};
use crate::connection::Client;
use crate::inventory::Inventory;
use crate::{diagnostics, selection};

/// The filters of each log group; None is a group that was deleted since it was listed.
type Filters = BTreeMap<String, Option<Vec<SubscriptionFilter>>>;

pub(super) async fn read(
    cx: &Context<Client>,
    mut config: LogGroups,
) -> Result<LogGroups, Diagnostic> {
    let account = Client::account_to_work_in(cx, &config.assume_role)?;
    let region = config.region.known().map_or(account.default_region(), String::as_str).to_owned();
    let selection = selection::selection(&config.select, &config.exclude)
        .map_err(|error| diagnostics::invalid("Invalid selection", error.to_string()))?;
    let id = account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
    let reader = account.reader(&region, cx.stopped());
    let groups = selected(&reader, &selection)
        .await
        .map_err(|error| diagnostics::groups_not_listed(&error, &region))?;
    let filters = match config.include_subscription_filters.known() {
        Some(true) => Some(filters(&reader, &groups, &region).await?),
        _ => None,
    };
    let mut found = BTreeMap::new();
    for (name, group) in groups {
        let filters = match &filters {
            None => Attr::Null,
            Some(filters) => match filters.get(&name) {
                Some(Some(filters)) => Attr::Known(filters.iter().map(Filter::of).collect()),
                Some(None) => continue,
                // Not asked, because its class has none.
                None => Attr::Known(Vec::new()),
            },
        };
        found.insert(name, Found::of(&group, filters));
    }
    config.id = Attr::Known(format!("{id}@{region}"));
    config.account_id = Attr::Known(id.to_owned());
    config.region = Attr::Known(region);
    config.names = Attr::Known(found.keys().cloned().collect());
    config.log_groups = Attr::Known(found);
    Ok(config)
}

async fn selected(
    reader: &Reader,
    selection: &Selection,
) -> Result<BTreeMap<String, LogGroup>, CallError> {
    let mut inventory = Inventory::take(reader, selection, selection.listings()).await?;
    let selected = inventory.selected(reader, selection, &BTreeSet::new()).await?;
    inventory.listed.retain(|name, _| selected.contains(name));
    Ok(inventory.listed)
}

async fn filters(
    reader: &Reader,
    groups: &BTreeMap<String, LogGroup>,
    region: &str,
) -> Result<Filters, Diagnostic> {
    let ask: Vec<_> = groups
        .values()
        .filter(|group| group.class.may_have_filters())
        .map(|group| (group.name.clone(), group.class.clone()))
        .collect();
    stream::iter(ask)
        .map(|(name, class)| async move {
            match reader.subscription_filters(&name).await {
                Ok(filters) => Ok((name, Some(filters))),
                Err(error) if error.cause == Cause::Missing => Ok((name, None)),
                Err(error) if error.cause == Cause::Class || error.rejects(&class) => {
                    Ok((name, Some(Vec::new())))
                }
                Err(error) => Err(diagnostics::filters_not_read(&error, &name, region)),
            }
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await
}

impl Found {
    fn of(group: &LogGroup, subscription_filters: Attr<Vec<Filter>>) -> Self {
        Self {
            arn: group.arn.clone(),
            log_group_class: group.class.to_string(),
            retention_in_days: group.retention.in_days(),
            retention_policy_name: group.governed_by.clone(),
            deletion_protection: group.is_protected,
            stored_bytes: group.stored_bytes,
            creation_time: rfc3339(group.created_ms),
            subscription_filters,
        }
    }
}

impl Filter {
    fn of(filter: &SubscriptionFilter) -> Self {
        Self {
            name: filter.name.clone(),
            destination_arn: filter.destination_arn.clone(),
            filter_pattern: filter.pattern.clone(),
            role_arn: filter.role_arn.clone(),
            distribution: filter.distribution.to_string(),
        }
    }
}

/// Nothing was created before 1970.
fn rfc3339(ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(rfc3339(1_769_851_800_000), "2026-01-31T09:30:00.000Z");
    }
}
