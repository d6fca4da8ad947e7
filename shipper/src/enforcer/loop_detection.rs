//! Loop detection for a destination, as far as the role's permissions allow: the answers to the
//! questions of [`logagg_policy::LoopWalk`].

use std::collections::BTreeSet;
use std::ops::ControlFlow::{Break, Continue};
use std::time::Duration;

use logagg_policy::{AccountPolicy, Answer, LoopGuard, LoopWalk, Question, Walked};
use serde::Deserialize;
use serde_json::{Value, json};

use super::io::CallError;
use super::logs::{Logs, pages, with_token};
use super::summary::Warnings;
use crate::aws::Service;

/// The time limit of calls that only a few destinations need: what they do not show becomes a
/// warning, and the log group still gets its filter.
const BRIEFLY: Duration = Duration::from_secs(3);

/// The log groups that must not be forwarded to a destination.
#[derive(Clone, Debug, Default)]
pub(super) struct LoopDetection {
    pub(super) guard: LoopGuard,
    /// The denied calls; what they would show is not in the guard.
    pub(super) denied: BTreeSet<&'static str>,
    /// Whether the limit of resources was reached.
    pub(super) more: bool,
    /// Whether the destination itself does not exist.
    pub(super) missing: bool,
    /// Failed calls, of those that only a few destinations need.
    pub(super) failed: Vec<String>,
}

