//! CloudWatch Logs as a person with the console would use it: to prepare groups, to change things
//! behind Terraform's back, to look at what is there.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::aws::{Caller, Refusal};

/// A subscription filter as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Its name, unique in the group.
    pub name: String,
    /// Where matching lines go.
    pub destination_arn: String,
    /// Which lines match; empty for all.
    pub pattern: String,
}

/// The logs of one account in one region.
#[derive(Debug, Clone)]
pub struct CloudWatchLogs {
    caller: Caller,
}

impl CloudWatchLogs {
    /// Speaks to `endpoint` for an account.
    pub fn new(endpoint: &str, account: &str, region: &str) -> Self {
        Self { caller: Caller::new(endpoint, account, region) }
    }

    /// Calls an operation by its API name.
    ///
    /// # Errors
    /// Outside when there is no answer, inside when the answer is a refusal.
    pub fn call(&self, operation: &str, input: &Value) -> anyhow::Result<Result<Value, Refusal>> {
        let headers = [
            ("x-amz-target", format!("Logs_20140328.{operation}")),
            ("content-type", "application/x-amz-json-1.1".to_owned()),
        ];
        self.caller.send("logs", "POST", "/", &headers, input.to_string())
    }

    /// Creates a log group.
    ///
    /// # Errors
    /// When it exists, or no answer comes.
    pub fn create_group(&self, group: &str) -> anyhow::Result<()> {
        self.done("CreateLogGroup", &json!({"logGroupName": group}))
    }

    /// Creates a log group of a class such as `INFREQUENT_ACCESS`.
    ///
    /// # Errors
    /// When it exists, or no answer comes.
    pub fn create_group_of_class(&self, group: &str, class: &str) -> anyhow::Result<()> {
        self.done("CreateLogGroup", &json!({"logGroupName": group, "logGroupClass": class}))
    }

    /// Deletes a log group with all it holds.
    ///
    /// # Errors
    /// When it does not exist, or no answer comes.
    pub fn delete_group(&self, group: &str) -> anyhow::Result<()> {
        self.done("DeleteLogGroup", &json!({"logGroupName": group}))
    }

