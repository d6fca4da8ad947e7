//! The payloads of an event: packages of log events, as CloudWatch Logs creates them.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;

use crate::event::{self, Event, EventError, unqualified};

/// A package of log events that is not decoded yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payload<'a> {
    /// The package.
    pub(super) data: Data<'a>,
    /// Its only destination; `None` for all destinations.
    pub(super) only: Option<&'a str>,
    /// Its destinations, unless it has an only one; none for all.
    pub(super) among: &'a [String],
    /// When it arrived.
    pub(super) arrived: SystemTime,
    /// Its source.
    pub(super) source: Source,
    /// The key of its object, if it is a stored event.
    pub(super) key: Option<&'a str>,
}

/// The data of a payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data<'a> {
    /// Base64 of gzip of JSON.
    Base64(Cow<'a, str>),
    /// Gzip of JSON.
    Gzip(Bytes),
    /// JSON.
    Json(Bytes),
}

/// The source of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A new event.
    Fresh,
    /// An on-failure record of Lambda: the invocation failed, possibly after a partial delivery.
    OnFailure,
    /// A stored event, which remains stored until it is processed.
    Stored,
    /// A stored event that another invocation has begun to deliver.
    StoredInProgress,
    /// Read from the log group, possibly after a delivery.
    Backfill,
}

/// The maximum nesting of events in on-failure records. Each invocation with a record as its event
/// adds a level.
const MOST_LAYERS: usize = 8;

impl Source {
    /// Whether it is a stored event.
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Stored | Self::StoredInProgress)
    }

    /// Whether parts may have been delivered without being counted.
    pub(super) fn is_ambiguous(self) -> bool {
        matches!(self, Self::OnFailure | Self::StoredInProgress | Self::Backfill)
    }
}

/// The context for unpacking an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unpacking<'x> {
    /// When the event arrived.
    pub(super) now: SystemTime,
    /// This function's ARN, with or without a version.
    pub(super) function_arn: Option<&'x str>,
}

impl Unpacking<'_> {
    /// All payloads of an event, in order.
    pub(super) fn all<'a>(self, event: Event<'a>) -> Result<Vec<Payload<'a>>, EventError> {
        self.within(event, MOST_LAYERS)
    }

    /// All payloads of an event, with at most this many levels of nested events.
    fn within<'a>(self, event: Event<'a>, layers: usize) -> Result<Vec<Payload<'a>>, EventError> {
        let fresh = |data| Payload {
            data: Data::Base64(data),
            only: None,
            among: &[],
            arrived: self.now,
            source: Source::Fresh,
            key: None,
        };
        Ok(match event {
            Event::Subscription { data } => vec![fresh(data)],
            Event::Kinesis(records) => records
                .into_iter()
                .map(|record| Payload { arrived: record.arrived, ..fresh(record.data) })
                .collect(),
            Event::OnFailure { event, function_arn } => {
                if !self.is_own(function_arn.as_deref()) {
                    return Err(EventError::ForeignRecord);
                }
                let layers = layers.checked_sub(1).ok_or_else(too_deep)?;
                let mut payloads = match event {
                    Cow::Borrowed(text) => self.within(event::parse(text)?, layers)?,
                    Cow::Owned(text) => {
                        let payloads = self.within(event::parse(&text)?, layers)?;
                        payloads.into_iter().map(Payload::into_owned).collect()
                    }
                };
                for payload in &mut payloads {
                    payload.source = Source::OnFailure;
                }
                payloads
            }
            // A failed schedule runs again by itself.
            Event::Replay(_) => Vec::new(),
            Event::Backfill(_) | Event::Slice(_) => {
                return Err(EventError::UnknownKind(
                    "a backfill nested in another event".to_owned(),
                ));
            }
            Event::Queue(_) | Event::Notification(_) | Event::NotificationTest => {
                return Err(EventError::UnknownKind("a batch nested in another event".to_owned()));
            }
        })
    }

    /// Whether a record is from this function.
    fn is_own(self, function_arn: Option<&str>) -> bool {
        let own = self.function_arn.map(unqualified);
        own.is_some() && function_arn.map(unqualified) == own
    }
}

