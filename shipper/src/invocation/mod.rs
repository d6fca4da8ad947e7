//! One invocation, from the event to what Lambda is told.

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

/// The shipper as it is kept between invocations.
pub struct Shipper {
    config: Config,
    client: Client,
    own_log_group: Option<String>,
    aws: OnceLock<Aws>,
    endpoint_state: Mutex<BTreeMap<String, EndpointState>>,
    orphans: Mutex<BTreeMap<String, usize>>,
    /// How often it was looked how each destination is set up.
    inspections: Mutex<BTreeMap<String, u32>>,
    /// How large messages may be in queues that Lambda has recorded failed invocations in, by ARN; `None` where
    /// that cannot be had.
    queues: Mutex<BTreeMap<String, Option<u64>>>,
    buffers: BufferPool,
}

/// What Lambda says about an invocation.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// Its request id.
    pub request_id: &'a str,
    /// When Lambda will end it.
    pub deadline: SystemTime,
    /// The ARN by which the function was invoked, as far as it is known.
    pub function_arn: Option<&'a str>,
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
    /// A replay is asked for of a destination that is not configured.
    #[error("cannot replay: the destination \"{0}\" is not in the configuration")]
    NoDestination(String),
    /// Parts of a batch are to come again, and Lambda cannot be told which.
    #[error("{0} of {1} records of the batch are to come again{2}")]
    Batch(usize, usize, String),
    /// There is nothing to replay from.
    #[error("cannot replay: there is no storage, since \"undelivered\" is not configured")]
    NothingToReplay,
    /// There is nowhere to send pointers to.
    #[error(
        "cannot replay: \"undelivered.queue_url\" is not configured; give it the URL of the queue that \
         S3 notifies, or ask for a \"dry_run\""
    )]
    NoQueue,
    /// The queue has not taken all pointers.
    #[error("cannot replay: the queue has not taken {0} pointers; go on at \"continue_after\"")]
    NotEnqueued(usize),
    /// What is stored cannot be reached.
    #[error("cannot replay: {0}")]
    Replay(#[from] AwsError),
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
    /// Makes a shipper. `own_log_group` is the group to which it writes itself.
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

    /// Ships an event, and tells what came of it in either case.
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

    /// Warns if one request that is never answered takes all the time there is. Only an invocation
    /// tells how much that is.
    fn warn_of_long_requests(&self, deadline: SystemTime, summary: &mut Summary) {
        let (request, reserve) = (self.config.request_timeout, self.config.reserve);
        let time = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let time = time.saturating_sub(reserve);
        if request >= time {
            let [request, reserve, time] =
                [request, reserve, time].map(|duration| duration.as_millis());
            summary.warn(format!(
                "request_timeout_ms is {request}, and the function's timeout leaves {time} ms beside \
                 reserve_ms ({reserve}): one request that is never answered takes all of it, and \
                 nothing is tried again; give the function a longer timeout, or lower \
                 request_timeout_ms"
            ));
        }
    }

    /// Warns where requests could not be signed, and says why.
    fn warn_of_credentials(&self, summary: &mut Summary) {
        let not_signed = Fault::NotSigned.class();
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

    /// Ships an event that Lambda keeps or lets go as a whole.
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
                Disposition::Left | Disposition::NotBegun => {
                    return Err(ShipError::Undelivered(undelivered(summary)));
                }
                Disposition::Settled | Disposition::Rewritten => {}
            }
        }
        Ok(())
    }

    /// What is known beside an event when it is unpacked.
    fn unpacking<'i>(&self, invocation: &Invocation<'i>) -> Unpacking<'i> {
        Unpacking { now: SystemTime::now(), function_arn: invocation.function_arn }
    }

    /// Names the destinations that stored events are for and that are not configured.
    fn name_orphans(&self, summary: &mut Summary) {
        for (destination, objects) in &*self.orphans() {
            summary.warn(format!(
                "{objects} stored events are for the destination \"{destination}\", which is not in the \
                 configuration: configure it and replay them, copy them to another destination's \
                 prefix, or delete them"
            ));
        }
    }

    /// Ships records of a stream. Lambda repeats everything from the lowest number that it is told,
    /// so it is told one.
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
        let failed = dispositions.iter().position(|disposition| !disposition.is_settled());
        let again = failed.map_or(0, |lowest| numbers.len() - lowest);
        let failed = failed.map(|lowest| numbers[lowest].clone()).into_iter().collect();
        self.reply(failed, again, numbers.len(), &dispositions, summary)
    }

    /// What Lambda is told about a batch: which records have failed, or that all have.
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
        if dispositions.contains(&Disposition::Left) {
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
        // What is not taken of stored events is in the counts, by its reasons.
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

    /// The way to AWS, made when it is needed first.
    fn aws(&self) -> &Aws {
        self.aws.get_or_init(|| Aws::new(self.client.clone()))
    }

    /// How a destination was doing when it was last delivered to.
    fn endpoint_state(&self, destination: &str) -> EndpointState {
        let endpoint_state = self.endpoint_state.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint_state.get(destination).copied().unwrap_or_default()
    }

    fn learned(&self, destination: &str, learned: EndpointState) {
        let mut endpoint_state = self.endpoint_state.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint_state.insert(destination.to_owned(), learned);
    }

    /// Looks how a destination is set up, once an instance or twice if it does not tell, and gives what
    /// somebody should hear of.
    async fn inspect(
        &self,
        name: &str,
        destination: &dyn Destination,
        until: SystemTime,
    ) -> Option<String> {
        const MOST_TRIES: u32 = 2;

        let time = until.duration_since(SystemTime::now()).unwrap_or_default();
        let inspections = || self.inspections.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut inspections = inspections();
            let tries = inspections.entry(name.to_owned()).or_default();
            if *tries >= MOST_TRIES || time.is_zero() {
                return None;
            }
            *tries += 1;
        }
        let inspected = delivery::inspect(&self.client, destination, time).await;
        if inspected != Inspected::Unknown {
            inspections().insert(name.to_owned(), MOST_TRIES);
        }
        match inspected {
            Inspected::Badly(why) => Some(format!("{name}: {why}")),
            Inspected::Well | Inspected::Absent | Inspected::Unknown => None,
        }
    }

    /// Stored events for destinations that are not configured, as far as this instance has seen them.
    fn orphans(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So long before a time, on the clock that waits go by.
fn instant_before(time: SystemTime, reserve: Duration) -> Instant {
    let left = time.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(reserve)
}

/// What is left, naming destinations and reasons.
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
