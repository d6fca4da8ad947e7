//! The calls that the enforcer makes, of CloudWatch Logs in one region.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, Instant};

use logagg_policy::{
    Distribution, Listing, LogGroup, LogGroupClass, Retention, SubscriptionFilter, Tags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pace::Pace;
use crate::aws::{Aws, AwsError, Problem, Service, patiently};

/// The longest time for one try of a call.
pub(super) const LONGEST_TRY: Duration = Duration::from_secs(10);

/// The most that DescribeLogGroups gives at once.
const GROUPS_PER_PAGE: usize = 50;

/// One region's CloudWatch Logs, to be called until a time.
#[derive(Clone, Copy)]
pub(super) struct Logs<'a> {
    pub(super) aws: &'a Aws,
    pub(super) pace: &'a Pace,
    pub(super) region: &'a str,
    pub(super) until: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    log_groups: Vec<Listed>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    log_group_name: String,
    log_group_class: Option<String>,
    retention_in_days: Option<i32>,
    arn: Option<String>,
    log_group_arn: Option<String>,
    stored_bytes: Option<u64>,
    creation_time: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filters {
    subscription_filters: Vec<Found>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    filter_name: Option<String>,
    destination_arn: Option<String>,
    filter_pattern: Option<String>,
    role_arn: Option<String>,
    distribution: Option<String>,
    #[serde(default)]
    apply_on_transformed_logs: bool,
    field_selection_criteria: Option<String>,
    #[serde(default)]
    emit_system_fields: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Put<'a> {
    log_group_name: &'a str,
    filter_name: &'a str,
    filter_pattern: &'a str,
    destination_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distribution: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    apply_on_transformed_logs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_selection_criteria: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emit_system_fields: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(default)]
    tags: Tags,
}

impl Logs<'_> {
    /// A log group by its exact name.
    pub(super) async fn log_group(&self, name: &str) -> Result<Option<LogGroup>, AwsError> {
        let mut found = None;
        self.each_page(&Listing::Name(name.to_owned()), |group| {
            if group.name == name {
                found = Some(group);
            }
        })
        .await?;
        Ok(found)
    }

    /// The log groups that a listing asks for, and perhaps more.
    pub(super) async fn log_groups(&self, listing: &Listing) -> Result<Vec<LogGroup>, AwsError> {
        let mut groups = Vec::new();
        self.each_page(listing, |group| groups.push(group)).await?;
        Ok(groups)
    }

    async fn each_page(
        &self,
        listing: &Listing,
        mut take: impl FnMut(LogGroup),
    ) -> Result<(), AwsError> {
        let (service, operation) = (Service::CloudWatchLogs, "DescribeLogGroups");
        let mut input = json!({"limit": GROUPS_PER_PAGE});
        if !listing.text().is_empty() {
            input["logGroupNamePrefix"] = json!(listing.text());
        }
        let ask = async |token: Option<String>| {
            self.call(service, operation, &with_token(&input, "nextToken", token)).await
        };
        pages(service, operation, ask, |page: Groups| {
            // What has the name itself for a prefix comes after it.
            let names_one = matches!(listing, Listing::Name(_));
            let is_there = names_one
                && page.log_groups.iter().any(|group| group.log_group_name == listing.text());
            page.log_groups.into_iter().map(Listed::group).for_each(&mut take);
            if is_there { Break(()) } else { Continue(page.next_token) }
        })
        .await
    }

    /// The subscription filters of a log group.
    pub(super) async fn filters(&self, name: &str) -> Result<Vec<SubscriptionFilter>, AwsError> {
        let (service, operation) = (Service::CloudWatchLogs, "DescribeSubscriptionFilters");
        let input = json!({"logGroupName": name});
        let ask = async |token: Option<String>| {
            self.call(service, operation, &with_token(&input, "nextToken", token)).await
        };
        let mut filters = Vec::new();
        pages(service, operation, ask, |page: Filters| {
            filters.extend(page.subscription_filters.into_iter().map(Found::filter));
            Continue(page.next_token)
        })
        .await?;
        Ok(filters)
    }

    /// The tags of a log group.
    pub(super) async fn tags(&self, group: &LogGroup) -> Result<Tags, AwsError> {
        let input = json!({"resourceArn": group.arn});
        let tagged: Tagged =
            self.call(Service::CloudWatchLogs, "ListTagsForResource", &input).await?;
        Ok(tagged.tags)
    }

    pub(super) async fn put_filter(
        &self,
        log_group: &str,
        filter: &SubscriptionFilter,
    ) -> Result<(), AwsError> {
        let input = Put {
            log_group_name: log_group,
            filter_name: &filter.name,
            filter_pattern: &filter.pattern,
            destination_arn: &filter.destination_arn,
            role_arn: filter.role_arn.as_deref(),
            distribution: filter.takes_distribution().then(|| filter.distribution.to_string()),
            apply_on_transformed_logs: filter.apply_on_transformed_logs,
            field_selection_criteria: filter.field_selection_criteria.as_deref(),
            emit_system_fields: filter.emit_system_fields.iter().map(String::as_str).collect(),
        };
        self.call::<Value>(Service::CloudWatchLogs, "PutSubscriptionFilter", &input).await.map(drop)
    }

    pub(super) async fn set_retention(
        &self,
        log_group: &str,
        retention: Retention,
    ) -> Result<(), AwsError> {
        let input = json!({"logGroupName": log_group, "retentionInDays": retention.in_days()});
        self.call::<Value>(Service::CloudWatchLogs, "PutRetentionPolicy", &input).await.map(drop)
    }

    /// Makes a call in its turn, and again while that can help and there is time.
    pub(super) async fn call<A: DeserializeOwned>(
        &self,
        service: Service,
        operation: &'static str,
        input: &(impl Serialize + Sync),
    ) -> Result<A, AwsError> {
        patiently(self.until, LONGEST_TRY, async |time| {
            self.pace.wait(operation).await;
            self.aws.call(service, Some(self.region), operation, input, time).await
        })
        .await
    }
}

