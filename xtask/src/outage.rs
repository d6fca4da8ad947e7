//! What an outage of a destination comes to: objects, messages, calls, invocations and the time until all is
//! delivered, played minute by minute with the schedule of the shipper and AWS's quotas.

use std::collections::BTreeMap;
use std::time::Duration;

use logagg_shipper::undelivered::schedule;

/// The most messages that a standard queue has in flight: received and not deleted, also those that are
/// invisible until their next attempt.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_IN_FLIGHT: u64 = 120_000;

/// The settings of `modules/shipper`.
const BATCH: u64 = 10;
const MAX_RECEIVE_COUNT: u32 = 400;
const FIRST_DELAY: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// An outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) hours: u64,
    pub(crate) events_per_second: u64,
    /// How many log events CloudWatch Logs delivers at once.
    pub(crate) events_per_object: u64,
    /// The mapping's maximum concurrency.
    pub(crate) concurrency: u64,
    /// How long an invocation lasts that delivers a batch of objects, and one that leaves them.
    pub(crate) delivering_ms: u64,
    pub(crate) leaving_ms: u64,
}

impl Default for Outage {
    fn default() -> Self {
        Self {
            hours: 10,
            events_per_second: 1_000,
            events_per_object: 100,
            concurrency: 10,
            delivering_ms: 1_000,
            leaving_ms: 100,
        }
    }
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cost {
    objects: u64,
    receives: u64,
    most_in_flight: u64,
    most_attempts: u32,
    minutes_to_drain: u64,
}

impl Outage {
    /// Plays it: what is not received yet, what is visible again, and what waits for its next attempt.
    fn play(self) -> Cost {
        let minutes = self.hours * 60;
        let per_minute = self.events_per_second * 60 / self.events_per_object.max(1);
        let capacity = |millis: u64| self.concurrency * BATCH * 60_000 / millis.max(1);
        let mut cost = Cost::default();
        let mut new = 0;
        // By the number of attempts.
        let mut visible: BTreeMap<u32, u64> = BTreeMap::new();
        // By the minute of the next attempt, and by the number of attempts.
        let mut hidden: BTreeMap<u64, BTreeMap<u32, u64>> = BTreeMap::new();
        for minute in 0.. {
            let is_down = minute < minutes;
            if is_down {
                new += per_minute;
                cost.objects += per_minute;
            }
            for (attempts, messages) in hidden.remove(&minute).into_iter().flatten() {
                *visible.entry(attempts).or_default() += messages;
            }
            let in_flight: u64 = hidden.values().flat_map(BTreeMap::values).sum();
            let mut free = if is_down {
                capacity(self.leaving_ms).min(MAX_IN_FLIGHT.saturating_sub(in_flight))
            } else {
                capacity(self.delivering_ms)
            };
            let mut received: BTreeMap<u32, u64> = BTreeMap::new();
            for (attempts, messages) in visible.iter_mut().chain(std::iter::once((&0, &mut new))) {
                let taken = free.min(*messages);
                (free, *messages) = (free - taken, *messages - taken);
                *received.entry(attempts + 1).or_default() += taken;
            }
            for (attempts, messages) in received.into_iter().filter(|(_, messages)| *messages > 0) {
                cost.receives += messages;
                cost.most_attempts = cost.most_attempts.max(attempts);
                if is_down {
                    let next = minute + schedule::delay(attempts).as_secs() / 60;
                    *hidden.entry(next).or_default().entry(attempts).or_default() += messages;
                }
            }
            let in_flight: u64 = hidden.values().flat_map(BTreeMap::values).sum();
            cost.most_in_flight = cost.most_in_flight.max(in_flight);
            if !is_down && new == 0 && in_flight == 0 && visible.values().all(|it| *it == 0) {
                cost.minutes_to_drain = minute - minutes + 1;
                return cost;
            }
        }
        unreachable!("minutes do not end")
    }

    /// The outage as a page shows it.
    pub(crate) fn table(self) -> String {
        let cost = self.play();
        let batches = cost.receives.div_ceil(BATCH);
        let longest = schedule::longest_outage(MAX_RECEIVE_COUNT, FIRST_DELAY, RETENTION);
        let rows = [
            ("stored objects, PutObject calls, pointers", number(cost.objects)),
            ("receives of pointers", number(cost.receives)),
            ("invocations, and ChangeMessageVisibilityBatch calls at most", number(batches)),
            ("GetObject and DeleteObject calls for the delivery, each", number(cost.objects)),
            (
                "the same and notes where the destination does not deduplicate: PutObject, DeleteObject",
                number(cost.objects),
            ),
            ("most messages in flight, of 120,000", number(cost.most_in_flight)),
            ("attempts of one pointer, of 400", number(u64::from(cost.most_attempts))),
            ("minutes until all is delivered", number(cost.minutes_to_drain)),
            (
                "hours until the first pointer would be a dead letter",
                number(longest.as_secs() / 3_600),
            ),
        ];
        let mut table = format!(
            "| {} hours at {} events/s, {} in an object | |\n|---|---|\n",
            self.hours,
            number(self.events_per_second),
            number(self.events_per_object)
        );
        for (name, value) in rows {
            table += &format!("| {name} | {value} |\n");
        }
        table
    }
}

/// Prints it.
pub(crate) fn run(outage: Outage) -> anyhow::Result<()> {
    println!("{}", outage.table());
    Ok(())
}

/// A number with commas between the thousands.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use logagg_e2e::workspace;

    use super::*;

    #[test]
    fn thousands_have_commas() {
        assert_eq!([7, 1_000, 360_000].map(number), ["7", "1,000", "360,000"]);
    }

    #[test]
    fn a_short_outage_is_over_soon() {
        let outage = Outage { hours: 1, events_per_second: 10, ..Outage::default() };
        let cost = outage.play();
        assert_eq!((cost.objects, cost.most_attempts), (360, 8));
        assert!(cost.minutes_to_drain <= 16, "{cost:?}");
    }

    #[test]
    fn the_page_says_what_the_command_prints() {
        let page =
            std::fs::read_to_string(workspace::root().join("docs/guides/sizing.md")).unwrap();
        let table = Outage::default().table();
        assert!(page.contains(&table), "docs/guides/sizing.md should say:\n\n{table}");
    }
}