    /// The names of all log groups, in order.
    ///
    /// # Errors
    /// When no proper answer comes.
    pub fn groups(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.described()?.into_iter().map(|(name, _)| name).collect())
    }

    /// The retention of a log group in days; `None` if events never expire.
    ///
    /// # Errors
    /// When there is no such group, or no proper answer comes.
    pub fn retention(&self, group: &str) -> anyhow::Result<Option<u64>> {
        self.described()?
            .into_iter()
            .find(|(name, _)| name == group)
            .map(|(_, retention)| retention)
            .ok_or_else(|| anyhow!("there is no log group {group}"))
    }

    /// Sets how long a group keeps its lines.
    ///
    /// # Errors
    /// When AWS refuses, or no answer comes.
    pub fn set_retention(&self, group: &str, days: u64) -> anyhow::Result<()> {
        let input = json!({"logGroupName": group, "retentionInDays": days});
        self.done("PutRetentionPolicy", &input)
    }

    /// Deletes the retention of a log group, so that events never expire.
    ///
    /// # Errors
    /// When AWS refuses, or no answer comes.
    pub fn remove_retention(&self, group: &str) -> anyhow::Result<()> {
        self.done("DeleteRetentionPolicy", &json!({"logGroupName": group}))
    }

    /// Creates a subscription filter for all events, or updates the one of this name.
    ///
    /// # Errors
    /// When AWS refuses, or no answer comes.
    pub fn put_filter(&self, group: &str, name: &str, destination: &str) -> anyhow::Result<()> {
        self.put_filter_with_pattern(group, name, destination, "")
    }

    /// Creates a subscription filter, or updates the one of this name.
    ///
    /// # Errors
    /// When AWS refuses, or no answer comes.
    pub fn put_filter_with_pattern(
        &self,
        group: &str,
        name: &str,
        destination: &str,
        pattern: &str,
    ) -> anyhow::Result<()> {
        self.done(
            "PutSubscriptionFilter",
            &json!({
                "logGroupName": group,
                "filterName": name,
                "filterPattern": pattern,
                "destinationArn": destination,
            }),
        )
    }

    /// Deletes a subscription filter.
    ///
    /// # Errors
    /// When it does not exist, or no answer comes.
    pub fn delete_filter(&self, group: &str, name: &str) -> anyhow::Result<()> {
        let input = json!({"logGroupName": group, "filterName": name});
        self.done("DeleteSubscriptionFilter", &input)
    }

    /// The subscription filters of a group, by name.
    ///
    /// # Errors
    /// When there is no such group, or no proper answer comes.
    pub fn filters(&self, group: &str) -> anyhow::Result<Vec<Filter>> {
        let input = json!({"logGroupName": group});
        let answer = self.answer("DescribeSubscriptionFilters", &input)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(list(&answer, "subscriptionFilters")?
            .iter()
            .map(|filter| Filter {
                name: text(&filter["filterName"]),
                destination_arn: text(&filter["destinationArn"]),
                pattern: text(&filter["filterPattern"]),
            })
            .collect())
    }

    /// Creates a stream in a group.
    ///
    /// # Errors
    /// When AWS refuses, or no answer comes.
    pub fn create_stream(&self, group: &str, stream: &str) -> anyhow::Result<()> {
        let input = json!({"logGroupName": group, "logStreamName": stream});
        self.done("CreateLogStream", &input)
    }

    /// The names of a group's first fifty streams.
    ///
    /// # Errors
    /// When there is no such group, or no proper answer comes.
    pub fn streams(&self, group: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.answer("DescribeLogStreams", &json!({"logGroupName": group}))?;
        Ok(list(&answer, "logStreams")?
            .iter()
            .filter_map(|stream| stream["logStreamName"].as_str().map(str::to_owned))
            .collect())
    }

    /// Writes lines, as of now, in this order.
    ///
    /// # Errors
    /// When AWS refuses, or no answer comes.
    pub fn put_events(&self, group: &str, stream: &str, lines: &[String]) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let now = u64::try_from(now)?;
        let events: Vec<_> =
            lines.iter().map(|line| json!({"timestamp": now, "message": line})).collect();
        let input = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
        self.done("PutLogEvents", &input)
    }

    /// All lines of a group.
    ///
    /// # Errors
    /// When there is no such group, or no proper answer comes.
    pub fn events(&self, group: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.answer("FilterLogEvents", &json!({"logGroupName": group}))?;
        Ok(list(&answer, "events")?
            .iter()
            .filter_map(|event| event["message"].as_str().map(str::to_owned))
            .collect())
    }

    /// Every group with its retention.
    fn described(&self) -> anyhow::Result<Vec<(String, Option<u64>)>> {
        let mut groups = Vec::new();
        let mut input = json!({"limit": 50});
        loop {
            let answer = self.answer("DescribeLogGroups", &input)?;
            for group in list(&answer, "logGroups")? {
                let name = group["logGroupName"].as_str().unwrap_or_default();
                groups.push((name.to_owned(), group["retentionInDays"].as_u64()));
            }
            match &answer["nextToken"] {
                Value::Null => return Ok(groups),
                token => input["nextToken"] = token.clone(),
            }
        }
    }

    fn done(&self, operation: &str, input: &Value) -> anyhow::Result<()> {
        self.answer(operation, input).map(drop)
    }

    fn answer(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        self.call(operation, input)?.map_err(|refusal| {
            let Refusal { status, code, message } = refusal;
            anyhow!("{operation} {}: {status} {code}: {message}", input["logGroupName"])
        })
    }
}

fn list<'a>(answer: &'a Value, field: &str) -> anyhow::Result<&'a Vec<Value>> {
    answer[field].as_array().ok_or_else(|| anyhow!("no {field} in {answer}"))
}
