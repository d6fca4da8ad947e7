//! The events of the enforcer.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/> has no schema of these events: they
//! are CloudTrail records of the call, wrapped by EventBridge.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event;

/// A task.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Task {
    /// Reconcile a new log group.
    Created(CreateLogGroupEvent),
    /// Sweep the young log groups.
    Sweep(SweepRequest),
    /// Nothing: the call failed, so no log group was created.
    Nothing,
}

/// A new log group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CreateLogGroupEvent {
    pub(super) log_group: String,
    pub(super) region: String,
    pub(super) account_id: String,
    /// The time of the call, if the event contains it.
    pub(super) time: Option<SystemTime>,
}

/// A sweep, or a part that continues one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SweepRequest {
    logagg: Sweep,
    /// The number of the part, from 1 on; limits a sweep.
    #[serde(default = "first_part")]
    pub(super) part: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<Cursor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sweep {
    Sweep,
}

/// The position of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    pub(super) region: String,
    /// The prefix of the listed names, or the exact name.
    pub(super) prefix: String,
    /// The token of the page; the first page has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    /// The log group before the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

fn first_part() -> u32 {
    1
}

impl SweepRequest {
    pub(super) fn from_start() -> Self {
        Self { logagg: Sweep::Sweep, part: first_part(), cursor: None }
    }

    /// The next part.
    pub(super) fn continued_at(&self, cursor: Cursor) -> Self {
        Self { part: self.part.saturating_add(1), cursor: Some(cursor), ..self.clone() }
    }
}

/// An event.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// One task; its error fails the invocation.
    One(Task),
    /// Messages of a queue; each fails on its own.
    Queue(Vec<Message>),
}

/// A message of a queue.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) task: Result<Task, EventError>,
}

/// Why an event was not accepted. Contains field names, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not a JSON object.
    #[error("the event is not a JSON object")]
    NoObject,
    /// It is of an unknown kind.
    #[error(
        "unknown event: expected CreateLogGroup from EventBridge (\"detail\"), a schedule \
         (\"source\": \"aws.events\" or \"aws.scheduler\"), messages of an SQS queue \
         (\"Records\"), or {{\"logagg\": \"sweep\"}}; found {0}; remove the trigger that sends \
         it"
    )]
    UnknownKind(String),
    /// EventBridge sent another call than CreateLogGroup.
    #[error(
        "unsupported event {0}, the enforcer expects CreateLogGroup: restrict the EventBridge \
         rule to \"eventName\": [\"CreateLogGroup\"]"
    )]
    OtherCall(String),
    /// A field of the CreateLogGroup event is missing.
    #[error("the CreateLogGroup event has no {0}")]
    Incomplete(&'static str),
    /// A sweep request has unknown fields.
    #[error(
        "invalid sweep request: expected {{\"logagg\": \"sweep\"}}, with no other fields than \
         \"part\" and \"cursor\", which the enforcer sets"
    )]
    MalformedSweep,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_source: Option<String>,
    event_name: Option<String>,
    aws_region: Option<String>,
    recipient_account_id: Option<String>,
    request_parameters: Option<Parameters>,
    error_code: Option<String>,
    event_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    log_group_name: Option<String>,
}

/// Parses an event.
pub(super) fn parse(raw: &str) -> Result<Event, EventError> {
    match event::parse(raw) {
        Ok(event::Event::Queue(messages)) => {
            let messages = messages
                .into_iter()
                .map(|message| Message { id: message.id.into_owned(), task: task(&message.body) });
            Ok(Event::Queue(messages.collect()))
        }
        Ok(event::Event::Kinesis(_)) => {
            Err(EventError::UnknownKind("\"Records\" of another service".to_owned()))
        }
        _ => task(raw).map(Event::One),
    }
}

/// Parses the task of an event, or of an on-failure record of Lambda.
fn task(raw: &str) -> Result<Task, EventError> {
    match event::parse(raw) {
        Ok(event::Event::OnFailure { event, .. }) => asked_by(&event),
        _ => asked_by(raw),
    }
}

fn asked_by(raw: &str) -> Result<Task, EventError> {
    let event: Map<String, Value> = serde_json::from_str(raw).map_err(|_| EventError::NoObject)?;
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    if let Some(detail) = event.get("detail").filter(|_| text("source") == Some("aws.logs")) {
        let detail = Detail::deserialize(detail)
            .map_err(|_| EventError::Incomplete("\"detail\" as CloudTrail writes it"))?;
        return detail.task();
    }
    let scheduled = matches!(text("source"), Some("aws.events" | "aws.scheduler"));
    if scheduled {
        return Ok(Task::Sweep(SweepRequest::from_start()));
    }
    if text("logagg") == Some("sweep") {
        let request = SweepRequest::deserialize(Value::Object(event));
        return request.map(Task::Sweep).map_err(|_| EventError::MalformedSweep);
    }
    Err(EventError::UnknownKind(keys(&event)))
}

