//! CloudWatch metrics in the embedded metric format: JSON lines in the log, which need no call and
//! no permission.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::counts::{Counts, RouteCounts};
use crate::summary::{Outcome, Summary};

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// Metrics with the same dimensions.
pub struct Line<'a> {
    /// The namespace of the metrics.
    pub namespace: &'a str,
    /// The dimensions: few values, known beforehand.
    pub dimensions: &'a [(&'a str, &'a str)],
    /// The values, by name.
    pub numbers: &'a [(String, Unit, Value)],
}

impl Line<'_> {
    /// The line, without a line break.
    pub fn json(&self, now: SystemTime) -> Value {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<Value> = self
            .numbers
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace, "Dimensions": [names], "Metrics": metrics,
                }],
            }),
        );
        line.insert("logagg".to_owned(), json!("metrics"));
        for (name, value) in self.dimensions {
            line.insert((*name).to_owned(), json!(value));
        }
        for (name, _, value) in self.numbers {
            line.insert(name.clone(), value.clone());
        }
        Value::Object(line)
    }
}

/// The maximum number of metrics in a line: CloudWatch ignores a line with more.
const MAX_METRICS: usize = 100;

/// The metrics of an invocation: a line for the function, and at least one for each destination.
pub fn lines(summary: &Summary, namespace: &str, function: &str, now: SystemTime) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut write = |dimensions: &[(&str, &str)], numbers: &[(String, Unit, Value)]| {
        for numbers in numbers.chunks(MAX_METRICS) {
            lines.push(Line { namespace, dimensions, numbers }.json(now));
        }
    };
    write(&[("function", function)], &of_event(summary));
    for (destination, counts) in &summary.destinations {
        let dimensions = [("function", function), ("destination", destination.as_str())];
        write(&dimensions, &of_destination(counts));
        for (route, counts) in &counts.routes {
            let [function, destination] = dimensions;
            write(&[function, destination, ("route", route)], &of_route(*counts));
        }
    }
    lines
}

fn of_event(summary: &Summary) -> Vec<(String, Unit, Value)> {
    let number = |name: &str, unit, value: Value| (name.to_owned(), unit, value);
    let failed = u64::from(summary.outcome == Outcome::Failed);
    let mut numbers = vec![
        number("log_events", Unit::Count, json!(summary.log_events)),
        number("no_route", Unit::Count, json!(summary.no_route)),
        number("bytes_in", Unit::Bytes, json!(summary.bytes_in)),
        number("bytes_decoded", Unit::Bytes, json!(summary.bytes_decoded)),
        number("failed", Unit::Count, json!(failed)),
        number("duration_ms", Unit::Milliseconds, json!(summary.duration.as_secs_f64() * 1_000.0)),
    ];
    if let Some(lag) = summary.lag {
        let millis = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        numbers.push(number("lag_ms", Unit::Milliseconds, json!(millis)));
    }
    if let Some(replay) = summary.replay.as_ref().filter(|replay| replay.continue_after.is_none()) {
        let orphans: usize = replay.without_destination.values().sum();
        let oldest = replay.oldest.unwrap_or_default().as_secs();
        numbers.extend([
            number("undelivered_objects", Unit::Count, json!(replay.objects)),
            number("undelivered_waiting", Unit::Count, json!(replay.waiting)),
            number("undelivered_oldest_s", Unit::Seconds, json!(oldest)),
            number("undelivered_without_destination", Unit::Count, json!(orphans)),
        ]);
        if let Some(objects) = replay.without_pointer {
            numbers.push(number("undelivered_without_pointer", Unit::Count, json!(objects)));
        }
    }
    numbers
}

fn of_route(counts: RouteCounts) -> [(String, Unit, Value); 3] {
    let number = |name: &str, value: u64| (name.to_owned(), Unit::Count, json!(value));
    [
        number("received", counts.received),
        number("rejected", counts.rejected),
        number("undelivered", counts.undelivered),
    ]
}

fn of_destination(counts: &Counts) -> Vec<(String, Unit, Value)> {
    let number = |name: &str, unit, value: u64| (name.to_owned(), unit, json!(value));
    let mut numbers = vec![
        number("received", Unit::Count, counts.received),
        number("delivered", Unit::Count, counts.delivered),
        number("deduplicated", Unit::Count, counts.deduplicated),
        number("dropped", Unit::Count, counts.dropped),
        number("rejected", Unit::Count, counts.rejected),
        number("rejected_stored", Unit::Count, counts.rejected_stored),
        number("stored", Unit::Count, counts.stored),
        number("returned_to_source", Unit::Count, counts.returned_to_source),
        number("possible_duplicates", Unit::Count, counts.possible_duplicates),
        number("incomplete_names", Unit::Count, counts.incomplete_names),
        number("requests", Unit::Count, counts.requests),
        number("retries", Unit::Count, counts.retries),
        number("bytes_encoded", Unit::Bytes, counts.bytes_encoded),
        number("bytes_sent", Unit::Bytes, counts.bytes_sent),
    ];
    // One for each rule.
    for (rule, records) in counts.reasons.get("dropped").into_iter().flatten() {
        numbers.push(number(&format!("dropped_by_{}", rule.as_str()), Unit::Count, *records));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::destination::ReasonCode;

    #[test]
    fn any_number_of_rules_stays_within_cloudwatch_limits() {
        let mut summary = Summary::begin("r", 10);
        let mut counts = Counts::default();
        for rule in 0..250 {
            counts.drop(1, &ReasonCode::from_service(&format!("rule_{rule}")));
        }
        summary.destinations.insert("search".to_owned(), counts);
        let lines = lines(&summary, "shop", "shipper", SystemTime::UNIX_EPOCH);
        let mut dropped = 0;
        for line in &lines {
            let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
            assert!(metrics.len() <= 100, "{} metrics", metrics.len());
            let names = metrics.iter().filter_map(|metric| metric["Name"].as_str());
            dropped += names.filter(|name| name.starts_with("dropped_by_")).count();
        }
        assert_eq!(dropped, 250);
    }

    #[test]
    fn a_line_has_the_embedded_metric_format() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123);
        let mut summary = Summary::begin("r", 10);
        summary.lag = Some(Duration::from_millis(1_500));
        let mut counts = Counts::of(3);
        counts.delivered = 3;
        counts.drop(2, &ReasonCode::new("noise"));
        summary.destinations.insert("search".to_owned(), counts);
        let lines = lines(&summary, "shop", "shipper", now);
        assert_eq!(lines.len(), 2);
        let (function, destination) = (&lines[0], &lines[1]);
        assert_eq!(function["lag_ms"], 1_500);
        assert_eq!(
            (&destination["received"], &destination["dropped_by_noise"]),
            (&json!(5), &json!(2))
        );
        assert_eq!(destination["destination"], "search");
        let directive = &destination["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "shop");
        assert_eq!(directive["Dimensions"], json!([["function", "destination"]]));
        assert_eq!(destination["_aws"]["Timestamp"], 1_699_264_800_123_u64);
        for line in &lines {
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            let dimensions = directive["Dimensions"][0].as_array().unwrap();
            assert!(dimensions.iter().all(|name| line[name.as_str().unwrap()].is_string()));
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!(metrics.len() <= 100);
            assert!(
                metrics.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number())
            );
        }
    }
}
