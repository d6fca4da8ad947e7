use std::collections::BTreeMap;

use anyhow::{Context, bail};
use logagg_e2e::sample::{self, Line};
use logagg_e2e::search::Search;
use logagg_e2e::wait;
use serde_json::json;

use super::stage::{INDEX, SHIPPER_GROUP, Stage};

/// Requests of each function, each written with a call of PutLogEvents.
const REQUESTS: u32 = 4;

/// The functions write their lines. The answer is every line written.
pub(super) fn write(stage: &Stage) -> anyhow::Result<Vec<Line>> {
    let logs = stage.account.logs();
    let stream = "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef";
    let mut written = Vec::new();
    for function in sample::FUNCTIONS {
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
    wait::until("the shipper to take every delivery", || {
        let lines = logs
            .events(SHIPPER_GROUP)
            .map_err(|error| format!("{error:#}"))?;
        match lines
            .iter()
            .filter(|line| line.starts_with("REPORT "))
            .count()
        {
            done if done >= expected => Ok(()),
            done => Err(format!(
                "it was through with {done} of {expected} invocations"
            )),
        }
    })
}

/// Searches for the lines of each request of each function, by these two, and expects exactly
/// what was written.
pub(super) fn verify(search: &Search, written: &[Line]) -> anyhow::Result<()> {
    let mut requests: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for line in written {
        let request = requests
            .entry((line.function, line.request_id.as_str()))
            .or_default();
        request.push(&line.message);
    }
    for ((function, request_id), mut expected) in requests {
        let query = json!({"bool": {"filter": [
            {"term": {"faas.name.keyword": function}},
            {"term": {"faas.execution.keyword": request_id}},
        ]}});
        let hits = search.find(INDEX, &query)?;
        let mut found = hits
            .iter()
            .map(|hit| {
                hit["message"]
                    .as_str()
                    .with_context(|| format!("no message in {hit}"))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        expected.sort_unstable();
        found.sort_unstable();
        if expected != found {
            bail!(
                "of request {request_id} of {function} were written\n{expected:#?}\n\
                 but a search finds\n{found:#?}"
            );
        }
    }
    let all = search.documents(INDEX)?.len();
    if all != written.len() {
        bail!(
            "{} lines were written, but the index holds {all} documents",
            written.len()
        );
    }
    Ok(())
}
