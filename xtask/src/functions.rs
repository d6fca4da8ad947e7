use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::kept::Kept;

/// Deploys a function that does nothing to the kept demo, with a tag.
pub(crate) fn deploy(function: &str, tag: &str) -> anyhow::Result<()> {
    let (key, value) = tag.split_once('=').context("a tag is written as KEY=VALUE")?;
    Kept::expect()?.lambda().create_tagged(function, key, value)?;
    println!("Deployed {function}. The enforcer's next sweep writes its tag for the shipper.");
    Ok(())
}

/// Gives a function of the kept demo the configuration in a file.
pub(crate) fn configure(function: &str, file: &Path) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Kept::expect()?.lambda().configure(function, "LOGAGG_CONFIG", &text)?;
    println!("{function} has the configuration of {}.", file.display());
    Ok(())
}

/// Invokes a function of the kept demo, and prints its response.
pub(crate) fn invoke(function: &str, event: &str) -> anyhow::Result<()> {
    let event: Value = serde_json::from_str(event).context("reading the event as JSON")?;
    let response = Kept::expect()?.lambda().invoke(function, &event)?;
    println!("{response:#}");
    Ok(())
}
