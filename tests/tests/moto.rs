//! The provider in another AWS, which has room for two filters on a log group and looks whether
//! their destination is there.

use std::path::Path;

use logagg_e2e::account::REGION;
use logagg_e2e::lambda::Function;
use serde_json::{Value, json};

use crate::scene::{NAME, PROVIDER, Scene, entry, says};

fn function(scene: &Scene, name: &str) -> String {
    let program = Path::new("/bin/true");
    let function = Function { name, program, environment: &[], timeout_seconds: 1 };
    scene.account.lambda().create(&function).unwrap()
}

fn scene(groups: &[&str]) -> Scene {
    let scene = Scene::in_moto(groups);
    function(&scene, "shipper");
    scene
}

/// The configuration of one who says nothing about retries: what moto has not, it answers with 500.
fn policy(scene: &Scene, arguments: &str) {
    let provider = PROVIDER.replace("  max_retries = 2\n", "");
    let policy = format!("resource \"logagg_policy\" \"it\" {{\n{arguments}\n}}\n");
    scene.terraform.write("main.tf", &format!("{provider}\n{policy}")).unwrap();
}

/// The ids of our statements in the destination's resource policy.
fn statements(scene: &Scene) -> Vec<String> {
    let path = "/2015-03-31/functions/shipper/policy";
    let answer = scene.account.api().lambda("GET", path, &Value::Null).unwrap();
    let Ok(answer) = answer else { return Vec::new() };
    let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let ids = statements.map(|it| it["Sid"].as_str().unwrap().to_owned());
    ids.filter(|id| id.starts_with("logagg")).collect()
}

#[test]
fn a_policy_is_applied_corrected_and_destroyed_with_it_too() {
    let scene = scene(&["/app/a", "/app/b", "/app/c", "/other"]);
    policy(&scene, &format!("{}\ngrant_invoke = true", scene.usual_policy()));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/other");
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    let granted = statements(&scene);
    assert!(
        granted.len() == 1 && granted[0].starts_with("logagg-eu-central-1-ship"),
        "{granted:?}"
    );
    scene.plan_is_empty();

    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.logs.set_retention("/app/a", 7).unwrap();
    scene.logs.put_filter_with_pattern("/app/c", NAME, &scene.shipper(), "ERROR").unwrap();
    let statement = format!("/2015-03-31/functions/shipper/policy/{}", granted[0]);
    scene.account.api().lambda("DELETE", &statement, &Value::Null).unwrap().unwrap();
    scene.proxy.forget_calls();
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({
            "/app/a": [entry("active", 7), entry("active", 30)],
            "/app/b": [entry("missing", 30), entry("active", 30)],
            "/app/c": [entry("differs (filter_pattern)", 30), entry("active", 30)],
        })
    );
    assert_eq!(scene.planned().before["invoke_permission"], "missing");
    assert_eq!(scene.proxy.calls_of("DescribeAccountPolicies").len(), 1, "and no more");
    scene.apply_plan();
    scene.plan_is_empty();
    for group in ["/app/a", "/app/b", "/app/c"] {
        scene.ships(group, &scene.shipper());
        assert_eq!(scene.logs.retention(group).unwrap(), Some(30));
    }
    assert_eq!(statements(&scene), granted);

    scene.logs.create_group("/app/new").unwrap();
    scene.apply();
    scene.ships("/app/new", &scene.shipper());
    scene.destroy();
    for group in ["/app/a", "/app/b", "/app/c", "/app/new"] {
        scene.ships_nowhere(group);
    }
    assert!(statements(&scene).is_empty());
}

#[test]
fn log_groups_are_selected_by_tags_without_the_call_that_lists_them() {
    let scene = scene(&["/app/a", "/app/b", "/other"]);
    for group in ["/app/b", "/other"] {
        let arn = format!("arn:aws:logs:{REGION}:{}:log-group:{group}", scene.account.id());
        let input = json!({"resourceArn": arn, "tags": {"team": "search"}});
        scene.logs.call("TagResource", &input).unwrap().unwrap();
    }
    policy(
        &scene,
        "name              = \"keep\"\n\
         retention_in_days = 7\n\
         select {\n  name_prefixes = [\"/app/\"]\n  tags = { team = \"search\" }\n}",
    );
    scene.apply();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), None);
    assert_eq!(scene.logs.retention("/app/b").unwrap(), Some(7));
    assert_eq!(scene.logs.retention("/other").unwrap(), None);
    scene.proxy.forget_calls();
    scene.plan_is_empty();
    assert!(scene.proxy.calls_of("ListLogGroups").len() <= 2);
}

/// Two filters of another owner on a log group.
fn fill(scene: &Scene, group: &str) {
    for name in ["theirs", "siem"] {
        scene.logs.put_filter(group, name, &scene.shipper()).unwrap();
    }
}

#[test]
fn a_log_group_without_room_is_tried_once_and_counted() {
    let scene = scene(&["/app/a", "/app/full"]);
    fill(&scene, "/app/full");
    scene.policy(&scene.usual_policy());
    let apply = scene.apply();
    says(&apply, "Warning: 1 log group not yet compliant with the policy");
    says(&apply, "PutSubscriptionFilter failed: LimitExceededException: Resource limit exceeded.");
    assert_eq!(scene.proxy.calls_of("PutSubscriptionFilter").len(), 2, "never tried again");
    assert_eq!(scene.state()["pending"], 1);
    assert_eq!(scene.logs.filters("/app/full").unwrap().len(), 2);

    scene.logs.delete_filter("/app/full", "siem").unwrap();
    scene.apply();
    scene.ships("/app/full", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_full_log_group_is_skipped_if_configured() {
    let scene = scene(&["/app/a", "/app/full"]);
    fill(&scene, "/app/full");
    scene.policy(&format!("{}\non_conflict = \"skip\"", scene.usual_policy()));
    scene.apply();
    assert_eq!(
        scene.state()["skipped"],
        json!({"/app/full": "full: the log group is at its quota of subscription filters"})
    );
    assert_eq!(scene.state()["pending"], 0);
    scene.plan_is_empty();
}

#[test]
fn a_destination_that_is_being_created_is_waited_for() {
    let scene = Scene::in_moto(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for("PutSubscriptionFilter", 1).unwrap();
    function(&scene, "shipper");
    let apply = apply.finish().unwrap();
    assert_eq!(apply.code(), 0, "{apply}");
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}