impl LoopDetection {
    /// Follows a destination.
    pub(super) async fn of(
        logs: &Logs<'_>,
        destination_arn: &str,
        account_id: &str,
    ) -> Result<Self, CallError> {
        let mut denied = BTreeSet::new();
        let account_policies = match logs.account_policies().await {
            Ok(account_policies) => account_policies,
            Err(error) if error.is_denied() => {
                denied.insert(error.operation());
                Vec::new()
            }
            // An endpoint without account policies does not ship by one.
            Err(error) if error.code().is_some() && !error.is_retryable() => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut failed = Vec::new();
        let mut walk = LoopWalk::behind(destination_arn, logs.region, account_id);
        while let Some(question) = walk.next() {
            walk.answer(match logs.ask(&question, &account_policies).await {
                Ok(response) => response,
                Err(error) if error.is_denied() => {
                    denied.insert(error.operation());
                    Answer::Unseen
                }
                Err(error) if is_missing(&error) => Answer::Missing,
                // Not every region has EventBridge Pipes, and not every network reaches it.
                Err(error) if asked_of_few(error.operation()) => {
                    failed.push(error.to_string());
                    Answer::Unseen
                }
                // A log group class without subscription filters.
                Err(error)
                    if error.code() == Some("ValidationException")
                        || (of_filters(&question) && error.may_be_of_class()) =>
                {
                    Answer::arns([])
                }
                Err(error) => return Err(error),
            });
        }
        let Walked { guard, more, missing } = walk.end();
        Ok(Self { guard, denied, more, missing, failed })
    }

    /// Warns about what is unknown.
    pub(super) fn add_warnings(&self, destination_arn: &str, warnings: &mut Warnings) {
        if !self.denied.is_empty() {
            let denied: Vec<_> = self.denied.iter().copied().collect();
            warnings.warn(format!(
                "loop detection behind {destination_arn} is limited to names: the function's \
                 role is not allowed to call {}",
                denied.join(", ")
            ));
        }
        if self.missing {
            warnings.warn(format!("{destination_arn} does not exist"));
        }
        for error in &self.failed {
            warnings
                .warn(format!("loop detection behind {destination_arn} is incomplete: {error}"));
        }
        if self.more {
            warnings.warn(format!(
                "loop detection behind {destination_arn} is incomplete: it reached its limit of \
                 resources"
            ));
        }
    }
}

/// EventBridge Pipes has an error code of its own.
fn is_missing(error: &CallError) -> bool {
    matches!(error.code(), Some("ResourceNotFoundException" | "NotFoundException"))
}

fn of_filters(question: &Question) -> bool {
    matches!(question, Question::DestinationsOf { .. })
}

fn asked_of_few(operation: &str) -> bool {
    ["ListDeliveryStreams", "ListPipes", "DescribePipe"].contains(&operation)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountPolicies {
    #[serde(default)]
    account_policies: Vec<ReportedPolicy>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportedPolicy {
    policy_name: String,
    policy_document: String,
    selection_criteria: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Function {
    logging_config: Option<LoggingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_group: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mappings {
    event_source_mappings: Vec<Mapping>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    function_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Consumers {
    consumers: Vec<Consumer>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Consumer {
    #[serde(rename = "ConsumerARN")]
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeliveryStreams {
    delivery_stream_names: Vec<String>,
    has_more_delivery_streams: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pipes {
    pipes: Vec<ListedPipe>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedPipe {
    arn: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destinations {
    destinations: Vec<Logical>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    destination_name: Option<String>,
    target_arn: Option<String>,
}

impl Logs<'_> {
    async fn ask(
        &self,
        question: &Question,
        account_policies: &[AccountPolicy],
    ) -> Result<Answer, CallError> {
        Ok(match question {
            Question::LogGroupOfFunction { arn } => {
                let path = ["2015-03-31", "functions", arn, "configuration"];
                let function: Function =
                    self.get(Service::Lambda, "GetFunctionConfiguration", &path, &[]).await?;
                let logging = function.logging_config;
                Answer::log_groups(logging.and_then(|logging| logging.log_group))
            }
            Question::ConsumersOfStream { arn } => Answer::arns(self.consumers(arn).await?),
            Question::FunctionsReading { arn } => Answer::arns(self.readers(arn).await?),
            Question::DeliveryStreamsWithSource => Answer::Names(self.briefly().firehoses().await?),
            Question::SourceOfDeliveryStream { name } => {
                let source = &self.firehose(name).await?["DeliveryStreamDescription"]["Source"];
                let stream = &source["KinesisStreamSourceDescription"]["KinesisStreamARN"];
                Answer::arns(stream.as_str().map(str::to_owned))
            }
            Question::PipesReading { arn } => Answer::arns(self.briefly().pipes(arn).await?),
            Question::Pipe { name } => {
                let path = ["v1", "pipes", name];
                let response: Value =
                    self.briefly().get(Service::Pipes, "DescribePipe", &path, &[]).await?;
                pipe(&response)
            }
            Question::DeliveryStream { name } => delivery_stream(&self.firehose(name).await?),
            Question::TargetOfDestination { name } => {
                self.target(name).await?.map_or(Answer::Missing, |arn| Answer::arns([arn]))
            }
            Question::DestinationsOf { log_group } => {
                let filters = self.filters(log_group).await?;
                let own = filters.into_iter().map(|filter| filter.destination_arn);
                let account = account_policies.iter().filter(|policy| policy.ships(log_group));
                Answer::arns(own.chain(account.map(|policy| policy.destination_arn.clone())))
            }
        })
    }

    /// The account-level subscription policies of the region. An unknown form is an error: its
    /// effect is not guessed.
    async fn account_policies(&self) -> Result<Vec<AccountPolicy>, CallError> {
        let (service, operation) = (Service::CloudWatchLogs, "DescribeAccountPolicies");
        let input = json!({"policyType": "SUBSCRIPTION_FILTER_POLICY"});
        let ask = async |token: Option<String>| {
            self.call(service, operation, with_token(&input, "nextToken", token)).await
        };
        let mut policies = Vec::new();
        pages(service, operation, ask, |page: AccountPolicies| {
            policies.extend(page.account_policies);
            Continue(page.next_token)
        })
        .await?;
        let reported = policies.iter().map(|policy| {
            let criteria = policy.selection_criteria.as_deref();
            AccountPolicy::reported(&policy.policy_name, &policy.policy_document, criteria)
        });
        let reported: Result<Vec<_>, _> = reported.collect();
        reported.map_err(|_| CallError::unreadable(service, operation))
    }

    async fn readers(&self, source: &str) -> Result<Vec<String>, CallError> {
        let operation = "ListEventSourceMappings";
        let path = ["2015-03-31", "event-source-mappings", ""];
        let ask = async |marker: Option<String>| {
            let mut query = vec![("EventSourceArn", source)];
            query.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            self.get(Service::Lambda, operation, &path, &query).await
        };
        let mut functions = Vec::new();
        pages(Service::Lambda, operation, ask, |page: Mappings| {
            let arns = page.event_source_mappings.into_iter().filter_map(|one| one.function_arn);
            functions.extend(arns);
            Continue(page.next_marker)
        })
        .await?;
        Ok(functions)
    }

    async fn consumers(&self, stream_arn: &str) -> Result<Vec<String>, CallError> {
        let (service, operation) = (Service::Kinesis, "ListStreamConsumers");
        let input = json!({"StreamARN": stream_arn});
        let ask = async |token: Option<String>| {
            self.call(service, operation, with_token(&input, "NextToken", token)).await
        };
        let mut consumers = Vec::new();
        pages(service, operation, ask, |page: Consumers| {
            consumers.extend(page.consumers.into_iter().map(|consumer| consumer.arn));
            Continue(page.next_token)
        })
        .await?;
        Ok(consumers)
    }

    /// With the time limit of optional calls.
    fn briefly(&self) -> Self {
        Self { until: self.until.min(self.io.now() + BRIEFLY), ..*self }
    }

    async fn firehose(&self, name: &str) -> Result<Value, CallError> {
        let input = json!({"DeliveryStreamName": name});
        self.call(Service::Firehose, "DescribeDeliveryStream", input).await
    }

    /// The names of all Firehose streams with a Kinesis stream as their source.
    async fn firehoses(&self) -> Result<Vec<String>, CallError> {
        const MOST: u16 = 10_000;
        let (service, operation) = (Service::Firehose, "ListDeliveryStreams");
        let input = json!({"DeliveryStreamType": "KinesisStreamAsSource", "Limit": MOST});
        let ask = async |last: Option<String>| {
            let input = with_token(&input, "ExclusiveStartDeliveryStreamName", last);
            self.call(service, operation, input).await
        };
        let mut names = Vec::new();
        pages(service, operation, ask, |page: DeliveryStreams| {
            names.extend(page.delivery_stream_names);
            Continue(names.last().filter(|_| page.has_more_delivery_streams).cloned())
        })
        .await?;
        Ok(names)
    }

    /// The ARNs of the pipes that read a stream.
    async fn pipes(&self, source: &str) -> Result<Vec<String>, CallError> {
        let (service, operation) = (Service::Pipes, "ListPipes");
        let ask = async |token: Option<String>| {
            let mut query = vec![("SourcePrefix", source)];
            query.extend(token.as_deref().map(|token| ("NextToken", token)));
            self.get(service, operation, &["v1", "pipes"], &query).await
        };
        let mut arns = Vec::new();
        pages(service, operation, ask, |page: Pipes| {
            // Another stream's name may begin with this one's.
            let mut pipes = page.pipes;
            pipes.retain(|pipe| pipe.source.as_deref() == Some(source));
            arns.extend(pipes.into_iter().filter_map(|pipe| pipe.arn));
            Continue(page.next_token)
        })
        .await?;
        Ok(arns)
    }

    async fn target(&self, name: &str) -> Result<Option<String>, CallError> {
        let (service, operation) = (Service::CloudWatchLogs, "DescribeDestinations");
        let input = json!({"DestinationNamePrefix": name});
        let ask = async |token: Option<String>| {
            self.call(service, operation, with_token(&input, "nextToken", token)).await
        };
        let mut found = None;
        pages(service, operation, ask, |page: Destinations| {
            let mut destinations = page.destinations.into_iter();
            found = destinations.find(|one| one.destination_name.as_deref() == Some(name));
            if found.is_some() { Break(()) } else { Continue(page.next_token) }
        })
        .await?;
        Ok(found.map(|destination| destination.target_arn.unwrap_or_default()))
    }
}

/// The enrichment, target and log destination of a pipe.
fn pipe(response: &Value) -> Answer {
    let logging = &response["LogConfiguration"];
    let logs = logging["Level"] != "OFF";
    let logging = [
        &logging["CloudwatchLogsLogDestination"]["LogGroupArn"],
        &logging["FirehoseLogDestination"]["DeliveryStreamArn"],
    ];
    let arns = [&response["Enrichment"], &response["Target"]];
    let arns = arns.into_iter().chain(logging.into_iter().filter(|_| logs));
    Answer::arns(arns.filter_map(Value::as_str).map(str::to_owned))
}

/// The error log groups of a Firehose stream, and its transformation, whatever its destination:
/// every destination has the same two structures in different fields.
fn delivery_stream(response: &Value) -> Answer {
    let (mut log_groups, mut arns) = (Vec::new(), Vec::new());
    search(&response["DeliveryStreamDescription"]["Destinations"], &mut log_groups, &mut arns);
    Answer::Found { log_groups, arns }
}

fn search(value: &Value, log_groups: &mut Vec<String>, arns: &mut Vec<String>) {
    match value {
        Value::Array(values) => {
            values.iter().for_each(|value| search(value, log_groups, arns));
        }
        Value::Object(fields) => {
            let enabled = fields.get("Enabled") == Some(&Value::Bool(true));
            let text = |value: &Value| value.as_str().map(str::to_owned);
            if enabled {
                log_groups.extend(fields.get("LogGroupName").and_then(text));
                let processors = fields.get("Processors").and_then(Value::as_array);
                let parameters = processors
                    .into_iter()
                    .flatten()
                    .filter_map(|processor| processor["Parameters"].as_array())
                    .flatten();
                let named = parameters.filter(|one| one["ParameterName"] == "LambdaArn");
                arns.extend(named.filter_map(|one| text(&one["ParameterValue"])));
            }
            fields.values().for_each(|value| search(value, log_groups, arns));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firehose_shows_its_error_groups_and_its_transformer() {
        let logging = |name: &str, enabled: bool| json!({"Enabled": enabled, "LogGroupName": name});
        let response = json!({"DeliveryStreamDescription": {"Destinations": [{
            "DestinationId": "1",
            "SplunkDestinationDescription": {
                "CloudWatchLoggingOptions": logging("/errors", true),
                "S3DestinationDescription": {"CloudWatchLoggingOptions": logging("/bucket", true)},
                "S3BackupDescription": {"CloudWatchLoggingOptions": logging("/off", false)},
                "ProcessingConfiguration": {"Enabled": true, "Processors": [{
                    "Type": "Lambda",
                    "Parameters": [
                        {"ParameterName": "LambdaArn", "ParameterValue": "arn:transformer"},
                        {"ParameterName": "NumberOfRetries", "ParameterValue": "3"},
                    ],
                }]},
            },
        }]}});
        let expected = Answer::Found {
            log_groups: vec!["/errors".into(), "/bucket".into()],
            arns: vec!["arn:transformer".into()],
        };
        assert_eq!(delivery_stream(&response), expected);
    }
}
