use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use logagg_e2e::account::REGION;
use logagg_e2e::{sample, wait};
use serde_json::{Value, json};

use super::arrival;
use super::stage::{BYSTANDER, ENFORCER, FOREIGN_FILTER, INDEX, SHIPPER_GROUP, Stage};
use crate::screen::{Finding, Screen};

/// The name of the policy in examples/quickstart, and of its filters.
const FILTER: &str = "ship-lambda-logs";
const RETENTION: u64 = 30;
const NEW_GROUP: &str = "/aws/lambda/refunds";

/// Runs every part. Verified behaviors are added to `verified`, up to the first failure.
pub(crate) fn run(
    screen: &Screen,
    stage: &Stage,
    verified: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    first_apply(screen, stage, verified)?;
    delivery(screen, stage, verified)?;
    enforcement(screen, stage, verified)?;
    drift(screen, stage, verified)?;
    destruction(screen, stage, verified)
}

fn first_apply(screen: &Screen, stage: &Stage, verified: &mut Vec<Finding>) -> anyhow::Result<()> {
    screen.heading("A policy subscribes every function's log group");
    screen
        .step("terraform init, from the mirror", || stage.terraform(&["init", "-no-color"], 0))?;
    let plan = screen.step("terraform plan", || {
        stage.terraform(&["plan", "-no-color", "-detailed-exitcode", "-out=plan"], 2)
    })?;
    screen.quote(&announcement(&plan.stdout));
    screen.step("terraform apply", || stage.terraform(&["apply", "-no-color", "plan"], 0))?;
    screen.step("Check the log groups", || {
        for function in sample::FUNCTIONS {
            governed(stage, &sample::group(function))?;
        }
        ensure!(
            stage.account.logs().retention(BYSTANDER)?.is_none()
                && stage.account.logs().filters(BYSTANDER)?.is_empty(),
            "{BYSTANDER} is not selected by the policy, but was changed"
        );
        Ok(())
    })?;
    verified.push((
        "first apply",
        "each function's log group is subscribed, with a retention of 30 days".to_owned(),
    ));
    let reason = screen.step("Read why the shipper's own log group is skipped", || {
        let skipped = stage.terraform.json(&["output", "-json", "skipped"])?;
        let reason = skipped[SHIPPER_GROUP]
            .as_str()
            .with_context(|| format!("`skipped` does not name {SHIPPER_GROUP}: {skipped}"))?;
        never_subscribed(stage)?;
        Ok(reason.to_owned())
    })?;
    screen.quote(&format!("{SHIPPER_GROUP}: {reason}"));
    Ok(())
}

fn delivery(screen: &Screen, stage: &Stage, verified: &mut Vec<Finding>) -> anyhow::Result<()> {
    screen.heading("Log events are delivered");
    let written = screen
        .step("Write log events with PutLogEvents", || arrival::write(stage, &sample::FUNCTIONS))?;
    screen.step("Wait for the shipper", || arrival::wait_for_shipper(stage))?;
    screen.step("Search for every log event by function and request", || {
        sample::expect_arrived(&stage.search, INDEX, &written)
    })?;
    screen.quote(&format!(
        "{} log events: text, JSON, stack traces, REPORT lines, non-ASCII",
        written.len()
    ));
    let found =
        format!("{} log events, each found exactly once, by function and request", written.len());
    verified.push(("delivery", found));
    Ok(())
}

fn enforcement(screen: &Screen, stage: &Stage, verified: &mut Vec<Finding>) -> anyhow::Result<()> {
    screen.heading("The enforcer applies the policy to a new log group before the next plan");
    screen.step("Deploy the enforcer with the policy's document", || stage.deploy_enforcer())?;
    let group = sample::group(sample::NEW_FUNCTION);
    screen.step("Create a log group, and write its first log event", || {
        stage.account.logs().create_group(&group)?;
        arrival::write_early(stage, &group)
    })?;
    screen.step("Its CreateLogGroup event invokes the enforcer", || {
        let event = json!({
            "source": "aws.logs",
            "detail-type": "AWS API Call via CloudTrail",
            "detail": {
                "eventSource": "logs.amazonaws.com",
                "eventName": "CreateLogGroup",
                "awsRegion": REGION,
                "recipientAccountId": stage.account.id(),
                "requestParameters": {"logGroupName": group},
            },
        });
        let answer = stage.account.lambda().invoke(ENFORCER, &event)?;
        ensure!(answer["changed"] == 1, "the enforcer should have changed the group: {answer}");
        governed(stage, &group)
    })?;
    screen.step("terraform plan is empty", || {
        stage.terraform(&["plan", "-no-color", "-detailed-exitcode"], 0)
    })?;
    screen.step("Its first log event is delivered by a backfill", || {
        wait::until("the log event from before the filter", || {
            arrival::expect_early(stage).map_err(|error| format!("{error:#}"))
        })
    })?;
    screen.step("Its next log events are delivered by the filter", || {
        let written = arrival::write(stage, &[sample::NEW_FUNCTION])?;
        wait::until("its log events to arrive", || {
            sample::expect_found(&stage.search, INDEX, &written).map_err(|e| format!("{e:#}"))
        })
    })?;
    verified.push((
        "enforcer",
        "a new log group was subscribed and its retention set before any plan".to_owned(),
    ));
    verified.push(("gap fill", "what it had before its filter was delivered".to_owned()));
    Ok(())
}

