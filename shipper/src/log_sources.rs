//! The log sources of a delivery.

use std::collections::BTreeMap;
use std::time::SystemTime;

use indexmap::IndexSet;

use crate::decode::{Delivery, ExtractedFields, LogEvent};
use crate::log_source::LogSource;
use crate::record::Record;

/// The log sources of a delivery: one, unless it is of centralized logs, whose log events name
/// their own account, region and log group.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_Centralization.html>
#[derive(Debug)]
pub struct LogSources<'a> {
    /// The region of the delivery, if it is known.
    region: Option<&'a str>,
    log_events: &'a [LogEvent<'a>],
    log_sources: Vec<LogSource<'a>>,
    /// The log source of each log event, by its index; empty if there is only one.
    of_events: Vec<usize>,
}

/// What log events of a delivery say about their source.
type Named<'a> = [Option<&'a str>; 3];

impl<'a> LogSources<'a> {
    /// The log sources of a delivery from a region, which has this index within its invocation,
    /// and when it arrived.
    pub fn of(
        delivery: &'a Delivery<'a>,
        region: Option<&'a str>,
        event: usize,
        arrived: SystemTime,
    ) -> Self {
        let log_source = |[account, source_region, group]: Named<'a>| {
            let owner = account.unwrap_or(&delivery.owner);
            LogSource::new(owner, group.unwrap_or(&delivery.log_group), &delivery.log_stream)
                .in_region(source_region.or(region))
                .delivered_by(&delivery.owner, &delivery.log_group)
                .observed_at(arrived)
                .of_event(event)
        };
        let log_events = delivery.log_events.as_slice();
        let first = log_events.first().map(|event| named(&event.extracted)).unwrap_or_default();
        if log_events.iter().all(|event| named(&event.extracted) == first) {
            return Self {
                region,
                log_events,
                log_sources: vec![log_source(first)],
                of_events: Vec::new(),
            };
        }
        let mut distinct: IndexSet<Named<'a>> = IndexSet::new();
        let mut of_event =
            |event: &'a LogEvent<'a>| distinct.insert_full(named(&event.extracted)).0;
        let of_events = log_events.iter().map(&mut of_event).collect();
        let log_sources = distinct.into_iter().map(log_source).collect();
        Self { region, log_events, log_sources, of_events }
    }

    /// The accounts that own log groups in this delivery and its region.
    pub fn owners(&self) -> impl Iterator<Item = &'a str> {
        let here = self.log_sources.iter().filter(|it| it.region == self.region);
        here.map(|log_source| log_source.owner)
    }

    /// Sets the tags of the log sources in the region of the delivery.
    pub fn set_tags(&mut self, tags: impl Fn(&LogSource<'a>) -> Option<BTreeMap<String, String>>) {
        for log_source in &mut self.log_sources {
            if log_source.region == self.region {
                log_source.tags = tags(log_source);
            }
        }
    }

    /// The records of the delivery, in its order.
    pub fn records(&'a self) -> impl Iterator<Item = Record<'a>> {
        self.log_events.iter().enumerate().filter_map(|(index, event)| {
            let of_event = self.of_events.get(index).copied().unwrap_or_default();
            let log_source = self.log_sources.get(of_event)?;
            Some(Record { place: index, ..Record::new(log_source, event) })
        })
    }
}

fn named<'a>(extracted: &'a ExtractedFields<'a>) -> Named<'a> {
    if extracted.0.is_empty() {
        return [None; 3];
    }
    [extracted.account(), extracted.region(), extracted.log_group()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    /// Account, region and log group of each record.
    fn check(log_events: &[&str], expected: &[[&str; 3]]) {
        let json = format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/central","logStream":"s","logEvents":[{}]}}"#,
            log_events.join(",")
        );
        let mut strings = Vec::new();
        let delivery = decode::parse(json.as_bytes(), &mut strings).unwrap();
        let log_sources = LogSources::of(&delivery, Some("eu-west-1"), 7, SystemTime::UNIX_EPOCH);
        let found: Vec<[&str; 3]> = log_sources
            .records()
            .map(|record| {
                let log_source = record.log_source;
                assert_eq!(log_source.delivered_by, ["1", "/central"]);
                assert_eq!(log_source.event, 7);
                [log_source.owner, log_source.region.unwrap(), log_source.group]
            })
            .collect();
        assert_eq!(found, expected);
    }

    const PLAIN: &str = r#"{"id":"1","timestamp":1,"message":""}"#;
    const OTHER: &str = r#"{"id":"2","timestamp":1,"message":"","extractedFields":{"@aws.account":"2","@aws.region":"us-east-2","@source.log":"/aws/lambda/f"}}"#;
    const ONLY_ACCOUNT: &str =
        r#"{"id":"3","timestamp":1,"message":"","extractedFields":{"@aws.account":"3","a":"b"}}"#;

    #[test]
    fn the_source_of_a_delivery_is_that_of_its_log_events() {
        let plain = ["1", "eu-west-1", "/central"];
        let other = ["2", "us-east-2", "/aws/lambda/f"];
        check(&[], &[]);
        check(&[PLAIN, PLAIN], &[plain, plain]);
        check(&[OTHER, OTHER], &[other, other]);
        check(&[ONLY_ACCOUNT], &[["3", "eu-west-1", "/central"]]);
        check(&[PLAIN, OTHER, PLAIN, OTHER], &[plain, other, plain, other]);
    }
}
