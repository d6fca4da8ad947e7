use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail, ensure};
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::cli::terraform_version;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::python::Python;
use logagg_e2e::sample;
use logagg_e2e::search::Search;
use logagg_e2e::terraform::{Installation, Run, Terraform};
use logagg_e2e::workspace;
use serde_json::{Value, json};

use crate::kept::Kept;
use crate::screen::Screen;

/// The index the shipper writes to.
pub(crate) const INDEX: &str = "logs-lambda";
/// The function that ships, and its own log group.
pub(crate) const SHIPPER: &str = "shipper";
pub(crate) const SHIPPER_GROUP: &str = "/aws/lambda/shipper";
/// The function that gives new log groups what the policy says, and its own log group.
pub(crate) const ENFORCER: &str = "enforcer";
const ENFORCER_GROUP: &str = "/aws/lambda/enforcer";
/// The function that forwards log events from before a filter, and its own log group.
pub(crate) const BACKFILL: &str = "backfill";
const BACKFILL_GROUP: &str = "/aws/lambda/backfill";
/// The timeout of each function.
const TIMEOUT_SECONDS: u32 = 60;
/// The bucket for undelivered events and tags.
const BUCKET: &str = "undelivered";
/// A log group that the policy does not select.
pub(crate) const BYSTANDER: &str = "/ecs/web";
/// another owner's filter on one of the groups.
pub(crate) const FOREIGN_FILTER: &str = "security-audit";

/// Everything the demo plays on. What runs is stopped when this is dropped.
pub(crate) struct Stage {
    pub(crate) aws: Ministack,
    pub(crate) search: Search,
    pub(crate) account: Account,
    pub(crate) binaries: Binaries,
    pub(crate) shipper_arn: String,
    /// The queue of slices of a backfill.
    queue_url: String,
    pub(crate) foreign_arn: String,
    pub(crate) terraform: Terraform,
}

impl Stage {
    /// Builds and starts everything.
    pub(crate) fn set(screen: &Screen) -> anyhow::Result<Self> {
        let progress = |line: &str| screen.progress(line);
        screen.heading("Prepare");
        screen.step("Find Terraform", terraform_version)?;
        screen.step("Create a Python environment with the mock servers", || {
            Python::ready(&progress)
        })?;
        let binaries =
            screen.step("Build provider, shipper and enforcer", || Binaries::build(&progress))?;
        let aws =
            screen.step("Start an AWS emulator (ministack)", || Ministack::start(&progress))?;
        let search =
            screen.step("Start a search server (osmem-server)", || Search::start(&progress))?;

        let account = Account::new(&aws);
        let shipper_arn = screen
            .step("Deploy the shipper as a Lambda function (provided.al2023)", || {
                deploy(&account, &binaries, &search)
            })?;
        let queue_url = screen.step("Deploy it once more for backfills, with a queue", || {
            deploy_backfill(&account, &binaries, &search)
        })?;
        let foreign_arn = account.function_arn("security-audit");
        screen.step("Create the log groups of three functions, and three more", || {
            create_groups(&account, &foreign_arn)
        })?;
        let terraform = screen.step("Install the provider in a filesystem mirror", || {
            prepare_terraform(&account, &binaries, &shipper_arn)
        })?;
        Ok(Self { aws, search, account, binaries, shipper_arn, queue_url, foreign_arn, terraform })
    }

    /// Runs terraform and expects an exit code.
    pub(crate) fn terraform(&self, arguments: &[&str], code: i32) -> anyhow::Result<Run> {
        let run = self.terraform.run(arguments)?;
        if run.code() != code {
            bail!("terraform {} should have ended with {code}\n{run}", arguments[0]);
        }
        Ok(run)
    }

    /// Deploys the enforcer with the policy as it was applied.
    pub(crate) fn deploy_enforcer(&self) -> anyhow::Result<()> {
        let document = self.terraform.json(&["output", "-json", "document"])?;
        let config = json!({
            "policies": [document],
            "gap_fill": {
                "queue_url": self.queue_url, "destination_arn": self.shipper_arn, "margin_s": 1,
            },
            "tag_table": {"bucket": BUCKET, "keys": ["team"]},
        });
        let enforcer = &self.binaries.enforcer;
        self.account.deploy(ENFORCER, enforcer, &config, TIMEOUT_SECONDS).map(drop)
    }

    /// Writes the page that people review, of the policy as it was applied; returns where.
    pub(crate) fn report(&self) -> anyhow::Result<PathBuf> {
        let document = self.terraform.json(&["output", "-json", "document"])?;
        self.terraform.write("document.json", &document.to_string())?;
        let page = workspace::kept("report")?.join("demo.html");
        let status = Command::new(&self.binaries.report)
            .args(["document.json", "--detailed-exitcode", "--output"])
            .arg(&page)
            .current_dir(self.terraform.dir())
            .envs(self.account.environment(self.account.endpoint()))
            .stderr(Stdio::null())
            .status()
            .context("starting logagg-report")?;
        ensure!(status.code() == Some(2), "logagg-report should have ended with 2 ({status})");
        Ok(page)
    }

