//! The shipper as it is released, behind a runtime API.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use logagg_e2e::function::{Function, Invoked};
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
        let mut configuration =
            json!({"destinations": {"x": destination}, "accept": ["no_place_for_leftovers"]});
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

/// A count of the destination in a summary: a number, or the sum of its reasons.
pub(crate) fn count(summary: &Value, name: &str) -> u64 {
    let count = &summary["destinations"]["x"][name];
    let of_reasons =
        || count.as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    count.as_u64().unwrap_or_else(of_reasons)
}
