//! One invocation, from the event to the response to Lambda.

use std::panic::AssertUnwindSafe;
use std::time::{Instant, SystemTime};

use futures_util::FutureExt;

use super::batch_failures::undelivered;
use super::context::Invocation;
use super::pipeline::{Disposition, Pipeline, RetryScope};
use super::reply::Reply;
use super::ship_error::ShipError;
use super::shipper::Shipper;
use super::slice::SliceEnd;
use crate::backfill::BackfillError;
use crate::config::BatchFailures;
use crate::delivery::Fault;
use crate::event::{self, Event, EventError, StreamRecord};
use crate::summary::{Outcome, Summary};

impl Shipper {
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
            Event::Backfill(request) => {
                summary.source = "backfill";
                self.backfill(&request, invocation, summary).await.map(|()| Reply::Summary)
            }
            Event::Slice(slice) => {
                summary.source = "backfill";
                let backfill = self.config.backfill.as_ref().ok_or(BackfillError::NotConfigured)?;
                match self.read_slice(backfill, &slice, invocation, summary).await {
                    SliceEnd::Finished | SliceEnd::Continued => Ok(Reply::Summary),
                    SliceEnd::Remaining => Err(ShipError::SliceLeft),
                }
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
}
