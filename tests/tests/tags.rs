//! Log groups selected and excluded by tags. Nearly all of it in the simulator: ministack and moto
//! have no ListLogGroups.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Function, Group, Region, Simulator};
use logagg_e2e::terraform::Terraform;
use serde_json::{Value, json};

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene, entry, says};

/// Log groups, each with its tags as in `team=search`.
fn scene(groups: &[(&str, &[&str])]) -> Scene {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    for (name, tags) in groups {
        add(&scene, name, tags);
    }
    scene
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

fn add(scene: &Scene, name: &str, tags: &[&str]) {
    let tags = tags.iter().map(|tag| tag.split_once('=').unwrap());
    let group = tags.fold(Group::named(name), |group, (key, value)| group.tag(key, value));
    here(scene).add_groups([group]);
}

fn tag(scene: &Scene, name: &str, key: &str, value: Option<&str>) {
    here(scene).change_group(name, |group| match value {
        Some(value) => drop(group.tags.insert(key.to_owned(), value.to_owned())),
        None => drop(group.tags.remove(key)),
    });
}

/// A policy that forwards what these blocks select, with a retention of 30 days.
fn policy(scene: &Scene, blocks: &str) {
    scene.policy(&format!(
        "name = \"{NAME}\"\ndestination_arn = \"{}\"\nretention_in_days = 30\n{blocks}",
        scene.shipper()
    ));
}

fn select(rule: &str) -> String {
    format!("select {{\n  {rule}\n}}\n")
}

fn exclude(rule: &str) -> String {
    format!("exclude {{\n  {rule}\n}}\n")
}

const SEARCH: &str = "tags = { team = \"search\" }";

#[track_caller]
fn asked(scene: &Scene, operations: [&str; 4]) -> [u64; 4] {
    let counts = scene.simulator.as_ref().unwrap().counts();
    operations.map(|operation| counts.of(operation))
}

/// Emulators answer in their own ways to ListLogGroups, which they do not have.
#[track_caller]
fn is_governed_by_tags(scene: &Scene) {
    for (name, team) in [("/app/a", "search"), ("/app/b", "shop"), ("/else", "search")] {
        let group = json!({"logGroupName": name, "tags": {"team": team}});
        scene.logs.call("CreateLogGroup", &group).unwrap().unwrap();
    }
    let rule = format!("name_prefixes = [\"/app/\"]\n  {SEARCH}");
    policy(scene, &select(&rule));
    let plan = scene.plan();
    says(&plan, "the selection matches 1 log group.");
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    scene.plan_is_empty();
    policy(scene, &(select("name_prefixes = [\"/\"]") + &exclude(SEARCH)));
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/b": entry("active", 30)}));
    scene.plan_is_empty();
}

#[test]
fn without_a_listing_by_tags_the_tags_of_each_log_group_are_read() {
    is_governed_by_tags(&Scene::with_groups(&[]));
}

#[test]
fn nor_does_moto_need_one() {
    let scene = Scene::in_moto(&[]);
    let function = logagg_e2e::lambda::Function {
        name: "shipper",
        program: std::path::Path::new("/bin/true"),
        environment: &[],
        timeout_seconds: 1,
    };
    scene.account.lambda().create(&function).unwrap();
    is_governed_by_tags(&scene);
}

const CALLS: [&str; 4] =
    ["ListLogGroups", "DescribeLogGroups", "ListTagsForResource", "DescribeSubscriptionFilters"];

#[test]
fn log_groups_are_selected_by_all_of_their_tags() {
    let scene = scene(&[
        ("/app/a", &["team=search", "env=prod"]),
        ("/app/b", &["team=search", "env=test"]),
        ("/app/c", &["env=prod"]),
        ("/app/d", &[]),
    ]);
    policy(&scene, &select("tags = { team = \"search\", env = \"prod\" }"));
    let plan = scene.plan();
    says(&plan, "In eu-central-1 the selection matches 1 log group.");
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    for other in ["/app/b", "/app/c", "/app/d"] {
        scene.ships_nowhere(other);
    }
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    scene.plan_is_empty();
}

#[test]
fn a_star_is_any_text_and_case_matters_though_it_does_not_to_aws() {
    let scene = scene(&[
        ("/app/a", &["env=prod-eu"]),
        ("/app/b", &["env=prod"]),
        ("/app/c", &["env=Prod-eu"]),
        ("/app/d", &["env="]),
    ]);
    policy(&scene, &select("tags = { env = \"prod*\" }"));
    scene.apply();
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)})
    );
    scene.plan_is_empty();
    policy(&scene, &select("tags = { env = \"*\" }"));
    scene.apply();
    assert_eq!(scene.state()["log_groups"].as_object().unwrap().len(), 4);
    policy(&scene, &select("tags = { env = \"\" }"));
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/d": entry("active", 30)}));
    scene.plan_is_empty();
}

