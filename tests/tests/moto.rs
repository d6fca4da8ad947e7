//! The provider in another AWS, which has room for two filters on a log group and looks whether
//! their destination is there.

use std::path::Path;

use logagg_e2e::lambda::Function;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

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

#[test]
fn a_policy_is_applied_mended_and_destroyed_there_too() {
    let scene = scene(&["/app/a", "/app/b", "/other"]);
    scene.policy(&format!("{}\ngrant_invoke = true", scene.usual_policy()));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/other");
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    scene.plan_is_empty();
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.logs.set_retention("/app/a", 7).unwrap();
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({
            "/app/a": [entry("active", 7), entry("active", 30)],
            "/app/b": [entry("missing", 30), entry("active", 30)],
        })
    );
    scene.apply_plan();
    scene.plan_is_empty();
    scene.destroy();
    scene.ships_nowhere("/app/a");
}

/// Two filters of somebody else on a log group.
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
    says(&apply, "Warning: 1 log group not yet as the policy says");
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
fn a_log_group_without_room_is_skipped_where_that_is_wanted() {
    let scene = scene(&["/app/a", "/app/full"]);
    fill(&scene, "/app/full");
    scene.policy(&format!("{}\non_conflict = \"skip\"", scene.usual_policy()));
    scene.apply();
    assert_eq!(
        scene.state()["skipped"],
        json!({"/app/full": "full: there is no free slot for a subscription filter"})
    );
    assert_eq!(scene.state()["pending"], 0);
    scene.plan_is_empty();
}

#[test]
fn a_destination_that_is_about_to_be_there_is_waited_for() {
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
