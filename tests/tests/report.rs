//! `logagg-report`: its states are those of Terraform's plan, in every format, and it changes nothing.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use logagg_e2e::account::REGION;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::simulator::{Class, Filter, Group, Place, Refusal, Region, Role, Simulator};
use serde_json::{Value, json};

use crate::pages;
use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene};

const TIME: &str = "2026-11-25T13:00:00Z";

/// Starts it in a scene with these documents on standard input.
fn start(scene: &Scene, documents: &Value, arguments: &[&str]) -> Child {
    let mut program = Command::new(&Binaries::shared().report)
        .args(["-", "--time", TIME, "--requests-per-second", "DescribeSubscriptionFilters=10000"])
        .args(arguments)
        .envs(scene.account.environment(&scene.proxy.endpoint()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that rejects its arguments does not read.
    let _ = program.stdin.take().unwrap().write_all(documents.to_string().as_bytes());
    program
}

/// Runs it.
fn report(scene: &Scene, documents: &Value, arguments: &[&str]) -> Output {
    start(scene, documents, arguments).wait_with_output().unwrap()
}

/// Runs it for JSON.
#[track_caller]
fn json_report(scene: &Scene, documents: &Value, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["--format", "json"], arguments].concat();
    serde_json::from_str(&page(&report(scene, documents, &arguments), code)).unwrap()
}

/// A policy that keeps events of log groups below a prefix.
fn document(name: &str, account: &str, region: &str, days: u64, prefix: &str) -> Value {
    json!({
        "version": 1, "name": name, "region": region, "account_id": account,
        "retention_in_days": days, "select": [{"name_prefixes": [prefix]}],
    })
}

/// The policy `keep` of the scene's account and region.
fn keep() -> Value {
    document("keep", SIMULATED_ACCOUNT, REGION, 30, "/app/")
}

/// What it prints on standard error.
fn printed(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The page, where there is one.
#[track_caller]
fn page(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Why there is none.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert_eq!(page(output, 1), "");
    printed(output)
}

/// A log group as a page has it.
#[derive(Debug, PartialEq)]
struct Row {
    state: String,
    subscription: String,
    retention: String,
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
        let [state, name, subscription, retention, ..] = &cells[..] else {
            unreachable!("there are 7")
        };
        let row = Row {
            state: state.clone(),
            subscription: subscription.clone(),
            retention: retention.clone(),
        };
        (name.clone(), row)
    })
    .collect()
}

