//! Reads a slice of a backfill page by page, and forwards its log events like those that CloudWatch
//! Logs delivers. What the time does not suffice for is sent back to the queue with the token of the
//! next page.

use std::time::{Duration, Instant, SystemTime};

use super::context::{Invocation, instant_before};
use super::payload::{Data, Payload, Source};
use super::pipeline::{Disposition, Pipeline, RetryScope};
use super::shipper::Shipper;
use crate::aws::AwsError;
use crate::backfill::plan::Window;
use crate::backfill::{Backfill, read};
use crate::delivery::Admission;
use crate::event::Slice;
use crate::summary::Summary;
use crate::undelivered::{queue, rfc3339};

/// No page begins with less time than this.
const SHORTEST: Duration = Duration::from_secs(3);

/// The maximum number of invocations of one slice: of a log group whose stored bytes are not known
/// yet, or of a function with little time.
const MOST_PARTS: u32 = 1_000;

/// How long the rest of a slice waits when a destination or CloudWatch Logs does not accept more.
const PAUSE: Duration = Duration::from_secs(60);

/// What happened to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SliceEnd {
    /// All its log events are delivered, stored, rejected or dropped.
    Finished,
    /// Its rest is a new message.
    Continued,
    /// It remains for a retry.
    Remaining,
}

/// Why a slice was not finished.
enum Stop {
    /// The time is over.
    Time,
    /// A destination asked to wait, or does not respond.
    Destination,
    /// Some records are neither delivered nor stored.
    Undelivered,
    /// It could not be read.
    NotRead(String),
    /// The token of its next page has expired.
    Expired,
}

