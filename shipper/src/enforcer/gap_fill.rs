//! Has log events that were written before a filter forwarded: sends a slice of a backfill, from the
//! creation of the log group to that of its filter.

use std::time::{Duration, SystemTime};

use logagg_policy::{Document, LogGroup};
use serde_json::json;

use super::logs::Logs;
use super::summary::{Counts, Warnings};
use crate::aws::Service;
use crate::backfill::plan::OLDEST_ACCEPTED;
use crate::event::Slice;
use crate::undelivered::rfc3339;

/// The longest delay of a message.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

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
    pub(super) async fn fill(
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
        let delay = (2 * self.margin).min(LONGEST_DELAY);
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
