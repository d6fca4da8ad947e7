use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types;
use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{
    Distribution, Listing, LogGroup, LogGroupClass, Retention, SubscriptionFilter,
};
use tokio_util::sync::CancellationToken;

use super::effort::Effort;
use super::region_clients::RegionClients;
use super::{CallError, Operation};

/// Reads CloudWatch Logs, and what it delivers to, in one region.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(super) region: Arc<RegionClients>,
    pub(super) stopped: CancellationToken,
    effort: Effort,
}

/// Log groups asked at the same time; the token buckets set the pace.
pub(crate) const IN_FLIGHT: usize = 32;

/// The most that DescribeLogGroups gives at once.
const GROUPS_PER_PAGE: i32 = 50;

impl Reader {
    pub(super) fn new(region: Arc<RegionClients>, stopped: CancellationToken) -> Self {
        Self { region, stopped, effort: Effort::Needed }
    }

    /// A reader for what only improves what goes on without it: each call is made twice at most,
    /// and all of them together wait for three seconds at most in vain.
    pub(crate) fn optional(&self) -> Self {
        Self { effort: Effort::optional(), ..self.clone() }
    }

    /// Whether all goes on without the answers.
    pub(crate) fn is_optional(&self) -> bool {
        self.effort.is_optional()
    }

    /// As [`RetryingClient::call`](super::caller::RetryingClient::call).
    pub(super) async fn call<T, E, F>(
        &self,
        operation: Operation,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.region.client.call(operation, &self.effort, &self.stopped, attempt).await
    }

    /// All log groups that the listings ask for by name, and perhaps more. A listing that ends
    /// early is an error: a group that is not in the response does not exist. What is asked for by
    /// tags is not in it.
    pub(crate) async fn log_groups(
        &self,
        listings: &[Listing],
    ) -> Result<BTreeMap<String, LogGroup>, CallError> {
        let mut by_name = listings.to_vec();
        by_name.retain(|listing| !matches!(listing, Listing::Tagged(..)));
        let answers: Vec<_> = stream::iter(by_name)
            .map(|listing| async move { self.list(&listing, usize::MAX).await })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        Ok(answers.into_iter().flat_map(|listed| listed.groups).collect())
    }

    /// Those of some log groups that there are, and no others. It costs at most twice as many
    /// calls as there are names: a listing by what many names have in common is given up where
    /// it takes as many pages, and the rest is asked for by name.
    pub(crate) async fn log_groups_among(
        &self,
        mut names: BTreeSet<String>,
    ) -> Result<BTreeMap<String, LogGroup>, CallError> {
        let mut found = BTreeMap::new();
        if let [common @ Listing::Prefix(_)] = Listing::for_names(&names).as_slice() {
            let Listed { groups, complete } = self.list(common, names.len()).await?;
            found.extend(groups.into_iter().filter(|(name, _)| names.contains(name)));
            if complete {
                return Ok(found);
            }
            names.retain(|name| !found.contains_key(name));
        }
        let by_name: Vec<_> = names.iter().cloned().map(Listing::Name).collect();
        let groups = self.log_groups(&by_name).await?.into_iter();
        found.extend(groups.filter(|(name, _)| names.contains(name)));
        Ok(found)
    }

    /// The subscription filters of a log group.
    pub(crate) async fn subscription_filters(
        &self,
        log_group: &str,
    ) -> Result<Vec<SubscriptionFilter>, CallError> {
        let operation = Operation::DescribeSubscriptionFilters;
        let mut filters = Vec::new();
        let ask = |token| {
            let request = self.region.logs.describe_subscription_filters();
            request.log_group_name(log_group).set_next_token(token).send()
        };
        self.pages(operation, ask, |answer| {
            let page = answer.subscription_filters.ok_or_else(|| without_list(operation))?;
            filters.extend(page.into_iter().map(found));
            Ok(answer.next_token)
        })
        .await?;
        Ok(filters)
    }

    /// The same after all writers of this process have released the log group, so that a policy
    /// that has just claimed it does not read what another is about to delete.
    pub(crate) async fn settled_subscription_filters(
        &self,
        log_group: &str,
    ) -> Result<Vec<SubscriptionFilter>, CallError> {
        let operation = Operation::DescribeSubscriptionFilters;
        let client = &self.region.client;
        let _turn = client.turn(operation, &log_group_turn(log_group), &self.stopped).await?;
        self.subscription_filters(log_group).await
    }

    /// A log group after all writers of this process have released it; None if it does not exist.
    pub(crate) async fn settled_log_group(
        &self,
        log_group: &str,
    ) -> Result<Option<LogGroup>, CallError> {
        let client = &self.region.client;
        let turn = log_group_turn(log_group);
        let _turn = client.turn(Operation::DescribeLogGroups, &turn, &self.stopped).await?;
        let mut listed = self.log_groups(&[Listing::Name(log_group.to_owned())]).await?;
        Ok(listed.remove(log_group))
    }