/// Asks for page after page, of which `take` takes what is on it, and goes on with the token of the
/// next. A token that leads to itself would go round for ever.
pub(super) async fn pages<Page>(
    service: Service,
    operation: &'static str,
    ask: impl AsyncFn(Option<String>) -> Result<Page, AwsError>,
    mut take: impl FnMut(Page) -> ControlFlow<(), Option<String>>,
) -> Result<(), AwsError> {
    let mut token: Option<String> = None;
    while let Continue(next) = take(ask(token.clone()).await?) {
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            break;
        };
        if token.as_ref() == Some(&next) {
            return Err(AwsError { service, operation, problem: Problem::Unreadable });
        }
        token = Some(next);
    }
    Ok(())
}

/// What is asked for, from the page at a token on.
pub(super) fn with_token(input: &Value, name: &str, token: Option<String>) -> Value {
    let mut input = input.clone();
    if let Some(token) = token {
        input[name] = json!(token);
    }
    input
}

impl Listed {
    fn group(self) -> LogGroup {
        let arn = self.log_group_arn.or(self.arn).unwrap_or_default();
        LogGroup {
            name: self.log_group_name,
            class: LogGroupClass::reported(self.log_group_class.as_deref()),
            retention: Retention::reported(self.retention_in_days),
            arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
            stored_bytes: self.stored_bytes.unwrap_or_default(),
            created_ms: self.creation_time.unwrap_or_default(),
        }
    }
}

impl Found {
    fn filter(self) -> SubscriptionFilter {
        SubscriptionFilter {
            name: self.filter_name.unwrap_or_default(),
            destination_arn: self.destination_arn.unwrap_or_default(),
            pattern: self.filter_pattern.unwrap_or_default(),
            role_arn: self.role_arn,
            distribution: Distribution::reported(self.distribution.as_deref()),
            apply_on_transformed_logs: self.apply_on_transformed_logs,
            field_selection_criteria: self.field_selection_criteria,
            emit_system_fields: self.emit_system_fields.into_iter().collect(),
        }
        .normalized()
    }
}
