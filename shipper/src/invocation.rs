//! One invocation, from the event to what Lambda is told.

use std::panic::AssertUnwindSafe;
use std::time::{Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::config::{Config, DestinationConfig};
use crate::counts::{Counts, OWN_LOG_GROUP};
use crate::decode::{self, DecodeError, MessageType};
use crate::delivery::{self, Client, Settings};
use crate::destination::Class;
use crate::event::{self, Event, EventError};
use crate::origin::Origin;
use crate::record::Record;
use crate::summary::{Outcome, Summary};

/// The shipper as it is kept between invocations.
pub struct Shipper {
    config: Config,
    client: Client,
    own_log_group: Option<String>,
}

/// What Lambda says about an invocation.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// Its request id.
    pub request_id: &'a str,
    /// When Lambda will end it.
    pub deadline: SystemTime,
}

/// Why an invocation failed. Lambda keeps the event then: it repeats it, and hands it to the
/// function's on-failure destination in the end.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The event is none that the shipper takes.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The event's data cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not everything could be delivered.
    #[error("not everything could be delivered: {0}")]
    Undelivered(String),
    /// A fault of the shipper's own. Its text is left out, since it may quote a message.
    #[error("the shipper has met a fault of its own (a panic); this is a bug, please report it")]
    Panicked,
}

impl ShipError {
    /// The type under which Lambda shows the error.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "Logagg.UnknownEvent",
            Self::Decode(_) => "Logagg.UndecodableEvent",
            Self::Undelivered(_) => "Logagg.Undelivered",
            Self::Panicked => "Logagg.Panicked",
        }
    }
}

impl Shipper {
    /// Makes a shipper. `own_log_group` is the group to which it writes itself.
    pub fn new(config: Config, own_log_group: Option<String>, client: Client) -> Self {
        Self { config, client, own_log_group }
    }

    /// Ships an event, and tells what came of it in either case.
    pub async fn ship(
        &self,
        event: &str,
        invocation: &Invocation<'_>,
    ) -> (Summary, Result<(), ShipError>) {
        let begun = Instant::now();
        let mut summary = Summary::begin(invocation.request_id, event.len());
        let shipping = self.try_ship(event, invocation, &mut summary);
        let result =
            AssertUnwindSafe(shipping).catch_unwind().await.unwrap_or(Err(ShipError::Panicked));
        if let Err(error) = &result {
            summary.outcome = Outcome::Failed;
            summary.error = Some(error.to_string());
        }
        summary.duration = begun.elapsed();
        (summary, result)
    }

    async fn try_ship(
        &self,
        event: &str,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<(), ShipError> {
        let Event::Subscription { data } = event::parse(event)?;
        let decoded = decode::inflate(&data, self.config.max_decoded_bytes)?;
        summary.bytes_decoded = decoded.len();
        let delivery = decode::parse(&decoded)?;
        summary.message_type = Some(delivery.message_type);
        summary.log_group = Some(delivery.log_group.to_string());
        if delivery.message_type == MessageType::Control {
            // A test of the destination. What it holds is no log of anybody.
            return Ok(());
        }
        summary.log_events = delivery.log_events.len();
        if self.own_log_group.as_deref() == Some(&delivery.log_group) {
            self.drop_own(summary);
            return Ok(());
        }
        let origin = Origin::new(&delivery.owner, &delivery.log_group, &delivery.log_stream);
        let records: Vec<Record<'_>> =
            delivery.log_events.iter().map(|event| Record::new(&origin, event)).collect();
        let give_up_at =
            invocation.deadline.checked_sub(self.config.reserve).unwrap_or(SystemTime::UNIX_EPOCH);
        self.deliver_to_all(&records, give_up_at, summary).await;
        undelivered(summary)
    }

    /// Delivers to all destinations side by side.
    async fn deliver_to_all(
        &self,
        records: &[Record<'_>],
        give_up_at: SystemTime,
        summary: &mut Summary,
    ) {
        let deliveries = self.config.destinations.iter().map(|(name, config)| async {
            let destination = config.destination.as_ref();
            let settings = self.settings(config, give_up_at);
            let counts = delivery::deliver(&self.client, destination, records, settings).await;
            (name.clone(), counts)
        });
        summary.destinations = join_all(deliveries).await.into_iter().collect();
    }

    fn settings(&self, config: &DestinationConfig, give_up_at: SystemTime) -> Settings {
        Settings {
            give_up_at,
            request_timeout: self.config.request_timeout,
            gzip_level: self.config.gzip_level,
            oversized: config.oversized,
            json_fields: config.json_fields,
        }
    }

    /// To send what the shipper wrote itself would make it write again, for ever.
    fn drop_own(&self, summary: &mut Summary) {
        summary.warnings.push(
            "dropped the log events: they come from the shipper's own log group, and sending them \
             would never end; remove the subscription filter from that group"
                .to_owned(),
        );
        let counts = Counts::all_dropped(summary.log_events, &OWN_LOG_GROUP);
        summary.destinations =
            self.config.destinations.keys().map(|name| (name.clone(), counts.clone())).collect();
    }
}

/// The error for what is left, naming destinations and reasons.
fn undelivered(summary: &Summary) -> Result<(), ShipError> {
    let failed: Vec<String> = summary
        .destinations
        .iter()
        .filter(|(_, counts)| counts.left_to_lambda > 0)
        .map(|(name, counts)| {
            let reasons: Vec<&str> = counts
                .reasons
                .get("left_to_lambda")
                .into_iter()
                .flat_map(|reasons| reasons.keys().map(Class::as_str))
                .collect();
            format!(
                "{} of {} records to \"{name}\" ({})",
                counts.left_to_lambda,
                counts.records_in,
                reasons.join(", ")
            )
        })
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(ShipError::Undelivered(failed.join("; "))) }
}
