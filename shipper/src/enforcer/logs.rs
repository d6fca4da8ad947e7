//! The enforcer's calls of CloudWatch Logs in one region.

use std::ops::ControlFlow::{self, Continue};
use std::time::{Duration, Instant};

use bytes::Bytes;
use logagg_policy::{Distribution, LogGroup, LogGroupClass, Retention, SubscriptionFilter, Tags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::io::{Call, CallError, Input, Io};
use super::rate_limiter::{RateLimiter, SHORTEST_TRY};
use crate::aws::{Service, parse_response};
use crate::delivery::backoff;
use crate::tags::TableBucket;

/// The timeout of an attempt.
const LONGEST_TRY: Duration = Duration::from_secs(10);

/// The maximum page size of DescribeLogGroups.
const GROUPS_PER_PAGE: usize = 50;

/// CloudWatch Logs in one region, with a deadline.
#[derive(Clone, Copy)]
pub(super) struct Logs<'a> {
    pub(super) io: &'a dyn Io,
    pub(super) rate_limiter: &'a RateLimiter,
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
    retention_policy_name: Option<String>,
    #[serde(default)]
    deletion_protection_enabled: bool,
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

/// Log groups in the order of their names, and the token of the next page.
pub(super) struct Page {
    pub(super) groups: Vec<LogGroup>,
    pub(super) next: Option<String>,
}

/// A write, attempted once, directly after reading what it depends on.
#[derive(Clone, Copy)]
pub(super) enum Write<'a> {
    Filter(&'a SubscriptionFilter),
    Retention(Retention),
    DeletionProtection,
}

impl Write<'_> {
    fn operation(self) -> (Service, &'static str) {
        match self {
            Self::Filter(_) => (Service::CloudWatchLogs, "PutSubscriptionFilter"),
            Self::Retention(_) => (Service::CloudWatchLogs, "PutRetentionPolicy"),
            Self::DeletionProtection => (Service::CloudWatchLogs, "PutLogGroupDeletionProtection"),
        }
    }

    /// Whether a log group has the retention or the deletion protection.
    pub(super) fn is_on(self, group: &LogGroup) -> bool {
        match self {
            Self::Filter(_) => false,
            Self::Retention(retention) => group.retention == retention,
            Self::DeletionProtection => group.is_protected,
        }
    }
}

