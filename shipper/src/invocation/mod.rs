//! One invocation, from the event to the response to Lambda.

mod destination_result;
mod payload;
mod pipeline;
mod queue;
mod replay;
mod reply;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;

pub use reply::{Reply, Response};

use crate::aws::{Aws, AwsError};
use crate::config::{BatchFailures, Config};
use crate::decode::{BufferPool, DecodeError};
use crate::delivery::{self, Client, EndpointState, Fault};
use crate::destination::{Destination, Inspected, ReasonCode};
use crate::event::{self, Event, EventError, StreamRecord};
use crate::summary::{Outcome, Summary};
use payload::Unpacking;
use pipeline::{Disposition, Pipeline, RetryScope};

/// The shipper, kept across invocations.
pub struct Shipper {
    config: Config,
    client: Client,
    own_log_group: Option<String>,
    aws: OnceLock<Aws>,
    endpoint_state: Mutex<BTreeMap<String, EndpointState>>,
    orphans: Mutex<BTreeMap<String, usize>>,
    /// The number of inspections of each destination.
    inspections: Mutex<BTreeMap<String, u32>>,
    /// The maximum message size of queues that receive on-failure records, by ARN; `None` if it
    /// cannot be read.
    queues: Mutex<BTreeMap<String, Option<u64>>>,
    buffers: BufferPool,
}

/// Lambda's information about an invocation.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// Its request id.
    pub request_id: &'a str,
    /// When Lambda will end it.
    pub deadline: SystemTime,
    /// The ARN by which the function was invoked, if it is known.
    pub function_arn: Option<&'a str>,
}

/// Why an invocation failed. Lambda retries the event, and finally sends it to the function's
/// on-failure destination.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The event is not supported.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The event's data cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Some records were not delivered.
    #[error("some records were not delivered: {0}")]
    Undelivered(String),
    /// The destination of a replay request is not configured.
    #[error("cannot replay: the destination \"{0}\" is not configured")]
    NoDestination(String),
    /// Parts of a batch must be retried, and partial failures cannot be reported.
    #[error("{0} of {1} records of the batch are returned for a retry{2}")]
    Batch(usize, usize, String),
    /// There is no storage to replay from.
    #[error("cannot replay: there is no storage, since \"undelivered\" is not configured")]
    NothingToReplay,
    /// There is no queue for pointers.
    #[error(
        "cannot replay: \"undelivered.queue_url\" is not configured; set it to the URL of the \
         queue that S3 notifies, or set \"dry_run\""
    )]
    NoQueue,
    /// The queue did not accept all pointers.
    #[error(
        "cannot replay: messages not accepted by the queue: {0}; continue with \"after\" set to \
         \"continue_after\""
    )]
    NotEnqueued(usize),
    /// The storage cannot be read.
    #[error("cannot replay: {0}")]
    Replay(#[from] AwsError),
    /// An internal error. The panic message is omitted, because it may quote a log event.
    #[error("internal error (a panic); this is a bug, please report it")]
    Panicked,
}

impl ShipError {
    /// The error type that Lambda reports.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "Logagg.UnknownEvent",
            Self::Decode(_) => "Logagg.UndecodableEvent",
            Self::Undelivered(_) => "Logagg.Undelivered",
            Self::NoDestination(_) => "Logagg.NoDestination",
            Self::Batch(..) => "Logagg.BatchFailed",
            Self::NothingToReplay | Self::NoQueue | Self::NotEnqueued(_) | Self::Replay(_) => {
                "Logagg.NotReplayed"
            }
            Self::Panicked => "Logagg.Panicked",
        }
    }
}

impl Shipper {
    /// Creates a shipper. `own_log_group` is the log group that the function itself writes to.
    pub fn new(config: Config, own_log_group: Option<String>, client: Client) -> Self {
        Self {
            config,
            client,
            own_log_group,
            aws: OnceLock::new(),
            endpoint_state: Mutex::default(),
            orphans: Mutex::default(),
            inspections: Mutex::default(),
            queues: Mutex::default(),
            buffers: BufferPool::default(),
        }
    }

    /// How long before an invocation's deadline everything ends.
    pub(crate) fn reserve(&self) -> Duration {
        self.config.reserve
    }