    /// Applies the policy again and keeps everything running.
    pub(crate) fn keep(self, screen: &Screen) -> anyhow::Result<()> {
        screen.step("Apply the policy again", || {
            self.terraform(&["apply", "-no-color", "-auto-approve"], 0)
        })?;
        let folder = self.terraform.dir().to_owned();
        let mut script = String::from("# Environment of the demo that was kept running.\n");
        for (name, value) in self.terraform.environment() {
            // What the shell has of its own stays as it is there.
            let name = name.to_string_lossy();
            if name.starts_with("AWS_") || name.starts_with("TF_") {
                let value = value.to_string_lossy();
                writeln!(script, "export {name}='{value}'").context("writing a script")?;
            }
        }
        self.terraform.write("env.sh", &script)?;
        let search = self.search.endpoint().to_owned();
        let kept = Kept {
            aws: self.aws.endpoint().to_owned(),
            account: self.account.id().to_owned(),
            region: REGION.to_owned(),
            guards: vec![self.aws.keep()?, self.search.keep()?],
            folder: self.terraform.keep(),
        };
        kept.save()?;
        screen.heading("The demo keeps running");
        screen.say(&format!(
            "  cd {}\n  . ./env.sh\n  terraform plan                       # empty: no drift\n\n  \
             cargo xtask log /aws/lambda/new 'hello'   # a new function logs\n  terraform \
             plan                       # shows it; apply, and log again\n\n  curl -s \
             '{search}/{INDEX}/_search?q=hello&size=3'\n\n  cargo xtask configure shipper FILE    # \
             another configuration\n  cargo xtask invoke FUNCTION EVENT     # of {SHIPPER}, {BACKFILL} \
             and {ENFORCER}\n\n  cargo xtask stop                     # ends it and cleans up",
            folder.display()
        ));
        Ok(())
    }
}

/// The shipper's configuration.
fn config(search: &Search) -> Value {
    json!({
        "destinations": {
            "search": {"type": "elasticsearch", "url": search.endpoint(), "index": INDEX}
        },
        "undelivered": {"bucket": BUCKET},
    })
}

fn deploy(account: &Account, binaries: &Binaries, search: &Search) -> anyhow::Result<String> {
    account.api().create_bucket(BUCKET)?.map_err(|refusal| anyhow!("{refusal:?}"))?;
    account.deploy(SHIPPER, &binaries.shipper, &config(search), TIMEOUT_SECONDS)
}

/// Deploys the function that backfills, and returns its queue.
fn deploy_backfill(
    account: &Account,
    binaries: &Binaries,
    search: &Search,
) -> anyhow::Result<String> {
    let (queue_url, queue_arn) = account.queue(BACKFILL)?;
    let mut config = config(search);
    config["backfill"] = json!({
        "queue_url": queue_url, "ingestion_lag_s": 0,
        "exclude_log_groups": [SHIPPER_GROUP, ENFORCER_GROUP, BACKFILL_GROUP],
    });
    account.deploy(BACKFILL, &binaries.shipper, &config, TIMEOUT_SECONDS)?;
    account.lambda().consume(BACKFILL, &queue_arn)?;
    Ok(queue_url)
}

fn create_groups(account: &Account, foreign_arn: &str) -> anyhow::Result<()> {
    let logs = account.logs();
    for function in sample::FUNCTIONS {
        logs.create_group(&sample::group(function))?;
    }
    logs.create_group(SHIPPER_GROUP)?;
    logs.create_group(ENFORCER_GROUP)?;
    logs.create_group(BACKFILL_GROUP)?;
    logs.create_group(BYSTANDER)?;
    let audited = sample::group(sample::FUNCTIONS[0]);
    logs.put_filter_with_pattern(&audited, FOREIGN_FILTER, foreign_arn, "DENIED")
}

/// A working folder with the quickstart in it, and a way to install the provider.
fn prepare_terraform(
    account: &Account,
    binaries: &Binaries,
    shipper_arn: &str,
) -> anyhow::Result<Terraform> {
    let terraform = Terraform::new(Installation::Mirror(&binaries.provider))?;
    let mut environment = account.environment(account.endpoint());
    environment.push(("TF_VAR_shipper_arn", shipper_arn.to_owned()));
    environment.push(("TF_VAR_region", REGION.to_owned()));
    let example = workspace::root().join("examples/quickstart/main.tf");
    let text = std::fs::read_to_string(&example)
        .with_context(|| format!("reading {}", example.display()))?;
    terraform.write("main.tf", &text)?;
    Ok(terraform.with_environment(environment))
}
