//! What a backfill comes to: slices, calls, invocations and time, planned like the backfill function does.

use std::time::{Duration, SystemTime};

use logagg_shipper::backfill::plan::{Estimate, LogGroup, Planned, Window};

use crate::outage::number;

/// The settings of `modules/shipper`.
const REQUESTS_PER_SECOND: f64 = 4.0;
const CONCURRENCY: f64 = 2.0;
const TIMEOUT: Duration = Duration::from_secs(300);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Stored bytes of a log group and a day.
const VOLUMES: [(&str, u64); 4] =
    [("0.1 MB", 100_000), ("1 MB", 1_000_000), ("10 MB", 10_000_000), ("100 MB", 100_000_000)];

/// The size of a log event, as CloudWatch Logs counts it.
const BYTES_PER_EVENT: f64 = 250.0;

/// What it comes to.
#[derive(Debug, PartialEq)]
struct Cost {
    slices: u64,
    calls: u64,
    invocations: u64,
    time: Duration,
}

/// The cost of the last `days` of as many log groups.
fn cost(log_groups: u32, days: u32, bytes_per_day: u64) -> Cost {
    // Any time will do.
    let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    let window = Window { from: now - days * DAY, to: now };
    let group = LogGroup {
        name: "/aws/lambda/x".to_owned(),
        created: window.from,
        retention: None,
        stored_bytes: bytes_per_day * u64::from(days),
        class: "STANDARD".to_owned(),
    };
    let planned = Planned::of(&group, window, &[], now).expect("a window of a whole day");
    let slices = planned.slices.len();
    let of_group = Estimate::of(slices, planned.bytes, Some(BYTES_PER_EVENT), REQUESTS_PER_SECOND);
    // Each slice is read by one execution, with its share of the rate.
    let calls_per_invocation = TIMEOUT.as_secs_f64() * REQUESTS_PER_SECOND / CONCURRENCY;
    let calls_per_slice = of_group.calls as f64 / slices as f64;
    let parts = (calls_per_slice / calls_per_invocation).ceil() as u64;
    let log_groups = u64::from(log_groups);
    let slices = slices as u64;
    Cost {
        slices: log_groups * slices,
        calls: log_groups * of_group.calls,
        invocations: log_groups * slices * parts,
        time: of_group.time * u32::try_from(log_groups).unwrap_or(u32::MAX),
    }
}

fn table(log_groups: u32, days: u32) -> String {
    let mut table = format!(
        "| {} log groups, {days} days | slices | calls of `FilterLogEvents` | invocations | time at {REQUESTS_PER_SECOND} calls a second |\n|---|---|---|---|---|\n",
        number(log_groups.into())
    );
    for (volume, bytes) in VOLUMES {
        let Cost { slices, calls, invocations, time } = cost(log_groups, days, bytes);
        let [slices, calls, invocations] = [slices, calls, invocations].map(number);
        let time = match time.as_secs() {
            seconds if seconds < 3 * 60 * 60 => format!("{} min", seconds.div_ceil(60)),
            seconds if seconds < 3 * 24 * 60 * 60 => format!("{} h", seconds.div_ceil(3_600)),
            seconds => format!("{} days", seconds.div_ceil(24 * 60 * 60)),
        };
        table += &format!(
            "| {volume} of each log group a day | {slices} | {calls} | {invocations} | {time} |\n"
        );
    }
    table
}

/// Prints it.
pub(crate) fn run(log_groups: u32, days: u32) -> anyhow::Result<()> {
    println!("{}", table(log_groups, days));
    Ok(())
}

#[cfg(test)]
mod tests {
    use logagg_e2e::workspace;

    use super::*;

    #[test]
    fn calls_are_those_of_full_pages_and_of_each_slice() {
        // 3 GB in slices of 256 MiB.
        let cost = cost(2, 30, 100_000_000);
        assert_eq!((cost.slices, cost.calls), (24, 2 * (2_862 + 12)));
        assert_eq!(cost.invocations, 24);
        assert_eq!(cost.time, Duration::from_secs(2 * 2_874 / 4));
    }

    #[test]
    fn the_guide_has_the_table() {
        let guide = std::fs::read_to_string(workspace::root().join("docs/guides/sizing.md"));
        let table = table(1_000, 30);
        assert!(guide.unwrap().contains(&table), "docs/guides/sizing.md does not have:\n{table}");
    }
}
