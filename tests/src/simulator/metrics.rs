//! CloudWatch: the metric `IncomingBytes` of log groups, by GetMetricData.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cbor;
use super::clock::seconds;
use super::input::{Input, Text};
use super::refusal::Refusal;
use super::token;
use super::world::Scope;

/// The namespace that CloudWatch Logs puts its metrics in.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
const NAMESPACE: &str = "AWS/Logs";
const INCOMING_BYTES: &str = "IncomingBytes";

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const MAX_QUERIES: usize = 500;
const MAX_DATA_POINTS: u32 = 100_800;
const MAX_DIMENSIONS: usize = 30;

const ID: Text =
    Text::of(1, 255).matching("[a-z][a-zA-Z0-9_]*", |c| c.is_ascii_alphanumeric() || c == '_');
const NAME: Text = Text::of(1, 255);
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
const DIMENSION_VALUE: Text = Text::of(1, 1_024);
const TOKEN: Text = Text::of(0, 1_024);

const DAY: f64 = 86_400.0;

/// A query of one metric.
struct Query {
    id: String,
    metric: Option<Metric>,
}

struct Metric {
    namespace: String,
    name: String,
    dimensions: BTreeMap<String, String>,
    period: u64,
    stat: String,
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "GetMetricData" => get_metric_data(scope, input),
        other => unreachable!("{other} is no operation of CloudWatch"),
    }
}

fn get_metric_data(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let queries = input.structures("MetricDataQueries", (1, MAX_QUERIES), |input| Query {
        id: input.required("Id", ID),
        metric: input.structure("MetricStat", metric),
    });
    let start = input.seconds("StartTime");
    let end = input.seconds("EndTime");
    let ascending = input.choice("ScanBy", &["TimestampDescending", "TimestampAscending"]);
    let most = input.number("MaxDatapoints", 1, MAX_DATA_POINTS.into());
    let token = input.text("NextToken", TOKEN);
    input.finish()?;
    let (Some(queries), Some(start), Some(end)) = (queries, start, end) else {
        // The code of MissingRequiredParameterException in AWS's model of CloudWatch.
        let message = "The parameters MetricDataQueries, StartTime and EndTime are required.";
        return Err(Refusal::bad("MissingParameter", message));
    };
    check(&queries, start, end)?;
    let ascending = ascending.as_deref() == Some("TimestampAscending");
    let listing = format!("metrics {} {start} {end} {}", scope.place, queries.len());
    let from = match token {
        Some(token) => token::redeem(&listing, &token, scope.now)
            .and_then(|from| from.parse().ok())
            .ok_or_else(|| Refusal::bad("InvalidNextToken", "The next token is invalid."))?,
        None => 0,
    };
    let page = most.and_then(|most| usize::try_from(most).ok());
    let page = page.unwrap_or(scope.world.settings.data_points_per_page);
    let age = seconds(scope.now) - start;
    let data: Vec<_> = queries
        .iter()
        .filter_map(|query| Some((query.id.as_str(), query.metric.as_ref()?)))
        .map(|(id, metric)| (id, data_points(scope, metric, (start, end), age)))
        .collect();
    Ok(cbor::write(&paged(data, ascending, from, page, |next| {
        token::issue(&listing, &next.to_string(), scope.now)
    })))
}

fn metric(input: &mut Input) -> Metric {
    let read = |input: &mut Input| {
        let dimensions = input.structures("Dimensions", (0, MAX_DIMENSIONS), |input| {
            (input.required("Name", NAME), input.required("Value", DIMENSION_VALUE))
        });
        let namespace = input.required("Namespace", NAME);
        (namespace, input.required("MetricName", NAME), dimensions.unwrap_or_default())
    };
    let (namespace, name, dimensions) = input.structure("Metric", read).unwrap_or_default();
    let period = input.number("Period", 1, i64::MAX).and_then(|period| period.try_into().ok());
    let stat = input.required("Stat", NAME);
    let dimensions = dimensions.into_iter().collect();
    Metric { namespace, name, dimensions, period: period.unwrap_or(1), stat }
}

/// The rules are those of
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html> and
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html>. The code
/// `ValidationError` and the messages are assumed.
fn check(queries: &[Query], start: f64, end: f64) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::bad("ValidationError", message));
    let mut ids = BTreeSet::new();
    for Query { id, metric } in queries {
        if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refuse(format!("The id {id} does not begin with a lowercase letter."));
        }
        if !ids.insert(id) {
            return refuse(format!("The id {id} is not unique within the call."));
        }
        let Some(metric) = metric else {
            return refuse(format!("The query {id} has neither MetricStat nor Expression."));
        };
        // Not of high resolution.
        if !metric.period.is_multiple_of(60) {
            return refuse(format!("The period of {id} is not a multiple of 60."));
        }
    }
    if start >= end {
        let message = "The parameter StartTime must be less than the parameter EndTime.";
        return refuse(message.to_owned());
    }
    Ok(())
}

