//! `terraform query`, and the configuration that it generates, as the README has it: only Terraform 1.14 and newer
//! have these.

use std::collections::BTreeSet;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::simulator::{Filter, Role, Simulator};
use logagg_e2e::terraform::Run;
use logagg_e2e::workspace;
use serde_json::Value;

use crate::scene::{SIMULATED_ACCOUNT, Scene, says};

/// The section of the README, with its file and its commands.
fn section() -> (String, Vec<String>) {
    let readme = std::fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## Move an existing account").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (_, query) = section.split_once("```hcl\n").unwrap();
    let (query, _) = query.split_once("```").unwrap();
    let commands = section.lines().filter_map(|line| line.strip_prefix("$ terraform "));
    (query.to_owned(), commands.map(str::to_owned).collect())
}

/// Runs a command of the README; there is no terminal to confirm an apply at.
#[track_caller]
fn run(scene: &Scene, command: &str) -> Run {
    let mut arguments: Vec<_> = command.split(' ').collect();
    arguments.push("-no-color");
    if arguments[0] == "apply" {
        arguments.push("-auto-approve");
    }
    let run = scene.terraform.run(&arguments).unwrap();
    assert_eq!(run.code(), 0, "{run}");
    run
}

/// The example of the plugin library, which has a list of its own.
pub(crate) fn the_example_of_tfplugin_lists_its_notes_and_generates_their_configuration() {
    let built = std::process::Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--example", "notes"])
        .current_dir(workspace::root())
        .status();
    assert!(built.unwrap().success());
    let target = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let cli = crate::scene::cli();
    let binaries = logagg_e2e::binaries::Binaries::shared();
    let installation = logagg_e2e::terraform::Installation::Override(binaries.provider_dir());
    let terraform = logagg_e2e::terraform::Terraform::by(&cli, installation).unwrap();
    let at = |name: &str| terraform.dir().join(name);
    for folder in ["bin", "notes"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    let link = at("bin").join("terraform-provider-notes");
    std::os::unix::fs::symlink(target.join("examples/notes"), link).unwrap();
    let overrides = format!(
        "provider_installation {{\n  dev_overrides {{\n    \"example/notes\" = {:?}\n  }}\n}}\n",
        at("bin")
    );
    terraform.write("cli.tfrc", &overrides).unwrap();
    let config = at("cli.tfrc").to_str().unwrap().to_owned();
    let terraform = terraform.with_environment(vec![("TF_CLI_CONFIG_FILE", config)]);
    let provider = format!(
        "terraform {{\n  required_providers {{\n    notes = {{\n      source = \"example/notes\"\n    }}\n  \
         }}\n}}\n\nprovider \"notes\" {{\n  folder = {:?}\n}}\n",
        terraform.dir().join("notes")
    );
    terraform.write("main.tf", &provider).unwrap();
    for (title, text) in [("milk", "Two litres."), ("mail", "Answer."), ("bread", "One.")] {
        std::fs::write(terraform.dir().join("notes").join(title), text).unwrap();
    }
    let list = "list \"notes_note\" \"all\" {\n  provider = notes\n  config {\n    prefix = \"m\"\n  }\n}\n";
    terraform.write("notes.tfquery.hcl", list).unwrap();
    for arguments in [
        &["query", "-no-color", "-generate-config-out=generated.tf"][..],
        &["apply", "-no-color", "-auto-approve"],
        &["plan", "-no-color", "-detailed-exitcode"],
    ] {
        let run = terraform.run(arguments).unwrap();
        assert_eq!(run.code(), 0, "{arguments:?}: {run}");
    }
    let state = terraform.state().unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
    let titles: BTreeSet<_> = resources.iter().map(|one| one["values"]["title"].as_str()).collect();
    assert_eq!(titles, BTreeSet::from([Some("mail"), Some("milk")]));
}

/// So many log groups, and the shippers of four others beside one's own.
fn inhabited(count: usize) -> Scene {
    let names: Vec<_> = (0..count).map(|n| format!("/app/{n:04}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let scene = Scene::simulated(Simulator::builder(), &names);
    for (at, name) in names.iter().enumerate() {
        let shipper = SHIPPERS[at % SHIPPERS.len()];
        let destination = scene.account.function_arn("shipper");
        scene.logs.put_filter(name, shipper, &destination).unwrap();
    }
    scene
}

const SHIPPERS: [&str; 5] =
    ["ship", "datadog-forwarder", "splunk", "logzio_shipper", "newrelic-log-ingestion"];

pub(crate) fn the_readme_moves_an_existing_account() {
    let (query, commands) = section();
    let scene = inhabited(20);
    scene.configuration("");
    scene.terraform.write("account.tfquery.hcl", &query).unwrap();
    scene.proxy.forget_calls();
    let [query, plan, apply] = &commands[..] else { panic!("{commands:?}") };
    let found = run(&scene, query);
    for shipper in SHIPPERS {
        says(&found, &format!("{shipper}: 4 log groups to arn:aws:lambda:{REGION}"));
    }
    says(&run(&scene, plan), "Plan: 5 to import, 0 to add, 5 to change, 0 to destroy.");
    run(&scene, apply);
    assert_eq!(scene.writes(), [], "the account is as it was");
    scene.plan_is_empty();
    let state = scene.terraform.state().unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
    let names: BTreeSet<_> = resources.iter().map(|one| one["values"]["name"].as_str()).collect();
    assert_eq!(names, SHIPPERS.into_iter().map(Some).collect());
}

pub(crate) fn what_is_not_alike_is_planned_and_all_else_stays_as_it_is() {
    let groups =
        ["/app/1", "/app/2", "/app/3", "/app/4", "/app/5", "/app/6", "/app/7", "/aws/lambda/other"];
    let scene = Scene::simulated(Simulator::builder(), &groups);
    let here = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION);
    let role_arn = Some(format!("arn:aws:iam::{SIMULATED_ACCOUNT}:role/cwl"));
    let stream = here.add_stream("logs", &[]);
    let to =
        |name: &str, function: &str| Filter::named(name, &scene.account.function_arn(function));
    let fields = vec!["@aws.account".to_owned(), "@source.log".to_owned()];
    for (group, filter) in [
        // A forwarder that was deleted, under a name that has to be escaped.
        ("/app/1", to("My Forwarder (v1.2) ${x} %{y} \"é\"", "gone")),
        ("/app/2", Filter { role_arn, ..Filter::named("kinesis", &stream) }),
        ("/app/3", Filter { emit_system_fields: fields, ..to("fields", "shipper") }),
        ("/app/4", to("mixed", "shipper")),
        ("/app/5", to("mixed", "shipper")),
        ("/app/6", to("mixed", "shipper").pattern("ERROR")),
        ("/app/7", to("mixed", "elsewhere")),
        ("/aws/lambda/other", to("loop", "other")),
    ] {
        here.change_group(group, |it| it.filters.insert(filter.name.clone(), filter));
    }
    scene.configuration("");
    let (query, commands) = section();
    scene.terraform.write("account.tfquery.hcl", &query).unwrap();
    scene.proxy.forget_calls();
    let [query, plan, apply] = &commands[..] else { panic!("{commands:?}") };
    says(&run(&scene, query), "mixed: 3 log groups to arn:aws:lambda:");
    let planned = run(&scene, plan);
    says(&planned, "Plan: 5 to import, 0 to add, 5 to change, 0 to destroy.");
    says(&planned, "\"differs (filter_pattern)\" -> \"active\"");
    says(&planned, "loop: the destination itself writes to this log group");
    says(&planned, "Warning: Destination not found: function gone");
    run(&scene, apply);
    let written = |operation: &str, group: &str| (operation.to_owned(), group.to_owned());
    assert_eq!(
        scene.writes(),
        [
            written("DeleteSubscriptionFilter", "/aws/lambda/other"),
            written("PutSubscriptionFilter", "/app/6"),
        ]
    );
    scene.plan_is_empty();
}

pub(crate) fn an_account_of_thousands_of_log_groups_is_queried_up_to_the_limit() {
    let scene = inhabited(3_000);
    scene.configuration("");
    let list = |limit: &str| {
        format!("list \"logagg_policy\" \"all\" {{\n  provider = logagg\n{limit}}}\n")
    };
    let listed = |text: &str| {
        scene.terraform.write("account.tfquery.hcl", text).unwrap();
        let run = scene.terraform.run(&["query", "-json"]).unwrap();
        assert_eq!(run.code(), 0, "{run}");
        let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found = lines.filter(|line| line["type"] == "list_resource_found");
        found.map(|line| line["list_resource_found"].clone()).collect::<Vec<_>>()
    };
    let all = listed(&list(""));
    let identities: BTreeSet<_> =
        all.iter().map(|found| found["identity"]["filter_name"].as_str().unwrap()).collect();
    assert_eq!(identities, SHIPPERS.into_iter().collect());
    for found in &all {
        assert_eq!(found["identity"]["region"], REGION, "{found}");
        assert_eq!(found["identity"]["account_id"], SIMULATED_ACCOUNT, "{found}");
        assert!(
            found["display_name"].as_str().unwrap().contains(": 600 log groups to "),
            "{found}"
        );
    }
    assert_eq!(listed(&list("  limit = 2\n")).len(), 2);
}

pub(crate) fn the_page_of_the_list_says_what_the_provider_says() {
    let scene = inhabited(0);
    scene.configuration("");
    let schemas = scene.terraform.json(&["providers", "schema", "-json"]).unwrap();
    let provider = &schemas["provider_schemas"]["registry.terraform.io/logagg/logagg"];
    let lists = provider["list_resource_schemas"].as_object().unwrap();
    assert_eq!(lists.keys().collect::<Vec<_>>(), ["logagg_policy"]);
    let page = workspace::root().join("docs/list-resources/policy.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = &lists["logagg_policy"]["block"];
    let said = block["description"].as_str().unwrap();
    assert!(page.contains(said), "{said}");
    for (name, attribute) in block["attributes"].as_object().unwrap() {
        let said = format!(
            "* `{name}` - (String, Optional) {}",
            attribute["description"].as_str().unwrap()
        );
        assert!(page.contains(&said), "{said}");
    }
}

pub(crate) fn another_account_is_queried_and_imported_through_its_role() {
    const TARGET: &str = "444455556666";
    let role = format!("arn:aws:iam::{TARGET}:role/logs@all");
    let scene = inhabited(1);
    let simulator = scene.simulator.as_ref().unwrap();
    simulator.account(TARGET).add_role(Role::named("logs@all").trusting(scene.account.id()));
    let region = simulator.region(TARGET, REGION);
    region.add_groups_named(["/app/theirs"]);
    region.add_shipper("shipper");
    let destination = format!("arn:aws:lambda:{REGION}:{TARGET}:function:shipper");
    let theirs = Account::at(&simulator.endpoint(), TARGET).logs();
    theirs.put_filter("/app/theirs", "theirs", &destination).unwrap();
    scene.configuration("");
    let list = format!(
        "list \"logagg_policy\" \"found\" {{\n  provider = logagg\n  config {{\n    \
         assume_role_arn = \"{role}\"\n  }}\n}}\n"
    );
    scene.terraform.write("account.tfquery.hcl", &list).unwrap();
    scene.proxy.forget_calls();
    says(&run(&scene, "query -generate-config-out=policies.tf"), "theirs: 1 log group to");
    says(&run(&scene, "apply"), "1 imported, 0 added");
    assert_eq!(scene.writes(), []);
    scene.plan_is_empty();
    let state = scene.terraform.state().unwrap();
    let policy = &state["values"]["root_module"]["resources"][0]["values"];
    assert_eq!(policy["account_id"], TARGET);
    assert_eq!(policy["assume_role"][0]["role_arn"], role);
}

pub(crate) fn a_query_that_is_stopped_ends_and_one_that_is_denied_says_what_is() {
    let scene = inhabited(20);
    scene.configuration("");
    let list = "list \"logagg_policy\" \"all\" {\n  provider = logagg\n}\n";
    scene.terraform.write("account.tfquery.hcl", list).unwrap();
    let gate = scene.proxy.on("DescribeSubscriptionFilters").after(3).hold();
    let query = scene.terraform.start(&["query", "-no-color"]).unwrap();
    scene.proxy.wait_for("DescribeSubscriptionFilters", 4).unwrap();
    query.interrupt().unwrap();
    let query = query.finish().unwrap();
    assert_eq!(query.code(), 1, "{query}");
    gate.open();
    scene.proxy.heal();

    scene
        .proxy
        .on("DescribeSubscriptionFilters")
        .fail(AwsError::access_denied("logs:DescribeSubscriptionFilters"));
    let denied = scene.terraform.run(&["query", "-no-color"]).unwrap();
    assert_eq!(denied.code(), 1, "{denied}");
    says(&denied, "Error: Policies could not be listed");
    says(&denied, "logs:DescribeSubscriptionFilters");
    scene.proxy.heal();

    let region = list.replace("logagg\n", "logagg\n  config {\n    region = \"Frankfurt\"\n  }\n");
    scene.terraform.write("account.tfquery.hcl", &region).unwrap();
    let wrong = scene.terraform.run(&["query", "-no-color"]).unwrap();
    assert_eq!(wrong.code(), 1, "{wrong}");
    says(&wrong, "Frankfurt");
}