impl Shipper {
    /// Forwards the log events of a slice.
    pub(super) async fn read_slice(
        &self,
        backfill: &Backfill,
        slice: &Slice,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> SliceEnd {
        let end = self.try_read_slice(backfill, slice, invocation, summary).await;
        let slices = summary.slices();
        match end {
            SliceEnd::Finished => slices.finished += 1,
            SliceEnd::Continued => slices.continued += 1,
            SliceEnd::Remaining => slices.left += 1,
        }
        end
    }

    async fn try_read_slice(
        &self,
        backfill: &Backfill,
        slice: &Slice,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> SliceEnd {
        if let Some(name) =
            slice.destinations.iter().find(|name| !self.config.destinations.contains_key(*name))
        {
            summary.warn(format!(
                "kept a slice of {:?} in the queue: its destination \"{name}\" is not configured",
                slice.log_group
            ));
            return SliceEnd::Remaining;
        }
        if backfill.exclude.contains(&slice.log_group) {
            summary.warn(format!("{:?} is in \"exclude_log_groups\"", slice.log_group));
            return SliceEnd::Finished;
        }
        if slice.part > MOST_PARTS {
            summary.warn(format!(
                "kept a slice of {:?} in the queue: {MOST_PARTS} invocations did not finish it; \
                 increase the function's timeout, and backfill {} to {} in several requests",
                slice.log_group,
                rfc3339(slice.from),
                rfc3339(slice.to)
            ));
            return SliceEnd::Remaining;
        }
        let mut token = slice.token.clone();
        let stop = self.read_pages(backfill, slice, &mut token, invocation, summary).await;
        let Err(stop) = stop else { return SliceEnd::Finished };
        let rest = slice.continued_at(token.clone());
        let (rests, delay) = match &stop {
            Stop::Time => (vec![rest.next_part()], Duration::ZERO),
            // A token is valid for a day. A slice that did not come to its end within that time is
            // smaller next time, so that it does.
            Stop::Expired => {
                summary.slices().restarted += 1;
                let whole = || vec![slice.continued_at(None).next_part()];
                (slice.halves().map_or_else(whole, Vec::from), Duration::ZERO)
            }
            Stop::Destination | Stop::Undelivered => (vec![rest], PAUSE),
            Stop::NotRead(why) => {
                summary.warn(format!("could not read {:?}: {why}", slice.log_group));
                (vec![rest], PAUSE)
            }
        };
        if token == slice.token && !matches!(stop, Stop::Expired) {
            return SliceEnd::Remaining;
        }
        let rests: Vec<String> = rests.iter().map(Slice::message).collect();
        let until = instant_before(invocation.deadline, Duration::from_millis(50));
        match queue::send(self.aws(), &backfill.queue_url, &rests, delay, until).await {
            Ok(0) => SliceEnd::Continued,
            // It is read again from its token on.
            Ok(_) => SliceEnd::Remaining,
            Err(error) => {
                summary.warn(format!("could not continue a slice, which is read again: {error}"));
                SliceEnd::Remaining
            }
        }
    }

    /// Forwards page after page, from `token` on, which is then that of the next one.
    async fn read_pages(
        &self,
        backfill: &Backfill,
        slice: &Slice,
        token: &mut Option<String>,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<(), Stop> {
        let account = invocation.function_arn.and_then(|arn| arn.split(':').nth(4));
        let Some(account) = account else {
            let why = "the invocation does not contain the function's ARN";
            return Err(Stop::NotRead(why.to_owned()));
        };
        let window = Window { from: slice.from, to: slice.to };
        loop {
            let end =
                instant_before(SystemTime::now() + self.time_for_deliveries(invocation), SHORTEST);
            if end <= Instant::now() {
                return Err(Stop::Time);
            }
            if !self.accept_more(&slice.destinations) {
                return Err(Stop::Destination);
            }
            if !self.filter_pace.wait(backfill.apart, end).await {
                return Err(Stop::Time);
            }
            let mut calls = 0;
            let asked = (slice.log_group.as_str(), window);
            let read =
                read::log_events(self.aws(), asked, (token.as_deref(), None), end, &mut calls)
                    .await;
            summary.slices().calls += calls;
            let page = match read {
                Ok(page) => page,
                Err(error) if error.code() == Some("ResourceNotFoundException") => {
                    summary.slices().deleted_log_groups += 1;
                    summary.warn(format!("{:?} does not exist any more", slice.log_group));
                    return Ok(());
                }
                Err(error)
                    if error.code() == Some("InvalidParameterException") && token.is_some() =>
                {
                    return Err(Stop::Expired);
                }
                Err(error) => return Err(Stop::NotRead(advised(&error))),
            };
            if page.log_events > 0 {
                let payloads: Vec<Payload<'_>> = page
                    .deliveries(account, &slice.log_group)
                    .into_iter()
                    .map(|delivery| Payload {
                        data: Data::Json(delivery),
                        only: None,
                        among: &slice.destinations,
                        arrived: SystemTime::now(),
                        source: Source::Backfill,
                        key: None,
                    })
                    .collect();
                let mut pipeline = Pipeline::new(self, invocation, RetryScope::All, summary);
                let dispositions = pipeline.ship(&payloads).await;
                if !dispositions.iter().all(Disposition::is_completed) {
                    return Err(Stop::Undelivered);
                }
            } else {
                summary.slices().empty_pages += 1;
            }
            match page.next {
                None => return Ok(()),
                Some(next) if token.as_ref() == Some(&next) => {
                    let why = "FilterLogEvents returned the same page twice";
                    return Err(Stop::NotRead(why.to_owned()));
                }
                next => *token = next,
            }
        }
    }

    /// Whether all these destinations accept more, as far as this instance knows; none means all.
    fn accept_more(&self, destinations: &[String]) -> bool {
        let now = SystemTime::now();
        let names = self.config.destinations.keys();
        names.filter(|name| destinations.is_empty() || destinations.contains(name)).all(|name| {
            // A copy: the probe is not granted to a request.
            let mut endpoint_state = self.endpoint_state(name);
            endpoint_state.breaker.admits(now) != Admission::Nothing
                && endpoint_state.pause(now).is_none()
        })
    }
}

fn advised(error: &AwsError) -> String {
    let advice = match error.is_denied() {
        true => "; grant the function's role logs:FilterLogEvents on the log group",
        false => "",
    };
    format!("{error}{advice}")
}