#[test]
fn more_tags_than_aws_takes_at_once_must_all_be_there() {
    let tags = ["a=1", "b=2", "c=3", "d=4", "e=5", "f=6"];
    let scene = scene(&[("/app/a", &tags), ("/app/b", &tags[..5])]);
    policy(
        &scene,
        &select("tags = { a = \"1\", b = \"2\", c = \"3\", d = \"4\", e = \"5\", f = \"6\" }"),
    );
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    scene.plan_is_empty();
}

#[test]
fn tags_leave_log_groups_out() {
    let scene = scene(&[
        ("/app/a", &[]),
        ("/app/b", &["logs=private"]),
        ("/app/c", &["logs=Private"]),
        ("/else", &["logs=private"]),
    ]);
    let blocks = select("name_prefixes = [\"/app/\"]") + &exclude("tags = { logs = \"private\" }");
    policy(&scene, &blocks);
    scene.apply();
    scene.ships_nowhere("/app/b");
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/c": entry("active", 30)})
    );
    scene.plan_is_empty();

    // Tagged later, it leaves the policy, and comes back without the tag.
    tag(&scene, "/app/a", "logs", Some("private"));
    scene.plan();
    assert_eq!(scene.planned().after["log_groups"], json!({"/app/c": entry("active", 30)}));
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    scene.plan_is_empty();
    tag(&scene, "/app/a", "logs", None);
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/a": [entry("missing", 30), entry("active", 30)]})
    );
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_log_group_comes_with_its_tag_and_goes_without_it() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/b", &[])]);
    policy(&scene, &select(SEARCH));
    scene.apply();
    tag(&scene, "/app/b", "team", Some("search"));
    tag(&scene, "/app/a", "team", Some("checkout"));
    scene.plan();
    let planned = scene.planned();
    assert_eq!(planned.after["log_groups"], json!({"/app/b": entry("active", 30)}));
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_log_group_that_is_tagged_after_the_plan_waits_for_the_next() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/b", &[])]);
    policy(&scene, &select(SEARCH));
    scene.apply();
    add(&scene, "/app/c", &["team=search"]);
    scene.plan();
    tag(&scene, "/app/b", "team", Some("search"));
    let run = scene.apply_plan();
    says(&run, "Warning: 1 log group newly selected since the plan");
    scene.ships("/app/c", &scene.shipper());
    scene.ships_nowhere("/app/b");
    scene.apply();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn names_and_tags_must_both_hold() {
    let scene = scene(&[
        ("/app/a", &["team=search"]),
        ("/app/b", &["team=checkout"]),
        ("/app/c", &["team=search"]),
        ("/else", &["team=search"]),
    ]);
    policy(&scene, &select(&format!("names = [\"/app/a\", \"/app/b\"]\n{SEARCH}")));
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    assert_eq!(asked(&scene, CALLS)[0], 0, "named log groups are asked for their tags themselves");
    scene.plan_is_empty();

    policy(&scene, &select(&format!("name_prefixes = [\"/app/\"]\n{SEARCH}")));
    scene.apply();
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/c": entry("active", 30)})
    );
    scene.plan_is_empty();
}

