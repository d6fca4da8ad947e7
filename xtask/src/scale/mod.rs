//! What a policy costs as the number of log groups grows: the real Terraform and the released
//! provider against the simulator, which keeps AWS's quotas on a clock that runs fast.

mod places;
mod watch;

use std::cell::Cell;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::simulator::{Counts, Quotas, Region, Simulator};
use logagg_e2e::terraform::{Installation, Run, Terraform};
use serde_json::json;

use crate::release;
use watch::Watch;

const ACCOUNT: &str = "111122223333";
const POLICY: &str = "scale";

/// Simulated seconds in a real one: as fast as the simulator keeps up with easily, so that what is
/// measured is the quota and not this machine.
const SPEED: f64 = 40.0;

/// The same for what takes a minute, where calls wait for one another and not for the quota.
const CALM: f64 = 4.0;

/// AWS's quotas, in requests a second.
const LISTING: f64 = 10.0;
const FILTERS: f64 = 5.0;
const WRITES: f64 = 5.0;
const EVENTS: f64 = 2.0;
const GROUPS_PER_PAGE: usize = 50;
const EVENTS_PER_PAGE: usize = 50;

/// Prints the figures for these numbers of log groups.
pub(crate) fn run(sizes: &[usize]) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return run_optimized(sizes);
    }
    let provider_dir = release::build(&["terraform-provider-logagg"])?;
    println!(
        "simulated AWS, quotas at their defaults, a clock {SPEED} times as fast, or {CALM} where little is to be \
         done;\na token bucket saves up a real second, so what takes little comes out below its baseline\n"
    );
    for size in sizes {
        println!("{size} log groups");
        println!(
            "  {:<16} {:>10} {:>10} {:>7} {:>9} {:>9}  calls",
            "", "quota time", "baseline", "ratio", "own CPU", "peak"
        );
        Play::begin(&provider_dir, *size)?.all()?;
        println!();
    }
    places::run(&provider_dir)
}

/// Runs this program as it is built for release: the simulator shares the processor with what is
/// measured, and had better leave it most of it.
fn run_optimized(sizes: &[usize]) -> anyhow::Result<()> {
    let program = release::build(&["xtask"])?.join("xtask");
    let status = Command::new(&program)
        .arg("scale")
        .args(sizes.iter().map(usize::to_string))
        .status()
        .with_context(|| format!("running {}", program.display()))?;
    ensure!(status.success(), "{} ended with {status}", program.display());
    Ok(())
}

/// A policy over some log groups, from the first plan to its end.
struct Play {
    size: usize,
    shipper: String,
    speed: Cell<f64>,
    aws: Simulator,
    terraform: Terraform,
}

/// The fewest calls that something takes.
#[derive(Default)]
struct Baseline {
    pages: usize,
    events: usize,
    filters: usize,
    writes: usize,
}

impl Baseline {
    /// What the quotas make it take. Listing, looking up events, asking for filters and writing
    /// follow one another; the calls of each have a bucket of their own.
    fn seconds(&self) -> f64 {
        self.pages as f64 / LISTING
            + self.events as f64 / EVENTS
            + self.filters as f64 / FILTERS
            + self.writes as f64 / WRITES
    }
}

impl Play {
    fn begin(provider_dir: &Path, size: usize) -> anyhow::Result<Self> {
        let aws = Simulator::start()?;
        let region = aws.region(ACCOUNT, REGION);
        let shipper = region.add_shipper("shipper");
        region.add_groups_named((0..size).map(group));
        let account = Account::at(&aws.endpoint(), ACCOUNT);
        let terraform = Terraform::new(Installation::Override(provider_dir))?
            .with_environment(account.environment(&aws.endpoint()));
        Ok(Self { size, shipper, speed: Cell::new(1.0), aws, terraform })
    }

