//! The events that CloudTrail recorded in a region.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudtrail::types::{self, LookupAttribute, LookupAttributeKey};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use serde::{Deserialize, Serialize};

use super::reader::without_list;
use super::{CallError, Operation, Reader};

/// A time by AWS's clocks, in whole seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Timestamp(pub(crate) i64);

/// A recorded call, successful or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    /// The log group it was about.
    pub(crate) log_group: String,
}

/// The most that LookupEvents gives at once.
const EVENTS_PER_PAGE: i32 = 50;

impl Reader {
    /// What time it is at AWS, or was when the answer left: never later than now.
    pub(crate) async fn aws_time(&self) -> Result<Timestamp, CallError> {
        let operation = Operation::LookupEvents;
        let clock = Clock::default();
        let ask = || {
            let request = self.region.cloudtrail.lookup_events().max_results(1);
            request.customize().interceptor(clock.clone()).send()
        };
        self.call(operation, ask).await?;
        clock
            .read()
            .ok_or_else(|| CallError::nonsense(operation, "the response has no Date header"))
    }

    /// Calls of one kind on log groups since a time, as far as CloudTrail knows of them, or nothing
    /// where they fill more pages than `most_pages`.
    pub(crate) async fn events(
        &self,
        call: Operation,
        since: Timestamp,
        most_pages: usize,
    ) -> Result<Option<Vec<Event>>, CallError> {
        let operation = Operation::LookupEvents;
        let by_name = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value(call.name())
            .build()
            .map_err(|error| CallError::nonsense(operation, error.to_string()))?;
        let ask = |token| {
            let request = self.region.cloudtrail.lookup_events().max_results(EVENTS_PER_PAGE);
            let request = request.lookup_attributes(by_name.clone());
            request.start_time(DateTime::from_secs(since.0)).set_next_token(token).send()
        };
        let mut events = Vec::new();
        let mut pages = 0;
        let mut too_many = false;
        self.pages(operation, ask, |answer| {
            for event in answer.events.ok_or_else(|| without_list(operation))? {
                events.extend(
                    filter_event(&event).map_err(|why| CallError::nonsense(operation, why))?,
                );
            }
            pages += 1;
            too_many = pages == most_pages && answer.next_token.is_some();
            Ok(answer.next_token.filter(|_| !too_many))
        })
        .await?;
        Ok((!too_many).then_some(events))
    }
}

/// What of an event as CloudTrail writes it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    request_parameters: Option<Parameters<'a>>,
    #[serde(borrow)]
    error_code: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    #[serde(borrow)]
    log_group_name: Option<Cow<'a, str>>,
}

/// A call that failed without naming a log group changed none.
fn filter_event(event: &types::Event) -> Result<Option<Event>, String> {
    let id = event.event_id().unwrap_or_default();
    let record = event.cloud_trail_event().unwrap_or_default();
    let record: Record<'_> = serde_json::from_str(record)
        .map_err(|error| format!("event {id} is not a CloudTrail event: {error}"))?;
    let log_group = record.request_parameters.and_then(|parameters| parameters.log_group_name);
    match (event.event_time(), log_group) {
        (Some(time), Some(log_group)) => {
            let at = Timestamp(time.secs());
            Ok(Some(Event { at, log_group: log_group.into_owned() }))
        }
        _ if record.error_code.is_some() => Ok(None),
        (None, _) => Err(format!("event {id} has no time")),
        (_, None) => Err(format!("event {id} has no log group")),
    }
}

impl Timestamp {
    /// So much earlier.
    pub(crate) fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(time.as_secs()))
    }

    /// So much later.
    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(time.as_secs()))
    }

    /// How much time has gone by since an earlier moment; nothing where that is later.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        u64::try_from(self.0.checked_sub(earlier.0)?).ok().map(Duration::from_secs)
    }
}

/// Records the date of a response.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<Mutex<Option<Timestamp>>>);

impl Clock {
    fn read(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(read_date);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

fn read_date(text: &str) -> Option<Timestamp> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(record: &str) -> types::Event {
        types::Event::builder()
            .event_id("e-1")
            .event_time(DateTime::from_millis(1_769_851_800_900))
            .cloud_trail_event(record)
            .build()
    }

    #[test]
    fn an_event_names_its_log_group_whatever_came_of_the_call() {
        for error in ["", r#","errorCode":"LimitExceededException""#] {
            let record = format!(r#"{{"requestParameters":{{"logGroupName":"/a"}}{error}}}"#);
            let filter_event = filter_event(&event(&record)).unwrap();
            assert_eq!(
                filter_event,
                Some(Event { at: Timestamp(1_769_851_800), log_group: "/a".to_owned() })
            );
        }
    }

    #[test]
    fn an_event_without_a_log_group_is_passed_over_only_where_the_call_failed() {
        let denied = r#"{"requestParameters":null,"errorCode":"AccessDenied"}"#;
        assert_eq!(filter_event(&event(denied)), Ok(None));
        let error = filter_event(&event(r#"{"requestParameters":null}"#)).unwrap_err();
        assert_eq!(error, "event e-1 has no log group");
        assert!(
            filter_event(&event(""))
                .unwrap_err()
                .starts_with("event e-1 is not a CloudTrail event")
        );
    }

    #[test]
    fn dates_are_read_as_http_has_them() {
        assert_eq!(read_date("Sat, 31 Jan 2026 09:30:00 GMT"), Some(Timestamp(1_769_851_800)));
        assert_eq!(read_date("yesterday"), None);
    }

    #[test]
    fn moments_are_apart_by_time_that_went_by() {
        let (now, minute) = (Timestamp(1_000), Duration::from_mins(1));
        assert_eq!(now.before(minute), Timestamp(940));
        assert_eq!(now.before(minute).after(minute), now);
        assert_eq!(now.since(now.before(minute)), Some(minute));
        assert_eq!(now.before(minute).since(now), None);
    }
}