#[test]
fn a_plan_makes_one_more_call_for_each_log_group_whose_tags_decide() {
    let names: Vec<_> = (0..120).map(|n| format!("/app/{n:03}")).collect();
    let groups: Vec<(&str, &[&str])> = names
        .iter()
        .map(|name| (name.as_str(), &["team=search"][..]))
        .chain([("/app/other", &["team=checkout"][..]), ("/app/none", &[][..])])
        .collect();
    let scene = scene(&groups);
    policy(&scene, &select(SEARCH));
    scene.apply();
    let simulator = scene.simulator.as_ref().unwrap();
    simulator.forget_calls();
    scene.plan_is_empty();
    // One more for the filters of the log group that the shipper writes to.
    assert_eq!(asked(&scene, CALLS), [1, 3, 120, 121]);

    let blocks = select("name_prefixes = [\"/app/\"]") + &exclude("tags = { team = \"checkout\" }");
    policy(&scene, &blocks);
    scene.apply();
    simulator.forget_calls();
    scene.plan_is_empty();
    assert_eq!(asked(&scene, CALLS), [1, 3, 1, 122]);

    policy(&scene, &select("name_prefixes = [\"/app/\"]"));
    scene.apply();
    simulator.forget_calls();
    scene.plan_is_empty();
    assert_eq!(asked(&scene, CALLS), [0, 3, 0, 123]);
}

/// An endpoint that does not look at `logGroupTags` and names every log group.
fn ignore_tags(scene: &Scene) {
    let groups = here(scene).groups();
    scene.proxy.on("ListLogGroups").answer(move |_| {
        let named = |name: &String| {
            let arn = format!("arn:aws:logs:{REGION}:{SIMULATED_ACCOUNT}:log-group:{name}");
            json!({"logGroupName": name, "logGroupArn": arn, "logGroupClass": "STANDARD"})
        };
        json!({"logGroups": groups.keys().map(named).collect::<Vec<_>>()})
    });
}

#[test]
fn an_endpoint_that_ignores_tags_does_not_change_the_selection() {
    let groups: [(&str, &[&str]); 3] =
        [("/app/a", &["team=search"]), ("/app/b", &["logs=private"]), ("/app/c", &[])];
    let scene = scene(&groups);
    ignore_tags(&scene);
    policy(&scene, &select(SEARCH));
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    scene.ships_nowhere("/app/b");
    scene.plan_is_empty();
    let blocks = select("name_prefixes = [\"/app/\"]") + &exclude("tags = { logs = \"private\" }");
    policy(&scene, &blocks);
    scene.apply();
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/c": entry("active", 30)})
    );
    scene.ships_nowhere("/app/b");
    scene.plan_is_empty();
}

