//! The log groups of a mock CloudWatch Logs: what `FilterLogEvents` and `DescribeLogGroups` return.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
//! has the inconvenient parts: both times are inclusive, a page without log events can have a token,
//! and a token expires after a day. Of the errors that the page lists, only
//! `InvalidParameterException` is about a token.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::Response;

/// A log event as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredLogEvent {
    pub(crate) stream: &'static str,
    pub(crate) id: String,
    pub(crate) timestamp: u64,
    pub(crate) message: String,
}

#[derive(Debug)]
struct LogGroup {
    created: u64,
    class: &'static str,
    /// What DescribeLogGroups reports.
    stored_bytes: u64,
    events: Vec<StoredLogEvent>,
}

/// The log groups, and how they are read.
#[derive(Debug)]
pub(crate) struct LogGroups {
    groups: BTreeMap<String, LogGroup>,
    /// The maximum number of log events in a page.
    pub(crate) page_size: usize,
    /// Whether every page is preceded by one without log events.
    pub(crate) has_empty_pages: bool,
    /// Tokens from before this number have expired.
    pub(crate) oldest_token: usize,
    tokens: usize,
    /// Whether DescribeLogGroups gives the same page and token again and again, as a faulty
    /// endpoint may: no document of AWS's excludes it.
    pub(crate) is_stuck: bool,
    /// The window of each call.
    pub(crate) windows: Vec<(u64, u64)>,
}

impl Default for LogGroups {
    fn default() -> Self {
        Self {
            groups: BTreeMap::new(),
            page_size: 10_000,
            has_empty_pages: false,
            oldest_token: 0,
            is_stuck: false,
            tokens: 0,
            windows: Vec::new(),
        }
    }
}

impl LogGroups {
    pub(crate) fn create(
        &mut self,
        name: &str,
        (created, class, stored_bytes): (u64, &'static str, u64),
        events: Vec<StoredLogEvent>,
    ) {
        self.groups.insert(name.to_owned(), LogGroup { created, class, stored_bytes, events });
    }

    pub(crate) fn delete(&mut self, name: &str) {
        self.groups.remove(name);
    }

    /// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
    pub(crate) fn describe(&self, body: &[u8]) -> Result<Response, &'static str> {
        let input: Value = serde_json::from_slice(body).map_err(|_| "no JSON")?;
        let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
        let limit = usize::try_from(input["limit"].as_u64().unwrap_or(50)).unwrap();
        if !(1..=50).contains(&limit) {
            return Err("a limit over 50");
        }
        let after = input["nextToken"].as_str().filter(|_| !self.is_stuck).unwrap_or_default();
        let mut groups = self
            .groups
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
        let page: Vec<_> = groups.by_ref().take(limit).collect();
        let last = page.last().map(|(name, _)| name.to_string());
        let list: Vec<Value> = page
            .iter()
            .map(|(name, group)| {
                json!({
                    "logGroupName": name, "creationTime": group.created,
                    "storedBytes": group.stored_bytes, "logGroupClass": group.class,
                    "metricFilterCount": 0,
                    "arn": format!("arn:aws:logs:eu-west-1:123456789012:log-group:{name}:*"),
                })
            })
            .collect();
        let mut answer = json!({"logGroups": list});
        if groups.next().is_some() {
            answer["nextToken"] = json!(last);
        }
        Ok(Response::new(200, answer.to_string()))
    }

    pub(crate) fn filter(&mut self, body: &[u8]) -> Result<Response, &'static str> {
        let input: Value = serde_json::from_slice(body).map_err(|_| "no JSON")?;
        let name = input["logGroupName"].as_str().ok_or("no logGroupName")?;
        let [from, to] = ["startTime", "endTime"].map(|time| input[time].as_u64());
        let (Some(from), Some(to)) = (from, to) else {
            return Err("a window without a border");
        };
        if input.get("filterPattern").is_some() {
            return Err("a pattern");
        }
        let refuse = |code: &str| {
            let error = json!({"__type": code, "message": "The specified nextToken is invalid."});
            Ok(Response::new(400, error.to_string()))
        };
        self.windows.push((from, to));
        let Some(group) = self.groups.get(name) else {
            return refuse("ResourceNotFoundException");
        };
        // <number of the token>/<place of the next log event>/<whether the page has any>
        let (place, is_empty) = match input["nextToken"].as_str() {
            None => (0, self.has_empty_pages),
            Some(token) => {
                let parts: Vec<usize> =
                    token.split('/').map_while(|part| part.parse().ok()).collect();
                match parts[..] {
                    [number, place, is_empty] if number >= self.oldest_token => {
                        (place, is_empty == 1)
                    }
                    _ => return refuse("InvalidParameterException"),
                }
            }
        };
        let in_window: Vec<&StoredLogEvent> =
            group.events.iter().filter(|event| (from..=to).contains(&event.timestamp)).collect();
        let limit = input["limit"].as_u64().map_or(10_000, |limit| usize::try_from(limit).unwrap());
        let size = if is_empty { 0 } else { self.page_size.min(limit) };
        let page = in_window.iter().skip(place).take(size);
        let events: Vec<Value> = page
            .map(|event| {
                json!({
                    "logStreamName": event.stream, "timestamp": event.timestamp,
                    "message": event.message, "ingestionTime": event.timestamp + 5,
                    "eventId": event.id,
                })
            })
            .collect();
        let next = place + events.len();
        let mut answer = json!({"events": events, "searchedLogStreams": []});
        if next < in_window.len() || is_empty {
            self.tokens += 1;
            let empties = u8::from(self.has_empty_pages && !is_empty);
            answer["nextToken"] = json!(format!("{}/{next}/{empties}", self.tokens));
        }
        Ok(Response::new(200, answer.to_string()))
    }
}
