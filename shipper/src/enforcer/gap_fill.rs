//! Has log events that were written before a filter forwarded: sends a slice of a backfill, from the
//! creation of the log group to that of its filter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use logagg_policy::{Document, LogGroup, SubscriptionFilter};
use serde_json::json;

use super::logs::Logs;
use super::summary::{Counts, Warnings};
use crate::aws::Service;
use crate::backfill::plan::OLDEST_ACCEPTED;
use crate::event::Slice;
use crate::undelivered::{queue, rfc3339};

/// Which gaps are filled.
#[derive(Clone, Debug, PartialEq)]
pub struct GapFill {
    /// The queue of slices.
    pub queue_url: String,
    /// The destination whose function reads them.
    pub destination_arn: String,
    /// How far a window reaches beyond the creation of the filter, and how long after its end it is
    /// read: clocks differ, and log events are on their way. What the filter delivers too is there
    /// twice, unless the destination deduplicates.
    pub margin: Duration,
}

impl GapFill {
    /// Whether it fills the gaps of a policy.
    pub(super) fn covers(&self, policy: &Document) -> bool {
        policy.wanted.as_ref().is_some_and(|filter| filter.destination_arn == self.destination_arn)
    }

    /// Sends the slice of a log group whose filter is created now. If that fails, a warning has the
    /// request by which an operator can do the same.
    async fn fill(
        &self,
        group: &LogGroup,
        logs: &Logs<'_>,
        (counts, warnings): (&mut Counts, &mut Warnings),
    ) {
        let now = logs.io.date();
        let since_1970 = Duration::from_millis(group.created_ms.try_into().unwrap_or_default());
        let created = SystemTime::UNIX_EPOCH + since_1970;
        let from = created.checked_sub(OLDEST_ACCEPTED).unwrap_or(SystemTime::UNIX_EPOCH);
        let slice = Slice::new(&group.name, from, now + self.margin, &[]);
        let delay = (2 * self.margin).min(queue::LONGEST_DELAY);
        let input = json!({
            "QueueUrl": self.queue_url, "MessageBody": slice.message(),
            "DelaySeconds": delay.as_secs(),
        });
        let sent = logs.call::<serde_json::Value>(Service::Sqs, "SendMessage", input).await;
        let Err(error) = sent else {
            counts.backfills += 1;
            return;
        };
        counts.failed_backfills += 1;
        let advice = match error.is_denied() {
            true => "; grant the enforcer's role sqs:SendMessage on the queue",
            false => "",
        };
        warnings.warn(format!(
            "what {:?} had before its filter is not forwarded: {error}{advice}; invoke the backfill \
             function with {}",
            group.name,
            json!({
                "logagg": "backfill", "log_groups": [group.name], "from": rfc3339(from),
                "to": rfc3339(slice.to),
            })
        ));
    }
}

/// The gap of a log group while its filter is created.
pub(super) struct Filling<'e> {
    gap_fill: GapFill,
    /// Whether the last filter could not be created.
    failing: &'e AtomicBool,
    /// When the slice was sent.
    sent: Option<Instant>,
}

impl<'e> Filling<'e> {
    pub(super) fn new(gap_fill: GapFill, failing: &'e AtomicBool) -> Self {
        Self { gap_fill, failing, sent: None }
    }

    /// Sends the slice before the filter is created, once, so that nothing is missing if the
    /// function ends between the two. Whether it did: then time has passed since the filters were
    /// read. It waits for the filter where that is likely to fail: every attempt would send the
    /// whole log group again.
    pub(super) async fn before(
        &mut self,
        group: &LogGroup,
        filters: &[SubscriptionFilter],
        logs: &Logs<'_>,
        counts: (&mut Counts, &mut Warnings),
    ) -> bool {
        let is_likely_full = filters.len() >= 2;
        if self.sent.is_some() || is_likely_full || self.failing.load(Ordering::Relaxed) {
            return false;
        }
        self.fill(group, logs, counts).await;
        true
    }

    /// Sends the slice after the filter is created, unless it was sent so shortly before that its
    /// window reaches beyond that.
    pub(super) async fn after(
        &mut self,
        group: &LogGroup,
        logs: &Logs<'_>,
        counts: (&mut Counts, &mut Warnings),
    ) {
        self.failing.store(false, Ordering::Relaxed);
        let recently = self.gap_fill.margin / 2;
        let is_recent = |sent| logs.io.now().saturating_duration_since(sent) <= recently;
        if !self.sent.is_some_and(is_recent) {
            self.fill(group, logs, counts).await;
        }
    }

    /// The filter could not be created.
    pub(super) fn failed(&self) {
        self.failing.store(true, Ordering::Relaxed);
    }

    async fn fill(
        &mut self,
        group: &LogGroup,
        logs: &Logs<'_>,
        counts: (&mut Counts, &mut Warnings),
    ) {
        self.sent = Some(logs.io.now());
        self.gap_fill.fill(group, logs, counts).await;
    }
}