#[test]
fn another_selection_is_planned_exactly_where_the_tags_were_looked_for() {
    let scene = scene(&[
        ("/app/a", &["team=search"]),
        ("/app/b", &["team=search"]),
        ("/lib/c", &["team=search"]),
        ("/lib/d", &["team=checkout"]),
    ]);
    policy(&scene, &select(SEARCH));
    scene.apply();
    let exactly = |blocks: &str, groups: Value| {
        policy(&scene, blocks);
        scene.plan();
        assert_eq!(scene.planned().after["log_groups"], groups, "{blocks}");
    };
    let active = entry("active", 30);
    exactly(
        &select(&format!("name_prefixes = [\"/app/\"]\n{SEARCH}")),
        json!({"/app/a": active, "/app/b": active}),
    );
    exactly(
        &(select(SEARCH) + &exclude("name_regex = \"b$\"")),
        json!({"/app/a": active, "/lib/c": active}),
    );
    scene.apply_plan();
    scene.ships_nowhere("/app/b");
    scene.plan_is_empty();

    let on_create = |blocks: &str| {
        policy(&scene, blocks);
        let plan = scene.plan();
        assert_eq!(scene.planned().unknown["log_groups"], true, "{blocks}");
        says(&plan, "Warning: Planned changes of the policy \"ship\"");
    };
    on_create(&select("tags = { team = \"checkout\" }"));
    on_create(&select("name_prefixes = [\"/lib/\"]"));
    on_create(&(select(SEARCH) + &exclude("tags = { logs = \"private\" }")));
    on_create(&(select(SEARCH) + &select("name_prefixes = [\"/lib/\"]")));
    scene.apply_plan();
    scene.ships("/lib/d", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn tags_among_prefixes_are_planned_exactly_below_what_was_listed() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/b", &["logs=private"])]);
    let private = "tags = { logs = \"private\" }";
    policy(&scene, &(select("name_prefixes = [\"/app/\"]") + &exclude(private)));
    scene.apply();
    policy(&scene, &select(&format!("name_prefixes = [\"/app/\"]\n{private}")));
    scene.plan();
    assert_eq!(scene.planned().after["log_groups"], json!({"/app/b": entry("active", 30)}));
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_missing_permission_is_named() {
    let scene = scene(&[("/app/a", &["team=search"])]);
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    policy(&scene, &select(SEARCH));
    for action in ["logs:ListLogGroups", "logs:ListTagsForResource"] {
        account.deny(action);
        let run = scene.plan_fails();
        says(&run, "Error: Log groups could not be read");
        says(
            &run,
            &format!(
                "{{ \"Effect\": \"Allow\", \"Action\": \"{action}\", \"Resource\": \
                 \"arn:aws:logs:eu-central-1:111122223333:log-group:*\" }}"
            ),
        );
        account.allow_all();
    }
    scene.apply();
    account.deny("logs:ListTagsForResource");
    let run = scene.plan_fails();
    says(&run, "logs:ListTagsForResource");
    account.allow_all();
    scene.plan_is_empty();
}

#[test]
fn a_log_group_that_is_deleted_during_the_read_is_skipped() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/b", &["team=search"])]);
    policy(&scene, &select(SEARCH));
    scene.apply();
    let there = here(&scene);
    let delete = move || {
        let _ = there.call("DeleteLogGroup", json!({"logGroupName": "/app/b"}));
    };
    scene.proxy.on("ListTagsForResource").times(1).run(delete);
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    scene.proxy.heal();
    scene.plan_is_empty();
}

#[test]
fn the_shippers_own_log_group_is_skipped_whatever_its_tags() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/own", &["team=search"])]);
    here(&scene).add_function(Function::named("shipper").logging_to("/app/own"));
    let permission = json!({
        "FunctionName": "shipper",
        "StatementId": "logs",
        "Action": "lambda:InvokeFunction",
        "Principal": "logs.amazonaws.com",
    });
    here(&scene).call("AddPermission", permission).unwrap();
    policy(&scene, &select(SEARCH));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/app/own");
    assert!(scene.state()["skipped"]["/app/own"].as_str().unwrap().starts_with("loop: "));
    scene.plan_is_empty();
}

#[test]
fn guards_count_what_tags_select() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/b", &[])]);
    let blocks = format!("min_matches = 2\n{}", select(SEARCH));
    policy(&scene, &blocks);
    says(&scene.plan_fails(), "The selection matches 1 log group, and min_matches is 2.");
    tag(&scene, "/app/b", "team", Some("search"));
    scene.apply();
    scene.plan_is_empty();
}

#[test]
fn retention_is_restored_on_what_tags_selected() {
    let scene = scene(&[("/app/a", &["team=search"])]);
    here(&scene).change_group("/app/a", |group| group.retention_in_days = Some(7));
    policy(&scene, &format!("retention_on_destroy = \"restore\"\n{}", select(SEARCH)));
    scene.apply();
    scene.destroy();
    assert_eq!(here(&scene).group("/app/a").unwrap().retention_in_days, Some(7));
    scene.ships_nowhere("/app/a");
}

#[test]
fn an_imported_policy_is_reconciled_with_what_tags_select() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/b", &[])]);
    for group in ["/app/a", "/app/b"] {
        scene.logs.put_filter(group, NAME, &scene.shipper()).unwrap();
    }
    policy(&scene, &select(SEARCH));
    scene.run(0, |terraform| terraform.run(&["import", "-no-color", "logagg_policy.it", NAME]));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/app/b");
    scene.plan_is_empty();
}

