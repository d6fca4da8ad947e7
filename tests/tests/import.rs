//! A policy whose state is lost comes back by its name.

use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

/// Filters as an earlier apply left them, and nothing in the state: on a group of the selection,
/// and an orphan outside of it.
fn lost() -> Scene {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/old/orphan", "/other"]);
    for group in ["/app/a", "/old/orphan"] {
        scene.logs.put_filter(group, NAME, &scene.shipper()).unwrap();
    }
    scene.logs.set_retention("/app/a", 30).unwrap();
    scene.logs.put_filter("/other", "foreign", &scene.shipper()).unwrap();
    scene.policy(&scene.usual_policy());
    scene
}

/// The first apply after an import changes only what differs.
fn comes_back(scene: &Scene) {
    let put = |operation: &str, group: &str| (operation.to_owned(), group.to_owned());
    assert_eq!(
        scene.writes(),
        [
            put("DeleteSubscriptionFilter", "/old/orphan"),
            put("PutRetentionPolicy", "/app/b"),
            put("PutSubscriptionFilter", "/app/b"),
        ]
    );
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &scene.shipper());
    scene.ships_nowhere("/old/orphan");
    assert_eq!(scene.logs.filters("/other").unwrap().len(), 1);
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)})
    );
    scene.plan_is_empty();
}

#[test]
fn the_import_command_finds_the_filters_of_the_name() {
    let scene = lost();
    let import =
        scene.run(0, |terraform| terraform.run(&["import", "-no-color", "logagg_policy.it", NAME]));
    says(&import, "Import successful!");
    let state = scene.state();
    assert_eq!(state["name"], NAME);
    assert_eq!(state["destination_arn"], scene.shipper());
    assert!(scene.writes().is_empty(), "an import writes nothing");
    scene.apply();
    comes_back(&scene);
}

#[test]
fn the_import_block_plans_the_difference() {
    let scene = lost();
    let policy = scene.usual_policy();
    scene.configuration(&format!(
        "import {{\n  to = logagg_policy.it\n  id = \"{NAME}@eu-central-1\"\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n"
    ));
    let plan = scene.plan();
    says(&plan, "logagg_policy.it will be updated in-place");
    says(&plan, "1 to import, 0 to add, 1 to change, 0 to destroy.");
    scene.apply_plan();
    comes_back(&scene);
}

#[test]
fn a_name_that_no_filter_has_is_an_error() {
    let scene = lost();
    let import = scene
        .run(1, |terraform| terraform.run(&["import", "-no-color", "logagg_policy.it", "nobody"]));
    says(&import, "Error: No such policy");
    says(&import, "No log group in eu-central-1 has a subscription filter named \"nobody\".");
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn a_policy_of_another_region_comes_back_by_name_and_region() {
    let scene = Scene::with_groups(&[]);
    let west = scene.account.logs_in("eu-west-1");
    let shipper = scene.shipper().replace("eu-central-1", "eu-west-1");
    west.create_group("/app/west").unwrap();
    west.put_filter("/app/west", NAME, &shipper).unwrap();
    west.set_retention("/app/west", 30).unwrap();
    scene.policy(&format!("region = \"eu-west-1\"\n{}", scene.policy_to(&shipper)));
    scene.run(0, |terraform| {
        let id = format!("{NAME}@eu-west-1");
        terraform.run(&["import", "-no-color", "logagg_policy.it", &id])
    });
    assert_eq!(scene.state()["region"], "eu-west-1");
    scene.apply();
    assert!(scene.writes().is_empty(), "{:?}", scene.writes());
    scene.plan_is_empty();
}

#[test]
fn an_import_without_a_name_says_what_an_id_is() {
    let scene = lost();
    let import = scene.run(1, |terraform| {
        terraform.run(&["import", "-no-color", "logagg_policy.it", "@eu-west-1"])
    });
    says(&import, "Error: Invalid import id");
    says(&import, "\"@eu-west-1\" is not the id of a policy. It reads NAME, or NAME@REGION.");
}
