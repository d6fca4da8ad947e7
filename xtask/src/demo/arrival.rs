use anyhow::ensure;
use logagg_e2e::sample::{self, Line};
use logagg_e2e::wait;
use serde_json::json;

use super::stage::{INDEX, SHIPPER_GROUP, Stage};

/// Requests of each function, each written with a call of PutLogEvents.
const REQUESTS: u32 = 4;

/// Functions write their lines. The answer is every line written.
pub(super) fn write(stage: &Stage, functions: &[&'static str]) -> anyhow::Result<Vec<Line>> {
    let logs = stage.account.logs();
    let stream = "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef";
    let mut written = Vec::new();
    for &function in functions {
        let group = sample::group(function);
        logs.create_stream(&group, stream)?;
        for request in 1..=REQUESTS {
            let lines = sample::lines(function, request);
            let messages: Vec<_> = lines.iter().map(|line| line.message.clone()).collect();
            logs.put_events(&group, stream, &messages)?;
            written.extend(lines);
        }
    }
    Ok(written)
}

/// Waits until the shipper has been through with everything: only then can a line that came
/// twice be seen.
pub(super) fn wait_for_shipper(stage: &Stage) -> anyhow::Result<()> {
    let logs = stage.account.logs();
    let expected = sample::FUNCTIONS.len() * REQUESTS as usize;
    wait::until("the shipper to process every delivery", || {
        let lines = logs.events(SHIPPER_GROUP).map_err(|error| format!("{error:#}"))?;
        match lines.iter().filter(|line| line.starts_with("REPORT ")).count() {
            done if done >= expected => Ok(()),
            done => Err(format!("{done} of {expected} invocations are complete")),
        }
    })
}

/// What is written before there is a filter.
const EARLY: &str = "the first line of all";

/// Writes a line into a log group without a filter.
pub(super) fn write_early(stage: &Stage, group: &str) -> anyhow::Result<()> {
    let (logs, stream) =
        (stage.account.logs(), "2026/11/23/[$LATEST]fedcba9876543210fedcba9876543210");
    logs.create_stream(group, stream)?;
    logs.put_events(group, stream, &[EARLY.to_owned()])
}

/// That line is in the index.
pub(super) fn expect_early(stage: &Stage) -> anyhow::Result<()> {
    let found = stage.search.find(INDEX, &json!({"match_phrase": {"message": EARLY}}))?;
    ensure!(found.len() == 1, "it is there {} times", found.len());
    Ok(())
}
