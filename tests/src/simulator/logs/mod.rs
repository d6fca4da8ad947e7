//! CloudWatch Logs: log groups, how long they keep their lines, and where they send them.

mod account_policy;
mod destination;
mod filter;
mod group;
mod listing;
mod retention;
mod tags;

use std::collections::BTreeMap;

pub use account_policy::{AccountPolicy, RetentionPolicy};
pub use destination::Destination;
pub use filter::Filter;
pub use group::{Class, Group};

use super::input::{Input, Text};
use super::refusal::Refusal;
use super::world::Scope;

/// The logs of one account in one region.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// In ASCII order, as AWS lists them.
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) destinations: BTreeMap<String, Destination>,
    /// The account's subscription policies. Calls put one at most, as AWS does today.
    pub(super) account_policies: Vec<AccountPolicy>,
    pub(super) retention_policies: Vec<RetentionPolicy>,
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "CreateLogGroup" => group::create(scope, input),
        "DeleteLogGroup" => group::delete(scope, input),
        "DescribeLogGroups" => listing::describe(scope, input),
        "ListLogGroups" => listing::list(scope, input),
        "ListTagsForResource" => tags::list(scope, input),
        "TagResource" => tags::tag(scope, input),
        "UntagResource" => tags::untag(scope, input),
        "DescribeSubscriptionFilters" => filter::describe(scope, input),
        "PutSubscriptionFilter" => filter::put(scope, input),
        "DeleteSubscriptionFilter" => filter::delete(scope, input),
        "PutRetentionPolicy" => retention::put(scope, input),
        "DeleteRetentionPolicy" => retention::delete(scope, input),
        "PutLogGroupDeletionProtection" => group::protect(scope, input),
        "DescribeDestinations" => destination::describe(scope, input),
        "PutDestination" => destination::put(scope, input),
        "PutDestinationPolicy" => destination::put_policy(scope, input),
        "DescribeAccountPolicies" => account_policy::describe(scope, input),
        "PutAccountPolicy" => account_policy::put(scope, input),
        "DeleteAccountPolicy" => account_policy::delete(scope, input),
        other => unreachable!("{other} is no operation of CloudWatch Logs"),
    }
}

/// What a log group may be called.
const GROUP_NAME: Text = Text::of(1, 512).matching("[\\.\\-_/#A-Za-z0-9]+", is_of_group_name);

fn is_of_group_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_/#".contains(c)
}

/// What a subscription filter and a CloudWatch Logs destination may be called.
const FILTER_NAME: Text = Text::of(1, 512).matching("[^:*]*", |c| c != ':' && c != '*');

const TOKEN: Text = Text::of(1, 4096);

/// What most calls that do something answer.
fn nothing() -> Vec<u8> {
    Vec::new()
}

fn no_such_group() -> Refusal {
    Refusal::missing("The specified log group does not exist.")
}

fn wrong_token() -> Refusal {
    Refusal::invalid("The specified nextToken is invalid.")
}
