//! OpenTofu, which runs the provider in place of Terraform.

use anyhow::Context;
use logagg_e2e::third_party::{cache, opentofu, tools, versions};

use super::{Checks, Shipper, progress};

const NAME: &str = "OpenTofu";

pub(super) fn needs() -> anyhow::Result<()> {
    tools::go(NAME).map(drop)
}

pub(super) fn run(_: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let go = tools::go(NAME)?;
    let version = versions::of("opentofu")?.version;
    let built = cache::built(&format!("opentofu-{version}"), |folder| {
        opentofu::build(&go, folder, &version, &progress).map(drop)
    })?;
    checks.check("the provider's scenes", |_| {
        progress("running the provider's scenes");
        let said = opentofu::run_scenes(&built.join("tofu"))?;
        let result = said.lines().rfind(|line| line.starts_with("test result"));
        Ok(result.context("cargo told no result")?.to_owned())
    });
    Ok(())
}
