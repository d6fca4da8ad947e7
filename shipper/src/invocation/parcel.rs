//! What an event brings: one or more packages of log events, as CloudWatch Logs has made them.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::event::{self, Event, EventError};

/// A package of log events that CloudWatch Logs has put together, not decoded yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parcel<'a> {
    /// Base64 of gzip of JSON.
    pub(super) data: Cow<'a, str>,
    /// The only destination it is for, if it is not for all.
    pub(super) only: Option<Cow<'a, str>>,
    /// When it came, as far as that is known.
    pub(super) arrived: SystemTime,
    /// Where it comes from.
    pub(super) source: Source,
}

/// Where a parcel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It has just been made.
    Fresh,
    /// It was kept by Lambda because the function had failed, after who knows what.
    Kept,
    /// It was parked, and stays where it is until it is settled.
    Parked,
    /// It was parked, and an earlier replay of it has not come to its end.
    ParkedAndBegun,
}

/// How deep events may lie in what Lambda has kept of them. Whoever sends on what was kept adds a layer.
const MOST_LAYERS: usize = 8;

impl Source {
    /// Whether it lies in the place where leftovers are kept.
    pub(super) fn is_parked(self) -> bool {
        matches!(self, Self::Parked | Self::ParkedAndBegun)
    }

    /// Whether some of it may have been delivered without anybody having counted it.
    pub(super) fn is_doubtful(self) -> bool {
        matches!(self, Self::Kept | Self::ParkedAndBegun)
    }
}

impl<'a> Parcel<'a> {
    /// All parcels of an event that came at `now`, in their order.
    pub(super) fn all(event: Event<'a>, now: SystemTime) -> Result<Vec<Self>, EventError> {
        Self::within(event, now, MOST_LAYERS)
    }

    /// All parcels of an event in which events lie in events, so many layers deep at most.
    fn within(event: Event<'a>, now: SystemTime, layers: usize) -> Result<Vec<Self>, EventError> {
        let of_text = |text| {
            let layers = layers.checked_sub(1).ok_or_else(too_deep)?;
            Self::of_layer(text, now, layers)
        };
        let fresh = |data, only| Self { data, only, arrived: now, source: Source::Fresh };
        Ok(match event {
            Event::Subscription { data } => vec![fresh(data, None)],
            Event::Parked(parked) => {
                let only = parked.destination.clone();
                vec![fresh(parked.into_data(), only)]
            }
            Event::Kinesis(records) => records
                .into_iter()
                .map(|record| Self { arrived: record.arrived, ..fresh(record.data, None) })
                .collect(),
            Event::Queue(messages) => {
                let mut parcels = Vec::new();
                for message in messages {
                    parcels.extend(of_text(message.body)?);
                }
                parcels
            }
            Event::Kept { event } => {
                let mut parcels = of_text(event)?;
                for parcel in &mut parcels {
                    parcel.source = Source::Kept;
                }
                parcels
            }
            // A schedule that has failed comes again by itself.
            Event::Replay => Vec::new(),
        })
    }

    /// All parcels of the event that `text` is.
    pub(super) fn of_text(text: Cow<'a, str>, now: SystemTime) -> Result<Vec<Self>, EventError> {
        Self::of_layer(text, now, MOST_LAYERS)
    }

    fn of_layer(
        text: Cow<'a, str>,
        now: SystemTime,
        layers: usize,
    ) -> Result<Vec<Self>, EventError> {
        match text {
            Cow::Borrowed(text) => Self::within(event::parse(text)?, now, layers),
            Cow::Owned(text) => {
                let parcels = Parcel::within(event::parse(&text)?, now, layers)?;
                Ok(parcels.into_iter().map(Parcel::into_owned).collect())
            }
        }
    }

    /// The parcel of a message that stays in its queue until it is settled. What Lambda has kept there
    /// has not been parked, and may be.
    pub(super) fn in_queue(mut self) -> Self {
        if self.source == Source::Fresh {
            self.source = Source::Parked;
        }
        self
    }

    fn into_owned<'b>(self) -> Parcel<'b> {
        Parcel {
            data: Cow::Owned(self.data.into_owned()),
            only: self.only.map(|only| Cow::Owned(only.into_owned())),
            arrived: self.arrived,
            source: self.source,
        }
    }
}

fn too_deep() -> EventError {
    EventError::UnknownKind(format!("events in events, more than {MOST_LAYERS} layers deep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Option<&str>, Source)]) {
        let parcels = Parcel::of_text(text.into(), SystemTime::UNIX_EPOCH).unwrap();
        let found: Vec<_> = parcels
            .iter()
            .map(|parcel| (parcel.data.as_ref(), parcel.only.as_deref(), parcel.source))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_event_brings_its_parcels() {
        check(r#"{"awslogs":{"data":"A"}}"#, &[("A", None, Source::Fresh)]);
        check(
            r#"{"logagg":"parked","destination":"x","awslogs":{"data":"A"}}"#,
            &[("A", Some("x"), Source::Fresh)],
        );
        check(
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"1","data":"A"}},
                {"eventSource":"aws:kinesis","kinesis":{"sequenceNumber":"2","data":"B"}}]}"#,
            &[("A", None, Source::Fresh), ("B", None, Source::Fresh)],
        );
        check(r#"{"logagg":"replay"}"#, &[]);
    }

    #[test]
    fn what_lambda_has_kept_is_doubtful_however_deep_it_lies() {
        let kept = r#"{"requestPayload":{"awslogs":{"data":"A"}}}"#;
        check(kept, &[("A", None, Source::Kept)]);
        let in_text = serde_json::json!({"KinesisBatchInfo": {}, "payload": kept}).to_string();
        check(&in_text, &[("A", None, Source::Kept)]);
        check(r#"{"requestPayload":{"logagg":"replay"}}"#, &[]);
    }

    #[test]
    fn events_in_events_without_end_are_an_error_and_no_stack_that_overflows() {
        let nested = |layers: usize| {
            let event = r#"{"awslogs":{"data":"A"}}"#;
            format!("{}{event}{}", r#"{"requestPayload":"#.repeat(layers), "}".repeat(layers))
        };
        check(&nested(MOST_LAYERS), &[("A", None, Source::Kept)]);
        for layers in [MOST_LAYERS + 1, 200_000] {
            let parcels = Parcel::of_text(nested(layers).into(), SystemTime::UNIX_EPOCH);
            let error = parcels.err().map(|error| error.to_string()).unwrap();
            assert!(error.contains("found events in events, more than 8 layers deep"), "{error}");
        }
    }
}
