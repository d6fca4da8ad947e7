//! AWS's own emulator of Lambda's runtime interface, which invokes the shipper.

use anyhow::ensure;
use logagg_e2e::search::Search;
use logagg_e2e::third_party::lambda_emulator::LambdaEmulator;
use serde_json::json;

use super::{Checks, Shipper, content, progress, search};

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let server = Search::start(&progress)?;
    let configuration = json!({
        "destinations": {
            "x": {"type": "elasticsearch", "url": server.endpoint(), "index": "emulated"},
        },
        "accepted_risks": ["no_undelivered_storage"],
        "metrics": {},
    });
    let variables = [("LOGAGG_CONFIG", configuration.to_string())];
    let program = shipper.program()?;
    let function = LambdaEmulator::start(&progress, program, &variables)?;
    checks.check("events shipped twice are there once", |_| {
        let events = content::fill(600);
        let deliveries = content::deliveries(&events)?;
        for (expected, again) in [("delivered", false), ("deduplicated", true)] {
            for delivery in &deliveries {
                let summary = function.invoke(delivery)?;
                let counts = &summary["destinations"]["x"];
                ensure!(
                    counts[expected] == counts["received"] && counts["received"] != 0,
                    "sent again: {again}, {summary:#}"
                );
            }
        }
        search::holds(&server, "emulated", &events)?;
        let summaries = function.printed()?.matches("\"logagg\":\"summary\"").count();
        ensure!(summaries == 2 * deliveries.len(), "{summaries} summary lines");
        Ok(format!("{} events in {} invocations", events.len(), 2 * deliveries.len()))
    });
    checks.check("an unknown event is an error", |_| {
        let error = function.invoke(&json!({"Records": []}))?;
        ensure!(error["errorType"] == "Logagg.UnknownEvent", "{error:#}");
        Ok(error["errorType"].to_string())
    });
    checks.check("a wrong configuration is an error", |_| {
        let wrong = [("LOGAGG_CONFIG", "{}".to_owned())];
        let error = LambdaEmulator::start(&progress, program, &wrong)?.invoke(&json!({}))?;
        let said = error["errorMessage"].as_str().unwrap_or_default();
        ensure!(said.starts_with("logagg shipper cannot start: LOGAGG_CONFIG has "), "{error:#}");
        Ok(said.lines().next().unwrap_or_default().to_owned())
    });
    Ok(())
}