    /// Processes an event and returns the summary, also after an error.
    pub async fn ship(
        &self,
        event: &str,
        invocation: &Invocation<'_>,
    ) -> (Summary, Result<Reply, ShipError>) {
        let begun = Instant::now();
        let mut summary = Summary::begin(invocation.request_id, event.len());
        self.warn_of_long_requests(invocation.deadline, &mut summary);
        let shipping = self.try_ship(event, invocation, &mut summary);
        let result =
            AssertUnwindSafe(shipping).catch_unwind().await.unwrap_or(Err(ShipError::Panicked));
        self.name_orphans(&mut summary);
        self.warn_of_credentials(&mut summary);
        if let Err(error) = &result {
            summary.outcome = Outcome::Failed;
            summary.error = Some(error.to_string());
        }
        summary.end(SystemTime::now(), begun.elapsed());
        (summary, result)
    }

    /// Warns if one request without a response would use all the time. The available time is known
    /// only within an invocation.
    fn warn_of_long_requests(&self, deadline: SystemTime, summary: &mut Summary) {
        let (request, reserve) = (self.config.request_timeout, self.config.reserve);
        let time = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let time = time.saturating_sub(reserve);
        if request >= time {
            let [request, reserve, time] =
                [request, reserve, time].map(|duration| duration.as_millis());
            summary.warn(format!(
                "request_timeout_ms is {request}, but the function's timeout less reserve_ms \
                 ({reserve}) leaves {time} ms: a single request without a response uses all of \
                 it, and nothing is retried; increase the function's timeout, or lower \
                 request_timeout_ms"
            ));
        }
    }

    /// Warns if requests cannot be signed, with the reason.
    fn warn_of_credentials(&self, summary: &mut Summary) {
        let not_signed = Fault::NotSigned.reason();
        let is_not_signed = summary
            .destinations
            .values()
            .flat_map(|counts| counts.reasons.values())
            .any(|reasons| reasons.contains_key(&not_signed));
        if is_not_signed && let Some(problem) = self.client.environment().why_not_signed() {
            summary.warn(format!("requests cannot be signed: {problem}"));
        }
    }