/// The text of a cell without its reason.
fn text(cell: &str) -> String {
    let cell = cell.split_once('>').map_or("", |(_, content)| content);
    let cell = cell.split("<span class=\"reason\">").next().unwrap_or_default();
    let parts = cell.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same in the words of a plan's entry before and after.
fn planned(before: &Value, after: &Value) -> (String, String) {
    let change = |before: String, after: String| {
        if before == after { before } else { format!("{before} → {after}") }
    };
    let subscription = |entry: &Value| entry["subscription"].as_str().unwrap_or("–").to_owned();
    let retention = |entry: &Value| match entry["retention_in_days"].as_u64().unwrap() {
        0 => "never expires".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    (change(subscription(before), subscription(after)), change(retention(before), retention(after)))
}

fn region(scene: &Scene) -> Region {
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
        let (mut subscription, retention) = planned(&before[name], &after[name]);
        if name == "/app/taken" {
            // What Terraform says in a warning beside the plan.
            assert_eq!(subscription, "differs (destination_arn) → active");
            "differs (destination_arn)".clone_into(&mut subscription);
        }
        assert_eq!((&row.subscription, &row.retention), (&subscription, &retention), "{name}");
    }
    let states: Vec<_> =
        rows.iter().map(|(name, row)| (name.as_str(), row.state.as_str())).collect();
    assert_eq!(
        states,
        [
            ("/aws/lambda/shipper", "✖ must not be subscribed"),
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
    assert!(page.contains("<h1>6 of 9 log groups drifted</h1>"), "{page}");
    assert!(page.contains("Filter name already in use on 1 log group"), "{page}");
    assert!(page.contains("/elsewhere/big"), "{page}");
}

#[test]
fn it_makes_only_calls_of_the_documented_statement_and_none_that_writes() {
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
fn equal_responses_give_equal_pages() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    let document = scene.state()["document"].clone();
    let state = scene.terraform.state().unwrap();
    let first = page(&report(&scene, &document, &["--detailed-exitcode"]), 0);
    let second = page(&report(&scene, &state, &["--detailed-exitcode"]), 0);
    assert_eq!(first, second);
    assert!(first.contains("<h1>All 2 log groups are compliant</h1>"), "{first}");
    assert!(first.contains("2026-11-25 13:00:00 UTC"), "{first}");
    let file = scene.terraform.dir().join("page.html");
    let output = report(&scene, &document, &["--output", file.to_str().unwrap()]);
    assert_eq!(page(&output, 0), "");
    assert_eq!(std::fs::read_to_string(file).unwrap(), first);
}

#[test]
fn a_role_leads_into_the_account_of_a_policy() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/here"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let role = Role::named("audit").trusting(scene.account.id());
    let role = simulator.account(THERE).add_role(role);
    simulator.region(THERE, "eu-west-1").add_groups_named(["/app/there", "/none"]);
    let document = |account| document("keep", account, "eu-west-1", 30, "/app/");
    let page = page(&report(&scene, &document(THERE), &["--role", &role]), 0);
    let names: Vec<_> = rows(&page).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["/app/there"]);
    assert!(page.contains("account 999999999999, eu-west-1"), "{page}");

    let told = refusal(&report(&scene, &document(THERE), &[]));
    assert!(told.contains("credentials are of account 111122223333, not 999999999999"), "{told}");
    assert!(told.contains("--role arn:aws:iam::999999999999:role/NAME"), "{told}");
    let told = refusal(&report(&scene, &document(SIMULATED_ACCOUNT), &["--role", &role]));
    assert!(told.contains("no policy is of its account"), "{told}");
}

#[test]
fn a_conflict_of_policies_is_on_the_page() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    let document = |name, days, prefix| document(name, SIMULATED_ACCOUNT, REGION, days, prefix);
    let documents =
        json!({"policies": [document("month", 30, "/app/"), document("week", 7, "/app/b")]});
    let page = page(&report(&scene, &documents, &["--detailed-exitcode"]), 2);
    let conflict = "Error: blocks apply: Policies conflict over the retention of 1 log group";
    assert!(page.contains(conflict), "{page}");
    let (_, shared) = page.split_once("Log groups that several policies select").unwrap();
    let shared = shared.split("</table>").next().unwrap();
    assert!(shared.contains("/app/b") && !shared.contains("/app/a"), "{shared}");
    assert!(shared.contains("month in account ") && shared.contains("week in account "));
}

#[test]
fn an_input_or_account_that_cannot_be_read_is_an_error() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let document = keep();
    let wrong = document.to_string().replace("30", "31");
    let told = refusal(&report(&scene, &json!([document, wrong]), &[]));
    assert!(told.contains("error: standard input: [1]: retention_in_days: "), "{told}");
    let told = refusal(&report(&scene, &document, &["absent.json"]));
    assert!(told.contains("cannot read policies from absent.json: "), "{told}");
    let told = refusal(&report(&scene, &document, &["--frobnicate"]));
    assert!(told.contains("invalid option '--frobnicate'"), "{told}");
    let folder = scene.terraform.dir().to_str().unwrap();
    let told = refusal(&report(&scene, &document, &["--output", folder]));
    assert!(told.contains("cannot write the report to "), "{told}");
    scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT).deny("logs:DescribeLogGroups");
    let told = refusal(&report(&scene, &document, &[]));
    assert!(told.contains("Log groups could not be read"), "{told}");
    assert!(told.contains("\"Action\": \"logs:DescribeLogGroups\""), "{told}");
}

