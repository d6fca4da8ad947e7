//! The server is killed in the middle of a delivery and started again, three times.

use std::thread;

use anyhow::{Context, anyhow, ensure};
use logagg_e2e::function::Function;
use logagg_e2e::third_party::opensearch::OpenSearch;
use logagg_e2e::wait;
use serde_json::{Value, json};

use super::super::content::{self, Keeps};
use super::super::shipper::count;
use super::super::{Checks, Shipper};
use super::contents;

const INDEX: &str = "restarts";
/// As many deliveries of several thousand.
const EVENTS: usize = 24_000;
const KILLS: usize = 3;
/// How often Lambda delivers an event again in this test, which knows no dead letters.
const REDELIVERIES: usize = 5;
/// How long an invocation may take. A start of the server is mostly shorter.
const TIME: std::time::Duration = std::time::Duration::from_secs(50);

pub(super) fn check(shipper: &Shipper, server: &mut OpenSearch, checks: &mut Checks) {
    checks.check("killed and restarted in the middle of three deliveries", |_| {
        let events = content::fill(EVENTS);
        let deliveries = content::deliveries(&events)?;
        ensure!(deliveries.len() >= KILLS, "{} deliveries", deliveries.len());
        let destination = json!({
            "type": "elasticsearch",
            "url": server.endpoint(),
            "index": INDEX,
            // Many requests, so that there is a middle.
            "max_request_bytes": 20_000,
            "max_in_flight": 2,
        });
        let function = shipper.start(&destination, &Value::Null, &[])?;
        let mut returned = 0;
        for (number, delivery) in deliveries.iter().enumerate() {
            if number < KILLS {
                returned += while_killed(&function, delivery, server)?;
            }
            delivered_in_the_end(&function, delivery)?;
        }
        let found = contents::found(server, INDEX)?;
        let compared = content::compare(&events, found, 1, Keeps::ALL)?;
        Ok(format!("{compared}; {returned} were returned to Lambda meanwhile"))
    });
}

/// Ships a delivery, in the middle of which the server is killed and started again. What the summary
/// says must be true of what the server has then.
fn while_killed(
    function: &Function,
    delivery: &Value,
    server: &mut OpenSearch,
) -> anyhow::Result<u64> {
    let before = contents::found(server, INDEX)?.len() as u64;
    let written = server.written(INDEX)?;
    let restarted = &mut *server;
    let (summary, restart) = thread::scope(|scope| {
        let restart = scope.spawn(move || {
            wait::until("the first documents of a delivery", || {
                match restarted.written(INDEX).map_err(|error| format!("{error:#}"))? {
                    now if now > written => Ok(()),
                    _ => Err("none yet".to_owned()),
                }
            })?;
            restarted.kill()?;
            restarted.restart()
        });
        let invoked = function.summarize(delivery, TIME);
        (invoked, restart.join())
    });
    restart.map_err(|_| anyhow!("the thread that kills the server panicked"))??;
    let summary = summary.context("shipping while the server is killed")?.summary;
    let is_counted = |name| count(&summary, name) > 0;
    ensure!(
        is_counted("retries") || is_counted("returned_to_source"),
        "the server was killed after the delivery: {summary:#}"
    );
    let now = contents::found(server, INDEX)?.len() as u64;
    let (there, received) = (now - before, count(&summary, "received"));
    let reported = count(&summary, "delivered") + count(&summary, "deduplicated");
    let returned = count(&summary, "returned_to_source");
    ensure!(reported + returned == received, "it does not add up: {summary:#}");
    // Of what was returned something may be there: its response was lost.
    ensure!(
        (reported..=received).contains(&there),
        "{there} of {received} are there, and {reported} by the summary"
    );
    Ok(returned)
}

/// Delivers as Lambda does, until nothing is returned any more.
fn delivered_in_the_end(function: &Function, delivery: &Value) -> anyhow::Result<()> {
    for _ in 0..REDELIVERIES {
        let summary = function.summarize(delivery, TIME)?.summary;
        ensure!(count(&summary, "rejected") == 0, "something was rejected: {summary:#}");
        if count(&summary, "returned_to_source") == 0 {
            return Ok(());
        }
    }
    Err(anyhow!("after {REDELIVERIES} redeliveries something is still returned"))
}
