//! Log groups by their tags, and the tags of log groups.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatchlogs::error::BuildError;
use aws_sdk_cloudwatchlogs::types;
use logagg_policy::{Listing, LogGroup, TagFilter, Tags};

use super::reader::{listed, without_list, without_name};
use super::{CallError, Cause, Operation, Reader};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListLogGroups.html>
const NAMES_PER_PAGE: i32 = 1_000;
const MAX_TAGS_ASKED: usize = 5;
/// The most that DescribeLogGroups takes by name.
const NAMES_PER_CALL: usize = 50;

impl Reader {
    /// The names of all log groups that can have these tags, and perhaps of others: AWS takes
    /// fewer tags at once than a log group can have, and no difference between upper and lower
    /// case where there is a `*`.
    pub(crate) async fn names_of_tagged(
        &self,
        filter: &TagFilter,
    ) -> Result<BTreeSet<String>, CallError> {
        let operation = Operation::ListLogGroups;
        let asked: Result<Vec<_>, _> = filter.patterns().take(MAX_TAGS_ASKED).map(tag).collect();
        let asked = asked.map_err(|error| CallError::nonsense(operation, error.to_string()))?;
        let ask = |token| {
            let request = self.region.logs.list_log_groups().limit(NAMES_PER_PAGE);
            request.set_log_group_tags(Some(asked.clone())).set_next_token(token).send()
        };
        let mut names = BTreeSet::new();
        self.pages(operation, ask, |answer| {
            for group in answer.log_groups.ok_or_else(|| without_list(operation))? {
                names.insert(group.log_group_name.ok_or_else(|| without_name(operation))?);
            }
            Ok(answer.next_token)
        })
        .await?;
        Ok(names)
    }

    /// Those of some log groups that there are, and no others.
    pub(crate) async fn log_groups_named(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, LogGroup>, CallError> {
        let operation = Operation::DescribeLogGroups;
        let mut groups = BTreeMap::new();
        for names in names.chunks(NAMES_PER_CALL) {
            let ask = |token| {
                let request = self.region.logs.describe_log_groups().set_next_token(token);
                request.set_log_group_identifiers(Some(names.to_vec())).send()
            };
            let asked = self.pages(operation, ask, |answer| {
                for group in answer.log_groups.ok_or_else(|| without_list(operation))? {
                    let group = listed(group).ok_or_else(|| without_name(operation))?;
                    if names.contains(&group.name) {
                        groups.insert(group.name.clone(), group);
                    }
                }
                let all = names.iter().all(|name| groups.contains_key(name));
                Ok(answer.next_token.filter(|_| !all))
            });
            match asked.await {
                Ok(()) => {}
                // One of them has been deleted, and it does not say which.
                Err(error) if error.cause == Cause::Missing => {
                    let one_by_one: Vec<_> = names.iter().cloned().map(Listing::Name).collect();
                    let found = self.log_groups(&one_by_one).await?;
                    groups.extend(found.into_iter().filter(|(name, _)| names.contains(name)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(groups)
    }

    /// The tags of a log group; None where there is no such group any more.
    pub(crate) async fn tags(&self, group: &LogGroup) -> Result<Option<Tags>, CallError> {
        let operation = Operation::ListTagsForResource;
        let asked = self.call(operation, || {
            self.region.logs.list_tags_for_resource().resource_arn(&group.arn).send()
        });
        match asked.await {
            Ok(answer) => Ok(Some(answer.tags.unwrap_or_default().into_iter().collect())),
            Err(error) if error.cause == Cause::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What any value fits, or only none, is asked by the key alone.
fn tag((key, pattern): (&String, &String)) -> Result<types::TagFilter, BuildError> {
    let value = Some(pattern).filter(|pattern| !pattern.chars().all(|c| c == '*'));
    types::TagFilter::builder().key(key).set_values(value.map(|value| vec![value.clone()])).build()
}