#[test]
fn a_name_of_an_endpoint_does_not_become_markup() {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    scene.proxy.on("DescribeLogGroups").answer(|_| {
        json!({"logGroups": [{"logGroupName": "/app/<script>alert(1)</script>", "storedBytes": 1}]})
    });
    let document = keep();
    let page = page(&report(&scene, &document, &[]), 0);
    assert!(page.contains("/app/&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(!page.contains("<script"), "{page}");
}

const THERE: &str = "999999999999";

/// A policy here, and the same in an account that only the answer's role may enter.
fn here_and_there(scene: &Scene) -> (Value, String) {
    let simulator = scene.simulator.as_ref().unwrap();
    let role = simulator.account(THERE).add_role(Role::named("audit").trusting(scene.account.id()));
    simulator.region(THERE, "eu-west-1").add_groups_named(["/app/there"]);
    let there = document("keep", THERE, "eu-west-1", 30, "/app/");
    (json!([keep(), there]), role)
}

#[test]
fn an_account_that_fails_leaves_the_others_complete() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b", "/none"]);
    let (documents, role) = here_and_there(&scene);
    let simulator = scene.simulator.as_ref().unwrap();
    let whole = page(&report(&scene, &documents, &["--role", &role]), 0);
    assert!(whole.contains("/app/there"), "{whole}");
    simulator.account(THERE).deny("logs:DescribeLogGroups");
    for arguments in [&["--role", &role][..], &["--role", &role, "--detailed-exitcode"]] {
        let output = report(&scene, &documents, arguments);
        let page = page(&output, 3);
        let names: Vec<_> = rows(&page).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["/app/a", "/app/b"]);
        assert!(page.contains("<h1>2 of 2 log groups drifted; 1 policy could not be read</h1>"));
        let (_, failed) =
            page.split_once("Policy keep in account 999999999999, eu-west-1").unwrap();
        let failed = failed.split("</section>").next().unwrap();
        assert!(failed.contains("Could not be read") && failed.contains("logs:DescribeLogGroups"));
        assert!(page.contains("/none"), "{page}");
    }
    // Nor does one without credentials.
    let page = page(&report(&scene, &documents, &[]), 3);
    assert!(page.contains("credentials are of account 111122223333, not 999999999999"), "{page}");
}

#[test]
fn a_region_that_fails_stands_in_every_format() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let lost = document("lost", SIMULATED_ACCOUNT, "eu-west-1", 30, "/app/");
    let simulator = scene.simulator.as_ref().unwrap();
    let denied = Refusal::new(400, "AccessDeniedException", "No");
    simulator.on("DescribeLogGroups").region("eu-west-1").fail(denied);
    let documents = json!([keep(), lost]);
    let json = json_report(&scene, &documents, &[], 3);
    let regions = json["accounts"][0]["regions"].as_array().unwrap();
    assert_eq!(regions.len(), 2, "{json}");
    assert_eq!(
        (&regions[0]["error"], &regions[0]["policies"][0]["error"]),
        (&json!(null), &json!(null))
    );
    assert!(regions[1]["error"].as_str().unwrap().contains("DescribeLogGroups"), "{json}");
    assert_eq!(regions[1]["policies"][0]["name"], "lost");
    let markdown = page(&report(&scene, &documents, &["--format", "markdown"]), 3);
    assert!(markdown.contains("- `lost` in account 111122223333, eu-west-1: `"), "{markdown}");
    let csv = page(&report(&scene, &documents, &["--format", "csv"]), 3);
    assert_eq!(csv.lines().count(), 2, "{csv}");
}

#[test]
fn accounts_and_regions_are_read_at_the_same_time() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let (documents, role) = here_and_there(&scene);
    let simulator = scene.simulator.as_ref().unwrap();
    // Each of them can only go on once the other has begun.
    let gate = simulator.on("DescribeLogGroups").times(2).hold();
    let running = start(&scene, &documents, &["--role", &role]);
    simulator.wait_for("DescribeLogGroups", 2).unwrap();
    let counts = simulator.counts();
    for place in [Place::new(SIMULATED_ACCOUNT, REGION), Place::new(THERE, "eu-west-1")] {
        assert_eq!(counts.of_in("DescribeLogGroups", &place), 1);
    }
    gate.open();
    let output = running.wait_with_output().unwrap();
    page(&output, 0);
    let progress = printed(&output);
    for target in ["account 111122223333, eu-central-1", "account 999999999999, eu-west-1"] {
        let reading = format!("reading policy \"keep\" in {target}");
        assert!(progress.contains(&reading), "{progress}");
    }
}