/// The data points of a metric, the oldest first. A metric that is not there, or that has no data in
/// a period, has no data points, which is no error. Older data is kept in longer periods, and a
/// shorter one finds nothing.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
fn data_points(
    scope: &mut Scope<'_>,
    metric: &Metric,
    (start, end): (f64, f64),
    age: f64,
) -> Vec<(f64, f64)> {
    let kept = match age {
        age if age > 63.0 * DAY => 3_600,
        age if age > 15.0 * DAY => 300,
        _ => 60,
    };
    let known = metric.namespace == NAMESPACE && metric.name == INCOMING_BYTES;
    let group = metric.dimensions.get("LogGroupName").filter(|_| metric.dimensions.len() == 1);
    let (Some(group), true) =
        (group, known && metric.stat == "Sum" && metric.period.is_multiple_of(kept))
    else {
        return Vec::new();
    };
    let Some(group) = scope.here().logs.groups.get(group) else { return Vec::new() };
    let mut points = BTreeMap::new();
    for (at, bytes) in &group.ingested {
        let at = seconds(*at);
        if (start..end).contains(&at) {
            let period = at as u64 / metric.period * metric.period;
            *points.entry(period).or_default() += *bytes as f64;
        }
    }
    points.into_iter().map(|(at, sum)| (at as f64, sum)).collect()
}

/// A page of the data of all queries. The query in which it ends is not complete, and those after it
/// come with the next page; that it is so cut is assumed.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataResult.html>
fn paged(
    data: Vec<(&str, Vec<(f64, f64)>)>,
    ascending: bool,
    from: usize,
    size: usize,
    issue: impl FnOnce(usize) -> String,
) -> Value {
    let (mut at, mut left, mut results, mut next) = (0, size, Vec::new(), None);
    for (id, mut points) in data {
        if !ascending {
            points.reverse();
        }
        let (begin, count) = (at, points.len());
        at += count;
        if next.is_some() || (at <= from && (count > 0 || begin < from)) {
            continue;
        }
        let skipped = from.saturating_sub(begin);
        let here = (count - skipped).min(left);
        left -= here;
        let complete = skipped + here == count;
        if !complete {
            next = Some(begin + skipped + here);
        }
        let (times, values): (Vec<_>, Vec<_>) = points.into_iter().skip(skipped).take(here).unzip();
        results.push(json!({
            "Id": id, "Label": INCOMING_BYTES, "Timestamps": times, "Values": values,
            "StatusCode": if complete { "Complete" } else { "PartialData" },
        }));
    }
    let mut page = json!({"MetricDataResults": results, "Messages": []});
    if let Some(next) = next {
        page["NextToken"] = issue(next).into();
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Vec<(&'static str, Vec<(f64, f64)>)> {
        vec![
            ("g0", vec![(0.0, 1.0), (60.0, 2.0), (120.0, 3.0)]),
            ("g1", vec![]),
            ("g2", vec![(0.0, 4.0)]),
        ]
    }

    /// Id, values and status.
    type Result = (String, Vec<f64>, String);

    /// The results of a page, and where the next one begins.
    fn page(from: usize, size: usize) -> (Vec<Result>, Option<String>) {
        let page = paged(data(), true, from, size, |next| next.to_string());
        let results = page["MetricDataResults"].as_array().unwrap().iter().map(|result| {
            let text = |name: &str| result[name].as_str().unwrap().to_owned();
            let values = result["Values"].as_array().unwrap().iter();
            (text("Id"), values.filter_map(Value::as_f64).collect(), text("StatusCode"))
        });
        (results.collect(), page["NextToken"].as_str().map(str::to_owned))
    }

    fn result(id: &str, values: &[f64], status: &str) -> Result {
        (id.to_owned(), values.to_vec(), status.to_owned())
    }

    #[test]
    fn a_page_that_ends_within_a_metric_is_partial_there() {
        let all = [
            result("g0", &[1.0, 2.0, 3.0], "Complete"),
            result("g1", &[], "Complete"),
            result("g2", &[4.0], "Complete"),
        ];
        assert_eq!(page(0, 100), (all.to_vec(), None));
        let first = vec![result("g0", &[1.0, 2.0], "PartialData")];
        assert_eq!(page(0, 2), (first, Some("2".to_owned())));
        let second = vec![
            result("g0", &[3.0], "Complete"),
            result("g1", &[], "Complete"),
            result("g2", &[4.0], "Complete"),
        ];
        assert_eq!(page(2, 2), (second, None));
    }
}