impl Payload<'_> {
    /// A payload that does not borrow from the event.
    pub(super) fn into_owned<'b>(self) -> Payload<'b> {
        let data = match self.data {
            Data::Base64(data) => Data::Base64(Cow::Owned(data.into_owned())),
            Data::Gzip(bytes) => Data::Gzip(bytes),
            Data::Json(bytes) => Data::Json(bytes),
        };
        let (arrived, source) = (self.arrived, self.source);
        Payload { data, only: None, among: &[], key: None, arrived, source }
    }
}

fn too_deep() -> EventError {
    EventError::UnknownKind(format!("events nested more than {MOST_LAYERS} deep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:1:function:f";

    fn unpacking() -> Unpacking<'static> {
        Unpacking { now: SystemTime::UNIX_EPOCH, function_arn: Some(ARN) }
    }

    fn payloads<'a>(
        unpacking: Unpacking<'_>,
        text: &'a str,
    ) -> Result<Vec<Payload<'a>>, EventError> {
        unpacking.all(event::parse(text)?)
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Source)]) {
        let payloads = payloads(unpacking(), text).unwrap();
        let found: Vec<_> = payloads
            .iter()
            .map(|payload| match &payload.data {
                Data::Base64(data) => (data.as_ref(), payload.source),
                Data::Gzip(_) | Data::Json(_) => panic!("{payload:?}"),
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    fn record(function_arn: &str, payload: &str) -> String {
        format!(
            r#"{{"requestContext":{{"functionArn":"{function_arn}"}},"requestPayload":{payload}}}"#
        )
    }

    #[test]
    fn every_event_has_its_payloads() {
        check(r#"{"awslogs":{"data":"A"}}"#, &[("A", Source::Fresh)]);
        check(
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"1","data":"A"}},
                {"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"2","data":"B"}}]}"#,
            &[("A", Source::Fresh), ("B", Source::Fresh)],
        );
        check(r#"{"logagg":"replay"}"#, &[]);
    }

    #[test]
    fn on_failure_records_are_ambiguous_at_any_nesting() {
        let inner = record(&format!("{ARN}:$LATEST"), r#"{"awslogs":{"data":"A"}}"#);
        check(&inner, &[("A", Source::OnFailure)]);
        check(&record(ARN, &inner), &[("A", Source::OnFailure)]);
        let in_text = serde_json::json!({
            "requestContext": {"functionArn": ARN}, "KinesisBatchInfo": {},
            "payload": r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"1","data":"A"}}]}"#,
        });
        check(&in_text.to_string(), &[("A", Source::OnFailure)]);
        check(&record(ARN, r#"{"logagg":"replay"}"#), &[]);
    }

    #[test]
    fn a_record_of_another_function_is_foreign() {
        let event = r#"{"awslogs":{"data":"A"}}"#;
        for arn in ["arn:aws:lambda:eu-west-1:1:function:g", &format!("{ARN}2"), ""] {
            let payloads = payloads(unpacking(), &record(arn, event)).map(|found| found.len());
            assert_eq!(payloads, Err(EventError::ForeignRecord), "{arn}");
        }
        let unknown = Unpacking { function_arn: None, ..unpacking() };
        let payloads = payloads(unknown, &record(ARN, event)).map(|found| found.len());
        assert_eq!(payloads, Err(EventError::ForeignRecord));
    }

    #[test]
    fn deeply_nested_events_are_an_error_without_a_stack_overflow() {
        let nested = |layers: usize| {
            let event = r#"{"awslogs":{"data":"A"}}"#;
            let open = format!(r#"{{"requestContext":{{"functionArn":"{ARN}"}},"requestPayload":"#);
            format!("{}{event}{}", open.repeat(layers), "}".repeat(layers))
        };
        check(&nested(MOST_LAYERS), &[("A", Source::OnFailure)]);
        for layers in [MOST_LAYERS + 1, 200_000] {
            let text = nested(layers);
            let error = payloads(unpacking(), &text).err().map(|error| error.to_string()).unwrap();
            assert!(error.contains("found events nested more than 8 deep"), "{error}");
        }
    }
}
