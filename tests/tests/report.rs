//! `logagg-report`: what it says of every log group is what Terraform's plan says, and it writes
//! nothing.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use logagg_e2e::account::REGION;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::simulator::{Class, Filter, Group, Role, Simulator};
use serde_json::{Value, json};

use crate::pages;
use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene};

const TIME: &str = "2026-11-25T13:00:00Z";

/// Runs it in a scene with these documents on standard input.
fn report(scene: &Scene, documents: &Value, arguments: &[&str]) -> Output {
    let mut program = Command::new(&Binaries::shared().report)
        .args(["-", "--time", TIME, "--requests-per-second", "DescribeSubscriptionFilters=10000"])
        .args(arguments)
        .envs(scene.account.environment(&scene.proxy.endpoint()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = program.stdin.take().unwrap().write_all(documents.to_string().as_bytes());
    program.wait_with_output().unwrap()
}

/// The page, where there is one.
#[track_caller]
fn page(output: &Output, code: i32) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Why there is none.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert_eq!(page(output, 1), "");
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A log group as a page has it.
#[derive(Debug, PartialEq)]
struct Row {
    state: String,
    subscription: String,
    kept: String,
}

/// Every log group of a policy's tables: seven cells a row.
fn rows(page: &str) -> Vec<(String, Row)> {
    let rows = page.split("<tr>").map(|row| row.split("</tr>").next().unwrap_or_default());
    let cells = rows.map(|row| {
        let cells = row.split("<td").flat_map(|part| part.split("<th"));
        cells.skip(1).map(text).collect::<Vec<_>>()
    });
    let rows = cells.filter(|cells| cells.len() == 7 && cells[0] != "State");
    rows.map(|cells| {
        let [state, name, subscription, kept, ..] = &cells[..] else { unreachable!("there are 7") };
        let row =
            Row { state: state.clone(), subscription: subscription.clone(), kept: kept.clone() };
        (name.clone(), row)
    })
    .collect()
}

/// The text of a cell without its explanation, which is in a `span.why`.
fn text(cell: &str) -> String {
    let cell = cell.split_once('>').map_or("", |(_, content)| content);
    let cell = cell.split("<span class=\"why\">").next().unwrap_or_default();
    let parts = cell.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same in the words of a plan's entry before and after.
fn planned(before: &Value, after: &Value) -> (String, String) {
    let change = |before: String, after: String| {
        if before == after { before } else { format!("{before} → {after}") }
    };
    let subscription = |entry: &Value| entry["subscription"].as_str().unwrap_or("–").to_owned();
    let kept = |entry: &Value| match entry["retention_in_days"].as_u64().unwrap() {
        0 => "never expires".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    (change(subscription(before), subscription(after)), change(kept(before), kept(after)))
}

fn region(scene: &Scene) -> logagg_e2e::simulator::Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

/// A policy over everything, applied; then something of every kind happens.
fn in_every_state() -> Scene {
    let groups = ["/app/fine", "/app/missing", "/app/differs", "/app/kept", "/app/taken"];
    let scene = Scene::simulated(Simulator::builder(), &groups);
    let here = region(&scene);
    here.add_groups([
        Group::named("/aws/lambda/shipper"),
        Group::named("/app/rare").class(Class::InfrequentAccess),
        Group::named("/app/delivered").class(Class::Delivery),
        Group::named("/elsewhere/big"),
    ]);
    here.change_group("/elsewhere/big", |group| group.stored_bytes = 5_000_000_000);
    let select = "select {\n  name_prefixes = [\"/app/\", \"/aws/lambda/\"]\n}";
    let usual = scene.usual_policy();
    scene.policy(&format!("{}\n{select}", usual.split("select").next().unwrap()));
    scene.apply();
    let other = scene.account.function_arn("other");
    here.change_group("/app/missing", |group| group.filters.clear());
    here.change_group("/app/differs", |group| {
        group.filters.get_mut(NAME).unwrap().filter_pattern = "ERROR".to_owned();
    });
    here.change_group("/app/kept", |group| group.retention_in_days = Some(7));
    here.change_group("/app/taken", |group| {
        group.filters.insert(NAME.to_owned(), Filter::named(NAME, &other));
    });
    here.change_group("/aws/lambda/shipper", |group| {
        let shipper = "arn:aws:lambda:eu-central-1:111122223333:function:shipper";
        group.filters.insert(NAME.to_owned(), Filter::named(NAME, shipper));
    });
    here.add_groups_named(["/app/new"]);
    scene
}

#[test]
fn every_log_group_has_the_state_of_terraforms_plan() {
    let scene = in_every_state();
    let documents = json!([scene.state()["document"]]);
    let page = page(&report(&scene, &documents, &["--detailed-exitcode"]), 2);
    scene.plan();
    let plan = scene.planned();
    let (before, after) = (&plan.before["log_groups"], &plan.after["log_groups"]);
    let rows = rows(&page);
    assert_eq!(rows.len(), before.as_object().unwrap().len(), "{page}");
    assert_eq!(rows.len(), after.as_object().unwrap().len(), "{page}");
    for (name, row) in &rows {
        let (mut subscription, kept) = planned(&before[name], &after[name]);
        if name == "/app/taken" {
            // What Terraform says in a warning beside the plan.
            assert_eq!(subscription, "differs (destination_arn) → active");
            "differs (destination_arn)".clone_into(&mut subscription);
        }
        assert_eq!((&row.subscription, &row.kept), (&subscription, &kept), "{name}");
    }
    let states: Vec<_> =
        rows.iter().map(|(name, row)| (name.as_str(), row.state.as_str())).collect();
    assert_eq!(
        states,
        [
            ("/aws/lambda/shipper", "✖ would create a loop"),
            ("/app/taken", "⚠ conflict"),
            ("/app/missing", "+ not subscribed"),
            ("/app/new", "+ not subscribed"),
            ("/app/differs", "~ filter differs"),
            ("/app/kept", "◷ retention differs"),
            ("/app/delivered", "– skipped"),
            ("/app/rare", "– skipped"),
            ("/app/fine", "✓ compliant"),
        ]
    );
    for (name, reason) in plan.after["skipped"].as_object().unwrap() {
        let reason = reason.as_str().unwrap();
        assert!(page.contains(reason), "{name} {reason}\n{page}");
    }
    assert!(page.contains("<h1>6 of 9 log groups have drifted</h1>"), "{page}");
    assert!(page.contains("Filter name already in use on 1 log group"), "{page}");
    assert!(page.contains("/elsewhere/big"), "{page}");
}

#[test]
fn it_calls_only_what_its_page_permits_and_writes_nothing() {
    let scene = in_every_state();
    let document = scene.state()["document"].clone();
    let simulator = scene.simulator.as_ref().unwrap();
    simulator.forget_calls();
    page(&report(&scene, &document, &[]), 0);
    assert_eq!(simulator.writes().len(), 0);
    let statement = &pages::blocks(&pages::file("docs/report.md"), "json")[0];
    let statement: Value = serde_json::from_str(statement).unwrap();
    let actions: Vec<_> = statement["Statement"][0]["Action"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|action| action.as_str()?.split_once(':'))
        .map(|(_, operation)| operation)
        .collect();
    let asked = simulator.counts().by_operation();
    assert!(asked.len() > 3, "{asked:?}");
    for operation in asked.keys().filter(|operation| **operation != "GetCallerIdentity") {
        assert!(actions.contains(operation), "{operation} is not in the statement");
        assert!(["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb)));
    }
}

#[test]
fn the_same_is_the_same_page_and_all_in_place_is_no_difference() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    // However the document is at hand.
    let document = scene.state()["document"].clone();
    let state = scene.terraform.state().unwrap();
    let first = page(&report(&scene, &document, &["--detailed-exitcode"]), 0);
    let second = page(&report(&scene, &state, &["--detailed-exitcode"]), 0);
    assert_eq!(first, second);
    assert!(first.contains("<h1>all 2 log groups are compliant</h1>"), "{first}");
    assert!(first.contains("2026-11-25 13:00:00 UTC"), "{first}");
    let file = scene.terraform.dir().join("page.html");
    let output = report(&scene, &document, &["--output", file.to_str().unwrap()]);
    assert_eq!(page(&output, 0), "");
    assert_eq!(std::fs::read_to_string(file).unwrap(), first);
}

#[test]
fn a_role_leads_into_the_account_of_a_policy() {
    const THERE: &str = "999999999999";
    let scene = Scene::simulated(Simulator::builder(), &["/app/here"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let role = Role::named("audit").trusting(scene.account.id());
    let role = simulator.account(THERE).add_role(role);
    simulator.region(THERE, "eu-west-1").add_groups_named(["/app/there", "/none"]);
    let document = |account: &str| {
        json!({
            "version": 1, "name": "keep", "region": "eu-west-1", "account_id": account,
            "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
        })
    };
    let page = page(&report(&scene, &document(THERE), &["--role", &role]), 0);
    let names: Vec<_> = rows(&page).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["/app/there"]);
    assert!(page.contains("account 999999999999, eu-west-1"), "{page}");

    let error = refusal(&report(&scene, &document(THERE), &[]));
    assert!(
        error.contains("belongs to account 999999999999, and the current credentials belong to"),
        "{error}"
    );
    assert!(error.contains("use credentials of account 999999999999, or --role"), "{error}");
    let error = refusal(&report(&scene, &document(SIMULATED_ACCOUNT), &["--role", &role]));
    assert!(error.contains("no policy belongs to its account"), "{error}");
}

#[test]
fn conflicting_policies_are_reported_on_the_page() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    let document = |name: &str, days: u64, prefix: &str| {
        json!({
            "version": 1, "name": name, "region": REGION, "account_id": SIMULATED_ACCOUNT,
            "retention_in_days": days, "select": [{"name_prefixes": [prefix]}],
        })
    };
    let documents =
        json!({"policies": [document("month", 30, "/app/"), document("week", 7, "/app/b")]});
    let page = page(&report(&scene, &documents, &["--detailed-exitcode"]), 2);
    let fight = "Error: blocks apply: Policies conflict over the retention of 1 log group";
    assert!(page.contains(fight), "{page}");
    let (_, shared) = page.split_once("Log groups that several policies select").unwrap();
    let shared = shared.split("</table>").next().unwrap();
    assert!(shared.contains("/app/b") && !shared.contains("/app/a"), "{shared}");
    assert!(shared.contains("month in eu-central-1") && shared.contains("week in eu-central-1"));
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_page() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let document = json!({
        "version": 1, "name": "keep", "region": REGION, "account_id": SIMULATED_ACCOUNT,
        "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
    });
    let wrong = document.to_string().replace("30", "31");
    let error = refusal(&report(&scene, &json!([document, wrong]), &[]));
    assert!(error.contains("error: standard input: [1]: retention_in_days: "), "{error}");
    let error = refusal(&report(&scene, &document, &["absent.json"]));
    assert!(error.contains("cannot read policies from absent.json: "), "{error}");
    let error = refusal(&report(&scene, &document, &["--frobnicate"]));
    assert!(error.contains("invalid option '--frobnicate'"), "{error}");
    let folder = scene.terraform.dir().to_str().unwrap();
    let error = refusal(&report(&scene, &document, &["--output", folder]));
    assert!(error.contains("cannot write the report to "), "{error}");
    scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT).deny("logs:DescribeLogGroups");
    let error = refusal(&report(&scene, &document, &[]));
    assert!(error.contains("Log groups could not be read"), "{error}");
    assert!(error.contains("\"Action\": \"logs:DescribeLogGroups\""), "{error}");
}

#[test]
fn a_name_that_an_endpoint_makes_up_stays_text() {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    scene.proxy.on("DescribeLogGroups").answer(|_| {
        json!({"logGroups": [{"logGroupName": "/app/<script>alert(1)</script>", "storedBytes": 1}]})
    });
    let document = json!({
        "version": 1, "name": "keep", "region": REGION, "account_id": SIMULATED_ACCOUNT,
        "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
    });
    let page = page(&report(&scene, &document, &[]), 0);
    assert!(page.contains("/app/&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains("<script"), "{page}");
}
