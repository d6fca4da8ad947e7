//! The shipper as it is released, behind a runtime API.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use logagg_e2e::function::{Function, Invoked};
use logagg_e2e::interrupt;
use logagg_e2e::wait::PATIENCE;
use logagg_shipper::destination::RecordField;
use serde_json::{Value, json};

use super::progress;
use crate::release;

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";

/// The release build, made when it is first needed.
pub(crate) struct Shipper(OnceCell<PathBuf>);

impl Shipper {
    pub(crate) fn new() -> Self {
        Self(OnceCell::new())
    }

    /// The program.
    pub(crate) fn program(&self) -> anyhow::Result<&PathBuf> {
        if self.0.get().is_none() {
            progress("building the shipper as it is released");
            let program = release::build(&["logagg-shipper"])?.join("bootstrap");
            return Ok(self.0.get_or_init(|| program));
        }
        self.0.get().context("the release build is gone")
    }

    /// Starts it with one destination, `x`, and with more fields of its configuration.
    pub(crate) fn start(
        &self,
        destination: &Value,
        more: &Value,
        environment: &[(&str, String)],
    ) -> anyhow::Result<Function> {
        interrupt::check()?;
        let mut destination = destination.clone();
        // Log events are told apart by their fields.
        destination["record_fields"] = json!({"add": RecordField::ALL.map(RecordField::name)});
        let mut configuration = json!({"destinations": {"x": destination}, "accepted_risks": ["no_undelivered_storage"]});
        for (name, value) in more.as_object().into_iter().flatten() {
            configuration[name] = value.clone();
        }
        let mut variables = vec![
            ("LOGAGG_CONFIG", configuration.to_string()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ];
        variables.extend(environment.iter().cloned());
        Function::start(self.program()?, ARN, &variables)
    }

    /// Ships one event with a new instance.
    pub(crate) fn ship(
        &self,
        destination: &Value,
        event: &Value,
        time: Duration,
    ) -> anyhow::Result<Invoked> {
        self.start(destination, &Value::Null, &[])?.summarize(event, time)
    }
}

/// Ships deliveries with a new instance; gives the number of requests. All must be delivered, and
/// none twice.
pub(super) fn deliver(
    shipper: &Shipper,
    destination: &Value,
    deliveries: &[Value],
) -> anyhow::Result<u64> {
    let function = shipper.start(destination, &Value::Null, &[])?;
    deliveries.iter().map(|delivery| deliver_with(&function, delivery)).sum()
}

/// Ships one delivery with this instance; gives the number of requests.
pub(super) fn deliver_with(function: &Function, delivery: &Value) -> anyhow::Result<u64> {
    let Invoked { result, summary } = function.summarize(delivery, PATIENCE)?;
    if let Err(error) = result {
        bail!("the shipper failed: {}", error.error);
    }
    ensure!(
        count(&summary, "delivered") == count(&summary, "received"),
        "not all delivered: {summary:#}"
    );
    ensure!(count(&summary, "possible_duplicates") == 0, "something may be twice: {summary:#}");
    Ok(count(&summary, "requests"))
}

/// What can become of an event, by the count in a summary.
pub(super) const DISPOSITIONS: [&str; 6] =
    ["delivered", "deduplicated", "dropped", "rejected", "stored", "returned_to_source"];

/// Verifies that every event has one outcome, and that the invocation fails if some are returned to
/// Lambda; returns the number of received events.
pub(super) fn accounted(Invoked { result, summary }: &Invoked) -> anyhow::Result<u64> {
    let received = count(summary, "received");
    let accounted: u64 = DISPOSITIONS.iter().map(|disposition| count(summary, disposition)).sum();
    ensure!(accounted == received, "{accounted} of {received} accounted for: {summary:#}");
    ensure!(
        result.is_err() == (count(summary, "returned_to_source") > 0),
        "Lambda got {result:?}: {summary:#}"
    );
    Ok(received)
}

/// A count of the destination in a summary: a number, or the sum of its reasons.
pub(crate) fn count(summary: &Value, name: &str) -> u64 {
    let count = &summary["destinations"]["x"][name];
    let of_reasons =
        || count.as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    count.as_u64().unwrap_or_else(of_reasons)
}