#[test]
fn what_terraform_prints_of_plans_states_and_outputs_is_an_input() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    let policy = format!("resource \"logagg_policy\" \"it\" {{\n{}\n}}\n", scene.usual_policy());
    let output = "output \"documents\" {\n  value = { it = logagg_policy.it.document }\n}\n";
    scene.configuration(&format!("{policy}{output}output \"other\" {{\n  value = 5\n}}\n"));
    scene.plan();
    let count = |input: &Value| {
        let json = json_report(&scene, input, &[], 0);
        json["totals"]["selected_log_groups"].as_u64().unwrap()
    };
    // A plan before anything is applied.
    assert_eq!(count(&scene.terraform.show().unwrap()), 2);
    let saved = scene.terraform.dir().join("plan");
    let told = refusal(&report(&scene, &json!(0), &[]));
    assert!(told.contains("expected the document of a logagg_policy"), "{told}");
    let mut program = Command::new(&Binaries::shared().report);
    let told = refusal(&program.arg(saved).output().unwrap());
    assert!(told.contains("is a saved plan; give what `terraform show -json` prints"), "{told}");
    scene.apply_plan();
    assert_eq!(count(&scene.terraform.state().unwrap()), 2);
    assert_eq!(count(&scene.terraform.json(&["output", "-json"]).unwrap()), 2);
    assert_eq!(count(&scene.terraform.json(&["output", "-json", "documents"]).unwrap()["it"]), 2);
    let file = std::fs::read(scene.terraform.dir().join("terraform.tfstate")).unwrap();
    assert_eq!(count(&serde_json::from_slice(&file).unwrap()), 2);
}

#[test]
fn an_output_that_cannot_be_written_is_noticed_before_aws_is_read() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let folder = scene.terraform.dir().join("absent");
    let file = folder.join("page.html");
    simulator.forget_calls();
    let told = refusal(&report(&scene, &keep(), &["--output", file.to_str().unwrap()]));
    assert!(told.contains("cannot write the report to "), "{told}");
    assert_eq!(simulator.counts().total(), 0);
    // A report that fails leaves no file, and an earlier one as it was.
    simulator.account(SIMULATED_ACCOUNT).deny("logs:DescribeLogGroups");
    std::fs::create_dir(folder).unwrap();
    refusal(&report(&scene, &keep(), &["--output", file.to_str().unwrap()]));
    assert!(!file.exists());
    std::fs::write(&file, "earlier").unwrap();
    refusal(&report(&scene, &keep(), &["--output", file.to_str().unwrap()]));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "earlier");
}

/// The time of the report, so many days earlier.
fn days_ago(days: u64) -> SystemTime {
    humantime::parse_rfc3339(TIME).unwrap() - Duration::from_secs(days * 24 * 60 * 60)
}

#[test]
fn ingested_bytes_are_those_of_the_last_thirty_days() {
    let at = humantime::parse_rfc3339(TIME).unwrap();
    // So that the data comes in many pages.
    let rules = Simulator::builder().starting_at(at).speed(0.0).data_points_per_page(7);
    let scene = Scene::simulated(rules, &[]);
    let here = region(&scene);
    let busy = |name: &str| {
        // One before and one after the 30 days, and each day within.
        (0..=31).fold(Group::named(name), |group, days| group.ingested(days_ago(days), 1_000_000))
    };
    here.add_groups([busy("/app/a"), busy("/none"), Group::named("/app/silent")]);
    // More than there are queries in a call.
    here.add_groups_named((0..600).map(|n| format!("/many/{n}")));
    let prices = ["--ingestion-price", "0.5", "--storage-price", &format!("{REGION}=0.03")];
    let simulator = scene.simulator.as_ref().unwrap();
    simulator.forget_calls();
    let json = json_report(&scene, &keep(), &prices, 0);
    assert_eq!(simulator.counts().refused("GetMetricData", "ValidationError"), 0);
    assert!(simulator.counts().of("GetMetricData") > 8);
    assert_eq!(json["totals"]["ingested_bytes"], 60_000_000);
    let here = &json["accounts"][0]["regions"][0];
    let groups = here["policies"][0]["log_groups"].as_array().unwrap();
    let found: Vec<_> = groups.iter().map(|it| (&it["name"], &it["ingested_bytes"])).collect();
    assert_eq!(found, [(&json!("/app/a"), &json!(30_000_000)), (&json!("/app/silent"), &json!(0))]);
    assert_eq!(groups[0]["ingestion_usd"], 0.015);
    assert_eq!(here["ingestion"]["start"], "2026-10-26T00:00:00Z");
    assert_eq!(here["ingestion"]["end"], "2026-11-25T00:00:00Z");
    let page = page(&report(&scene, &keep(), &prices), 0);
    assert!(page.contains("30.0 MB<span class=\"beside\">$0.01</span>"), "{page}");
}

