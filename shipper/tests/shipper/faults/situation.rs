use std::fmt;
use std::ops::Range;
use std::time::Duration;

use logagg_shipper::delivery::MAX_HELD_BYTES;
use logagg_shipper::destination::Limits;

use super::fault::{Course, Fault};
use crate::event;

/// The reserve of an invocation: far more than a slow machine needs, because a cell that misses its
/// deadline has failed.
pub(super) const RESERVE: Duration = Duration::from_secs(30);

/// How many log events there are when the fault occurs, and how much time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Situation {
    /// One request, and the first is affected.
    OneBatch,
    /// Six requests, several concurrently, of which two are affected. There is storage for
    /// undelivered events.
    ManyBatches,
    /// One request, and little time; the fault lasts until the deadline.
    NearDeadline,
    /// A batch of a stream that is processed in turns, with memory for one request at a time; the
    /// fault lasts. There is storage for undelivered events.
    LowMemory,
    /// Six requests, and the fault lasts. There is storage, which may have a fault of its own.
    Outage,
    /// The same with a batch of a stream.
    OutageBehindStream,
}

impl Situation {
    /// The situations of every fault.
    pub(super) const ALL: [Self; 4] =
        [Self::OneBatch, Self::ManyBatches, Self::NearDeadline, Self::LowMemory];

    /// The situations with a fault of the storage.
    pub(super) const STORAGE_FAULTS: [Self; 2] = [Self::Outage, Self::OutageBehindStream];

    pub(super) fn course(self) -> Course {
        match self {
            Self::OneBatch | Self::ManyBatches => Course::Passes,
            Self::NearDeadline | Self::LowMemory | Self::Outage | Self::OutageBehindStream => {
                Course::Lasts
            }
        }
    }

    /// Which requests a passing fault affects.
    pub(super) fn affected(self) -> &'static [bool] {
        match self {
            Self::OneBatch => &[true],
            Self::ManyBatches => &[false, true, false, true],
            Self::NearDeadline | Self::LowMemory | Self::Outage | Self::OutageBehindStream => &[],
        }
    }

    pub(super) fn has_storage(self) -> bool {
        !matches!(self, Self::OneBatch | Self::NearDeadline)
    }

    /// The number of log events.
    pub(super) fn messages(self) -> usize {
        match self {
            Self::OneBatch | Self::NearDeadline => 3,
            Self::ManyBatches | Self::LowMemory | Self::Outage | Self::OutageBehindStream => 12,
        }
    }

    /// The event, and the maximum decoded size of a turn.
    pub(super) fn event(self, messages: &[String]) -> (Vec<u8>, usize) {
        /// The number of log events in a record of a stream.
        const IN_RECORD: usize = 3;
        /// More than any delivery here.
        const ENOUGH_BYTES: usize = 1 << 20;

        if !matches!(self, Self::LowMemory | Self::OutageBehindStream) {
            return (event::fresh(messages), ENOUGH_BYTES);
        }
        let deliveries: Vec<Vec<u8>> = messages
            .chunks(IN_RECORD)
            .enumerate()
            .map(|(number, messages)| {
                let delivery = event::fresh_delivery(number * IN_RECORD, messages);
                serde_json::to_vec(&delivery).unwrap()
            })
            .collect();
        let turn_bytes = match self {
            // A turn contains two of them.
            Self::LowMemory => 2 * deliveries.iter().map(Vec::len).max().unwrap(),
            _ => ENOUGH_BYTES,
        };
        let records: Vec<Vec<u8>> = deliveries.iter().map(|json| event::gzip(json)).collect();
        (event::stream(&records), turn_bytes)
    }

    /// The destination's limits, lowered so that there are several requests.
    pub(super) fn limits(self, limits: Limits) -> Limits {
        match self {
            Self::OneBatch | Self::NearDeadline => limits,
            Self::ManyBatches | Self::Outage | Self::OutageBehindStream => {
                Limits { max_request_records: 2, ..limits }
            }
            Self::LowMemory => {
                Limits { max_request_records: 2, max_request_bytes: MAX_HELD_BYTES, ..limits }
            }
        }
    }

    /// The time of the invocation. It is short only if something is waited for: other work takes
    /// its time on a slow machine too.
    pub(super) fn time(self, fault: Fault, course: Course) -> Duration {
        let to_spend = match (self, course) {
            (Self::OneBatch | Self::NearDeadline, Course::Lasts) if fault.is_waited_out() => {
                Duration::from_secs(8)
            }
            // With storage, the shipper stops sooner.
            _ => Duration::from_secs(60),
        };
        RESERVE + to_spend
    }

    /// The indices of invalid records.
    pub(super) fn bad(self) -> impl Iterator<Item = usize> {
        let all: Range<usize> = 0..self.messages();
        all.skip(1).step_by(3)
    }
}

/// The name in the tables.
impl fmt::Display for Situation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::OneBatch => "one batch",
            Self::ManyBatches => "many batches",
            Self::NearDeadline => "near the deadline",
            Self::LowMemory => "little memory",
            Self::Outage => "an outage",
            Self::OutageBehindStream => "an outage behind a stream",
        })
    }
}
