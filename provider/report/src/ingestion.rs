//! The bytes that log groups ingested, from the metric `IncomingBytes`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataError, GetMetricDataOutput};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use terraform_provider_logagg::engine::Region;

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const QUERIES_PER_CALL: usize = 500;
/// Of 50 a second that AWS serves to an account in a region.
const CALLS_IN_FLIGHT: usize = 4;
const MAX_ATTEMPTS: u32 = 5;
/// More pages than the data points of a call can have: a token that leads nowhere.
const MOST_PAGES: usize = 1_000;

pub(crate) const DAYS: u32 = 30;
const DAY: Duration = Duration::from_hours(24);
/// One data point for each day.
const PERIOD_SECONDS: i32 = 86_400;

/// What is known of the ingested bytes of a region's log groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ingestion {
    /// By log group. A log group whose data CloudWatch did not return completely is not in it.
    Read(BTreeMap<String, u64>),
    /// Why it could not be read.
    Failed(String),
    /// The options skip it.
    Skipped,
}

impl Ingestion {
    pub(crate) fn of(&self, log_group: &str) -> Option<u64> {
        match self {
            Self::Read(bytes) => bytes.get(log_group).copied(),
            Self::Failed(_) | Self::Skipped => None,
        }
    }
}

/// The whole days before a time, in UTC: from the first to the end of the last.
pub(crate) fn days_before(at: SystemTime) -> (SystemTime, SystemTime) {
    let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let today = since_1970 - since_1970 % DAY.as_secs();
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(today);
    (end.checked_sub(DAY * DAYS).unwrap_or(SystemTime::UNIX_EPOCH), end)
}

/// Reads the ingested bytes of log groups over [`DAYS`].
pub(crate) async fn read(
    region: &Region,
    log_groups: impl Iterator<Item = &String>,
    at: SystemTime,
) -> Ingestion {
    let config = aws_sdk_cloudwatch::config::Builder::from(&region.sdk_config())
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS));
    let client = Client::from_conf(config.build());
    let names: Vec<_> = log_groups.cloned().collect();
    let read: Result<Vec<_>, _> = stream::iter(names.chunks(QUERIES_PER_CALL))
        .map(|names| batch(&client, names, at))
        .buffer_unordered(CALLS_IN_FLIGHT)
        .try_collect()
        .await;
    match read {
        Ok(batches) => Ingestion::Read(batches.into_iter().flatten().collect()),
        Err(why) => Ingestion::Failed(why),
    }
}

async fn batch(
    client: &Client,
    names: &[String],
    at: SystemTime,
) -> Result<BTreeMap<String, u64>, String> {
    let (start, end) = days_before(at);
    let queries: Vec<_> = names.iter().enumerate().map(|(id, name)| query(id, name)).collect();
    let mut sums = Sums::default();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let answer = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(DateTime::from(start))
            .end_time(DateTime::from(end))
            .set_next_token(token)
            .send()
            .await;
        let GetMetricDataOutput { metric_data_results, next_token, .. } =
            answer.map_err(|error| failure(&error))?;
        metric_data_results.into_iter().flatten().for_each(|result| sums.add(result));
        token = next_token;
        if token.is_none() {
            let bytes = names
                .iter()
                .enumerate()
                .filter_map(|(id, name)| Some((name.clone(), sums.complete(&id_of(id))?)));
            return Ok(bytes.collect());
        }
    }
    Err(format!("GetMetricData returned more than {MOST_PAGES} pages"))
}

/// An id begins with a lowercase letter.
fn id_of(index: usize) -> String {
    format!("g{index}")
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
fn query(index: usize, log_group: &str) -> MetricDataQuery {
    let dimension = Dimension::builder().name("LogGroupName").value(log_group).build();
    let metric = Metric::builder().namespace("AWS/Logs").metric_name("IncomingBytes");
    let metric = metric.dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(PERIOD_SECONDS).stat("Sum").build();
    MetricDataQuery::builder().id(id_of(index)).metric_stat(stat).build()
}

/// The data of the pages of a call, by id.
#[derive(Debug, Default)]
struct Sums(BTreeMap<String, (f64, Option<StatusCode>)>);

impl Sums {
    fn add(&mut self, result: MetricDataResult) {
        let (sum, status) = self.0.entry(result.id.unwrap_or_default()).or_default();
        *sum += result.values.into_iter().flatten().filter(|value| value.is_finite()).sum::<f64>();
        *status = result.status_code;
    }

    /// None where the last page that had it did not complete it. A metric without data is complete
    /// and empty.
    fn complete(&self, id: &str) -> Option<u64> {
        let (sum, status) = self.0.get(id)?;
        (*status == Some(StatusCode::Complete)).then_some(*sum as u64)
    }
}

fn failure(error: &SdkError<GetMetricDataError>) -> String {
    let message = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => causes(error),
    };
    format!("GetMetricData failed. {message}")
}

/// An error and its sources, without what only their debug output has, such as whole responses.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: &str, values: &[f64], status: StatusCode) -> MetricDataResult {
        MetricDataResult::builder()
            .id(id)
            .set_values(Some(values.to_vec()))
            .status_code(status)
            .build()
    }

    #[test]
    fn pages_add_up_and_the_last_one_says_whether_that_is_all() {
        let mut sums = Sums::default();
        sums.add(result("g0", &[1.0, 2.0], StatusCode::PartialData));
        sums.add(result("g1", &[5.0], StatusCode::PartialData));
        sums.add(result("g2", &[], StatusCode::Complete));
        sums.add(result("g0", &[3.0], StatusCode::Complete));
        assert_eq!(sums.complete("g0"), Some(6));
        assert_eq!(sums.complete("g1"), None);
        assert_eq!(sums.complete("g2"), Some(0));
        assert_eq!(sums.complete("g3"), None);
    }

    #[test]
    fn a_failure_has_its_causes_and_no_debug_output() {
        let cause = std::io::Error::other("connection refused");
        let error = SdkError::construction_failure(cause);
        let expected = "GetMetricData failed. failed to construct request: connection refused";
        assert_eq!(failure(&error), expected);
    }

    #[test]
    fn the_days_are_whole() {
        let at = humantime::parse_rfc3339("2026-11-25T13:00:00Z").unwrap();
        let (start, end) = days_before(at);
        assert_eq!(humantime::format_rfc3339(start).to_string(), "2026-10-26T00:00:00Z");
        assert_eq!(humantime::format_rfc3339(end).to_string(), "2026-11-25T00:00:00Z");
    }
}