    /// Asks for page after page. `take` keeps what is in a page and gives the token of the next;
    /// without one that was the last.
    pub(super) async fn pages<T, E, F>(
        &self,
        operation: Operation,
        ask: impl Fn(Option<String>) -> F,
        mut take: impl FnMut(T) -> Result<Option<String>, CallError>,
    ) -> Result<(), CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut page = Page::first(operation);
        while let Some(token) = page.next() {
            let answer = self.call(operation, || ask(token.clone())).await?;
            page.follow(take(answer)?)?;
        }
        Ok(())
    }

    async fn list(&self, listing: &Listing, most_pages: usize) -> Result<Listed, CallError> {
        let operation = Operation::DescribeLogGroups;
        let (mut groups, mut pages, mut complete) = (BTreeMap::new(), 0, false);
        let prefix = Some(listing.text().to_owned()).filter(|prefix| !prefix.is_empty());
        let ask = |token| {
            let request = self.region.logs.describe_log_groups().limit(GROUPS_PER_PAGE);
            request.set_log_group_name_prefix(prefix.clone()).set_next_token(token).send()
        };
        self.pages(operation, ask, |answer| {
            for group in answer.log_groups.ok_or_else(|| without_list(operation))? {
                let group = listed(group).ok_or_else(|| without_name(operation))?;
                groups.insert(group.name.clone(), group);
            }
            let found = matches!(listing, Listing::Name(name) if groups.contains_key(name));
            let next = answer.next_token.filter(|_| !found);
            pages += 1;
            complete = next.is_none();
            Ok(next.filter(|_| pages < most_pages))
        })
        .await?;
        Ok(Listed { groups, complete })
    }
}

/// The name of the turn to write to a log group. No function's name begins so.
pub(super) fn log_group_turn(log_group: &str) -> String {
    format!("log group {log_group}")
}

/// What a listing showed.
struct Listed {
    groups: BTreeMap<String, LogGroup>,
    /// Whether there is no more of it.
    complete: bool,
}

/// A proxy or an emulator may answer with something that is no answer; that is not an empty list.
pub(super) fn without_list(operation: Operation) -> CallError {
    CallError::nonsense(operation, "the response contains no list")
}

pub(super) fn without_name(operation: Operation) -> CallError {
    CallError::nonsense(operation, "a log group in the response has no name")
}

/// Walks the pages of a response.
struct Page {
    operation: Operation,
    token: Option<String>,
    asked: BTreeSet<String>,
    done: bool,
}

impl Page {
    fn first(operation: Operation) -> Self {
        Self { operation, token: None, asked: BTreeSet::new(), done: false }
    }

    /// The token to ask with, or nothing after the last page.
    fn next(&self) -> Option<Option<String>> {
        (!self.done).then(|| self.token.clone())
    }

    /// A repeated token would never end the listing.
    fn follow(&mut self, token: Option<String>) -> Result<(), CallError> {
        self.done = token.is_none();
        if let Some(token) = &token
            && !self.asked.insert(token.clone())
        {
            return Err(CallError::nonsense(
                self.operation,
                "the token of the next page repeats that of an earlier page",
            ));
        }
        self.token = token;
        Ok(())
    }
}

pub(super) fn listed(group: types::LogGroup) -> Option<LogGroup> {
    Some(LogGroup {
        arn: group
            .log_group_arn
            .or(group.arn)
            .map(|arn| arn.strip_suffix(":*").map_or(arn.clone(), str::to_owned))
            .unwrap_or_default(),
        stored_bytes: group
            .stored_bytes
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default(),
        created_ms: group.creation_time.unwrap_or_default(),
        name: group.log_group_name?,
        class: LogGroupClass::reported(
            group.log_group_class.as_ref().map(types::LogGroupClass::as_str),
        ),
        retention: Retention::reported(group.retention_in_days),
        governed_by: group.retention_policy_name,
        is_protected: group.deletion_protection_enabled.unwrap_or_default(),
    })
}

fn found(filter: types::SubscriptionFilter) -> SubscriptionFilter {
    SubscriptionFilter {
        name: filter.filter_name.unwrap_or_default(),
        destination_arn: filter.destination_arn.unwrap_or_default(),
        pattern: filter.filter_pattern.unwrap_or_default(),
        role_arn: filter.role_arn,
        distribution: Distribution::reported(
            filter.distribution.as_ref().map(types::Distribution::as_str),
        ),
        apply_on_transformed_logs: filter.apply_on_transformed_logs,
        field_selection_criteria: filter.field_selection_criteria,
        emit_system_fields: filter.emit_system_fields.into_iter().flatten().collect(),
    }
    .normalized()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_where_there_is_no_token() {
        let mut page = Page::first(Operation::DescribeLogGroups);
        assert_eq!(page.next(), Some(None));
        page.follow(Some("a".into())).unwrap();
        assert_eq!(page.next(), Some(Some("a".into())));
        page.follow(None).unwrap();
        assert_eq!(page.next(), None);
    }

    #[test]
    fn a_repeated_page_token_is_an_error() {
        for circle in [&["a", "a"][..], &["a", "b", "a"], &["a", "b", "c", "b"]] {
            let mut page = Page::first(Operation::DescribeLogGroups);
            let (last, before) = circle.split_last().unwrap();
            for token in before {
                page.follow(Some((*token).to_owned())).unwrap();
            }
            assert!(page.follow(Some((*last).to_owned())).is_err(), "{circle:?}");
        }
    }
}