impl Detail {
    fn task(self) -> Result<Task, EventError> {
        let (source, name) = (self.event_source, self.event_name.unwrap_or_default());
        if source.as_deref() != Some("logs.amazonaws.com") || name != "CreateLogGroup" {
            return Err(EventError::OtherCall(word(&name)));
        }
        if self.error_code.is_some() {
            return Ok(Task::Nothing);
        }
        let named = self.request_parameters.and_then(|parameters| parameters.log_group_name);
        Ok(Task::Created(CreateLogGroupEvent {
            log_group: named.ok_or(EventError::Incomplete("\"logGroupName\""))?,
            region: self.aws_region.ok_or(EventError::Incomplete("\"awsRegion\""))?,
            account_id: self
                .recipient_account_id
                .ok_or(EventError::Incomplete("\"recipientAccountId\""))?,
            time: self.event_time.as_deref().and_then(event::parse_time),
        }))
    }
}

/// The name of a call, if it has the form of one.
fn word(name: &str) -> String {
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_name { name.to_owned() } else { "another call".to_owned() }
}

/// The fields of an event, which help to find the trigger that sent it.
fn keys(event: &Map<String, Value>) -> String {
    const MOST: usize = 10;
    let shown: Vec<_> = event.keys().take(MOST).map(|key| format!("{key:?}")).collect();
    if shown.is_empty() { "no field".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn created(name: &str) -> Value {
        json!({
            "version": "0", "id": "e", "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.logs", "account": "123456789012", "region": "eu-west-1",
            "detail": {
                "eventSource": "logs.amazonaws.com", "eventName": "CreateLogGroup",
                "awsRegion": "eu-west-1", "recipientAccountId": "123456789012",
                "eventTime": "2026-11-29T10:00:00Z", "userIdentity": {"type": "AssumedRole"},
                "requestParameters": {"logGroupName": name},
            }
        })
    }

    fn created_task(name: &str) -> Task {
        Task::Created(CreateLogGroupEvent {
            log_group: name.into(),
            region: "eu-west-1".into(),
            account_id: "123456789012".into(),
            time: event::parse_time("2026-11-29T10:00:00Z"),
        })
    }

    fn check(event: &Value, expected: Result<Task, EventError>) {
        assert_eq!(parse(&event.to_string()), expected.map(Event::One), "{event}");
    }

    #[test]
    fn a_created_log_group_is_matched_by_its_exact_name() {
        check(&created("/aws/lambda/new"), Ok(created_task("/aws/lambda/new")));
    }

    #[test]
    fn a_call_that_failed_created_nothing() {
        let mut event = created("/a");
        event["detail"]["errorCode"] = json!("ResourceAlreadyExistsException");
        event["detail"]["requestParameters"] = json!(null);
        check(&event, Ok(Task::Nothing));
    }

    #[test]
    fn schedules_and_manual_invocations_request_a_sweep() {
        check(
            &json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}),
            Ok(Task::Sweep(SweepRequest::from_start())),
        );
        let sweep = || Ok(Task::Sweep(SweepRequest::from_start()));
        check(&json!({"source": "aws.scheduler", "detail": "{}"}), sweep());
        check(&json!({"logagg": "sweep"}), sweep());
    }

    #[test]
    fn a_part_of_a_sweep_is_read_as_it_was_written() {
        let cursor = Cursor {
            region: "eu-west-1".into(),
            prefix: "/aws/".into(),
            token: Some("t".into()),
            after: Some("/aws/a".into()),
        };
        let part = SweepRequest::from_start().continued_at(cursor);
        assert_eq!(part.part, 2);
        check(&json!(part), Ok(Task::Sweep(part)));
        let wrong = json!({"logagg": "sweep", "part": "two"});
        check(&wrong, Err(EventError::MalformedSweep));
    }

    #[test]
    fn on_failure_records_are_processed_again() {
        check(&json!({"version": "1.0", "requestPayload": created("/a")}), Ok(created_task("/a")));
    }

    #[test]
    fn nested_on_failure_records_are_rejected() {
        let nested = format!("{}1{}", "{\"requestPayload\":".repeat(100_000), "}".repeat(100_000));
        assert_eq!(parse(&nested), Err(EventError::NoObject));
        let kept = json!({"requestPayload": {"requestPayload": created("/a")}});
        check(&kept, Err(EventError::UnknownKind("\"requestPayload\"".into())));
    }

    #[test]
    fn each_message_of_a_queue_fails_on_its_own() {
        let record =
            |id: &str, body: &str| json!({"messageId": id, "eventSource": "aws:sqs", "body": body});
        let event = json!({"Records": [
            record("1", &created("/a").to_string()), record("2", "nonsense"), record("3", "{}"),
        ]});
        let Event::Queue(messages) = parse(&event.to_string()).unwrap() else { panic!("no queue") };
        assert_eq!(messages[0], Message { id: "1".into(), task: Ok(created_task("/a")) });
        assert_eq!(messages[1].task, Err(EventError::NoObject));
        assert_eq!(messages[2].task, Err(EventError::UnknownKind("no field".into())));
    }

    #[test]
    fn an_unknown_event_is_an_error_that_names_its_fields() {
        check(
            &json!({"awslogs": {"data": "secret"}}),
            Err(EventError::UnknownKind("\"awslogs\"".into())),
        );
        let mut event = created("/a");
        event["detail"]["eventName"] = json!("DeleteLogGroup");
        check(&event, Err(EventError::OtherCall("DeleteLogGroup".into())));
        let mut event = created("/a");
        event["detail"]["requestParameters"] = json!({});
        check(&event, Err(EventError::Incomplete("\"logGroupName\"")));
        assert_eq!(parse("[]"), Err(EventError::NoObject));
    }
}