fn drift(screen: &Screen, stage: &Stage, verified: &mut Vec<Finding>) -> anyhow::Result<()> {
    screen.heading("The plan shows drift, and apply corrects it");
    let logs = stage.account.logs();
    let changed = sample::group(sample::FUNCTIONS[2]);
    screen.step("Create a log group, and change a retention manually", || {
        logs.create_group(NEW_GROUP)?;
        logs.set_retention(&changed, 7)
    })?;
    let plan = screen.step("terraform plan -detailed-exitcode exits with 2", || {
        stage.terraform(&["plan", "-no-color", "-detailed-exitcode", "-out=plan"], 2)
    })?;
    screen.quote(&change_of_log_groups(&plan.stdout));
    screen.step("It shows these two log groups and nothing else", || {
        let entry = |subscription: &str, days: u64| {
            json!({
                "subscription": subscription, "retention_in_days": days,
                "deletion_protection": null,
            })
        };
        let expected = json!({
            NEW_GROUP: [entry("missing", 0), entry("active", RETENTION)],
            &changed: [entry("active", 7), entry("active", RETENTION)],
        });
        let shown = changed_groups(&stage.terraform.show()?)?;
        ensure!(shown == expected, "the plan should change\n{expected:#}\nbut changes\n{shown:#}");
        Ok(())
    })?;
    let page = screen.step("logagg-report shows the same drift", || {
        let page = stage.report()?;
        let text = std::fs::read_to_string(&page)
            .with_context(|| format!("reading {}", page.display()))?;
        ensure!(text.contains(" drifted</h1>"), "the report should show two log groups");
        Ok(page)
    })?;
    screen.quote(&page.display().to_string());
    verified.push((
        "drift",
        "a new log group and a changed retention planned, and nothing else".to_owned(),
    ));
    screen.step("terraform apply", || {
        stage.terraform(&["apply", "-no-color", "plan"], 0)?;
        governed(stage, NEW_GROUP)?;
        governed(stage, &changed)
    })?;
    screen.step("terraform plan is empty", || {
        stage.terraform(&["plan", "-no-color", "-detailed-exitcode"], 0)
    })?;
    verified.push(("repair", "apply corrected both, and the next plan was empty".to_owned()));
    never_subscribed(stage)?;
    verified.push(("loop guard", "the shipper's own log group was never subscribed".to_owned()));
    Ok(())
}

fn destruction(screen: &Screen, stage: &Stage, verified: &mut Vec<Finding>) -> anyhow::Result<()> {
    screen.heading("Destroy deletes the policy's filters only");
    screen.step("terraform destroy", || {
        stage.terraform(&["destroy", "-no-color", "-auto-approve"], 0)
    })?;
    screen.step("Check every log group", || {
        let logs = stage.account.logs();
        let mut left = BTreeMap::new();
        for group in logs.groups()? {
            for filter in logs.filters(&group)? {
                left.insert((group.clone(), filter.name), filter.destination_arn);
            }
        }
        let audited = sample::group(sample::FUNCTIONS[0]);
        let foreign = ((audited, FOREIGN_FILTER.to_owned()), stage.foreign_arn.clone());
        ensure!(
            left == BTreeMap::from([foreign]),
            "only the other owner's filter should remain, but there are: {left:#?}"
        );
        Ok(())
    })?;
    verified.push((
        "destroy",
        "the policy's filters are deleted, and another owner's filter is \
             unchanged"
            .to_owned(),
    ));
    Ok(())
}

/// The log group has the policy's filter to the shipper, and its retention.
fn governed(stage: &Stage, group: &str) -> anyhow::Result<()> {
    let logs = stage.account.logs();
    let filters = logs.filters(group)?;
    let ours: Vec<_> = filters.iter().filter(|filter| filter.name == FILTER).collect();
    match ours[..] {
        [filter] if filter.destination_arn == stage.shipper_arn => {}
        _ => bail!("{group} should have one filter to the shipper, but has: {filters:#?}"),
    }
    let retention = logs.retention(group)?;
    ensure!(retention == Some(RETENTION), "{group} has a retention of {retention:?} days");
    Ok(())
}

fn never_subscribed(stage: &Stage) -> anyhow::Result<()> {
    let filters = stage.account.logs().filters(SHIPPER_GROUP)?;
    ensure!(filters.is_empty(), "{SHIPPER_GROUP} is subscribed: {filters:#?}");
    Ok(())
}

/// The log groups that a plan changes, each with its current and desired state.
fn changed_groups(plan: &Value) -> anyhow::Result<Value> {
    let changes = plan["resource_changes"].as_array().context("a plan without changes")?;
    let [change] = &changes[..] else {
        bail!("one resource should be planned, not {}", changes.len());
    };
    let groups = |when: &str| {
        let groups = change["change"][when]["log_groups"].as_object();
        groups.cloned().with_context(|| format!("no log_groups {when} in {change:#}"))
    };
    let (before, after) = (groups("before")?, groups("after")?);
    let mut changed = serde_json::Map::new();
    for name in before.keys().chain(after.keys()) {
        if before.get(name) != after.get(name) {
            changed.insert(name.clone(), json!([before.get(name), after.get(name)]));
        }
    }
    Ok(Value::Object(changed))
}

/// The warning of the first plan, which cannot show each log group.
fn announcement(plan: &str) -> String {
    let lines = plan.lines().skip_while(|line| !line.contains("the selection matches"));
    let lines: Vec<_> = lines
        .take_while(|line| !line.starts_with('─'))
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines.join("\n")
}

/// What Terraform prints about `log_groups`.
fn change_of_log_groups(plan: &str) -> String {
    let lines = plan.lines().skip_while(|line| !line.contains("log_groups"));
    let lines: Vec<_> = lines.take_while(|line| !line.contains("pending")).collect();
    lines.join("\n")
}
