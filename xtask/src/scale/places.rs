//! What the provider takes for one block that governs many accounts and regions at once.

use std::path::Path;

use anyhow::ensure;
use logagg_e2e::account::Account;
use logagg_e2e::simulator::{Role, Simulator};
use logagg_e2e::terraform::{Installation, Run, Terraform};

use super::watch::{Seen, Watch};
use super::{ACCOUNT, POLICY};

const ACCOUNTS: u64 = 40;
const REGIONS: [&str; 3] = ["eu-central-1", "eu-west-1", "us-east-1"];

/// Prints CPU and memory of a first apply and an empty plan, and where there is but one place.
pub(super) fn run(provider_dir: &Path) -> anyhow::Result<()> {
    println!("{ACCOUNTS} accounts in {} regions, a log group in each", REGIONS.len());
    println!("  {:<16} {:>9} {:>9}  calls", "", "own CPU", "peak");
    for (accounts, regions) in [(1, &REGIONS[..1]), (ACCOUNTS, &REGIONS[..])] {
        play(provider_dir, accounts, regions)?;
    }
    println!();
    Ok(())
}

fn play(provider_dir: &Path, accounts: u64, regions: &[&str]) -> anyhow::Result<()> {
    let aws = Simulator::start()?;
    let ids: Vec<_> = (0..accounts).map(|number| (400_000_000_000 + number).to_string()).collect();
    for id in &ids {
        aws.account(id).add_role(Role::named("logs").trusting(ACCOUNT));
        for region in regions {
            let region = aws.region(id, region);
            region.add_shipper("shipper");
            region.add_groups_named(["/app/a"]);
        }
    }
    let account = Account::at(&aws.endpoint(), ACCOUNT);
    let terraform = Terraform::new(Installation::Override(provider_dir))?
        .with_environment(account.environment(&aws.endpoint()));
    terraform.write("main.tf", &configuration(&ids, regions))?;
    let places = ids.len() * regions.len();
    let measure = |what: &str, arguments: &[&str]| {
        aws.forget_calls();
        let watch = Watch::begin(&terraform);
        let (run, seen): (Run, Seen) = watch.during(&aws, || terraform.run(arguments))?;
        ensure!(run.code() == 0, "{what} ended with {}:\n{run}", run.code());
        println!(
            "  {:<16} {:>7.2} s {:>6.0} MB  {}",
            format!("{what}, {places}"),
            seen.cpu.as_secs_f64(),
            seen.peak_bytes as f64 / 1e6,
            aws.counts().total()
        );
        Ok(())
    };
    measure("apply", &["apply", "-no-color", "-auto-approve", "-parallelism=40"])?;
    measure("plan", &["plan", "-no-color", "-detailed-exitcode", "-parallelism=40"])
}

fn configuration(ids: &[String], regions: &[&str]) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
         locals {{\n  places = {{\n    for place in setproduct({ids:?}, {regions:?}) :\n    \
         \"${{place[0]}} ${{place[1]}}\" => {{ account = place[0], region = place[1] }}\n  }}\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n  for_each = local.places\n  name = \"{POLICY}\"\n  \
         region = each.value.region\n  \
         destination_arn = \"arn:aws:lambda:${{each.value.region}}:${{each.value.account}}:function:shipper\"\n  \
         retention_in_days = 30\n  \
         assume_role {{\n    role_arn = \"arn:aws:iam::${{each.value.account}}:role/logs\"\n  }}\n  \
         select {{\n    name_prefixes = [\"/app/\"]\n  }}\n}}\n"
    )
}