#[test]
fn without_ingested_bytes_the_report_states_why_and_goes_on() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let simulator = scene.simulator.as_ref().unwrap();
    simulator.account(SIMULATED_ACCOUNT).deny("cloudwatch:GetMetricData");
    let page = page(&report(&scene, &keep(), &[]), 0);
    assert!(page.contains("Ingestion could not be read in account 111122223333"), "{page}");
    assert!(page.contains("is not authorized to perform: cloudwatch:GetMetricData"), "{page}");
    assert_eq!(rows(&page).len(), 1);
    simulator.account(SIMULATED_ACCOUNT).allow_all();
    let unknown = Refusal::new(404, "UnknownOperationException", "");
    simulator.on("GetMetricData").fail(unknown);
    let json = json_report(&scene, &keep(), &[], 0);
    let ingestion = &json["accounts"][0]["regions"][0]["ingestion"];
    let error = ingestion["error"].as_str().unwrap();
    assert!(error.contains("UnknownOperationException"), "{error}");
    assert_eq!(json["totals"]["ingested_bytes"], Value::Null);
    simulator.forget_calls();
    let json = json_report(&scene, &keep(), &["--skip-ingestion"], 0);
    assert_eq!(json["accounts"][0]["regions"][0]["ingestion"]["error"], Value::Null);
    assert_eq!(simulator.counts().of("GetMetricData"), 0);
}

/// The names of all fields in a JSON value.
fn fields(value: &Value, names: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                fields(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, names)),
        _ => {}
    }
}

#[test]
fn every_field_and_column_and_state_is_documented() {
    let scene = in_every_state();
    let document = scene.state()["document"].clone();
    let text = pages::file("docs/report.md");
    let json = json_report(&scene, &document, &["--storage-price", "0.03"], 0);
    let mut names = std::collections::BTreeSet::new();
    fields(&json, &mut names);
    assert!(names.len() > 40, "{names:?}");
    let csv = page(&report(&scene, &document, &["--format", "csv"]), 0);
    let (header, rows) = csv.split_once("\n").unwrap();
    names.extend(header.split(',').map(str::to_owned));
    // The state is the sixth column, and no column before it has a comma.
    names.extend(rows.lines().map(|row| row.split(',').nth(5).unwrap().to_owned()));
    for name in names {
        assert!(text.contains(&format!("`{name}`")), "{name} is not in docs/report.md");
    }
    assert_eq!(rows.lines().count(), 10, "{rows}");
    assert!(rows.contains(",/elsewhere/big,STANDARD,,unmanaged,,"), "{rows}");
}

#[test]
fn ingested_bytes_are_read_from_another_aws() {
    let scene = Scene::with_groups(&["/app/a", "/app/silent"]);
    let put = |day: &str, bytes: u64| {
        let form = format!(
            "Action=PutMetricData&Version=2010-08-01&Namespace=AWS%2FLogs\
             &MetricData.member.1.MetricName=IncomingBytes\
             &MetricData.member.1.Dimensions.member.1.Name=LogGroupName\
             &MetricData.member.1.Dimensions.member.1.Value=%2Fapp%2Fa\
             &MetricData.member.1.Timestamp={day}T10%3A00%3A00Z&MetricData.member.1.Value={bytes}"
        );
        let (status, answer) = scene.account.api().query("monitoring", &form).unwrap();
        assert_eq!(status, 200, "{answer}");
    };
    put("2026-11-20", 1_000);
    put("2026-11-20", 200);
    put("2026-11-24", 30);
    // The day of the report is not over.
    put("2026-11-25", 4);
    let document = document("keep", scene.account.id(), REGION, 30, "/app/");
    let json = json_report(&scene, &document, &[], 0);
    let region = &json["accounts"][0]["regions"][0];
    assert_eq!(region["ingestion"]["error"], Value::Null);
    let groups = &region["policies"][0]["log_groups"];
    let bytes = |index: usize| (&groups[index]["name"], &groups[index]["ingested_bytes"]);
    assert_eq!(bytes(0), (&json!("/app/a"), &json!(1_230)));
    assert_eq!(bytes(1), (&json!("/app/silent"), &json!(0)));
}
