//! OpenTofu, which runs the provider in place of Terraform.

use anyhow::Context;
use logagg_e2e::third_party::opentofu;

use super::{Checks, Shipper, progress};

pub(super) fn run(_: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let tofu = opentofu::program(&progress)?;
    checks.check("the provider's scenes", |_| {
        progress("running the provider's scenes");
        let said = opentofu::run_scenes(&tofu)?;
        let result = said.lines().rfind(|line| line.starts_with("test result"));
        Ok(result.context("cargo reported no result")?.to_owned())
    });
    Ok(())
}