    async fn try_ship(
        &self,
        event: &str,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<Reply, ShipError> {
        match event::parse(event)? {
            Event::Kinesis(records) => self.ship_stream(records, invocation, summary).await,
            Event::Queue(messages) => self.consume(&messages, invocation, summary).await,
            Event::Notification(_) => Err(EventError::NotificationOutsideQueue.into()),
            Event::Replay(request) => {
                summary.source = "replay";
                self.replay(&request, invocation, summary).await.map(|()| Reply::Summary)
            }
            event => {
                summary.source = "event";
                self.ship_event(event, invocation, summary).await.map(|()| Reply::Summary)
            }
        }
    }

    /// Processes an event that Lambda retries as a whole.
    async fn ship_event(
        &self,
        event: Event<'_>,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<(), ShipError> {
        let payloads = self.unpacking(invocation).all(event)?;
        let mut pipeline = Pipeline::new(self, invocation, RetryScope::All, summary);
        let dispositions = pipeline.ship(&payloads).await;
        for disposition in dispositions {
            match disposition {
                Disposition::Undecodable(error) => return Err(error.into()),
                Disposition::Undelivered | Disposition::NotProcessed => {
                    return Err(ShipError::Undelivered(undelivered(summary)));
                }
                Disposition::Completed | Disposition::Rewritten => {}
            }
        }
        Ok(())
    }

    /// The context for unpacking an event.
    fn unpacking<'i>(&self, invocation: &Invocation<'i>) -> Unpacking<'i> {
        Unpacking { now: SystemTime::now(), function_arn: invocation.function_arn }
    }

    /// Warns about destinations of stored events that are not configured.
    fn name_orphans(&self, summary: &mut Summary) {
        for (destination, objects) in &*self.orphans() {
            let (events, are, them) =
                if *objects == 1 { ("event", "is", "it") } else { ("events", "are", "them") };
            summary.warn(format!(
                "{objects} stored {events} {are} for the destination \"{destination}\", which is not \
                 configured: configure the destination and replay {them}, copy {them} to the prefix of \
                 another destination, or delete {them}"
            ));
        }
    }

    /// Processes records of a stream. Lambda retries everything from the lowest reported sequence
    /// number on, so a single one is reported.
    async fn ship_stream(
        &self,
        records: Vec<StreamRecord<'_>>,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<Reply, ShipError> {
        summary.source = "kinesis";
        let numbers: Vec<String> =
            records.iter().map(|record| record.sequence_number.to_string()).collect();
        let payloads = self.unpacking(invocation).all(Event::Kinesis(records))?;
        let retry_scope = match self.config.batch_failures {
            BatchFailures::Report => RetryScope::FromThere,
            BatchFailures::Fail => RetryScope::All,
        };
        let mut pipeline = Pipeline::new(self, invocation, retry_scope, summary);
        let dispositions = pipeline.ship(&payloads).await;
        let failed = dispositions.iter().position(|disposition| !disposition.is_completed());
        let again = failed.map_or(0, |lowest| numbers.len() - lowest);
        let failed = failed.map(|lowest| numbers[lowest].clone()).into_iter().collect();
        self.reply(failed, again, numbers.len(), &dispositions, summary)
    }

    /// The response for a batch: the failed records, or an error for all.
    fn reply(
        &self,
        failed: Vec<String>,
        again: usize,
        of: usize,
        dispositions: &[Disposition],
        summary: &mut Summary,
    ) -> Result<Reply, ShipError> {
        if failed.is_empty() {
            return Ok(Reply::BatchFailures(failed));
        }
        let mut reasons: Vec<String> = Vec::new();
        if dispositions.contains(&Disposition::Undelivered) {
            reasons.push(undelivered(summary));
        }
        for disposition in dispositions {
            if let Disposition::Undecodable(error) = disposition {
                let reason = error.to_string();
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        // What stored events still have undelivered is in the counts, with the reasons.
        let reasons =
            if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
        let error = ShipError::Batch(again, of, reasons);
        match self.config.batch_failures {
            BatchFailures::Fail => Err(error),
            BatchFailures::Report => {
                summary.outcome = Outcome::Failed;
                summary.error = Some(error.to_string());
                summary.reported = failed.len();
                Ok(Reply::BatchFailures(failed))
            }
        }
    }

    /// The AWS client, created on first use.
    fn aws(&self) -> &Aws {
        self.aws.get_or_init(|| Aws::new(self.client.clone()))
    }

    /// The state of a destination's endpoint after its last delivery.
    fn endpoint_state(&self, destination: &str) -> EndpointState {
        let endpoint_state = self.endpoint_state.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint_state.get(destination).copied().unwrap_or_default()
    }

    fn learned(&self, destination: &str, learned: EndpointState) {
        let mut endpoint_state = self.endpoint_state.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint_state.insert(destination.to_owned(), learned);
    }

    /// Inspects the setup of a destination, once per instance, or twice if the first result is
    /// unknown. Returns a warning if the setup is wrong.
    async fn inspect(
        &self,
        name: &str,
        destination: &dyn Destination,
        until: SystemTime,
    ) -> Option<String> {
        const MAX_INSPECTIONS: u32 = 2;

        let time = until.duration_since(SystemTime::now()).unwrap_or_default();
        let inspections = || self.inspections.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut inspections = inspections();
            let attempts = inspections.entry(name.to_owned()).or_default();
            if *attempts >= MAX_INSPECTIONS || time.is_zero() {
                return None;
            }
            *attempts += 1;
        }
        let inspected = delivery::inspect(&self.client, destination, time).await;
        if inspected != Inspected::Unknown {
            inspections().insert(name.to_owned(), MAX_INSPECTIONS);
        }
        match inspected {
            Inspected::Invalid(why) => Some(format!("{name}: {why}")),
            Inspected::Valid | Inspected::NotFound | Inspected::Unknown => None,
        }
    }

    /// Stored events whose destinations are not configured, as seen by this instance.
    fn orphans(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time less the reserve, as an [`Instant`].
fn instant_before(time: SystemTime, reserve: Duration) -> Instant {
    let left = time.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(reserve)
}

/// The undelivered records, by destination and reason.
fn undelivered(summary: &Summary) -> String {
    let failed: Vec<String> = summary
        .destinations
        .iter()
        .filter(|(_, counts)| counts.returned_to_source > 0)
        .map(|(name, counts)| {
            let reasons: Vec<&str> = counts
                .reasons
                .get("returned_to_source")
                .into_iter()
                .flat_map(|reasons| reasons.keys().map(ReasonCode::as_str))
                .collect();
            format!(
                "{} of {} records to \"{name}\" ({})",
                counts.returned_to_source,
                counts.received,
                reasons.join(", ")
            )
        })
        .collect();
    failed.join("; ")
}