impl Logs<'_> {
    /// A log group by its exact name. Longer names come after it, so the first listed log group is
    /// this one or shows that it does not exist.
    pub(super) async fn log_group(&self, name: &str) -> Result<Option<LogGroup>, CallError> {
        let mut token = None;
        loop {
            let page = self.page(name, token.as_deref()).await?;
            if let Some(first) = page.groups.into_iter().next() {
                return Ok(Some(first).filter(|group| group.name == name));
            }
            if page.next.is_none() || page.next == token {
                return Ok(None);
            }
            token = page.next;
        }
    }

    /// One page of the log groups with this prefix.
    pub(super) async fn page(&self, prefix: &str, token: Option<&str>) -> Result<Page, CallError> {
        let mut input = json!({"limit": GROUPS_PER_PAGE});
        if !prefix.is_empty() {
            input["logGroupNamePrefix"] = json!(prefix);
        }
        let input = with_token(&input, "nextToken", token.map(str::to_owned));
        let page: Groups = self.call(Service::CloudWatchLogs, "DescribeLogGroups", input).await?;
        let mut groups: Vec<_> = page.log_groups.into_iter().map(Listed::group).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Page { groups, next: page.next_token.filter(|token| !token.is_empty()) })
    }

    /// The subscription filters of a log group.
    pub(super) async fn filters(&self, name: &str) -> Result<Vec<SubscriptionFilter>, CallError> {
        let (service, operation) = (Service::CloudWatchLogs, "DescribeSubscriptionFilters");
        let input = json!({"logGroupName": name});
        let ask = async |token: Option<String>| {
            self.call(service, operation, with_token(&input, "nextToken", token)).await
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
    pub(super) async fn tags(&self, group: &LogGroup) -> Result<Tags, CallError> {
        let input = json!({"resourceArn": group.arn});
        let tagged: Tagged =
            self.call(Service::CloudWatchLogs, "ListTagsForResource", input).await?;
        Ok(tagged.tags)
    }

    /// Waits until the rate limit permits a write: the state that is read then is read directly
    /// before it.
    pub(super) async fn ready_for(&self, write: Write<'_>) -> Result<(), CallError> {
        let (service, operation) = write.operation();
        let ready = self.rate_limiter.ready(self.io, operation, self.until).await;
        ready.map_err(|_| CallError::NoTime { service, operation })
    }

    /// Attempts a write once.
    pub(super) async fn write(&self, group: &LogGroup, write: Write<'_>) -> Result<(), CallError> {
        let log_group = &group.name;
        let input = match write {
            Write::Filter(filter) => json!(Put {
                log_group_name: log_group,
                filter_name: &filter.name,
                filter_pattern: &filter.pattern,
                destination_arn: &filter.destination_arn,
                role_arn: filter.role_arn.as_deref(),
                distribution: filter.takes_distribution().then(|| filter.distribution.to_string()),
                apply_on_transformed_logs: filter.apply_on_transformed_logs,
                field_selection_criteria: filter.field_selection_criteria.as_deref(),
                emit_system_fields: filter.emit_system_fields.iter().map(String::as_str).collect(),
            }),
            Write::Retention(retention) => {
                json!({"logGroupName": log_group, "retentionInDays": retention.in_days()})
            }
            Write::DeletionProtection => {
                json!({"logGroupIdentifier": group.arn, "deletionProtectionEnabled": true})
            }
        };
        let (service, operation) = write.operation();
        let input = Input::Json(input);
        let call = Call { service, region: self.region, operation, input };
        self.attempt(&call).await.map(drop)
    }

    /// Calls an operation of a JSON service, with retries while that may help and there is time.
    pub(super) async fn call<A: DeserializeOwned>(
        &self,
        service: Service,
        operation: &'static str,
        input: Value,
    ) -> Result<A, CallError> {
        let input = Input::Json(input);
        self.retry(&Call { service, region: self.region, operation, input }).await
    }

    /// GETs a path, with the same retries.
    pub(super) async fn get<A: DeserializeOwned>(
        &self,
        service: Service,
        operation: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<A, CallError> {
        let input = Input::Get { path, query };
        self.retry(&Call { service, region: self.region, operation, input }).await
    }

    /// Invokes a function asynchronously.
    pub(super) async fn invoke(&self, function_arn: &str, payload: &str) -> Result<(), CallError> {
        let path = ["2015-03-31", "functions", function_arn, "invocations"];
        let call = Call {
            service: Service::Lambda,
            region: self.region,
            operation: "Invoke",
            input: Input::Event { path: &path, payload },
        };
        self.retry::<Value>(&call).await.map(drop)
    }

    /// Attempts once to read an object.
    pub(super) async fn object(&self, bucket: &TableBucket, key: &str) -> Result<Bytes, CallError> {
        let input = Input::GetObject { bucket, key };
        let (service, region) = (Service::S3, self.region);
        self.attempt(&Call { service, region, operation: "GetObject", input }).await
    }

    /// Writes an object.
    pub(super) async fn put_object(
        &self,
        bucket: &TableBucket,
        key: &str,
        body: Bytes,
    ) -> Result<(), CallError> {
        let input = Input::PutObject { bucket, key, body };
        let (service, region) = (Service::S3, self.region);
        let call = Call { service, region, operation: "PutObject", input };
        self.retry::<Value>(&call).await.map(drop)
    }

    async fn retry<A: DeserializeOwned>(&self, call: &Call<'_>) -> Result<A, CallError> {
        let mut attempts = 0;
        let mut last = None;
        loop {
            let unreadable = |_| CallError::unreadable(call.service, call.operation);
            let response = self.attempt(call).await;
            let response = response.and_then(|body| parse_response(&body).map_err(unreadable));
            let error = match response {
                Ok(response) => return Ok(response),
                // An earlier error is more informative.
                Err(error) if error.is_no_time() => return Err(last.unwrap_or(error)),
                Err(error) => error,
            };
            attempts += 1;
            if !self.wait_to_retry(&error, attempts).await {
                return Err(error);
            }
            last = Some(error);
        }
    }

    /// Waits before a retry, if it may help and there is time.
    pub(super) async fn wait_to_retry(&self, error: &CallError, attempts: u32) -> bool {
        let wait = backoff(attempts, &mut fastrand::Rng::new());
        let may_retry = error.is_retryable() && wait + SHORTEST_TRY <= self.time_left();
        if may_retry {
            self.io.sleep(wait).await;
        }
        may_retry
    }

    /// An attempt after waiting for the rate limit, with the remaining time.
    async fn attempt(&self, call: &Call<'_>) -> Result<Bytes, CallError> {
        let Call { service, operation, .. } = *call;
        let turn = self.rate_limiter.take(self.io, operation, self.until).await;
        turn.map_err(|_| CallError::NoTime { service, operation })?;
        self.io.call(call, self.time_left().min(LONGEST_TRY)).await
    }

    pub(super) fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(self.io.now())
    }
}

/// Reads page after page; `take` processes a page. A token that repeats ends the loop.
pub(super) async fn pages<P>(
    service: Service,
    operation: &'static str,
    ask: impl AsyncFn(Option<String>) -> Result<P, CallError>,
    mut take: impl FnMut(P) -> ControlFlow<(), Option<String>>,
) -> Result<(), CallError> {
    let mut token: Option<String> = None;
    while let Continue(next) = take(ask(token.clone()).await?) {
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            break;
        };
        if token.as_ref() == Some(&next) {
            return Err(CallError::unreadable(service, operation));
        }
        token = Some(next);
    }
    Ok(())
}

/// The input for the page at a token.
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
            governed_by: self.retention_policy_name,
            is_protected: self.deletion_protection_enabled,
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