#[test]
fn the_data_source_finds_log_groups_by_their_tags() {
    let scene = scene(&[
        ("/app/a", &["team=search"]),
        ("/app/b", &["team=search", "logs=private"]),
        ("/app/c", &[]),
    ]);
    here(&scene).change_group("/app/a", |group| group.retention_in_days = Some(7));
    let data = |blocks: &str| {
        scene.configuration(&format!(
            "data \"logagg_log_groups\" \"it\" {{\n{blocks}}}\n\
             output \"it\" {{\n  value = data.logagg_log_groups.it\n}}\n"
        ));
    };
    let found = |blocks: &str| {
        data(blocks);
        scene.run(0, Terraform::apply);
        scene.terraform.state().unwrap()["values"]["outputs"]["it"]["value"].clone()
    };
    let by_tags = select(SEARCH) + &exclude("tags = { logs = \"private\" }");
    assert_eq!(found(&by_tags)["names"], json!(["/app/a"]));
    assert_eq!(found(&by_tags)["log_groups"]["/app/a"]["retention_in_days"], 7);
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("logs:ListLogGroups");
    data(&by_tags);
    let run = scene.plan_fails();
    says(&run, "A partial list would be wrong, so none is returned.");
    says(&run, "\"Action\": \"logs:ListLogGroups\"");
}

#[test]
fn the_document_tells_the_tags() {
    let scene = scene(&[]);
    policy(&scene, &(select("tags = { b = \"*\", a = \"1\" }") + &exclude(SEARCH)));
    scene.plan();
    let text = scene.planned().after["document"].as_str().unwrap().to_owned();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["select"], json!([{"tags": {"a": "1", "b": "*"}}]));
    assert_eq!(document["exclude"], json!([{"tags": {"team": "search"}}]));
}

#[test]
fn a_group_that_joins_by_a_tag_gets_back_the_retention_it_had_before() {
    let scene = scene(&[("/app/a", &["team=search"]), ("/app/old", &[])]);
    here(&scene).change_group("/app/old", |group| group.retention_in_days = Some(365));
    policy(&scene, &format!("retention_on_destroy = \"restore\"\n{}", select(SEARCH)));
    scene.apply();
    tag(&scene, "/app/old", "team", Some("search"));
    scene.apply();
    let retention = |name: &str| here(&scene).group(name).unwrap().retention_in_days;
    assert_eq!(retention("/app/old"), Some(30));
    scene.destroy();
    assert_eq!((retention("/app/old"), retention("/app/a")), (Some(365), None));
}

#[test]
fn a_group_that_comes_back_is_restored_to_what_it_had_then() {
    let scene = scene(&[("/app/a", &["team=search"])]);
    let set = |days| here(&scene).change_group("/app/a", |group| group.retention_in_days = days);
    let retention = || here(&scene).group("/app/a").unwrap().retention_in_days;
    set(Some(7));
    policy(&scene, &format!("retention_on_destroy = \"restore\"\n{}", select(SEARCH)));
    scene.apply();
    assert_eq!(retention(), Some(30));
    tag(&scene, "/app/a", "team", None);
    set(None);
    scene.apply();
    assert_eq!(retention(), None);
    tag(&scene, "/app/a", "team", Some("search"));
    scene.apply();
    assert_eq!(retention(), Some(30));
    scene.destroy();
    assert_eq!(retention(), None);
}

#[test]
fn a_group_that_leaves_by_its_tag_is_warned_of_where_its_retention_gets_shorter() {
    let scene = scene(&[("/app/a", &["team=search"])]);
    here(&scene).change_group("/app/a", |group| {
        group.retention_in_days = Some(7);
        group.stored_bytes = 1_000;
    });
    policy(&scene, &format!("retention_on_destroy = \"restore\"\n{}", select(SEARCH)));
    scene.apply();
    tag(&scene, "/app/a", "team", None);
    says(
        &scene.plan(),
        "Warning: Retention is shortened on 1 log group that the policy no longer \
                         manages",
    );
    scene.apply_plan();
    assert_eq!(here(&scene).group("/app/a").unwrap().retention_in_days, Some(7));
}