    fn all(&self) -> anyhow::Result<()> {
        let pages = self.size.div_ceil(GROUPS_PER_PAGE);
        let size = self.size;
        let changed = size.div_ceil(100);
        let plan: &[&str] = &["plan", "-no-color", "-detailed-exitcode", "-out=plan"];
        let apply: &[&str] = &["apply", "-no-color", "plan"];
        let keep: &[&str] = &["apply", "-no-color", "-auto-approve", "-refresh-only"];
        let switch: &[&str] = &["apply", "-no-color", "-auto-approve", "-refresh=false"];
        let destroy: &[&str] = &["destroy", "-no-color", "-auto-approve"];
        let none = Baseline::default;

        self.configure("full", SPEED)?;
        self.measure("first plan", plan, 2, &Baseline { pages, ..none() })?;
        // Terraform plans again, then the log groups are listed and read to be written.
        let baseline = Baseline { pages: 2 * pages, filters: size, writes: size, ..none() };
        self.measure("first apply", apply, 0, &baseline)?;
        self.measure("empty plan", plan, 0, &Baseline { pages, filters: size, ..none() })?;
        for number in 0..changed {
            self.region().change_group(&group(number * 100), |group| group.filters.clear());
        }
        let baseline = Baseline { pages, filters: size, ..none() };
        self.measure("1 % drift", plan, 2, &baseline)?;
        let baseline = Baseline { pages, filters: changed, writes: changed, ..none() };
        self.measure("mend", apply, 0, &baseline)?;

        self.configure("incremental", SPEED)?;
        let run = self.terraform.run(switch)?;
        ensure!(run.code() == 0, "{run}");
        // CloudTrail is asked what time it is.
        let baseline = Baseline { pages, events: 1, filters: size, ..none() };
        self.measure("full refresh", keep, 0, &baseline)?;
        self.configure("incremental", CALM)?;
        for number in 0..changed {
            let input = json!({"logGroupName": group(number * 100), "filterName": POLICY});
            self.region().call("DeleteSubscriptionFilter", input)?;
        }
        // The time, the written filters, and the deleted ones.
        let events = 2 + changed.div_ceil(EVENTS_PER_PAGE);
        let baseline = Baseline { pages, events, filters: changed, ..none() };
        self.measure("1 %, incremental", plan, 2, &baseline)?;
        let baseline = Baseline { pages, filters: changed, writes: changed, ..none() };
        self.measure("mend", apply, 0, &baseline)?;
        // What was just written is read again, and CloudTrail returns all events since the last
        // refresh.
        let events = 1 + 2 * changed.div_ceil(EVENTS_PER_PAGE);
        let baseline = Baseline { pages, events, filters: changed, ..none() };
        self.measure("then empty", plan, 0, &baseline)?;

        self.configure("incremental", SPEED)?;
        // A destroy is planned first; then each group is asked while others are written.
        let baseline = Baseline { writes: size, ..baseline };
        let state = self.terraform.run(&["state", "pull"])?.stdout.len();
        self.measure("destroy", destroy, 0, &baseline)?;
        println!("  {:<16} {:.1} kB, {} bytes a group", "state", state as f64 / 1e3, state / size);
        let left =
            self.region().groups().values().filter(|group| !group.filters.is_empty()).count();
        ensure!(left == 0, "{left} log groups still have a filter");
        Ok(())
    }

    /// Writes the configuration, and lets time run so fast.
    fn configure(&self, refresh: &str, speed: f64) -> anyhow::Result<()> {
        self.speed.set(speed);
        self.aws.set_speed(speed);
        // A caller cannot be more exact than the real time that the fast clock leaves it.
        self.aws.set_quotas(Quotas::aws().burst(Duration::from_secs_f64(speed)));
        self.terraform.write("main.tf", &configuration(&self.shipper, refresh, speed))
    }

    fn measure(
        &self,
        what: &str,
        arguments: &[&str],
        code: i32,
        baseline: &Baseline,
    ) -> anyhow::Result<()> {
        self.aws.forget_calls();
        let watch = Watch::begin(&self.terraform);
        let (run, seen): (Run, watch::Seen) =
            watch.during(&self.aws, || self.terraform.run(arguments))?;
        ensure!(run.code() == code, "{what} ended with {}:\n{run}", run.code());
        let counts = self.aws.counts();
        let quota_time = seen.calling.as_secs_f64() * self.speed.get();
        println!(
            "  {what:<16} {:>8.0} s {:>8.0} s {:>7.2} {:>7.2} s {:>6.0} MB  {}",
            quota_time,
            baseline.seconds(),
            quota_time / baseline.seconds(),
            seen.cpu.as_secs_f64(),
            seen.peak_bytes as f64 / 1e6,
            calls(&counts)
        );
        Ok(())
    }

    fn region(&self) -> Region {
        self.aws.region(ACCOUNT, REGION)
    }
}

fn group(number: usize) -> String {
    format!("/aws/lambda/function-{number:06}")
}

fn calls(counts: &Counts) -> String {
    let calls = counts.by_operation();
    let calls: Vec<_> =
        calls.iter().map(|(operation, calls)| format!("{operation} {calls}")).collect();
    calls.join(", ")
}

/// The provider with AWS's quotas, as fast as the clock.
fn configuration(shipper: &str, refresh: &str, speed: f64) -> String {
    let rates = json!({
        "DescribeLogGroups": LISTING * speed,
        "DescribeSubscriptionFilters": FILTERS * speed,
        "PutSubscriptionFilter": WRITES * speed,
        "DeleteSubscriptionFilter": WRITES * speed,
        "PutRetentionPolicy": WRITES * speed,
        "LookupEvents": EVENTS * speed,
    });
    format!(
        "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
         provider \"logagg\" {{\n  requests_per_second = {rates}\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n  name = \"{POLICY}\"\n  destination_arn = \"{shipper}\"\n  \
         refresh = \"{refresh}\"\n  retention_in_days = 30\n  select {{\n    name_prefixes = [\"/aws/lambda/\"]\n  }}\n}}\n"
    )
}
