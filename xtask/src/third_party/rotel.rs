//! rotel, an OpenTelemetry collector of others: another reader of what `otlp` sends.

use anyhow::Context;
use logagg_e2e::third_party::rotel::Rotel;
use logagg_e2e::wait;
use serde_json::json;

use super::{Checks, Shipper, content, progress, shipper};

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let rotel = Rotel::start(&progress)?;
    checks.check("every record is printed once, with its kind", |_| {
        let destination =
            json!({"type": "otlp", "url": rotel.endpoint(), "max_request_bytes": 100_000});
        let events = content::fill(1_200);
        let requests = shipper::deliver(shipper, &destination, &content::deliveries(&events)?)?;
        wait::until("what rotel prints of the records", || {
            let printed = rotel.printed().map_err(|error| format!("{error:#}"))?;
            // It prints them in quotes.
            let times = |message: &str| printed.matches(message.trim_end()).count();
            let once = events.iter().filter(|event| times(&event.message) == 1).count();
            let named = printed.matches("logagg.lambda.kind").count();
            if once == events.len() && named == events.len() {
                Ok(())
            } else {
                Err(format!("{once} messages once, {named} with their kind"))
            }
        })
        .context("asking rotel")?;
        Ok(format!("{} events in {requests} requests", events.len()))
    });
    Ok(())
}
